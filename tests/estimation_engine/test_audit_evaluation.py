"""Evaluations of audit samples: published numbers, arithmetic that adds up, and simulations."""

from __future__ import annotations

from functools import partial
from math import comb

import numpy as np
import pytest

from contract.words import Likelihood
from domain_errors import DomainError
from estimation_engine import audit
from estimation_engine.audit import AuditedItem, conclude
from estimation_engine.audit.sequential import bets_on, martingale, null_means

amount_test = partial(audit.amount_test, confidence=0.95)
evaluate_attributes = partial(audit.evaluate_attributes, confidence=0.95)
evaluate_monetary = partial(audit.evaluate_monetary, confidence=0.95)
evaluate_share = partial(audit.evaluate_share, confidence=0.95)
share_boundary = partial(audit.share_boundary, confidence=0.95)
# --- attributes ---


def test_the_arithmetic_of_attributes_can_be_redone() -> None:
    found = evaluate_attributes(102, 2, 1200, confidence=0.90, tolerable=0.05)
    by_name = {row.name: row for row in found.arithmetic}
    for wrong in (59, 60):
        chance = sum(comb(wrong, k) * comb(1200 - wrong, 102 - k) for k in range(3)) / comb(
            1200, 102
        )
        assert by_name[f"P(X ≤ 2) if {wrong} rows are wrong"].value == pytest.approx(chance)
        assert (chance > 0.10) == (wrong == 59)
    assert found.upper_rows == 59
    assert found.conclusion is not None
    assert found.conclusion.is_tolerable
    poisson = evaluate_attributes(100, 1, 5_000, likelihood="poisson")
    assert [row.formula for row in poisson.arithmetic] == [
        "1 / 100",
        "Γ⁻¹(0.95; 1 + 1)",
        "4.7439 / 100",
    ]
    everything = evaluate_attributes(10, 3, 10)
    assert (everything.upper_limit, everything.share) == (0.3, 0.3)


@pytest.mark.parametrize(
    ("examined", "exceptions", "population"), [(0, 0, 5), (3, 4, 9), (9, 1, 8)]
)
def test_attributes_that_contradict_are_refused(
    examined: int, exceptions: int, population: int
) -> None:
    for evaluate in (
        lambda: evaluate_attributes(examined, exceptions, population),
        lambda: evaluate_share(population, examined, exceptions, 0.05),
    ):
        with pytest.raises(DomainError, match="contradict each other") as caught:
            evaluate()
        assert caught.value.code == "invalid_findings"


# --- money ---

BOOK = 13_500_000


def items_of(*taints: float, units: int = 145) -> list[AuditedItem]:
    """Items whose book amounts make the taints exact to 8 decimal places."""
    whole = 10**8
    tainted = [AuditedItem(whole, whole - round(taint * whole)) for taint in taints]
    return [*tainted, *[AuditedItem(whole, whole)] * (units - len(taints))]


@pytest.mark.parametrize("likelihood", ["binomial", "poisson"])
def test_the_arithmetic_of_stringer_adds_up(likelihood: Likelihood) -> None:
    found = evaluate_monetary(items_of(0.1, 1, 0.4), BOOK, likelihood=likelihood).overstatement
    rows = found.arithmetic
    assert [row.taint for row in rows] == [1, 1, 0.4, 0.1]
    assert [row.number for row in rows] == [0, 1, 2, 3]
    factors = [row.factor for row in rows]
    assert [row.increment for row in rows] == pytest.approx(np.diff([0, *factors]))
    assert [row.product for row in rows] == pytest.approx([r.increment * r.taint for r in rows])
    assert found.upper_limit == pytest.approx(sum(row.amount for row in rows))
    parts = found.basic_precision + found.projected + found.incremental_allowance
    assert parts == pytest.approx(found.upper_limit)
    assert found.incremental_allowance > 0
    if likelihood == "poisson":
        assert [factor * 145 for factor in factors] == pytest.approx(
            [2.9957, 4.7439, 6.2958, 7.7537], abs=5e-5
        )


def test_directions_are_apart_and_take_all_errors_known() -> None:
    items = [
        AuditedItem(100, 60, hits=2, row_id="primary:1"),
        AuditedItem(100, 130, row_id="primary:2"),
        *[AuditedItem(100, 100)] * 57,
        AuditedItem(5_000, 4_000, is_take_all=True),
        AuditedItem(9_000, 9_500, is_take_all=True),
        AuditedItem(9_000, 9_000, is_take_all=True),
    ]
    found = evaluate_monetary(items, 1_000_000, tolerable=60_000, scope="year = 2024")
    over, under = found.overstatement, found.understatement
    assert (found.units, found.book_value) == (60, 1_023_000)
    assert [row.row_id for row in over.arithmetic] == [None, "primary:1", "primary:1"]
    assert over.projected == pytest.approx(1_000_000 * 0.8 / 60)
    assert under.projected == pytest.approx(1_000_000 * 0.3 / 60)
    assert (over.take_all.rows, over.take_all.errors, over.take_all.amount) == (3, 1, 1_000)
    assert (under.take_all.errors, under.take_all.amount) == (1, 500)
    assert over.upper_limit == pytest.approx(over.upper_share * 1_000_000 + 1_000)
    assert any("aren't netted" in note for note in found.notes)
    assert found.conclusion is not None
    assert not found.conclusion.is_tolerable
    assert "rows that pass year = 2024 alone" in found.conclusion.sentence


def test_the_direction_is_that_of_the_balance() -> None:
    """A credit of -365.50 that should be -731.00 leaves a balance that is too high."""
    right = [AuditedItem(-50, -50)] * 9
    credit = evaluate_monetary([AuditedItem(-36550, -73100), *right], 10_000)
    assert (credit.overstatement.arithmetic[1].taint, credit.overstatement.found.errors) == (1, 1)
    assert credit.understatement.found.errors == 0
    large = evaluate_monetary([AuditedItem(-100, -80), *right], 10_000)
    debit = evaluate_monetary([AuditedItem(100, 80), *[AuditedItem(50, 50)] * 9], 10_000)
    assert large.understatement.upper_share == debit.overstatement.upper_share


def test_conclusions_name_their_directions() -> None:
    items = [AuditedItem(-100, -70), *[AuditedItem(50, 50)] * 99]
    one = evaluate_monetary(items, 10_000, tolerable=320).conclusion
    assert one is not None
    assert one.sentence.startswith("The upper limit of overstatements, 295 (2.95 %), is below")
    assert "the sample supports that overstatements are tolerable." in one.sentence
    both = evaluate_monetary(
        items, 10_000, tolerable=320, concludes_on=("overstatement", "understatement")
    ).conclusion
    assert both is not None
    assert both.is_tolerable is False
    assert both.sentence.startswith("The upper limit of understatements, 346 (3.46 %), is not")
    assert "support that overstatements and understatements are tolerable" in both.sentence


def test_a_population_of_take_all_rows_has_no_allowance() -> None:
    found = evaluate_monetary([AuditedItem(900, 800, is_take_all=True)], 0, tolerable=90)
    assert found.overstatement.upper_limit == 100
    assert found.overstatement.arithmetic == ()
    assert found.conclusion is not None
    assert not found.conclusion.is_tolerable


@pytest.mark.parametrize(
    ("items", "more", "message"),
    [
        ([AuditedItem(1, 1)], {"likelihood": "hypergeometric"}, "binomial or Poisson"),
        ([AuditedItem(0, 1)], {}, "book amount of 0"),
        ([AuditedItem(5, 5, is_take_all=True)], {}, "No item of the sampled part"),
    ],
)
def test_samples_that_stringer_does_not_fit_are_refused(
    items: list[AuditedItem], more: dict[str, str], message: str
) -> None:
    with pytest.raises(DomainError, match=message):
        evaluate_monetary(items, 100, **more)  # type: ignore[arg-type]


def test_taints_above_one_are_noted() -> None:
    found = evaluate_monetary([AuditedItem(100, -50), *[AuditedItem(9, 9)] * 40], 9_000)
    assert found.overstatement.arithmetic[1].taint == 1.5
    assert found.caveats[0].startswith("Overstatements: 1 taint is above 100 %")


def test_taints_above_one_leave_no_conclusion() -> None:
    """The bound assumes that there are none, so the other direction alone may be concluded on."""
    right = [AuditedItem(9, 9)] * 400
    over = evaluate_monetary([AuditedItem(100, -50), *right], 9_000, tolerable=900).conclusion
    under = evaluate_monetary([AuditedItem(100, 250), *right], 9_000, tolerable=900).conclusion
    assert over is not None
    assert under is not None
    assert (over.is_tolerable, under.is_tolerable) == (None, True)
    assert over.sentence.startswith(
        "No conclusion at 95 % confidence. The upper limit of overstatements, "
    )
    assert "above 100 %" in over.sentence


def test_conclusions_say_what_can_be_done() -> None:
    above = conclude(0.0348, 0.03, 0.0086, 0.95)
    assert above.sentence.startswith("The upper limit, 3.48 %, is not below the tolerable 3.00 %")
    assert (
        "enlarged now, when its errors are known, is valid only as a sequential" in above.sentence
    )
    worse = conclude(0.0348, 0.03, 0.03, 0.95)
    assert "Find the causes of the errors" in worse.sentence
    assert "enlarged" not in worse.sentence
    below = conclude(0.02, 0.03, 0.0, 0.95)
    assert below.is_tolerable
    assert below.sentence.startswith("The upper limit, 2.00 %, is below the tolerable 3.00 %")


LEDGER = np.ceil(np.exp(np.random.default_rng(7).normal(9, 1.6, 3_000))).astype(np.int64)


def wrong_audits(kind: str, share: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Audit amounts of the skewed ledger: some rows have an error."""
    rng = np.random.default_rng(11)
    is_wrong = rng.random(len(LEDGER)) < share
    taints = {
        "small": rng.uniform(0.01, 0.2, len(LEDGER)),
        "any": rng.uniform(0.0, 1.0, len(LEDGER)),
        "whole": np.ones(len(LEDGER)),
    }[kind]
    return np.where(is_wrong, LEDGER - np.ceil(LEDGER * taints).astype(np.int64), LEDGER)


@pytest.mark.parametrize("kind", ["small", "any", "whole"])
@pytest.mark.parametrize("share", [0.03, 0.15])
def test_stringer_covers_at_least_as_often_as_it_says(kind: str, share: float) -> None:
    """Fixed intervals over a ledger in random order; the bound may be wide, and never short."""
    audit, rng = wrong_audits(kind, share), np.random.default_rng(5)
    true, size, draws, covered = int((LEDGER - audit).sum()), 60, 150, 0
    interval = LEDGER.sum() / size
    is_take_all = interval <= LEDGER
    while (
        more := LEDGER[~is_take_all].sum() / (size - is_take_all.sum()) <= LEDGER
    ).sum() > is_take_all.sum():
        is_take_all = more
    known = [
        AuditedItem(int(LEDGER[at]), int(audit[at]), is_take_all=True)
        for at in np.flatnonzero(is_take_all)
    ]
    rest = np.flatnonzero(~is_take_all)
    total, units = int(LEDGER[rest].sum()), size - len(known)
    for _ in range(draws):
        line = rng.permutation(rest)
        points = (rng.random() + np.arange(units)) * (total / units)
        drawn = line[np.searchsorted(np.cumsum(LEDGER[line]), points, side="right")]
        items = [AuditedItem(int(LEDGER[at]), int(audit[at])) for at in drawn]
        found = evaluate_monetary([*items, *known], total)
        covered += found.overstatement.upper_limit >= true
    assert covered >= 0.95 * draws


# --- stop when sure ---


def test_published_sequential_sets() -> None:
    assert evaluate_share(1000, 60, 0, 0.05).most == 108
    assert evaluate_share(1000, 100, 0, 0.05).most == 69
    one = evaluate_share(1000, 100, 1, 0.05)
    assert (one.least, one.most) == (1, 90)
    three = evaluate_share(10_000, 300, 3, 0.05)
    assert (three.least, three.most) == (5, 485)


def test_decisions_follow_the_possible_numbers() -> None:
    assert evaluate_share(1000, 100, 0, 0.07).decision == "accept"
    assert evaluate_share(1000, 100, 0, 0.069).decision == "continue"
    assert evaluate_share(1000, 100, 40, 0.05).decision == "reject"
    assert evaluate_share(1000, 1000, 49, 0.05).decision == "accept"
    assert evaluate_share(1000, 1000, 50, 0.05).decision == "reject"


def test_the_boundary_is_that_of_single_looks() -> None:
    sizes = [1, 20, 60, 100, 180, 400, 1000]
    found = share_boundary(1000, 0.05, sizes)
    for size, accept, reject in zip(
        sizes, found.accept.tolist(), found.reject.tolist(), strict=True
    ):
        decisions = [evaluate_share(1000, size, k, 0.05).decision for k in range(size + 1)]
        assert [d == "accept" for d in decisions] == [k <= accept for k in range(size + 1)]
        assert [d == "reject" for d in decisions] == [k >= reject for k in range(size + 1)]


@pytest.mark.parametrize(("population", "tolerable"), [(1000, 0.05), (400, 0.1)])
def test_sequential_audits_of_shares_are_rarely_wrong(population: int, tolerable: float) -> None:
    """10,000 audits look after every row of a population whose errors just aren't tolerable."""
    rng = np.random.default_rng(3)
    wrong, audits, accepted = int(population * tolerable), 10_000, 0
    boundary = share_boundary(population, tolerable, range(1, population + 1)).accept
    is_wrong = np.arange(population) < wrong
    for _ in range(10):
        orders = rng.permuted(np.tile(is_wrong, (audits // 10, 1)), axis=1)
        counts = orders.cumsum(axis=1)
        accepted += int((counts <= boundary).any(axis=1).sum())
    assert accepted <= 0.05 * audits
    assert accepted > 0


def test_a_clean_sample_of_money_is_accepted_at_last() -> None:
    found = amount_test([0.0] * 120, 10**9, 0.03)
    assert found.decision == "accept"
    assert found.accepted_at == 103
    assert found.p_value == pytest.approx(1 / found.statistics[-1])
    assert 0.02 < found.upper_limit < 0.03
    few = amount_test([0.0] * 50, 10**9, 0.03)
    assert (few.decision, few.accepted_at) == ("continue", None)
    assert few.upper_limit > 0.03


def test_the_martingale_can_be_redone_by_hand() -> None:
    taints, units, tolerable = [0.0, 0.5, 0.0, 1.0, 0.0], 50, 0.2
    found = amount_test(taints, units, tolerable, expected=0.02)
    product, before = 1.0, 0.0
    for at, taint in enumerate(taints):
        value = 1 - taint
        mean = (units * (1 - tolerable) - before) / (units - at)
        product *= 1 + found.bets[at] * (value - mean)
        before += value
        assert found.null_means[at] == pytest.approx(mean)
        assert found.statistics[at] == pytest.approx(product)
    assert found.bets.max() <= 0.99


def test_units_that_show_it_for_certain_end_the_audit() -> None:
    found = amount_test([0.0] * 9, 10, 0.3)
    assert found.decision == "accept"
    assert found.p_value == 0.0


@pytest.mark.parametrize("expected", [0.0, 0.01])
@pytest.mark.parametrize("kind", ["whole", "half", "any"])
def test_sequential_audits_of_money_are_rarely_wrong(kind: str, expected: float) -> None:
    """10,000 audits look after every unit; the share in error just isn't tolerable."""
    rng, audits, units, tolerable = np.random.default_rng(9), 10_000, 400, 0.05
    size = {"whole": lambda n: np.ones(n), "half": lambda n: np.full(n, 0.5), "any": rng.random}[
        kind
    ]
    mean = {"whole": 1.0, "half": 0.5, "any": 0.5}[kind]
    accepted = 0
    for _ in range(10):
        shape = (audits // 10, units)
        is_wrong = rng.random(shape) < tolerable / mean
        taints = np.where(is_wrong, size(shape[0] * units).reshape(shape), 0.0)
        values = 1.0 - taints
        bets = bets_on(values, 1.0 - tolerable, expected)
        means = null_means(values, 10**12, 1.0 - tolerable)
        accepted += int((martingale(values, bets, means) >= 20).any(axis=1).sum())
    assert accepted <= 0.05 * audits
    assert accepted > 0


def test_sequential_audits_of_whole_items_are_rarely_wrong() -> None:
    """10,000 audits look after every item of a ledger; the share in error just isn't tolerable.

    Items are met in the order of their first selected unit: by exponential keys over their units.
    """
    rng, audits, tolerable = np.random.default_rng(21), 10_000, 0.08
    sizes = np.ceil(np.exp(rng.normal(5, 1, 160)))
    taints = np.where(rng.random(160) < 0.4, rng.random(160), 0.0)
    taints *= tolerable * sizes.sum() / (taints * sizes).sum()
    assert taints.max() < 1
    units, accepted = int(sizes.sum()), 0
    for _ in range(10):
        order = np.argsort(rng.exponential(size=(audits // 10, 160)) / sizes, axis=1)
        values = 1.0 - taints[order]
        bets = bets_on(values, 1.0 - tolerable, 0.0)
        # Of the last item the mean is known: a null that just holds is rounded there.
        means = null_means(values, units, 1.0 - tolerable, sizes[order])[:, :-1]
        statistics = martingale(values[:, :-1], bets[:, :-1], means)
        accepted += int((statistics >= 20).any(axis=1).sum())
    assert 0 < accepted <= 0.05 * audits


def test_an_examined_item_takes_its_units_from_the_population() -> None:
    found = amount_test([0.0, 0.5, 0.0], 100, 0.2, sizes=[30, 20, 10])
    assert found.null_means == pytest.approx([80 / 100, 50 / 70, 40 / 50])
    whole = amount_test([0.0, 0.5, 0.0], 100, 0.2, sizes=[60, 20, 20])
    assert whole.decision == "accept"
    assert 0.1 <= whole.upper_limit < 0.2


@pytest.mark.parametrize(
    ("taints", "units"), [([], 10), ([0.0] * 11, 10), ([1.2], 10), ([-0.1], 10)]
)
def test_units_that_do_not_fit_are_refused(taints: list[float], units: int) -> None:
    with pytest.raises(DomainError):
        amount_test(taints, units, 0.05)


def test_a_conclusion_shows_how_its_limits_differ() -> None:
    below = conclude(0.0299996, 0.03, 0.0, 0.95)
    assert below.sentence.startswith("The upper limit, 2.99996 %, is below the tolerable 3.00000 %")
    tiny = conclude(0.0000008, 0.0000009, 0.0, 0.95)
    assert "0.00008 %, is below the tolerable 0.00009 %" in tiny.sentence
    assert "3.00 %, is not below the tolerable 3.00 %" in conclude(0.03, 0.03, 0.0, 0.95).sentence


@pytest.mark.parametrize(
    ("likelihood", "population", "size"),
    [
        ("binomial", 10_000, 59),
        ("poisson", 10_000, 60),
        ("hypergeometric", 10_000, 59),
        ("hypergeometric", 100, 45),
    ],
)
def test_a_clean_sample_that_is_too_small_names_a_size(
    likelihood: Likelihood, population: int, size: int
) -> None:
    """59 rows without an exception: AICPA, Audit Sampling, table A-1 at 95 % and 5 %."""
    found = evaluate_attributes(30, 0, population, likelihood=likelihood, tolerable=0.05)
    assert found.conclusion is not None
    assert (
        "No exception was found, and the sample is too small for a conclusion. A new sample of "
        f"{size} rows without an exception would do."
    ) in found.conclusion.sentence
    enough = evaluate_attributes(size, 0, population, likelihood=likelihood, tolerable=0.05)
    assert enough.conclusion is not None
    assert enough.conclusion.is_tolerable


def test_a_clean_sample_of_few_rows_needs_most_of_them() -> None:
    found = evaluate_attributes(20, 0, 40, tolerable=0.01)
    assert found.conclusion is not None
    assert "A new sample of 39 rows without an exception would do." in found.conclusion.sentence
