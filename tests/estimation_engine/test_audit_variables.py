"""Amounts as variables: by the formulas of the textbooks, lines that can be redone, refusals."""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np
import pytest
from scipy.stats import t as student

from contract.requests.estimate import VarianceRequest
from contract.words import Estimator
from domain_errors import DomainError
from estimation_engine import random_design, stratified_design, systematic_design
from estimation_engine.audit import (
    AuditedAmounts,
    VariablesEvaluation,
    evaluate_variables,
)

ROWS, DRAWN = 900, 60
evaluate = partial(evaluate_variables, confidence=0.95)
RNG = np.random.default_rng(4)
LEDGER = np.round(np.exp(RNG.normal(6, 0.8, ROWS)), 2)
CHOSEN = np.sort(RNG.choice(ROWS, DRAWN, replace=False))
BOOK = LEDGER[CHOSEN]
AUDIT = np.where(np.arange(DRAWN) % 2 == 0, np.round(BOOK * 0.9, 2), BOOK)
TOTAL = float(LEDGER.sum())
GIVEN = AuditedAmounts(random_design(DRAWN, ROWS), BOOK, AUDIT, ROWS, TOTAL)
EVEN = AuditedAmounts(
    *(GIVEN.design, BOOK, BOOK - np.where(np.arange(DRAWN) % 2 == 0, 10.0, 0.0), ROWS, TOTAL)
)
"""Half of the rows are in error, by the same amount: nothing limits a conclusion."""


def by_name(found: VariablesEvaluation) -> dict[str, float]:
    return {row.name: row.value for row in found.arithmetic}


def by_textbook(estimator: Estimator) -> tuple[float, float]:
    """The projected misstatement and its standard error, of a simple random sample."""
    n, a, b = DRAWN, AUDIT, BOOK
    ratio = a.sum() / b.sum()
    slope = np.cov(a, b, ddof=1)[0, 1] / b.var(ddof=1)
    g = 1 + (TOTAL / ROWS - b.mean()) * (b - b.mean()) / b.var()
    projected, residuals = {
        "mean_per_unit": (TOTAL - ROWS * a.mean(), a),
        "difference": (ROWS * (b - a).mean(), b - a),
        "ratio": (TOTAL - TOTAL * ratio, TOTAL / ROWS / b.mean() * (a - ratio * b)),
        "regression": (
            TOTAL - ROWS * (a.mean() + slope * (TOTAL / ROWS - b.mean())),
            g * (a - a.mean() - slope * (b - b.mean())),
        ),
    }[estimator]
    error = ROWS * sqrt((1 - n / ROWS) / n) * residuals.std(ddof=1)
    return float(projected), float(error)


@pytest.mark.parametrize("estimator", ["mean_per_unit", "difference", "ratio", "regression"])
def test_estimators_follow_the_textbooks(estimator: Estimator) -> None:
    projected, error = by_textbook(estimator)
    found = evaluate(GIVEN, estimator=estimator, sides="two")
    assert found.projected == pytest.approx(projected)
    assert found.standard_error == pytest.approx(error)
    assert found.t == pytest.approx(student.ppf(0.975, DRAWN - 1))
    assert found.upper_limit == pytest.approx(projected + found.t * error)
    assert found.audit_value == pytest.approx(TOTAL - projected)
    upper = evaluate(GIVEN, estimator=estimator, confidence=0.9)
    assert upper.upper_limit == pytest.approx(projected + student.ppf(0.9, DRAWN - 1) * error)


@pytest.mark.parametrize("estimator", ["mean_per_unit", "difference", "ratio", "regression"])
def test_the_lines_can_be_redone(estimator: Estimator) -> None:
    found = evaluate(GIVEN, estimator=estimator)
    line = by_name(found)
    projected = {
        "mean_per_unit": lambda: line["Book value B"] - line["Σ w·a"],
        "difference": lambda: line["Σ w·(b − a)"],
        "ratio": lambda: line["Book value B"] * (1 - line["Σ w·a"] / line["Σ w·b"]),
        "regression": lambda: (
            line["Book value B"]
            - ROWS
            * (
                line["Σ w·a"] / line["Σ w"]
                + line["β"] * (line["Book value B"] / ROWS - line["Σ w·b"] / line["Σ w"])
            )
        ),
    }[estimator]()
    assert line["Projected misstatement"] == pytest.approx(projected)
    error = ROWS * sqrt((1 - DRAWN / ROWS) / DRAWN) * line["Standard deviation s"]
    assert line["Standard error SE"] == pytest.approx(error)
    assert line["Margin"] == pytest.approx(line["t"] * line["Standard error SE"])
    assert line["Upper limit"] == pytest.approx(projected + line["Margin"])
    assert line["Lower limit"] == pytest.approx(projected - line["Margin"])


def test_strata_have_their_own_variances() -> None:
    groups = np.repeat([0, 1], [20, 40])
    design = stratified_design(groups, np.array([100, 800]))
    found = evaluate(AuditedAmounts(design, BOOK, AUDIT, ROWS, TOTAL), sides="two")
    d = BOOK - AUDIT
    projected = 100 * d[:20].mean() + 800 * d[20:].mean()
    parts = [
        size**2 * (1 - n / size) * part.var(ddof=1) / n
        for size, n, part in ((100, 20, d[:20]), (800, 40, d[20:]))
    ]
    assert found.projected == pytest.approx(projected)
    assert found.standard_error == pytest.approx(sqrt(sum(parts)))
    assert found.degrees == DRAWN - 2
    line = by_name(found)
    assert [line[f"Variance of stratum {at}"] for at in (1, 2)] == pytest.approx(parts)


def test_directions_are_not_netted_silently() -> None:
    audit = np.where(np.arange(DRAWN) % 4 == 1, BOOK * 1.1, AUDIT)
    found = evaluate(AuditedAmounts(GIVEN.design, BOOK, audit, ROWS, TOTAL), tolerable=TOTAL)
    over, under = found.overstatement, found.understatement
    assert (over.errors, under.errors, found.errors) == (30, 15, 45)
    assert found.projected == pytest.approx(over.projected - under.projected)
    assert over.upper_limit > over.projected > found.projected > 0
    assert found.conclusion is not None
    assert "are taken from overstatements" in found.conclusion.sentence
    assert any("is net: overstatements less understatements" in note for note in found.notes)
    amounts = AuditedAmounts(GIVEN.design, BOOK, audit, ROWS, TOTAL)
    for estimator in ("ratio", "regression"):
        other = evaluate(amounts, estimator=estimator, tolerable=TOTAL)  # type: ignore[arg-type]
        alone = other.overstatement.projected - other.understatement.projected
        assert (other.direction_estimator, alone) == (estimator, pytest.approx(other.projected))
    mean = evaluate(amounts, estimator="mean_per_unit", tolerable=TOTAL)
    assert mean.direction_estimator == "difference"
    assert mean.overstatement == over
    assert mean.conclusion is not None
    assert "are taken from" not in mean.conclusion.sentence
    assert any("don't net to a projection by mean per unit" in note for note in mean.notes)
    both = EVEN.book - EVEN.audit
    both[1::4] = -12.0
    given = AuditedAmounts(EVEN.design, BOOK, BOOK - both, ROWS, TOTAL)
    of_both = evaluate(given)
    tolerable = (of_both.upper_limit + of_both.overstatement.upper_limit) / 2
    between = evaluate(given, tolerable=tolerable)
    assert between.conclusion is not None
    assert between.conclusion.is_tolerable
    assert [caveat[:39] for caveat in between.caveats] == [
        "Overstatements alone have an upper limi"
    ]


def test_two_sides_must_both_be_tolerable() -> None:
    under = AuditedAmounts(EVEN.design, EVEN.audit, EVEN.book, ROWS, TOTAL)
    for sides, is_tolerable in (("one", True), ("two", False)):
        found = evaluate(under, sides=sides, tolerable=10.0)  # type: ignore[arg-type]
        assert found.projected < 0
        assert found.conclusion is not None
        assert found.conclusion.is_tolerable is is_tolerable
    wide = evaluate(under, sides="two", tolerable=TOTAL, scope="year = 2024")
    assert wide.conclusion is not None
    assert "within the tolerable" in wide.conclusion.sentence
    assert wide.conclusion.sentence.endswith("the rows that pass year = 2024 alone.")


def test_few_errors_are_noted_and_none_are_refused() -> None:
    one = BOOK.copy()
    one[3] -= 1
    found = evaluate(AuditedAmounts(GIVEN.design, BOOK, one, ROWS, TOTAL))
    assert found.caveats[0].startswith("1 examined row is in error. The limits of a difference")
    clean = AuditedAmounts(GIVEN.design, BOOK, BOOK, ROWS, TOTAL)
    for estimator in ("difference", "ratio", "regression"):
        with pytest.raises(DomainError, match="has no variance and no limit") as caught:
            evaluate(clean, estimator=estimator)  # type: ignore[arg-type]
        assert "rows have one" in caught.value.template
    assert evaluate(clean, estimator="mean_per_unit").standard_error > 0


def test_a_systematic_sample_without_errors_has_no_limit_of_rows() -> None:
    """Its limit would hold only if the order of the rows had nothing to do with errors."""
    clean = AuditedAmounts(systematic_design(DRAWN, ROWS), BOOK, BOOK, ROWS, TOTAL)
    with pytest.raises(DomainError, match="has no variance and no limit") as caught:
        evaluate(clean)
    assert "rows have one" not in caught.value.template


def test_an_examined_population_has_no_margin() -> None:
    design = stratified_design(np.zeros(DRAWN, dtype=np.int64), np.array([DRAWN]))
    found = evaluate(AuditedAmounts(design, BOOK, AUDIT, DRAWN, float(BOOK.sum())), tolerable=1e9)
    assert found.margin == 0
    assert found.upper_limit == pytest.approx((BOOK - AUDIT).sum())


def test_limits_cover_as_often_as_they_say() -> None:
    """400 random samples of a ledger whose errors aren't skewed."""
    rng, covered, doubted = np.random.default_rng(8), 0, 0
    wrong = rng.uniform(-20, 30, ROWS)
    for _ in range(400):
        drawn = np.sort(rng.choice(ROWS, DRAWN, replace=False))
        book = LEDGER[drawn]
        given = AuditedAmounts(GIVEN.design, book, book - wrong[drawn], ROWS, TOTAL)
        found = evaluate(given, sides="two")
        doubted += bool(found.caveats)
        covered += found.lower_limit <= wrong.sum() <= found.upper_limit
    assert 0.93 * 400 < covered < 0.97 * 400
    assert doubted < 4


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (5.0, "rows are needed for the normal approximation"),
        (5_000.0, "needs more rows than the population has, and 60 were drawn"),
    ],
)
def test_skewed_errors_are_noted(error: float, text: str) -> None:
    audit = BOOK.copy()
    audit[:25] -= 1
    audit[0] -= error
    found = evaluate(AuditedAmounts(GIVEN.design, BOOK, audit, ROWS, TOTAL))
    assert text in found.caveats[-1]


@pytest.mark.parametrize("estimator", ["difference", "ratio"])
def test_strata_say_how_they_are_projected(estimator: Estimator) -> None:
    design = stratified_design(np.array([0, 0, 1, 1]), np.array([10, 2]))
    book, audit = np.array([10.0, 30, 200, 300]), np.array([9.0, 30, 150, 300])
    labels = ("small", "large")
    given = AuditedAmounts(
        design, book, audit, 12, 750.0, 2, [labels[0]] * 2 + [labels[1]] * 2, {"large": 500.0}
    )
    found = evaluate(given, estimator=estimator)
    small, large = found.by_stratum
    assert (small.book_value, small.examined_value, small.projected) == (None, 40.0, 5.0)
    assert (large.book_value, large.examined_value, large.projected) == (500.0, 500.0, 50.0)
    is_noted = any("They don't add up" in note for note in found.notes)
    assert is_noted is (estimator == "ratio")
    assert (found.projected == pytest.approx(55.0)) is (estimator == "difference")


def test_lonely_strata_alone_have_no_limit() -> None:
    """Their substitute variance has no degree of freedom."""
    design = stratified_design(np.array([0, 1]), np.array([10, 10]))
    given = AuditedAmounts(design, np.array([10.0, 20.0]), np.array([9.0, 20.0]), 20, 300.0)
    with pytest.raises(DomainError, match="no degree of freedom"):
        evaluate(given, rules=VarianceRequest(lonely_stratum="adjust"))


def test_unseen_errors_of_a_stratum_are_of_its_book_value() -> None:
    """(1 − α^(1/n))·B: of the known book value, or of the one that the drawn rows estimate."""
    groups = np.repeat([0, 1], [50, 10])
    design = stratified_design(groups, np.array([800, 100]))
    audit = np.where(groups == 0, EVEN.audit, EVEN.book)
    labels = ["main"] * 50 + ["small"] * 10
    given = partial(AuditedAmounts, design, EVEN.book, audit, ROWS, TOTAL, 2, labels)
    limit = evaluate(given()).upper_limit
    share = 1 - 0.05 ** (1 / 10)
    estimated = share * 10 * float(EVEN.book[50:].sum())
    for known, amount, words in (
        ({"small": 7_000.0}, share * 7_000, ""),
        ({}, estimated, ", estimated from the drawn rows,"),
    ):
        found = evaluate(
            given(stratum_totals=known, is_gross=bool(known)), tolerable=limit + 0.5 * amount
        )
        assert found.caveats[-1] == (
            f"1 stratum has no drawn row in error. Errors of up to {amount:,.2f}{words} can be "
            "there undetected."
        )
        assert found.conclusion is not None
        assert found.conclusion.is_tolerable is None
