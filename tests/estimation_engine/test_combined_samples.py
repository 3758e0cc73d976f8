"""The limit of several samples together: sums, degrees of freedom, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from estimation_engine.audit.combined import CombinedPart, combine, confidence_of_limits
from estimation_engine.audit.limits import binomial_limit
from estimation_engine.errors import InvalidFindings


def part(name: str, projected: float, **more: object) -> CombinedPart:
    given: dict[str, object] = {"book_value": 1e6, "found": 100.0, "errors": 30, **more}
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
