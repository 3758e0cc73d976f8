"""Bounds of monetary units: Gaffke's, one random start, and several strata."""

from __future__ import annotations

from functools import partial
from itertools import product
from math import comb

import numpy as np
import pytest

from contract.words import Bound, Likelihood
from estimation_engine import audit
from estimation_engine.audit import AuditedItem, gaffke_limit
from estimation_engine.audit.limits import binomial_limit, poisson_limit

WHOLE = 10**8
evaluate_monetary = partial(audit.evaluate_monetary, confidence=0.95)


def items_of(*taints: float, units: int, stratum: int = 0) -> list[AuditedItem]:
    """Items whose book amounts make the taints exact to 8 decimal places."""
    tainted = [
        AuditedItem(WHOLE, WHOLE - round(taint * WHOLE), stratum=stratum) for taint in taints
    ]
    right = [AuditedItem(WHOLE, WHOLE, stratum=stratum)] * (units - len(taints))
    return [*tainted, *right]


def upper(items: list[AuditedItem], bound: Bound = "gaffke", **more: Likelihood | float) -> float:
    found = evaluate_monetary(items, 10**9, bound=bound, **more)  # type: ignore[arg-type]
    return found.overstatement.upper_share


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize(
    ("errors", "size"),
    [(0, 1), (0, 2), (3, 7), (5, 100), (99, 100), (1, 10_000), (600, 1_000), (3, 100_000)],
)
def test_gaffke_of_whole_errors_is_clopper_and_pearson(
    errors: int, size: int, confidence: float
) -> None:
    found = gaffke_limit([1.0] * errors, size, confidence)
    assert found == pytest.approx(binomial_limit(errors, size, confidence), abs=1e-10)


def test_gaffke_of_equal_taints_is_exact() -> None:
    """With all taints t the sum is t + (1 - t)·D₀, whose quantile is known."""
    for taint, size in ((0.5, 1), (0.3, 2), (0.999, 3), (1 - 1e-9, 3), (0.2, 400)):
        exact = taint + (1 - taint) * (1 - 0.05 ** (1 / size))
        assert gaffke_limit([taint] * size, size, 0.95) == pytest.approx(exact, abs=1e-10)
    assert gaffke_limit([1.0] * 3, 3, 0.95) == 1.0


def test_gaffke_is_stable_where_taints_are_nearly_equal() -> None:
    ties, near = [0.3] * 20, [0.3 + 1e-13 * at for at in range(20)]
    assert gaffke_limit(near, 100, 0.95) == pytest.approx(gaffke_limit(ties, 100, 0.95), abs=1e-11)
    tiny = gaffke_limit([1e-12] * 50, 100, 0.95)
    assert tiny == pytest.approx(gaffke_limit([], 100, 0.95), abs=1e-10)


def test_gaffke_of_many_taints_is_the_simulated_quantile() -> None:
    rng = np.random.default_rng(1)
    taints = rng.random(300)
    parts = rng.exponential(size=(20_000, 401))
    simulated = (parts[:, 0] + parts[:, 1:301] @ taints) / parts.sum(axis=1)
    found = gaffke_limit(taints.tolist(), 400, 0.95)
    assert (simulated <= found).mean() == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("taints", [(1, 0.4, 0.4, 0.1), tuple(np.linspace(0.01, 0.9, 130))])
def test_the_arithmetic_of_gaffke_adds_up(taints: tuple[float, ...]) -> None:
    found = evaluate_monetary(items_of(*taints, units=200), 10**9, bound="gaffke").overstatement
    whole = gaffke_limit(taints, 200, 0.95)
    assert found.upper_share == pytest.approx(whole, abs=1e-9)
    rows = found.arithmetic
    assert [row.product for row in rows] == pytest.approx([r.increment * r.taint for r in rows])
    assert [row.product for row in rows] == pytest.approx(np.diff([0, *(r.factor for r in rows)]))
    parts = found.basic_precision + found.projected + found.incremental_allowance
    assert parts == pytest.approx(found.upper_limit)
    assert found.basic_precision == pytest.approx(1e9 * binomial_limit(0, 200, 0.95))


# --- one random start ---


@pytest.mark.parametrize("confidence", [0.5, 0.9])
@pytest.mark.parametrize(
    ("amounts", "size"), [((1, 2, 1, 2), 2), ((1, 1, 3, 2, 1), 3), ((4, 1, 1, 4), 2)]
)
def test_one_start_proves_its_limit(amounts: tuple[int, ...], size: int, confidence: float) -> None:
    """Every pattern of taints, in the order of the file, and every start: exact coverage."""
    total = sum(amounts)
    for taints in product((0, 1, 2), repeat=len(amounts)):
        audits = [amount * (2 - taint) for amount, taint in zip(amounts, taints, strict=True)]
        wrong = 2 * total - sum(audits)
        covered = 0
        for start in range(total):
            points = [(place * total + start) // size for place in range(size)]
            drawn = np.searchsorted(np.cumsum(amounts), points, side="right").tolist()
            items = [AuditedItem(2 * amounts[at], audits[at], drawn.count(at)) for at in set(drawn)]
            found = evaluate_monetary(
                items, 2 * total, confidence=confidence, doubt="One start.", most_units=[size]
            ).overstatement
            assert found.one_start_limit is not None
            assert found.one_start_limit >= found.upper_limit
            covered += found.one_start_limit >= wrong - 1e-9
        assert covered >= confidence * total - 1e-9, (taints, covered)


def test_stringer_fails_where_one_start_holds() -> None:
    """1,000 units, in each interval one wrong unit and nine right ones, in order: 10 % is wrong."""
    limits = []
    for start in range(10):
        item = AuditedItem(1, 0 if start == 0 else 1)
        found = evaluate_monetary(
            [item] * 100, 1_000, tolerable=100, doubt="File.", most_units=[100]
        )
        limits.append(found.overstatement)
        assert found.conclusion is not None
        assert found.conclusion.is_tolerable is (False if start == 0 else None)
        assert found.caveats == ("File.",)
    assert sum(each.upper_limit >= 100 for each in limits) == 1
    assert all((each.one_start_limit or 0) >= 100 for each in limits)


def test_stringer_of_the_second_example_covers_two_starts_of_three() -> None:
    """Taints 1, 1, 0 three times and n 3: two thirds are wrong."""
    found = [
        evaluate_monetary([AuditedItem(1, audit)] * 3, 9, doubt="File.", most_units=[3])
        for audit in (0, 0, 1)
    ]
    shares = [each.overstatement.upper_share for each in found]
    assert shares == pytest.approx([1.0, 1.0, 0.6315968501], abs=1e-10)
    assert all((each.overstatement.one_start_limit or 0) >= 6 for each in found)


def test_a_doubt_ends_where_nearly_all_is_examined() -> None:
    items = [AuditedItem(100, 100)] * 99
    found = evaluate_monetary(items, 10_000, tolerable=150, doubt="File.", most_units=[99])
    assert found.overstatement.one_start_limit == pytest.approx(found.overstatement.upper_limit)
    one = evaluate_monetary(items, 10_000, tolerable=400, doubt="File.", most_units=[99]).conclusion
    assert one is not None
    assert one.is_tolerable is True


# --- strata ---


def test_strata_of_one_interval_are_one_sample() -> None:
    first, second = items_of(0.5, 0.1, units=60), items_of(0.3, units=40, stratum=1)
    whole = evaluate_monetary(items_of(0.5, 0.1, 0.3, units=100), 10_000).overstatement
    parts = evaluate_monetary([*first, *second], [6_000, 4_000]).overstatement
    assert parts.upper_limit == pytest.approx(whole.upper_limit)
    assert parts.most_likely == pytest.approx(whole.most_likely)
    assert [row.taint for row in parts.arithmetic] == [1, 0.5, 0.3, 0.1]


def test_taints_of_strata_count_by_their_interval() -> None:
    """By hand: intervals of 200 and 50, so that p₀ is for 100 units of 200."""
    items = [*items_of(0.4, units=50), *items_of(0.8, units=50, stratum=1)]
    found = evaluate_monetary(items, [10_000, 2_500], likelihood="poisson").overstatement
    p = [poisson_limit(errors, 100, 0.95) for errors in range(3)]
    by_hand = 100 * (200 * p[0] + (p[1] - p[0]) * 200 * 0.4 + (p[2] - p[1]) * 50 * 0.8)
    assert found.upper_limit == pytest.approx(by_hand)
    assert found.projected == pytest.approx(200 * 0.4 + 50 * 0.8)
    assert sum(row.amount for row in found.arithmetic) == pytest.approx(by_hand)


def test_gaffke_of_strata_is_the_sum_of_their_limits() -> None:
    items = [*items_of(0.4, 0.2, units=50), *items_of(0.8, units=70, stratum=1)]
    found = evaluate_monetary(items, [10_000, 2_500], bound="gaffke")
    by_hand = 10_000 * gaffke_limit([0.4, 0.2], 50, 0.975)
    by_hand += 2_500 * gaffke_limit([0.8], 70, 0.975)
    assert found.overstatement.upper_limit == pytest.approx(by_hand)
    assert "the sum over strata" in found.formula


@pytest.mark.parametrize("bound", ["stringer", "gaffke"])
def test_bounds_of_strata_cover_as_often_as_they_say(bound: Bound) -> None:
    """Exactly, by enumeration: two strata of unequal intervals, and rows wholly in error."""
    sizes, rows, values = (3, 2), (4, 6), (40, 30)
    limits = {}
    for errors in product(range(4), range(3)):
        items = [
            item
            for at, found in enumerate(errors)
            for item in items_of(*[1.0] * found, units=sizes[at], stratum=at)
        ]
        evaluation = evaluate_monetary(items, values, confidence=0.8, bound=bound)
        limits[errors] = evaluation.overstatement.upper_limit
    for wrong in product(range(5), range(7)):
        shares = [count / row for count, row in zip(wrong, rows, strict=True)]
        true = sum(value * share for value, share in zip(values, shares, strict=True))
        covered = 0.0
        for errors, limit in limits.items():
            chances = [
                comb(size, found) * share**found * (1 - share) ** (size - found)
                for size, found, share in zip(sizes, errors, shares, strict=True)
            ]
            covered += chances[0] * chances[1] * (limit >= true - 1e-9)
        assert covered >= 0.8 - 1e-12, (wrong, covered)
