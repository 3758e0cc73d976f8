"""Rounds that aren't one sample, combined to one weight for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar, NoReturn

import numpy as np

from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import (
    Design,
    DrawnRows,
    RowsOfPairs,
    RowsOfSample,
    SamplePart,
    whole_table,
)
from estimation_engine.designs.stages import Layer
from estimation_engine.errors import UnsupportedDesign
from lazy_dataclasses import dataclass

ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class RoundsDesign(Design):
    """The designs of rounds that aren't one sample.

    Parameters
    ----------
    rounds : tuple of SamplePart
        Their designs, rows, and what is left to chance in them.
    left_uncovered : int, optional
        The rows of strata that no round drew from, if known.
    """

    rounds: tuple[SamplePart, ...]
    left_uncovered: int | None = None

    method: ClassVar = "rounds"
    is_one_sample: ClassVar = False
    has_unequal_weights: ClassVar = True

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> NoReturn:
        raise UnsupportedDesign("Several rounds aren't one sample.")

    @property
    def parts(self) -> tuple[SamplePart, ...]:
        return self.rounds

    @property
    def lonely(self) -> Booleans:
        return np.concatenate([part.chance.lonely for part in self.rounds])

    @property
    def units(self) -> int:
        return sum(part.design.units for part in self.rounds)

    @cached_property
    def unit_numbers(self) -> Ints:
        numbers = np.arange(self.rows)
        start = self.rows
        for part in self.rounds:
            if part.design.clusters is not None:
                own = part.design.unit_numbers
                numbers[part.rows] = start + own
                start += int(own.max(initial=-1)) + 1
        return numbers

    @property
    def uncovered_rows(self) -> int:
        if self.left_uncovered is not None:
            return self.left_uncovered
        return sum(part.design.uncovered_rows for part in self.rounds)

    @property
    def covered_rows(self) -> int:
        return self.population

    @cached_property
    def degrees(self) -> int:
        return sum(part.chance.degrees for part in self.rounds)

    @property
    def layers(self) -> list[Layer]:
        raise UnsupportedDesign("Each of several rounds has stages of its own.")

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        """The sum over rounds."""
        degrees: Ints = self._degrees_of_rounds(rows, domains, count).sum(axis=0)
        return degrees

    def whole_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        """The sum over rounds."""
        degrees = np.zeros(count, dtype=np.int64)
        for sample, at, own, _ in self.samples_of(rows):
            degrees += sample.whole_degrees(at, domains[own], count)
        return degrees

    def _degrees_of_rounds(self, rows: Ints, domains: Ints, count: int) -> Ints:
        degrees = [
            sample.domain_degrees(at, domains[own], count)
            for sample, at, own, _ in self.samples_of(rows)
        ]
        return np.array(degrees, dtype=np.int64).reshape(len(degrees), count)

    def degrees_of_freedom(self, rows: Ints, domains: Ints, count: int, of_rounds: Floats) -> Ints:
        """Satterthwaite's (1946), V²/Σ(V_r²/df_r), at most the sum of the rounds'."""
        most = self._degrees_of_rounds(rows, domains, count)
        below = (of_rounds**2 / np.maximum(most, 1)).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = np.where(below > 0, of_rounds.sum(axis=0) ** 2 / below, np.inf)
        satterthwaite: Ints = np.minimum(
            np.nan_to_num(degrees) + ROUNDING, most.sum(axis=0)
        ).astype(np.int64)
        return satterthwaite

    def samples_of(self, rows: Ints) -> Iterator[RowsOfSample]:
        places = np.full(self.rows, -1)
        for part in self.rounds:
            if not part.factors.any():
                continue
            places[part.rows] = np.arange(len(part.rows))
            own = np.flatnonzero(places[rows] >= 0)
            at = places[rows[own]]
            yield RowsOfSample(part.chance, at, own, part.factors[at])
            places[part.rows] = -1

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> NoReturn:
        raise UnsupportedDesign(
            "The steps of this sample aren't one sample, so its joint probabilities aren't known."
        )

    def code(self, sizes: Sizes) -> DesignCode:
        raise UnsupportedDesign(
            "No program declares steps that aren't one sample: choose `replicates` jackknife or "
            "bootstrap, which give the code combined weights."
        )


@dataclass(frozen=True)
class Frame:
    """The size of a round that draws before all others, in expectation.

    Parameters
    ----------
    population, drawn : int, float
        N, the rows of the strata that it draws from, and n.
    effective_units : float
        m, the rows of a simple random sample that is as good, N²/Σ(1/π) over the population, or the
        drawn clusters.
    degrees : int
        Degrees of freedom.
    takes_all : bool
        Whether it takes all that it can draw, whatever earlier rounds drew.
    """

    population: int
    drawn: float
    effective_units: float
    degrees: int
    takes_all: bool = False

    @property
    def share(self) -> float:
        """m/(N(N - n)): the inverse variance of the simple random sample that is as good."""
        return self.effective_units / (self.population * max(self.population - self.drawn, 1.0))


@dataclass(frozen=True, eq=False)
class CombinedRound:
    """A round as :func:`combined_design` takes it.

    Parameters
    ----------
    rows : array of int, shape (rows of the round,)
        The sorted places of its rows in the whole sample.
    frame : Frame
        Its size if it drew before all others, which doesn't depend on the rows that they drew.
    covers : array of bool, shape (rows,)
        The rows of the whole sample that the round could draw, or that an earlier round drew and
        that it could have drawn otherwise.
    always : array of bool, shape (rows,), optional
        The rows that it covers whatever rows earlier rounds drew; by default all of ``covers``.
    """

    design: Design
    rows: Ints
    frame: Frame
    covers: Booleans
    always: Booleans | None = None


def combined_design(rounds: Sequence[CombinedRound], rows: int, population: int) -> RoundsDesign:
    """Rounds that aren't one sample, in their order; each drew from what earlier ones left.

    What earlier rounds drew and round r's weighted rows together give an unbiased total of the rows
    that round r covers (Des Raj 1956, "Some estimators in sampling with varying probabilities
    without replacement"). These totals are uncorrelated. A row's total is averaged over the rounds
    that cover it by fixed shares, in proportion to :attr:`Frame.share`. So each row has one
    combined weight.

    Parameters
    ----------
    rounds : sequence of CombinedRound
        Together they have each row once, and every row is covered by its own round. A round may
        have no row: earlier rounds drew all that it covers.
    rows, population : int
        n and N of all rounds together.
    """
    combined = _Combined(rounds, rows)
    weights, earlier = np.zeros(rows), np.zeros(rows, dtype=np.bool_)
    varying: list[Floats] = []
    for at, each in enumerate(rounds):
        shares = combined.shares(at)
        weights[earlier] += shares[earlier]
        varying.append(shares[each.rows] * each.design.weights)
        weights[each.rows] += varying[-1]
        earlier[each.rows] = True
    parts = []
    for own, each in zip(varying, rounds, strict=True):
        whole = weights[each.rows]
        factors = np.divide(own, whole, out=np.zeros(len(own)), where=whole > 0)
        parts.append(SamplePart(each.design, each.rows, factors))
    return RoundsDesign(*whole_table(weights, population), tuple(parts))


CENSUS, MEASURED, UNMEASURED, BY_CHANCE = range(4)


class _Combined:
    """The shares of the rounds in each row's total.

    None may depend on which rows were drawn by chance, or the combined estimate is biased. Of a row
    only the rounds of the best level count. A census knows all that it covers, so it needs no other
    round. A round without a degree of freedom has no variance, so it counts only where no other
    round does. Where earlier rounds decide whether a round draws from a stratum at all, it counts
    last, and then the first such round alone: the later ones may depend on its rows.
    """

    def __init__(self, rounds: Sequence[CombinedRound], rows: int) -> None:
        self._rounds = rounds
        totals = np.zeros((4, rows))
        self._levels: list[Ints] = []
        for each in rounds:
            levels = _levels(each)
            is_later = (levels == BY_CHANCE) & (totals[BY_CHANCE] > 0)
            counts = np.flatnonzero(each.covers & ~is_later)
            totals[levels[counts], counts] += _share(each)
            self._levels.append(np.where(is_later, -1, levels))
        self._best = np.argmax(totals > 0, axis=0)
        self._totals = totals[self._best, np.arange(rows)]

    def shares(self, at: int) -> Floats:
        """The values of one round, shape (rows,)."""
        counts = self._rounds[at].covers & (self._best == self._levels[at])
        return np.where(counts, _share(self._rounds[at]) / self._totals, 0.0)


def _levels(each: CombinedRound) -> Ints:
    """The level of a round for each row, shape (rows,)."""
    level = MEASURED if each.frame.degrees > 0 else UNMEASURED
    if each.frame.takes_all:
        level = CENSUS
    always = each.covers if each.always is None else each.always
    return np.where(always, level, BY_CHANCE)


def _share(each: CombinedRound) -> float:
    return 1.0 if each.frame.takes_all else each.frame.share
