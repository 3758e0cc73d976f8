"""Conclusions on amounts are withheld where the normal approximation of the limit is in doubt."""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np
import pytest

from estimation_engine import (
    CombinedRound,
    Design,
    Frame,
    cluster_design,
    combined_design,
    monetary_design,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Floats
from estimation_engine.audit import AuditedAmounts, VariablesEvaluation, evaluate_variables
from estimation_engine.audit.normality import Normality, deviations

RNG = np.random.default_rng(12)
evaluate = partial(evaluate_variables, confidence=0.95)
STRATA = np.repeat([0, 1, 2], [2, 40, 58])
HITS = RNG.integers(1, 4, 100)
DESIGNS = {
    "random": random_design(100, 900),
    "stratified": stratified_design(STRATA, np.array([2, 300, 598])),
    "clusters": cluster_design(np.arange(100) // 4, np.full(25, 6), 90, 540),
    "weighted": weighted_design(np.r_[1.0, RNG.uniform(0.05, 0.5, 99)], np.arange(100) < 1, 900),
    "monetary": monetary_design(
        HITS * RNG.uniform(2, 9, 100),
        HITS,
        np.zeros(100, dtype=bool),
        900,
        with_replacement=False,
    ),
    "rounds": combined_design(
        [
            CombinedRound(
                random_design(60, 900),
                np.arange(60),
                Frame(900, 60, 60, 59),
                np.ones(100, dtype=bool),
            ),
            CombinedRound(
                stratified_design(np.repeat([0, 1], 20), np.array([400, 440])),
                np.arange(60, 100),
                Frame(900, 40, 40, 38),
                np.ones(100, dtype=bool),
            ),
        ],
        100,
        900,
    ),
}


def amounts(errors: Floats, design: Design | None = None) -> AuditedAmounts:
    """Rows of 1,000 each with these errors, of 900 rows."""
    book = np.full(len(errors), 1_000.0)
    return AuditedAmounts(
        design or random_design(len(errors), 900), book, book - errors, 900, 900_000.0
    )


def concluded(
    errors: Floats, tolerable: float = 899_000.0, design: Design | None = None, sides: str = "one"
) -> tuple[bool | None, str, VariablesEvaluation]:
    found = evaluate(amounts(errors, design), tolerable=tolerable, sides=sides)  # type: ignore[arg-type]
    assert found.conclusion is not None
    return found.conclusion.is_tolerable, found.conclusion.sentence, found


def some(count: int, rows: int = 100, amount: float = 10.0) -> Floats:
    """Errors of about one amount in the first rows."""
    return np.where(np.arange(rows) < count, amount + np.arange(rows) % 3, 0.0)


@pytest.mark.parametrize("name", DESIGNS)
def test_squared_deviations_add_up_to_the_variance(name: str) -> None:
    design = DESIGNS[name]
    errors = RNG.lognormal(3, 1, 100)
    found = evaluate(amounts(errors, design))
    c = deviations(design, design.weights * errors)
    assert (c**2).sum() == pytest.approx(found.standard_error**2)
    normality = Normality(design, design.weights * errors)
    assert normality.skewness == pytest.approx((abs(c) ** 3).sum() / (c**2).sum() ** 1.5)
    if design.is_one_sample:
        assert found.degrees == design.degrees


def test_the_rows_needed_follow_from_the_third_moment() -> None:
    errors = RNG.lognormal(3, 1, 100)
    normality = Normality(DESIGNS["random"], DESIGNS["random"].weights * errors)
    distances = abs(errors - errors.mean())
    a = (distances**3).mean() / (distances**2).mean() ** 1.5
    assert normality.needed == int(np.ceil(25 * a**2))
    skewness = ((errors - errors.mean()) ** 3).mean() / errors.std() ** 3
    assert a > skewness
    assert normality.allowance(1.66) == pytest.approx(a / sqrt(100) * (2 * 1.66**2 + 1) / 6)


@pytest.mark.parametrize(("count", "expected"), [(19, None), (40, True)])
def test_few_errors_withhold_what_would_be_tolerable(count: int, expected: bool | None) -> None:
    is_tolerable, sentence, found = concluded(some(count))
    assert is_tolerable is expected
    assert sentence.startswith("No conclusion at 95 %") is (expected is None)
    assert bool(found.caveats) is (expected is None)
    share = f"{100 * found.projected / 900_000:.2f} %"
    ending = f"in {count} rows. The projected misstatement is {share} of the book value."
    assert sentence.endswith(ending)
    if expected is None:
        assert "It rests on 19 rows in error, and 20 are needed." in sentence


def test_a_limit_that_is_not_below_stays_unsupported() -> None:
    is_tolerable, sentence, found = concluded(some(3), tolerable=1.0)
    assert is_tolerable is False
    assert "doesn't support" in sentence
    assert found.caveats[0].startswith("3 examined rows are in error. The limits of a difference")


def test_amounts_that_make_up_the_margin_withhold() -> None:
    errors = some(60)
    errors[0] = 900.0
    is_tolerable, sentence, found = concluded(errors)
    assert is_tolerable is None
    assert "By the skewness of the amounts more rows are needed than the population" in sentence
    assert "needs more rows than the population has, and 100 were drawn" in found.caveats[0]
    errors[1] = -900.0
    assert concluded(errors)[0] is None, "large errors of both signs don't cancel"


def test_skewness_counts_near_the_tolerable_amount() -> None:
    errors = some(40)
    found = evaluate(amounts(errors))
    assert concluded(errors, found.upper_limit * 1.2)[0] is True
    is_tolerable, sentence, near = concluded(errors, found.upper_limit * 1.001)
    assert is_tolerable is None
    assert "With an allowance for the skewness of the amounts the upper limit is" in sentence
    assert len(near.caveats) == 1
    two = evaluate(amounts(errors), sides="two")
    is_tolerable, sentence, _ = concluded(errors, two.upper_limit * 1.001, sides="two")
    assert is_tolerable is None
    assert "within the tolerable" in sentence
    assert "the misstatement is between" in sentence


def test_errors_in_rows_always_drawn_are_no_sample_of_others() -> None:
    """Without an error by chance the margin is 0, whatever other rows have."""
    design = stratified_design(np.repeat([0, 1], [40, 60]), np.array([40, 860]))
    is_tolerable, sentence, found = concluded(some(40), design=design)
    assert found.margin == 0
    assert is_tolerable is None
    assert "40 examined rows are in error, 0 of them not always drawn" in found.caveats[0]
    assert "It rests on 0 rows in error" in sentence


def test_clusters_count_and_not_their_rows() -> None:
    design = DESIGNS["clusters"]
    errors = np.where(np.arange(100) < 76, 10.0 + np.arange(100) % 3, 0.0)
    is_tolerable, sentence, found = concluded(errors, design=design)
    assert (found.errors, is_tolerable) == (76, None)
    assert "76 examined rows are in error, in 19 clusters." in found.caveats[0]
    assert "It rests on 19 clusters in error" in sentence


def test_two_rows_of_a_stratum_do_not_hide_their_skewness() -> None:
    """Two stratum rows differ by the same amount in both directions."""
    design = stratified_design(np.repeat([0, 1], [2, 98]), np.array([400, 500]))
    errors = some(100)
    errors[:2] = 0.0, 800.0
    assert concluded(errors, design=design)[0] is None


def test_errors_that_do_not_differ_have_no_margin() -> None:
    is_tolerable, sentence, found = concluded(np.full(100, 10.0))
    assert (found.margin, is_tolerable) == (0, None)
    assert "no margin" in found.caveats[0]
    assert "They have no margin for rows that differ." in sentence


def test_a_census_concludes_from_any_errors() -> None:
    errors = some(1, rows=900)
    design = random_design(900, 900)
    assert concluded(errors, 11.0, design)[0] is True
    assert concluded(errors, 10.0, design)[0] is False
    assert concluded(errors, 11.0, design)[2].caveats == ()
    whole = stratified_design(np.repeat([0, 1], 450), np.array([450, 450]))
    assert concluded(errors, 11.0, whole)[0] is True


def test_few_errors_leave_a_mean_per_unit() -> None:
    rng = np.random.default_rng(1)
    book = rng.uniform(900, 1_100, 100)
    given = AuditedAmounts(random_design(100, 900), book, book - some(3), 900, 900_000.0)
    found = evaluate(given, estimator="mean_per_unit", tolerable=899_000.0)
    assert found.conclusion is not None
    assert found.conclusion.is_tolerable
    assert any("limits of each direction alone may be too low" in note for note in found.notes)


def test_what_a_withheld_conclusion_says_of_the_rest_stays() -> None:
    errors = some(10)
    errors[5:10] = -4.0
    given = amounts(errors)
    found = evaluate(given, tolerable=899_000.0, scope="year = 2024").conclusion
    assert found is not None
    assert found.is_tolerable is None
    assert "The errors found in the sample are" in found.sentence
    assert "are taken from overstatements" in found.sentence
    assert found.sentence.count("year = 2024") == 1


def test_strata_with_few_rows_or_no_error_are_doubted() -> None:
    """A stratum with most of the money: 2 or 20 rows of it, in which no error was found."""
    rng = np.random.default_rng(5)
    for drawn, text in (
        (2, "Strata with fewer than 10 drawn rows have 9"),
        (20, "1 stratum has no"),
    ):
        design = stratified_design(np.repeat([0, 1], [200, drawn]), np.array([4_500, 500]))
        book = np.r_[rng.uniform(50, 150, 200), rng.uniform(5_000, 15_000, drawn)]
        errors = np.r_[rng.uniform(1, 2, 100), np.zeros(100 + drawn)]
        given = AuditedAmounts(design, book, book - errors, 5_000, 5_450_000.0)
        found = evaluate(given, tolerable=60_000)
        assert found.conclusion is not None
        assert found.conclusion.is_tolerable is None
        assert any(each.startswith(text) for each in found.caveats), found.caveats
        bounded = evaluate(given, tolerable=1.0).conclusion
        assert bounded is not None
        assert bounded.is_tolerable is False


def test_a_mean_per_unit_of_other_book_values_is_doubted() -> None:
    rng = np.random.default_rng(6)
    book = rng.uniform(50, 150, 100)
    audit = book - np.where(np.arange(100) < 25, 0.2 * book, 0.0)
    for total, doubted in ((425_000.0, True), (float(50 * book.sum()), False)):
        given = AuditedAmounts(random_design(100, 5_000), book, audit, 5_000, total)
        found = evaluate(given, estimator="mean_per_unit", tolerable=60_000)
        assert any("project a book value" in each for each in found.caveats) is doubted


def test_a_ratio_needs_book_values_that_vary_little() -> None:
    rng = np.random.default_rng(7)
    for center, doubted in ((15, True), (500, False)):
        book = rng.normal(center, 100, 300)
        audit = book - 0.1 * np.abs(book)
        given = AuditedAmounts(random_design(300, 5_000), book, audit, 5_000, 5_000.0 * center)
        found = evaluate(given, estimator="ratio", tolerable=1e6)
        assert any("a ratio needs one below a tenth" in each for each in found.caveats) is doubted
