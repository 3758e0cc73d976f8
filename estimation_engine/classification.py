"""A flag against the truth, from one sample of flagged and unflagged rows: precision, recall, F1 …

Two shares carry everything: that of bad rows among the flagged ones, and among the others. Each has
the interval of a share; what follows from both has the interval of Zou and Donner's MOVER, which
combines the distances of both ends. So a figure for which no missed row was found isn't certain.
Formulas, sources and simulated coverage: docs/CLASSIFICATION.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import hypot, isnan, nan

import numpy as np

from contract.words import ClassificationFigure
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs import Design
from estimation_engine.designs.stages import groups_in, sums_by
from estimation_engine.estimates import (
    ROUNDING,
    DomainEstimate,
    Domains,
    EstimateSettings,
    Linearised,
    Values,
    estimate,
    linearise,
    measure_linearised,
)
from estimation_engine.hypergeometric import risk_of
from estimation_engine.intervals import hypergeometric_interval
from lazy_dataclasses import dataclass

AVERAGED: tuple[ClassificationFigure, ...] = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Truth and flag of the sampled rows; arrays of shape (rows,).

    ``bad`` and ``flagged`` are False where ``answered`` or ``has_flag`` is. ``amounts`` are the
    values of which the missed total is estimated, where a row without one adds 0; None without such
    a column.
    """

    bad: Booleans
    answered: Booleans
    flagged: Booleans
    has_flag: Booleans
    amounts: Values | None = None

    @property
    def missed(self) -> Booleans:
        """The bad rows without a flag."""
        return self.bad & ~self.flagged & self.answered & self.has_flag


@dataclass(frozen=True, eq=False)
class KnownFlags:
    """The rows of each domain in the table that are flagged, and that aren't; shape (domains,)."""

    flagged: Floats
    unflagged: Floats


@dataclass(frozen=True)
class LimitedFigure:
    """A figure with its interval; None where it isn't known. ``interval`` names the formula."""

    value: float | None
    error: float | None
    low: float | None
    high: float | None
    interval: str


@dataclass(frozen=True)
class CountedCell:
    """A cell of the table of truth and flag: its sampled rows, and those of the population."""

    rows: int
    count: LimitedFigure


@dataclass(frozen=True, eq=False)
class Classification:
    """Figures of one domain, and the cells (is bad, is flagged).

    ``rows`` have truth and flag, ``unanswered`` a flag alone, ``without_flag`` none.
    """

    figures: Mapping[ClassificationFigure, LimitedFigure]
    cells: Mapping[tuple[bool, bool], CountedCell]
    missed_amount: DomainEstimate | None
    rows: int
    unanswered: int
    without_flag: int


@dataclass(frozen=True, eq=False)
class ClassesOfDomain:
    """Several classes in one domain: each against the others, their averages and all counts.

    ``counts`` are by true class and class of the flag.
    """

    accuracy: LimitedFigure
    averages: Mapping[ClassificationFigure, LimitedFigure]
    classes: Sequence[Classification]
    counts: Sequence[Sequence[CountedCell]]


@dataclass(frozen=True, eq=False)
class _Shares:
    """Figures by domain as arrays of shape (domains,); NaN where one isn't known."""

    value: Floats
    error: Floats
    low: Floats
    high: Floats
    names: Sequence[str]

    @classmethod
    def of(cls, found: Sequence[DomainEstimate]) -> _Shares:
        value, error, low, high = (
            np.array([_number(getattr(each, name)) for each in found])
            for name in ("value", "error", "low", "high")
        )
        return cls(value, error, low, high, [each.interval for each in found])

    @property
    def opposite(self) -> _Shares:
        """The shares of the other rows."""
        return _Shares(1.0 - self.value, self.error, 1.0 - self.high, 1.0 - self.low, self.names)

    def times(self, factor: Floats) -> _Shares:
        """As counts of so many rows."""
        value, error, low, high = (
            each * factor for each in (self.value, self.error, self.low, self.high)
        )
        return _Shares(value, error, low, high, self.names)

    def at(self, place: int) -> LimitedFigure:
        """The figure of one domain."""
        value, error, low, high = (
            None if isnan(each) else float(each)
            for each in (self.value[place], self.error[place], self.low[place], self.high[place])
        )
        return LimitedFigure(value, error, low, high, self.names[place])


def _number(value: float | None) -> float:
    return nan if value is None else value


Coefficients = tuple[Floats | float, Floats | float, Floats | float]
"""Of a linear function c0 + c1·x + c2·y."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two shares by domain with their covariance, and z of each row of the sample for both."""

    x: _Shares
    y: _Shares
    covariance: Floats
    z: tuple[Floats, Floats]

    def figure(self, top: Coefficients, below: Coefficients) -> _Shares:
        """(n0 + n1·x + n2·y) / (d0 + d1·x + d2·y), which is between 0 and 1, with its interval.

        Its limits are the R at which MOVER's limit of top - R·below is 0: Zou and Donner 2008,
        with the covariance; Donner and Zou 2012 for ratios.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            divisor = below[0] + below[1] * self.x.value + below[2] * self.y.value
            divisor = np.where(divisor == 0.0, nan, divisor)
            value = (top[0] + top[1] * self.x.value + top[2] * self.y.value) / divisor
            first, second = self._slopes(top, below, value, divisor)
            variance = (first * self.x.error) ** 2 + (second * self.y.error) ** 2
            variance += 2.0 * first * second * self.covariance
            error = np.sqrt(np.maximum(variance, 0.0))
            error = np.where(error <= ROUNDING * np.abs(value), 0.0, error)
            low, high = self._limits(top, below)
        return _Shares(value, error, low, high, ["mover"] * len(value))

    def z_of(self, top: Coefficients, below: Coefficients, value: Floats, groups: Ints) -> Floats:
        """The linearised values of such a figure, of shape (rows of the sample,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            divisor = below[0] + below[1] * self.x.value + below[2] * self.y.value
            first, second = self._slopes(top, below, value, divisor)
        first, second = (np.where(np.isfinite(each), each, 0.0) for each in (first, second))
        return np.asarray(first[groups] * self.z[0] + second[groups] * self.z[1])

    @staticmethod
    def _slopes(
        top: Coefficients, below: Coefficients, value: Floats, divisor: Floats
    ) -> tuple[Floats, Floats]:
        """The derivatives of the figure by both shares."""
        return (top[1] - value * below[1]) / divisor, (top[2] - value * below[2]) / divisor

    def _limits(self, top: Coefficients, below: Coefficients) -> tuple[Floats, Floats]:
        """Both limits; the upper one is that of the rest, below less top."""
        rest = below[0] - top[0], below[1] - top[1], below[2] - top[2]
        return self._lower(top, below), 1.0 - self._lower(rest, below)

    def _lower(self, top: Coefficients, below: Coefficients) -> Floats:
        """The R at which the lower limit of top - R·below is 0: the root of a·R² - 2·b·R + c."""
        scale = self.x.error * self.y.error
        correlation = np.where(scale > 0, self.covariance / np.where(scale > 0, scale, 1.0), 0.0)
        correlation = np.clip(correlation, -1.0, 1.0)
        shares = self.x, self.y
        middle = [
            each[0] + each[1] * self.x.value + each[2] * self.y.value for each in (top, below)
        ]
        distances = []
        for n, d, share in zip(top[1:], below[1:], shares, strict=True):
            # The sign of n - R·d is the same for each R between 0 and 1.
            is_rising = np.asarray(n) - np.asarray(d) / 2.0 > 0
            own = np.where(is_rising, share.value - share.low, share.high - share.value)
            distances.append((n * own, d * own))
        (n1, d1), (n2, d2) = distances
        a = middle[1] ** 2 - d1**2 - d2**2 - 2.0 * correlation * d1 * d2
        b = middle[0] * middle[1] - n1 * d1 - n2 * d2 - correlation * (n1 * d2 + n2 * d1)
        c = middle[0] ** 2 - n1**2 - n2**2 - 2.0 * correlation * n1 * n2
        root = c / (b + np.sqrt(np.maximum(b * b - a * c, 0.0)))
        known = self.x.low + self.x.high + self.y.low + self.y.high
        return np.where(np.isnan(known), nan, np.where(c > 0.0, root, 0.0))


Figures = dict[ClassificationFigure, _Shares]
ONE: Coefficients = (1.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class _Classified:
    """Figures by domain, the counts of cells, and z of those that classes average."""

    figures: Figures
    counts: Mapping[tuple[bool, bool], _Shares]
    z: Mapping[ClassificationFigure, Floats]


class _Sides:
    """A sample's rows with truth and flag in domains, and what is estimated of them."""

    def __init__(
        self, design: Design, rows: JudgedRows, domains: Domains, settings: EstimateSettings
    ) -> None:
        self.design, self.rows, self.domains, self.settings = design, rows, domains, settings
        self.both = rows.answered & rows.has_flag
        sides = domains.groups * 2 + np.where(rows.flagged, 0, 1)
        included = domains.included & rows.has_flag
        self.sides = Domains(included, np.where(included, sides, 0), 2 * domains.count)
        self.groups = Domains(included, domains.groups, domains.count)

    def shares(self, is_in: Booleans, present: Booleans, domains: Domains) -> list[DomainEstimate]:
        """The share of rows ``is_in`` among those ``present``, by domain.

        Rows that stand for more others than any row ``is_in`` does widen the interval upwards, as
        they would if each of them stood alone, and correspondingly downwards: the standard error
        doesn't know of what none of them has.
        """
        values = Values("proportion", is_in.astype(np.float64), present)
        found = estimate(self.design, values, domains, self.settings)
        rows = np.flatnonzero(domains.included & present)
        groups, hits = domains.groups[rows], is_in[rows]
        above = self._unseen(rows, groups, hits, domains.count)
        below = self._unseen(rows, groups, ~hits, domains.count)
        return [_widened(each, float(below[at]), float(above[at])) for at, each in enumerate(found)]

    def _unseen(self, rows: Ints, groups: Ints, hits: Booleans, count: int) -> Floats:
        """The largest share of a domain that its rows heavier than any hit may hide.

        Clopper and Pearson's limit of none among as many independent rows, by Kish's effective
        size, or among as many clusters; times their part of the domain. 0 without a hit, where
        the share's own interval is that limit.
        """
        w = self.design.weights[rows]
        heaviest = np.zeros(count)
        np.maximum.at(heaviest, groups[hits], w[hits])
        is_heavy = (heaviest[groups] > 0) & (w > heaviest[groups] * (1.0 + ROUNDING))
        rows, heavy, of = rows[is_heavy], groups[is_heavy], w[is_heavy]
        total, part = sums_by(groups, w, count), sums_by(heavy, of, count)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.design.units == self.design.rows:
                trials = part**2 / sums_by(heavy, of * of, count)
            else:
                trials = groups_in(self.design.unit_numbers[rows], heavy, count).astype(np.float64)
            tail = (1.0 - self.settings.confidence) / 2.0
            return np.where(part > 0, part / total * (1.0 - tail ** (1.0 / trials)), 0.0)

    def share(self, is_in: Booleans, present: Booleans, domains: Domains) -> _Shares:
        """The share of rows as arrays."""
        return _Shares.of(self.shares(is_in, present, domains))

    def shares_by_flag(self, known: KnownFlags | None) -> tuple[_Shares, _Shares]:
        """The shares of bad rows among flagged ones, and among the others."""
        found = self.shares(self.rows.bad, self.both, self.sides)
        if known is not None:
            sizes = np.column_stack((known.flagged, known.unflagged)).ravel()
            found = [
                _with_known_size(each, int(size), self.design, self.settings)
                for each, size in zip(found, sizes, strict=True)
            ]
        return _Shares.of(found[::2]), _Shares.of(found[1::2])

    def pair_by_flag(self, x: _Shares, y: _Shares) -> _Pair:
        """Both shares with their covariance, which clusters and sizes bring about."""
        values = Values("proportion", self.rows.bad.astype(np.float64), self.both)
        linear = linearise(self.design, values, self.sides)
        groups, is_second = linear.domains // 2, linear.domains % 2 == 1
        z = [np.zeros(self.design.rows), np.zeros(self.design.rows)]
        z[0][linear.rows[~is_second]] = linear.z[~is_second]
        z[1][linear.rows[is_second]] = linear.z[is_second]
        return self._with_covariance(x, y, (z[0], z[1]), linear.rows, groups)

    def pair_of_cells(self, first: Booleans, second: Booleans) -> _Pair:
        """The shares of two disjoint kinds of rows, with their covariance."""
        found, z = [], []
        for is_in in (first, second):
            found.append(self.share(is_in, self.both, self.groups))
            values = Values("proportion", is_in.astype(np.float64), self.both)
            linear = linearise(self.design, values, self.groups)
            z.append(np.zeros(self.design.rows))
            z[-1][linear.rows] = linear.z
        rows = np.flatnonzero(self.groups.included & self.both)
        return self._with_covariance(
            found[0], found[1], (z[0], z[1]), rows, self.groups.groups[rows]
        )

    def _with_covariance(
        self, x: _Shares, y: _Shares, z: tuple[Floats, Floats], rows: Ints, groups: Ints
    ) -> _Pair:
        total = self.variances(z[0] + z[1], rows, groups)
        return _Pair(x, y, (total - x.error**2 - y.error**2) / 2.0, z)

    def variances(self, z: Floats, rows: Ints, groups: Ints) -> Floats:
        """The variance of the sum of w·z, by domain."""
        count = self.domains.count
        linear = Linearised(np.zeros(count), rows, groups, z[rows])
        return measure_linearised(self.design, linear, count, self.settings).variances

    def classified(self, known: KnownFlags | None) -> _Classified:
        """All figures, by the rows of the table that are flagged, or by those of the sample."""
        x, y = self.shares_by_flag(known)
        return self._by_sample(x, y) if known is None else self._by_table(x, y, known)

    def _by_table(self, x: _Shares, y: _Shares, known: KnownFlags) -> _Classified:
        """By the known rows: the sample is post-stratified by the flag."""
        rows = known.flagged + known.unflagged
        share = known.flagged / np.where(rows == 0, nan, rows)
        rest = 1.0 - share
        pair = self.pair_by_flag(_filled(x, known.flagged), _filled(y, known.unflagged))
        of: dict[ClassificationFigure, tuple[Coefficients, Coefficients]] = {
            "prevalence": ((0.0, share, rest), ONE),
            "accuracy": ((rest, share, -rest), ONE),
            "recall": ((0.0, share, 0.0), (0.0, share, rest)),
            "specificity": ((rest, 0.0, -rest), (1.0, -share, -rest)),
            "f1": ((0.0, 2.0 * share, 0.0), (share, share, rest)),
        }
        figures: Figures = {
            "flagged_share": _exact(share),
            "precision": x,
            "elusion": y,
            "missed_rows": pair.y.times(known.unflagged),
        }
        figures |= {name: pair.figure(*each) for name, each in of.items()}
        z: dict[ClassificationFigure, Floats] = {
            name: pair.z_of(*of[name], figures[name].value, self.groups.groups)
            for name in ("recall", "f1")
        }
        counts = {
            (True, True): pair.x.times(known.flagged),
            (False, True): pair.x.opposite.times(known.flagged),
            (True, False): figures["missed_rows"],
            (False, False): pair.y.opposite.times(known.unflagged),
        }
        return _Classified(figures, counts, {**z, "precision": pair.z[0]})

    def _by_sample(self, x: _Shares, y: _Shares) -> _Classified:
        """By the sample alone, where the table doesn't have the flag."""
        bad, flagged = self.rows.bad, self.rows.flagged
        hit, missed = self.both & bad & flagged, self.both & bad & ~flagged
        false, right = self.both & ~bad & flagged, self.both & ~bad & ~flagged
        pairs: dict[ClassificationFigure, _Pair] = {
            "recall": self.pair_of_cells(hit, missed),
            "specificity": self.pair_of_cells(right, false),
            "f1": self.pair_of_cells(hit, missed | false),
        }
        of_part = ((0.0, 1.0, 0.0), (0.0, 1.0, 1.0))
        of = {"recall": of_part, "specificity": of_part, "f1": ((0.0, 2.0, 0.0), (0.0, 2.0, 1.0))}
        figures: Figures = {
            "flagged_share": self.share(flagged, self.both, self.groups),
            "prevalence": self.share(bad, self.both, self.groups),
            "precision": x,
            "elusion": y,
            "accuracy": self.share(bad == flagged, self.both, self.groups),
        }
        figures |= {name: pair.figure(*of[name]) for name, pair in pairs.items()}
        z: dict[ClassificationFigure, Floats] = {
            name: pairs[name].z_of(*of[name], figures[name].value, self.groups.groups)
            for name in ("recall", "f1")
        }
        size = self.size()
        recall, specificity = pairs["recall"], pairs["specificity"]
        counts = {
            (True, True): self.count(recall.x, recall.z[0], size),
            (True, False): self.count(recall.y, recall.z[1], size),
            (False, True): self.count(specificity.y, specificity.z[1], size),
            (False, False): self.count(specificity.x, specificity.z[0], size),
        }
        figures["missed_rows"] = counts[True, False]
        return _Classified(figures, counts, {**z, "precision": self.pair_by_flag(x, y).z[0]})

    def size(self) -> _Shares:
        """The rows of each domain that have a flag: by the design, or as estimated."""
        if self.groups.is_all:
            return _exact(np.array([float(self.design.covered_rows)]))
        ones = Values("count", np.ones(self.design.rows), self.rows.has_flag)
        return _Shares.of(estimate(self.design, ones, self.groups, self.settings))

    def count(self, share: _Shares, z: Floats, size: _Shares) -> _Shares:
        """A share as a count of rows; the interval contains the error of an estimated size."""
        value = share.value * size.value
        rows = np.flatnonzero(self.groups.included)
        groups = self.groups.groups
        is_known = size.error == 0.0
        of_size = np.where(is_known, 0.0, share.value)[groups]
        variance = self.variances(size.value[groups] * z + of_size, rows, groups[rows])
        below, above = (
            np.hypot((share.value - share.low) * size.value, share.value * (size.value - size.low)),
            np.hypot(
                (share.high - share.value) * size.value, share.value * (size.high - size.value)
            ),
        )
        error = np.sqrt(np.maximum(variance, 0.0))
        names = ["mover"] * len(value)
        return _Shares(value, error, np.maximum(value - below, 0.0), value + above, names)

    def missed_amounts(self, known: KnownFlags | None) -> list[DomainEstimate | None]:
        """The total of the amounts of bad rows without a flag; None without a column of them."""
        amounts = self.rows.amounts
        if amounts is None:
            return [None] * self.domains.count
        missed = np.where(self.rows.missed & amounts.present, amounts.y, 0.0)
        if known is None:
            values = Values("total", missed, self.both)
            found = estimate(self.design, values, self.groups, self.settings)
        else:
            values = Values("mean", missed, self.both)
            means = estimate(self.design, values, self.sides, self.settings)[1::2]
            found = [_scaled(*each) for each in zip(means, known.unflagged.tolist(), strict=True)]
        # Where no sampled amount was missed, the standard error doesn't know of those of others.
        found = [replace(each, low=None, high=None) if each.is_constant else each for each in found]
        if (amounts.y[amounts.present] < 0).any():
            return [*found]
        return [replace(each, low=each.low and max(each.low, 0.0)) for each in found]

    def rows_in(self, is_in: Booleans, domains: Domains) -> Ints:
        """The sampled rows of this kind, by domain."""
        return np.bincount(domains.groups[domains.included & is_in], minlength=domains.count)


def classify(
    design: Design,
    rows: JudgedRows,
    domains: Domains,
    settings: EstimateSettings,
    known: KnownFlags | None = None,
) -> list[Classification]:
    """Estimate the figures of a flag against the truth, for each domain.

    Parameters
    ----------
    known : KnownFlags, optional
        The rows of the table by the flag: the sample is then post-stratified by it, and the share
        of flagged rows is exact. Without them all is estimated from the sample.

    Returns
    -------
    list of Classification
        A figure is None where its divisor has no sampled row; its interval may be known.

    Raises
    ------
    LonelyStratum
        A stratum with several rows has one drawn row, and the rules refuse that.

    References
    ----------
    Zou and Donner 2008, *Construction of confidence limits about effect measures: A general
    approach*, Statistics in Medicine 27. Donner and Zou 2012, *Closed-form confidence
    intervals for functions of the normal mean and standard deviation*, Statistical Methods in
    Medical Research 21. Korn and Graubard 1998, *Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data*, Survey Methodology 24.
    """
    sides = _Sides(design, rows, domains, settings)
    return _of_domains(sides, sides.classified(known), known)


def _of_domains(
    sides: _Sides, found: _Classified, known: KnownFlags | None
) -> list[Classification]:
    rows, groups = sides.rows, sides.groups
    cells = {
        (bad, flagged): sides.rows_in(
            sides.both & (rows.bad == bad) & (rows.flagged == flagged), groups
        )
        for bad, flagged in found.counts
    }
    with_both = sides.rows_in(sides.both, groups)
    unanswered = sides.rows_in(~rows.answered, groups)
    without = sides.rows_in(~rows.has_flag, sides.domains)
    amounts = sides.missed_amounts(known)
    return [
        Classification(
            {name: each.at(at) for name, each in found.figures.items()},
            {
                cell: CountedCell(int(cells[cell][at]), count.at(at))
                for cell, count in found.counts.items()
            },
            amounts[at],
            int(with_both[at]),
            int(unanswered[at]),
            int(without[at]),
        )
        for at in range(sides.domains.count)
    ]


def classify_classes(
    design: Design,
    classes: Sequence[JudgedRows],
    domains: Domains,
    settings: EstimateSettings,
    known: Sequence[KnownFlags] | None = None,
) -> list[ClassesOfDomain]:
    """Estimate the figures of several classes, each against all others, and their averages.

    Parameters
    ----------
    classes : sequence of JudgedRows
        Of each class: which rows are of it, and which the flag says to be.

    Returns
    -------
    list of ClassesOfDomain
        An average is None if a class has no such figure.
    """
    sides = [_Sides(design, rows, domains, settings) for rows in classes]
    flags: Sequence[KnownFlags | None] = known or [None] * len(sides)
    found = [side.classified(flag) for side, flag in zip(sides, flags, strict=True)]
    one = [
        _of_domains(side, each, flag) for side, each, flag in zip(sides, found, flags, strict=True)
    ]
    averages = {name: _average(sides[0], found, name) for name in AVERAGED}
    agrees = np.any([side.rows.bad & side.rows.flagged for side in sides], axis=0)
    accuracy = sides[0].share(agrees, sides[0].both, sides[0].groups)
    counts = [_class_counts(side, sides, known) for side in sides]
    return [
        ClassesOfDomain(
            accuracy.at(at),
            {name: each.at(at) for name, each in averages.items()},
            [of_class[at] for of_class in one],
            [[cell[at] for cell in of_truth] for of_truth in counts],
        )
        for at in range(domains.count)
    ]


def _average(side: _Sides, classes: Sequence[_Classified], name: ClassificationFigure) -> _Shares:
    """The mean of a figure over classes: MOVER with the mean covariance of the classes."""
    shares, count = [each.figures[name] for each in classes], len(classes)
    value = np.mean([each.value for each in shares], axis=0)
    rows = np.flatnonzero(side.groups.included & side.both)
    z = np.sum([each.z[name] for each in classes], axis=0) / count
    variance = np.maximum(side.variances(z, rows, side.groups.groups[rows]), 0.0)
    apart = np.sum([each.error**2 for each in shares], axis=0) / count**2
    factor = np.where(apart > 0, np.sqrt(variance / np.where(apart > 0, apart, 1.0)), 1.0)
    below = np.sqrt(np.sum([(each.value - each.low) ** 2 for each in shares], axis=0)) / count
    above = np.sqrt(np.sum([(each.high - each.value) ** 2 for each in shares], axis=0)) / count
    low, high = np.maximum(value - factor * below, 0.0), np.minimum(value + factor * above, 1.0)
    error = np.where(np.isnan(value), nan, np.sqrt(variance))
    return _Shares(value, error, low, high, ["mover"] * len(value))


def _class_counts(
    truth: _Sides, flags: Sequence[_Sides], known: Sequence[KnownFlags] | None
) -> list[list[CountedCell]]:
    """The rows of a true class by the class of the flag: by flag, then by domain."""
    counts = []
    for at, flag in enumerate(flags):
        is_cell = truth.both & truth.rows.bad & flag.rows.flagged
        rows = truth.rows_in(is_cell, truth.groups)
        if known is None:
            pair = truth.pair_of_cells(is_cell, truth.both & ~is_cell)
            found = truth.count(pair.x, pair.z[0], truth.size())
        else:
            judged = replace(flag.rows, bad=truth.rows.bad)
            side = _Sides(truth.design, judged, truth.domains, truth.settings)
            share, _ = side.shares_by_flag(known[at])
            found = _filled(share, known[at].flagged).times(known[at].flagged)
        counts.append([CountedCell(int(n), found.at(place)) for place, n in enumerate(rows)])
    return counts


def _widened(found: DomainEstimate, below: float, above: float) -> DomainEstimate:
    """An interval with a further distance at either end: MOVER's of a sum."""
    value, low, high = found.value, found.low, found.high
    if value is None or low is None or high is None or not (below or above):
        return found
    low = max(value - hypot(value - low, below), 0.0)
    return replace(found, low=low, high=min(value + hypot(high - value, above), 1.0))


def _with_known_size(
    found: DomainEstimate, size: int, design: Design, settings: EstimateSettings
) -> DomainEstimate:
    """A share of a domain of ``size`` rows: exact if all are drawn, else hypergeometric at an end.

    Given their number, the drawn rows of a domain are a simple random sample of it where the whole
    is one.
    """
    value, rows = found.value, found.rows
    if value is None or rows == 0:
        return found
    if rows >= size:
        return replace(found, error=0.0, low=value, high=value, interval="known")
    if design.is_hypergeometric and value in (0.0, 1.0):
        risk = risk_of(settings.confidence, 2)
        low, high = hypergeometric_interval(round(value * rows), rows, size, risk)
        return replace(found, low=low, high=high, interval="hypergeometric")
    return found


def _filled(shares: _Shares, sizes: Floats) -> _Shares:
    """The shares with 0 for those of no rows, which add nothing to a sum."""
    value, error, low, high = (
        np.where(sizes == 0, 0.0, each)
        for each in (shares.value, shares.error, shares.low, shares.high)
    )
    return _Shares(value, error, low, high, shares.names)


def _exact(values: Floats) -> _Shares:
    return _Shares(values, np.zeros(len(values)), values, values, ["known"] * len(values))


def _scaled(found: DomainEstimate, rows: float) -> DomainEstimate:
    """A mean as the total of so many rows."""
    if not rows:
        return replace(found, value=0.0, error=0.0, low=0.0, high=0.0, is_constant=False)
    value, error, low, high = (
        None if each is None else each * rows
        for each in (found.value, found.error, found.low, found.high)
    )
    return replace(found, value=value, error=error, low=low, high=high)
