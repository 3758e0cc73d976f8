"""Published results: R's survey 4.4, Lohr, Särndal et al., Wolter."""

from __future__ import annotations

import numpy as np
import pytest

from contract.requests.estimate import VarianceRequest
from estimation_engine import (
    cluster_design,
    stratified_design,
    systematic_design,
)
from estimation_engine.designs.stratified import StratifiedDesign
from tests.estimation_engine.published import (
    api_clusters,
    api_random,
    api_strata,
    api_two_stages,
    column,
    data,
    election,
    numbered,
    one,
)


def test_two_strata_of_eight_rows() -> None:
    design = stratified_design(np.array([0] * 5 + [1] * 3), np.array([15, 12]))
    found = one(design, "mean", [2.8, 4.1, 6.8, 6.8, 9.2, 3.7, 6.6, 4.2])
    assert found.value == pytest.approx(5.448148, abs=5e-7)
    assert found.error == pytest.approx(0.616041, abs=5e-7)
    assert found.degrees == 6


def test_random_schools() -> None:
    mean = one(api_random(), "mean", column("srs", "api00"))
    assert mean.value == pytest.approx(656.585, abs=5e-7)
    assert mean.error == pytest.approx(9.249722, abs=5e-7)
    assert (mean.low, mean.high) == pytest.approx((638.345, 674.825), abs=5e-4)
    assert mean.design_effect == pytest.approx(1.0, rel=1e-12)
    total = one(api_random(), "total", column("srs", "enroll"))
    assert total.value == pytest.approx(3621074.34, abs=5e-3)
    assert total.error == pytest.approx(169519.65, abs=5e-3)


def test_stratified_schools() -> None:
    mean = one(api_strata(), "mean", column("strat", "api00"))
    assert mean.value == pytest.approx(662.287364, abs=5e-7)
    assert mean.error == pytest.approx(9.408941, abs=5e-7)
    assert mean.degrees == 197
    assert (mean.low, mean.high) == pytest.approx((643.732, 680.843), abs=5e-4)
    total = one(api_strata(), "total", column("strat", "enroll"))
    assert total.value == pytest.approx(3687177.52, abs=1e-2)
    assert total.error == pytest.approx(114641.7152, abs=5e-4)


def test_clusters_of_schools() -> None:
    design = api_clusters()
    mean = one(design, "mean", column("clus1", "api00"))
    assert mean.value == pytest.approx(644.169399, abs=5e-7)
    assert mean.error == pytest.approx(23.542241, abs=5e-7)
    assert mean.degrees == 14
    assert (mean.low, mean.high) == pytest.approx((593.676, 694.662), abs=5e-4)
    # The data state weights of 33.846996; those of the design are 757/15.
    scale = 33.84699630737305 / (757 / 15)
    total = one(design, "total", column("clus1", "enroll"))
    assert (total.value or 0) * scale == pytest.approx(3404940.13, abs=5e-3)
    assert (total.error or 0) * scale == pytest.approx(932235.03, abs=5e-3)
    ratio = one(design, "ratio", column("clus1", "api.stu"), column("clus1", "enroll"))
    assert ratio.value == pytest.approx(0.8497087, abs=5e-8)
    assert ratio.error == pytest.approx(0.0083863, abs=5e-8)


def test_two_stages_of_schools() -> None:
    mean = one(api_two_stages(), "mean", column("clus2", "api00"))
    assert mean.value == pytest.approx(670.811808, abs=5e-7)
    assert mean.error == pytest.approx(30.099027, abs=5e-7)
    assert mean.degrees == 39


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [
        ("korn_graubard", 0.0002161, 0.1375078),
        ("logit", 0.0023047, 0.1777478),
        ("wilson", 0.0031788, 0.1353913),
    ],
)
def test_a_rare_share_in_clusters(interval: str, low: float, high: float) -> None:
    is_zero = column("clus1", "ell") == 0
    share = one(api_clusters(), "proportion", is_zero, proportion=interval)
    assert share.value == pytest.approx(0.0218579, abs=5e-8)
    assert share.error == pytest.approx(0.0226225, abs=5e-8)
    assert (share.low, share.high) == pytest.approx((low, high), abs=5e-8)


def test_two_stages_of_fifteen_rows() -> None:
    """Särndal, Swensson and Wretman 1992, page 143."""
    clusters = np.repeat(np.arange(5), 3)
    y = [41, 49, 49, 49, 49, 45, 31, 31, 35, 39, 41, 61, 49, 51, 33]
    design = cluster_design(clusters, np.array([5, 8, 5, 9, 7]), 50, 340)
    total = one(design, "total", y)
    assert total.value == pytest.approx(15080)
    assert (total.error or 0) ** 2 == pytest.approx(5172234.4, abs=5e-2)


@pytest.mark.parametrize(
    ("candidate", "value", "error"),
    [("Bush", 64518472, 2432464), ("Kerry", 51202102, 2435011), ("Nader", 478530, 102268)],
)
def test_counties_by_size(candidate: str, value: float, error: float) -> None:
    total = one(election(), "total", column("election", candidate))
    assert total.value == pytest.approx(value, abs=1)
    assert total.error == pytest.approx(error, abs=0.5)


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


@pytest.mark.parametrize(("name", "quartiles"), [("api00", (565, 756)), ("api99", (526, 728))])
def test_quartiles_of_stratified_schools(name: str, quartiles: tuple[float, float]) -> None:
    found = [one(api_strata(), "quantile", column("strat", name), q=q) for q in (0.25, 0.75)]
    assert tuple(each.value for each in found) == quartiles
    for each in found:
        low, value, high = each.low or 0, each.value or 0, each.high or 0
        assert 0 < low < value < high
