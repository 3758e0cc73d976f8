"""Replicate weights: a jackknife and a rescaling bootstrap, with the design's own variances.

A replicate multiplies the weights by numbers of about 1. The squared differences of a total between
the replicates and the whole sample add up to its variance; the finite-population correction is in
the numbers. Rao and Wu 1988, "Resampling inference with complex survey data"; Wolter 2007, chapter
4; Fay and Train 1995 for successive differences.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from contract.declarations import Help
from contract.requests.estimate import MAX_REPLICATES, MIN_REPLICATES, VarianceRequest
from contract.words import ReplicateKind
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import Uniform, VarianceStage
from estimation_engine.errors import InvalidReplicates
from lazy_dataclasses import dataclass

MAX_CELLS = 10_000_000
"""Rows times replicates."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Factors of the design weights, none below 0, shape (rows, replicates).

    The variance of an estimate is ``scale`` times the sum of the squared differences between the
    replicates' estimates and that of the whole sample.
    """

    factors: Floats
    scale: float


@dataclass(frozen=True)
class ReplicateFacts:
    """What a program needs of replicate weights besides them; ``seed`` is that of a bootstrap."""

    kind: ReplicateKind
    count: int
    scale: Annotated[
        float, Help("The variance by the sum of squared differences of the replicates.")
    ]
    seed: Annotated[int | None, Help("Of a bootstrap.")] = None


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
    count = sum(stage.contrasts for sample in samples for stage in sample.stages)
    _check_cells(design.rows, count)
    factors = np.ones((design.rows, count))
    start = 0
    for sample in samples:
        for stage in sample.stages:
            stage.add_contrasts(factors, start, sample.rows, sample.shares)
            start += stage.contrasts
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
    uniform = Uniform(seed)
    factors = np.zeros((design.rows, count))
    for sample in _samples(design):
        for stage in sample.stages:
            stage.add_draws(factors, sample.rows, sample.shares, uniform)
    shrunk = max(1.0, -float(factors.min(initial=0.0)))
    factors /= shrunk
    factors += 1.0
    # A factor of exactly 0 may be computed as less.
    return Replicates(np.maximum(factors, 0.0, out=factors), shrunk**2 / count)


class _Sample(NamedTuple):
    """The stages of a sample, its rows, and the parts of their weights left to chance in it."""

    stages: list[VarianceStage]
    rows: Ints
    shares: Floats


def _samples(design: Design) -> list[_Sample]:
    """The samples of the design that are left to chance."""
    parts = [part for part in design.parts if part.factors.any()]
    for part in parts:
        part.chance.require_replicates()
    rules = VarianceRequest()
    return [_Sample(part.chance.stages(rules), part.rows, part.factors) for part in parts]


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
