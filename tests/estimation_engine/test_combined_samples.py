"""The limit of several samples together: sums, degrees of freedom, and its coverage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from estimation_engine.audit.combined import CombinedPart, combine, confidence_of_limits
from estimation_engine.audit.limits import binomial_limit
from estimation_engine.audit.variables import ProjectedErrors
from estimation_engine.errors import InvalidFindings

NONE = ProjectedErrors(0, 0.0, 0.0, 0.0)


def part(name: str, projected: float, **more: object) -> CombinedPart:
    given: dict[str, object] = {
        "book_value": 1e6,
        "overstatement": ProjectedErrors(30, 100.0, projected, projected),
        "understatement": NONE,
        **more,
    }
    return CombinedPart(name=name, projected=projected, **given)  # type: ignore[arg-type]


def test_variances_add_up_with_satterthwaites_degrees() -> None:
    parts = [
        part("a", 500.0, standard_error=30.0, degrees=20),
        part("b", 700.0, standard_error=40.0, degrees=10),
    ]
    found = combine(parts, confidence=0.9)
    degrees = 2500.0**2 / (900.0**2 / 20 + 1600.0**2 / 10)
    assert found.standard_error == 50.0
    assert found.degrees == pytest.approx(degrees)
    assert found.upper_limit == pytest.approx(1200.0 + t.ppf(0.9, degrees) * 50.0)
    assert found.upper_limit == found.plain_limit


def test_limits_and_variances_share_the_risk() -> None:
    parts = [
        part("a", 500.0, standard_error=30.0, degrees=20),
        part("b", 700.0, standard_error=0.0, degrees=0),
        part("c", 100.0, upper_limit=900.0, plain_limit=800.0),
    ]
    found = combine(parts, confidence=0.95, tolerable=3_000.0)
    assert found.limit_confidence == pytest.approx(0.975)
    assert found.upper_limit == pytest.approx(1300.0 + t.ppf(0.975, 20) * 30.0 + 800.0)
    assert found.plain_limit == pytest.approx(1300.0 + t.ppf(0.95, 20) * 30.0 + 700.0)
    assert found.conclusion is not None
    assert found.conclusion.is_tolerable is True


def test_a_doubted_sample_withholds_the_conclusion() -> None:
    parts = [
        part("a", 1.0, standard_error=1.0, degrees=50),
        part("b", 1.0, standard_error=1.0, degrees=50, status="can_fail", doubt="Too few errors."),
    ]
    found = combine(parts, confidence=0.95, tolerable=1_000.0)
    assert found.conclusion is not None
    assert found.conclusion.is_tolerable is None
    assert "Sample b: Too few errors." in found.conclusion.sentence
    assert found.assurance.status == "can_fail"


def test_understatements_by_monetary_units_stand_beside_the_conclusion() -> None:
    under = ProjectedErrors(15, 900.0, 5_000.0, 8_000.0)
    more = {"overstatement": NONE, "understatement": under}
    parts = [part(name, 0.0, upper_limit=90.0, plain_limit=80.0, **more) for name in "ab"]
    found = combine(parts, confidence=0.95, tolerable=20_000.0)
    assert (found.found, found.errors) == (-1_800.0, 30)
    assert found.understatement == ProjectedErrors(30, 1_800.0, 10_000.0, 16_000.0)
    assert found.conclusion is not None
    sentence = found.conclusion.sentence
    assert "The overstatements found in the samples are 0.00 in 0 rows." in sentence
    assert "The projected overstatement is 0.00 % of the book value." in sentence
    assert "The errors found" not in sentence
    (caveat,) = found.caveats
    assert "understatements in 30 rows: projected 10,000.00, with an upper limit of 16,000.00" in (
        caveat
    )
    assert "independently" not in found.assurance.sentence
    lower = combine(parts, confidence=0.95, tolerable=10_000.0)
    assert len(lower.caveats) == 1  # the conclusion isn't about them, and the caveat has the limit


def test_misstatements_that_cancel_between_samples_are_named() -> None:
    large, small = ProjectedErrors(40, 90.0, 39_516.0, 42_516.0), NONE
    errors = {"standard_error": 1_000.0, "degrees": 79}
    parts = [
        part("a", 39_516.0, overstatement=large, understatement=small, **errors),
        part("b", -39_516.0, overstatement=small, understatement=large, **errors),
    ]
    found = combine(parts, confidence=0.95, tolerable=30_000.0)
    assert found.projected == 0.0
    assert found.conclusion is not None
    assert found.conclusion.is_tolerable is True
    sentence = found.conclusion.sentence
    assert "understatements of 39,516.00 are taken from overstatements of 39,516.00" in sentence
    assert "in 80 rows" in sentence
    over, under = found.caveats
    assert over.startswith("Overstatements alone have an upper limit of 42,516.00, which isn't")
    assert under.startswith("Understatements alone have an upper limit of 42,516.00")
    assert "independently" in found.assurance.sentence
    assert combine(parts, confidence=0.95, tolerable=50_000.0).caveats == ()
    others = [replace(each, is_netted=False) for each in parts]
    by_means = combine(others, confidence=0.95, tolerable=50_000.0)
    assert by_means.conclusion is not None
    assert "are taken from" not in by_means.conclusion.sentence
    assert any("mean per unit" in note for note in by_means.notes)
    assert any("Zou and Donner 2008" in note for note in found.notes)


def test_margins_of_one_direction_add_up_by_their_squares_and_limits_as_they_are() -> None:
    """Zou and Donner 2008 of audit values: margins of 30 and 40 are one of 50."""
    parts = [
        part(
            name,
            100.0,
            overstatement=ProjectedErrors(20, 10.0, 100.0, 100.0 + margin),
            **more,
        )
        for name, margin, more in (
            ("a", 30.0, {"standard_error": 18.0, "degrees": 40}),
            ("b", 40.0, {"standard_error": 24.0, "degrees": 40}),
            ("c", 7.0, {"upper_limit": 107.0, "plain_limit": 106.0}),
        )
    ]
    found = combine(parts, confidence=0.95)
    assert found.overstatement == ProjectedErrors(60, 30.0, 300.0, 357.0)


def test_one_sample_and_no_degree_of_freedom_are_refused() -> None:
    with pytest.raises(InvalidFindings, match="two samples"):
        combine([part("a", 1.0, standard_error=1.0, degrees=5)], confidence=0.95)
    lonely = part("b", 1.0, standard_error=1.0, degrees=0)
    with pytest.raises(InvalidFindings, match="no degree of freedom"):
        combine([lonely, lonely], confidence=0.95)


def test_the_sum_of_projections_covers_at_its_confidence() -> None:
    """2,000 audits of three strata with 60 rows each; limits at 90 %."""
    random = np.random.default_rng(20_250_731)
    strata = [
        np.where(random.random(rows) < 0.5, random.gamma(2.0, scale, rows), 0.0)
        for rows, scale in ((2_000, 20.0), (800, 90.0), (300, 400.0))
    ]
    truth, covered = sum(float(each.sum()) for each in strata), 0
    for _ in range(2_000):
        parts = []
        for errors in strata:
            rows = len(errors)
            drawn = random.choice(errors, 60, replace=False)
            error = rows * np.sqrt((1 - 60 / rows) / 60) * np.std(drawn, ddof=1)
            parts.append(part("s", rows * drawn.mean(), standard_error=float(error), degrees=59))
        covered += combine(parts, confidence=0.9).upper_limit >= truth
    assert 0.87 <= covered / 2_000 <= 0.92


def test_the_sum_of_bounds_covers_at_least_its_confidence() -> None:
    """2,000 audits of two populations of monetary units, all errors whole; limits at 90 %."""
    random = np.random.default_rng(7)
    values, rates, units = (6e5, 4e5), (0.04, 0.06), 80
    truth = sum(value * rate for value, rate in zip(values, rates, strict=True))
    level = confidence_of_limits(0.9, 2, 0)
    covered = plain = 0
    limits = {(k, at): binomial_limit(k, units, at) for k in range(units) for at in (0.9, level)}
    for _ in range(2_000):
        wrong = [int(random.binomial(units, rate)) for rate in rates]
        parts = [
            part(
                "m",
                value * k / units,
                upper_limit=value * limits[k, level],
                plain_limit=value * limits[k, 0.9],
            )
            for k, value in zip(wrong, values, strict=True)
        ]
        found = combine(parts, confidence=0.9)
        covered += found.upper_limit >= truth
        plain += found.plain_limit >= truth
    assert covered / 2_000 >= 0.97
    assert 0.9 <= plain / 2_000 <= covered / 2_000
