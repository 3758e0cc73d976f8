"""Published results that the validation doesn't report: R's survey 4.4, Lohr, Wolter."""

from __future__ import annotations

import numpy as np
import pytest

from application.validation.samples import (
    api_random,
    api_strata,
    column,
    data,
    numbered,
    one,
)
from contract.requests.estimate import VarianceRequest
from estimation_engine import (
    stratified_design,
    systematic_design,
)
from estimation_engine.designs.stratified import StratifiedDesign


def test_two_strata_of_eight_rows() -> None:
    design = stratified_design(np.array([0] * 5 + [1] * 3), np.array([15, 12]))
    found = one(design, "mean", [2.8, 4.1, 6.8, 6.8, 9.2, 3.7, 6.6, 4.2])
    assert found.value == pytest.approx(5.448148, abs=5e-7)
    assert found.error == pytest.approx(0.616041, abs=5e-7)
    assert found.degrees == 6


def test_a_random_sample_has_no_design_effect() -> None:
    mean = one(api_random(), "mean", column("srs", "api00"))
    assert mean.design_effect == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "error"), [("random", 13549.357), ("sd1", 9051.835), ("sd2", 12870.153)]
)
def test_every_fourth_row(rule: str, error: float) -> None:
    design = systematic_design(8, 32)
    rules = VarianceRequest(systematic=rule)  # type: ignore[arg-type]
    total = one(design, "total", [4123, 721, 194, 129, 239, 61, 262, 166], rules=rules)
    assert total.value == pytest.approx(23580)
    assert total.error == pytest.approx(error, abs=5e-4)


@pytest.mark.parametrize(("rule", "error"), [("adjust", 5.8281), ("average", 6.0096)])
def test_lonely_districts(rule: str, error: float) -> None:
    """Districts as strata, of so many rows that no fraction counts."""
    strata = numbered(data()["clus1"]["dnum"])
    drawn = np.bincount(strata)
    rows = len(strata)
    design = StratifiedDesign(
        np.full(rows, 33.847),
        6194,
        strata,
        np.full(len(drawn), 10**15),
        drawn,
    )
    rules = VarianceRequest(lonely_stratum=rule)  # type: ignore[arg-type]
    mean = one(design, "mean", column("clus1", "api00"), rules=rules)
    assert mean.error == pytest.approx(error, abs=5e-5)


@pytest.mark.parametrize("name", ["api00", "api99"])
def test_limits_of_quartiles_hold_them(name: str) -> None:
    found = [one(api_strata(), "quantile", column("strat", name), q=q) for q in (0.25, 0.75)]
    for each in found:
        low, value, high = each.low or 0, each.value or 0, each.high or 0
        assert 0 < low < value < high
