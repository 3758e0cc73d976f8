"""Sequential tests of amounts with risk scores, and with weights other than the amounts."""

from __future__ import annotations

from itertools import permutations
from math import inf, prod

import numpy as np
import pytest

from benchmarks.coverage import scores as simulation
from domain_errors import DomainError
from estimation_engine.audit import SideInformation, amount_test
from estimation_engine.audit.sequential import (
    bets_on,
    examined_values,
    martingale,
    null_means,
)

SIZES, TAINTS = [7, 3, 5, 2, 9], [0.4, 0.0, 1.0, 0.25, 0.0]
SCORES = {
    "good": [0.5, 0.1, 0.9, 0.2, 0.0],
    "misleading": [0.0, 1.0, 0.0, 0.3, 1.0],
    "none": [0.0] * 5,
    "equal": [1.0] * 5,
}
WEIGHTS = {"amounts": SIZES, "risk": [9, 1, 8, 2, 3], "equal": [1] * 5}


def by_hand(
    order: tuple[int, ...], scores: list[float], weights: list[int], share: float
) -> list[float]:
    """M after each item, step by step from the items before."""
    taints, sizes = [TAINTS[at] for at in order], [SIZES[at] for at in order]
    ratio = max(b / w for b, w in zip(SIZES, weights, strict=True))
    book, weight = float(sum(SIZES)), float(sum(weights))
    scored = sum(b * s for b, s in zip(SIZES, scores, strict=True))
    allowed, first = share * book, scored / book
    pairs: list[tuple[float, float]] = []
    values: list[float] = []
    statistic, found = 1.0, []
    for at, size, taint in zip(order, sizes, taints, strict=True):
        control_mean, error_mean = scored / book, allowed / book
        chance = size / weights[at] * weight / book
        prior = 20 * first * (1 - first)
        spread = prior + sum(c * c for _, c in pairs)
        slope = (prior + sum(y * c for y, c in pairs)) / spread if spread > 0 else 0.0
        slope = min(max(slope, 0.0), 2.0)
        mean = (20 + sum(values)) / (20 + len(values))
        second = (20 + sum(x * x for x in values)) / (20 + len(values))
        gain = max(mean - (1 - share), 0.0)
        bet = gain / (max(second - mean**2, 0.0) + gain**2) if gain else 0.0
        span = ratio * weight / book + slope * control_mean
        bet = min(bet, 0.99 / span, 0.99 / max(span - error_mean, span))
        control = chance * scores[at] - control_mean
        value = 1 - chance * taint + slope * control
        statistic *= inf if error_mean > 1 else 1 + bet * (value - (1 - error_mean))
        found.append(statistic)
        pairs.append((chance * taint, control))
        values.append(value)
        book, weight = book - size, weight - weights[at]
        scored, allowed = scored - size * scores[at], allowed - size * taint
    return found


def side_of(order: tuple[int, ...], scores: list[float], weights: list[int]) -> SideInformation:
    return SideInformation(
        [scores[at] for at in order],
        sum(b * s for b, s in zip(SIZES, scores, strict=True)),
        [weights[at] for at in order],
        sum(weights),
        max(b / w for b, w in zip(SIZES, weights, strict=True)),
    )


@pytest.mark.parametrize("weighted", WEIGHTS)
@pytest.mark.parametrize("scored", SCORES)
def test_all_orders_of_a_small_ledger_have_a_mean_of_one(scored: str, weighted: str) -> None:
    """At the boundary E[M] = 1 after each item, by the probability of each order."""
    scores, weights = SCORES[scored], WEIGHTS[weighted]
    share = sum(b * t for b, t in zip(SIZES, TAINTS, strict=True)) / sum(SIZES)
    expected, least = np.zeros(4), inf
    for order in permutations(range(5)):
        left = [sum(weights[at] for at in order[place:]) for place in range(5)]
        chance = prod(weights[at] / rest for at, rest in zip(order, left, strict=True))
        statistics = by_hand(order, scores, weights, share)
        found = amount_test(
            [TAINTS[at] for at in order[:4]],
            sum(SIZES),
            share,
            sizes=[SIZES[at] for at in order[:4]],
            confidence=0.95,
            side=side_of(order[:4], scores, weights),
        )
        assert found.statistics == pytest.approx(statistics[:4])
        expected += chance * found.statistics
        least = min(least, float(found.statistics.min()))
    assert expected == pytest.approx(np.ones(4))
    assert least > 0


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_no_order_makes_the_statistic_negative(share: float) -> None:
    """Also where the errors are far above or below what is tolerable."""
    for order in permutations(range(5)):
        for scores in SCORES.values():
            for weights in WEIGHTS.values():
                assert min(by_hand(order, scores, weights, share)) >= 0


def test_scores_of_zero_change_nothing() -> None:
    taints, sizes = [0.0] * 90 + [0.5], [3] * 91
    plain = amount_test(taints, 10_000, 0.05, sizes=sizes, confidence=0.95)
    side = SideInformation([0.0] * 91, 0.0)
    scored = amount_test(taints, 10_000, 0.05, sizes=sizes, confidence=0.95, side=side)
    assert scored.statistics.tolist() == plain.statistics.tolist()
    assert scored.upper_limit == plain.upper_limit
    assert scored.source != plain.source


def test_items_without_a_book_value_can_come_last() -> None:
    """All book value is examined then, so the misstatement is known."""
    side = SideInformation([0.5, 0.0, 0.2], 5.0, [4, 1, 3], 20.0, 10.0)
    right = amount_test([0.1, 0.0, 0.0], 20, 0.1, sizes=[10, 10, 0], confidence=0.95, side=side)
    assert np.isfinite(right.statistics[:2]).all()
    assert right.decision == "accept"
    wrong = amount_test([1.0, 0.5, 0.0], 20, 0.1, sizes=[10, 10, 0], confidence=0.95, side=side)
    assert np.isfinite(wrong.statistics).all()
    assert wrong.decision == "continue"


def test_items_without_a_book_value_do_not_change_the_statistic() -> None:
    """Errors are exactly the tolerable ones: M isn't larger after an item of 0."""
    side = SideInformation([0.5, 0.0, 0.2], 5.0, [4, 1, 3], 20.0, 10.0)
    found = amount_test([0.5, 0.0, 0.0], 20, 0.25, sizes=[10, 10, 0], confidence=0.95, side=side)
    assert found.statistics[2] == pytest.approx(found.statistics[1])


def test_a_mean_below_zero_by_rounding_is_not_impossible() -> None:
    """0.1 + 0.2 of right units are known, and all others are wrong: just as the share says."""
    right, share = np.array([0.1, 0.2, 0.0]), 1.0 - 0.3 / 3
    assert 3 * (1.0 - share) - (0.1 + 0.2) < 0
    assert null_means(right, 3, 1.0 - share)[2] == 0.0
    assert np.isfinite(amount_test(1.0 - right, 3, share, confidence=0.95).statistics).all()


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_scores_out_of_range_are_refused(score: float) -> None:
    with pytest.raises(DomainError, match="Scores"):
        amount_test([0.0], 10, 0.05, confidence=0.95, side=SideInformation([score], 1.0))


def test_the_statistic_rises_with_what_is_tolerable() -> None:
    """The upper limit is the smallest share that is ruled out, and so are all larger ones."""
    rng = np.random.default_rng(4)
    taints = np.where(rng.random(150) < 0.1, rng.random(150), 0.0)
    side = SideInformation(0.8 * taints + 0.05, 700.0)
    items = examined_values(taints, np.full(150, 2.0), 10_000, side)
    bets = bets_on(items.values, 0.85, 0.0, items.spans)
    last = [
        float(
            martingale(
                items.values,
                bets,
                null_means(items.right, 10_000, 1.0 - share, items.sizes),
                items.spans,
            ).max()
        )
        for share in (0.05, 0.1, 0.15, 0.2, 0.4)
    ]
    assert last == sorted(last)


@pytest.mark.parametrize("correlation", simulation.CORRELATIONS)
@pytest.mark.parametrize("kind", simulation.KINDS)
def test_scored_audits_at_the_boundary_are_rarely_accepted(kind: str, correlation: float) -> None:
    """10,000 audits of 150 rows look after every row; the misstatement is what is tolerable."""
    book = simulation.ledger(kind, 0.08, correlation, rows=150)
    assert book.share == pytest.approx(0.08)
    accepted = np.isfinite(simulation.stops(book, 10_000, tolerable=0.08)).mean()
    assert accepted <= 0.05


def test_audits_of_rows_drawn_by_risk_are_rarely_wrong() -> None:
    book = simulation.ledger("whole", 0.08, 0.5, rows=150)
    weights = np.ceil(book.amounts * (0.3 + book.scores))
    stops = simulation.stops(book, 10_000, tolerable=0.08, weights=weights)
    assert 0 < np.isfinite(stops).mean() <= 0.05


def test_misleading_scores_do_not_make_audits_wrong() -> None:
    """Scores of 1 where nothing is wrong, and of 0 where all is."""
    book = simulation.ledger("whole", 0.08, 0.9, rows=150)
    opposite = simulation.Ledger(book.amounts, book.taints, 1.0 - np.ceil(book.taints))
    assert np.isfinite(simulation.stops(opposite, 10_000, tolerable=0.08)).mean() <= 0.05


@pytest.mark.parametrize("truth", [0.03, 0.035])
def test_good_scores_halve_the_median_stop(truth: float) -> None:
    """Of rows wholly in error, with 5 % tolerable and a correlation of 0.9."""
    book = simulation.ledger("whole", truth, 0.9)
    without = np.median(simulation.stops(book, 250, has_scores=False))
    assert np.median(simulation.stops(book, 250)) <= without / 2
