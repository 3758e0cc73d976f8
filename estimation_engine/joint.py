"""Joint inclusion probabilities of pairs of rows: exact, but for Pareto sampling.

Hájek 1964, "Asymptotic theory of rejective sampling with varying probabilities from a finite
population"; Särndal, Swensson and Wretman 1992, chapters 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimation_engine.design import Design, Floats, Ints
from estimation_engine.errors import UnsupportedDesign


@dataclass(frozen=True, eq=False)
class RowsOfPairs:
    """Rows, drawn or not, in a design of one sample; arrays have shape (rows,).

    Parameters
    ----------
    groups : array of int
        Their strata or clusters; -1 for rows that couldn't be drawn.
    probabilities : array of float
        Inclusion probabilities in the first round.
    places, circle : array of int and (int, int), optional
        Of a systematic sample: the row at place p is drawn by the starts p·a, p·a + 1 … p·a + a - 1
        modulo b, of b possible ones.
    """

    groups: Ints
    probabilities: Floats
    places: Ints | None = None
    circle: tuple[int, int] | None = None


def inclusion_probabilities(design: Design, rows: RowsOfPairs) -> Floats:
    """First-order probabilities over all rounds of the design, shape (rows,)."""
    if design.method not in ("random", "stratified"):
        return rows.probabilities
    shares = design.group_drawn / np.maximum(design.group_rows, 1)
    return np.where(rows.groups >= 0, shares[rows.groups], 0.0)


def joint_probabilities(design: Design, rows: RowsOfPairs, first: Ints, second: Ints) -> Floats:
    """The probability that both rows of a pair are drawn, shape (pairs,).

    Parameters
    ----------
    first, second : arrays of int, shape (pairs,)
        The places of the pairs' rows in ``rows``. A pair of a row with itself has its inclusion
        probability.

    Raises
    ------
    UnsupportedDesign
        The rounds aren't one sample.
    """
    if design.parts:
        raise UnsupportedDesign(
            "The steps of this sample aren't one sample, so its joint probabilities aren't known."
        )
    p = inclusion_probabilities(design, rows)
    product = p[first] * p[second]
    same_group = rows.groups[first] == rows.groups[second]
    groups = rows.groups[first]
    match design.method:
        case "random" | "stratified":
            inside = _both_of(design.group_drawn, design.group_rows)[groups]
            found = np.where(same_group, inside, product)
        case "cluster":
            found = _of_clusters(design, p, groups, same_group, first, second)
        case "systematic":
            found = _of_places(rows, first, second)
        case _:
            found = _hajek(design, p[first], p[second])
    possible = (p[first] > 0) & (p[second] > 0)
    return np.where(first == second, p[first], np.where(possible, found, 0.0))


def _both_of(drawn: Ints, rows: Ints) -> Floats:
    """n(n - 1)/(N(N - 1)), the probability that two certain rows of N are among n."""
    pairs = np.maximum(rows * (rows - 1.0), 1.0)
    found: Floats = np.where(rows > 1, drawn * (drawn - 1.0) / pairs, 0.0)
    return found


def _of_clusters(
    design: Design, p: Floats, groups: Ints, same_group: np.ndarray, first: Ints, second: Ints
) -> Floats:
    drawn, clusters = design.clusters or (1, 1)
    of_first = drawn / clusters
    rows = design.group_rows[groups]
    given = np.rint(p[first] / of_first * rows).astype(np.int64)
    inside = of_first * _both_of(given, rows)
    between = 0.0 if clusters < 2 else drawn * (drawn - 1) / (clusters * (clusters - 1))
    apart = between * (p[first] / of_first) * (p[second] / of_first)
    found: Floats = np.where(same_group, inside, apart)
    return found


def _of_places(rows: RowsOfPairs, first: Ints, second: Ints) -> Floats:
    """The starts that draw both rows, of all: the overlap of two arcs on a circle."""
    assert rows.places is not None  # noqa: S101 - a systematic round has places
    assert rows.circle is not None  # noqa: S101
    length, around = rows.circle
    found = np.empty(len(first))
    for at, (one, other) in enumerate(zip(rows.places[first], rows.places[second], strict=True)):
        apart = (int(other) - int(one)) * length % around
        overlap = max(length - apart, 0) + max(length - (around - apart), 0)
        found[at] = min(overlap, length) / around
    return found


def _hajek(design: Design, first: Floats, second: Floats) -> Floats:
    """π π'(1 - (1 - π)(1 - π')/D), D the sum of 1 - π over the sample."""
    d = float((1.0 - 1.0 / design.weights).sum())
    both = first * second
    if d <= 0:
        return both
    return np.maximum(both * (1.0 - (1.0 - first) * (1.0 - second) / d), 0.0)
