"""Replicate weights: a jackknife and a rescaling bootstrap, with the design's own variances.

A replicate multiplies the weights by numbers of about 1. The squared differences of a total between
the replicates and the whole sample add up to its variance; the finite-population correction is in
the numbers. Rao and Wu 1988, "Resampling inference with complex survey data"; Wolter 2007, chapter
4; Fay and Train 1995 for successive differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np

from estimation_engine.design import Design, Floats, Ints
from estimation_engine.errors import InvalidReplicates
from estimation_engine.variance import (
    Layer,
    difference_scale,
    has_one_unit,
    layers_of,
    refuse_lonely,
)

ReplicateKind = Literal["jackknife", "bootstrap"]
MAX_CELLS = 10_000_000
"""Rows times replicates."""
MIN_REPLICATES, MAX_REPLICATES = 2, 5_000
DRAWN_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Replicates:
    """Factors of the design weights, none below 0, shape (rows, replicates).

    The variance of an estimate is ``scale`` times the sum of the squared differences between the
    replicates' estimates and that of the whole sample.
    """

    factors: Floats
    scale: float


def jackknife(design: Design) -> Replicates:
    """A replicate for each unit of each stage.

    In random and stratified samples these are the replicates of JK1 and JKn, each moved towards the
    whole sample by the root of its multiplier (1 - f)(n - 1)/n, so that ``scale`` is 1. Two-stage
    samples have replicates of both stages, systematic ones of each pair of neighbours. Variances
    of totals equal the linearised ones.

    Raises
    ------
    LonelyStratum, InvalidReplicates
        A variance isn't known, or there would be more than ``MAX_CELLS`` cells.
    """
    samples = _samples(design)
    count = sum(_jackknife_count(sample) for sample, _, _ in samples)
    _check_cells(design.rows, count)
    factors = np.ones((design.rows, count))
    start = 0
    for sample, rows, parts in samples:
        for layer in _layers_left_to_chance(sample):
            start = _add_layer_units(factors, start, layer, rows, parts)
        if sample.method == "systematic":
            moves = sqrt(difference_scale(sample, "sd1")) * parts
            for at in range(sample.rows - 1):
                factors[rows[at + 1], start + at] += moves[at + 1]
                factors[rows[at], start + at] -= moves[at]
            start += max(sample.rows - 1, 0)
    return Replicates(factors, 1.0)


def bootstrap(design: Design, count: int, seed: int) -> Replicates:
    """The rescaling bootstrap of Rao and Wu with n - 1 units, stage by stage.

    Of weighted samples the units are drawn with probabilities in proportion to 1 - π; neighbours of
    systematic ones get random signs. If a factor would be negative, all are moved towards 1, and
    ``scale`` makes up for it. The expected variance of a total is the linearised one.

    Raises
    ------
    LonelyStratum, InvalidReplicates
    """
    if not MIN_REPLICATES <= count <= MAX_REPLICATES:
        raise InvalidReplicates(
            "A bootstrap has {minimum} to {maximum} replicates, not {count}.",
            minimum=MIN_REPLICATES,
            maximum=MAX_REPLICATES,
            count=count,
        )
    _check_cells(design.rows, count)
    uniform = _Uniform(seed)
    factors = np.zeros((design.rows, count))
    for sample, rows, parts in _samples(design):
        for layer in _layers_left_to_chance(sample):
            _add_layer_draws(factors, layer, rows, parts, uniform)
        if sample.method == "systematic":
            moves = sqrt(difference_scale(sample, "sd1")) * parts
            for at in range(sample.rows - 1):
                signs = np.where(uniform.numbers(count) < 0.5, -1.0, 1.0)
                factors[rows[at + 1]] += moves[at + 1] * signs
                factors[rows[at]] -= moves[at] * signs
    shrunk = max(1.0, -float(factors.min(initial=0.0)))
    factors /= shrunk
    factors += 1.0
    # A factor of exactly 0 may be computed as less.
    return Replicates(np.maximum(factors, 0.0, out=factors), shrunk**2 / count)


def _samples(design: Design) -> list[tuple[Design, Ints, Floats]]:
    """Each sample of the design: its rows, and the parts of their weights left to chance in it."""
    found = [(part.chance, part.rows, part.factors) for part in design.parts if part.factors.any()]
    if not design.parts:
        found = [(design, np.arange(design.rows), np.ones(design.rows))]
    for sample, _, _ in found:
        refuse_lonely(sample)
        if sample.hits is not None and (sample.hits > 1).any():
            raise InvalidReplicates(
                "Several monetary units were selected in one row, so there are no replicate "
                "weights."
            )
        if has_one_unit(sample):
            raise InvalidReplicates(
                "One drawn row or cluster alone has no variance, so there are no replicate weights."
            )
    return found


def _check_cells(rows: int, count: int) -> None:
    if rows * count > MAX_CELLS:
        raise InvalidReplicates(
            "{count} replicates of {rows} rows are more than {maximum} numbers: choose a bootstrap "
            "with up to {possible} replicates.",
            count=count,
            rows=rows,
            maximum=MAX_CELLS,
            possible=min(MAX_CELLS // rows, MAX_REPLICATES),
        )


def _layers_left_to_chance(sample: Design) -> Iterator[Layer]:
    if sample.method != "systematic":
        yield from (layer for layer in layers_of(sample) if layer.factors.any())


def _units(layer: Layer) -> Ints:
    """The units of a layer that are left to chance, by group."""
    varies = np.flatnonzero((layer.factors[layer.groups] > 0) & (layer.c_of_units > 0))
    ordered: Ints = varies[np.argsort(layer.groups[varies], kind="stable")]
    return ordered


def _jackknife_count(sample: Design) -> int:
    if sample.method == "systematic":
        return max(sample.rows - 1, 0)
    return sum(len(_units(layer)) for layer in _layers_left_to_chance(sample))


def _groups_of_units(layer: Layer) -> Iterator[tuple[int, Ints]]:
    """The groups that are left to chance, each with its units."""
    units = _units(layer)
    groups = layer.groups[units]
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    for first, own in zip(starts, np.split(units, starts[1:]), strict=True):
        yield int(groups[first]), own


def _rows_of_units(layer: Layer, units: Ints) -> tuple[Ints, Ints]:
    """The rows of some units, and the place in ``units`` of each one's."""
    if layer.of_rows is None:
        return units, np.arange(len(units))
    places = np.full(len(layer.groups), -1)
    places[units] = np.arange(len(units))
    rows = np.flatnonzero(places[layer.of_rows] >= 0)
    return rows, places[layer.of_rows[rows]]


def _add_layer_units(factors: Floats, start: int, layer: Layer, rows: Ints, parts: Floats) -> int:
    """Add the replicates of one stage; returns the place of the next."""
    for group, units in _groups_of_units(layer):
        c = layer.c_of_units[units]
        roots = np.sqrt(layer.factors[group] * c)
        moves = roots * (c / layer.whole[group])[:, np.newaxis]
        moves[np.arange(len(units)), np.arange(len(units))] -= roots
        own, places = _rows_of_units(layer, units)
        stop = start + len(units)
        factors[rows[own], start:stop] += parts[own, np.newaxis] * moves[places]
        start = stop
    return start


def _add_layer_draws(
    factors: Floats, layer: Layer, rows: Ints, parts: Floats, uniform: _Uniform
) -> None:
    """Draw each group's units anew, for all replicates."""
    count = factors.shape[1]
    for group, units in _groups_of_units(layer):
        shares = layer.c_of_units[units] / layer.whole[group]
        of_all = layer.whole[group] / layer.factors[group]
        draws = max(min(len(units) - 1, int(of_all)), 1)
        times = _times_drawn(np.cumsum(shares), draws, count, uniform)
        own, places = _rows_of_units(layer, units)
        moves = sqrt(layer.factors[group] * layer.whole[group] / draws) * (
            times - draws * shares[:, np.newaxis]
        )
        factors[rows[own]] += parts[own, np.newaxis] * moves[places]


def _times_drawn(cumulated: Floats, draws: int, count: int, uniform: _Uniform) -> Floats:
    """How often each unit is drawn in each replicate, shape (units, replicates)."""
    units = len(cumulated)
    found = np.empty((units, count))
    step = max(DRAWN_AT_ONCE // draws, 1)
    for first in range(0, count, step):
        here = min(step, count - first)
        drawn = np.searchsorted(cumulated, uniform.numbers(here * draws), side="right")
        replicate = np.repeat(np.arange(here), draws)
        cells = np.minimum(drawn, units - 1) * here + replicate
        found[:, first : first + here] = np.bincount(cells, minlength=units * here).reshape(
            units, here
        )
    return found


class _Uniform:
    """Numbers in [0, 1) by a seed, the same in every version of numpy."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def numbers(self, count: int) -> Floats:
        raw = self._bits.random_raw(count)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
