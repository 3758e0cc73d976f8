"""The variance of a sum of t over the sample, for many domains at once.

A domain has the rows with a t; the others are in the sum with t = 0. Each formula but those of
``systematic`` is a sum over groups of k·Σ c(t - μ)², μ = Σ ct / Σ c: so only the rows of a domain
are read, and the others enter as (Σ c - Σ c of the domain)·μ². All sums are over rows in the
table's order, so they don't depend on threads or files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from estimation_engine.design import Design, Floats, Ints
from estimation_engine.errors import LonelyStratum

Lonely = Literal["fail", "adjust", "average"]
Systematic = Literal["sd1", "sd2", "random"]


@dataclass(frozen=True)
class VarianceRules:
    """The choices that a design leaves open."""

    lonely_stratum: Lonely = "fail"
    systematic: Systematic = "sd1"


def sums_by(groups: Ints, values: Floats, count: int) -> Floats:
    """The sum of the values of each group, in their order, shape (count,)."""
    return np.bincount(groups, values, count).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Layer:
    """A stage: the groups of its units, each unit's c, and the groups' Σ c and factors k.

    The units are rows, or clusters if ``of_rows`` has each row's unit. ``c`` is None if all are 1.
    """

    groups: Ints
    c: Floats | None
    whole: Floats
    factors: Floats
    of_rows: Ints | None = None

    @property
    def c_of_units(self) -> Floats:
        """c of each unit, shape (units,)."""
        return np.ones(len(self.groups)) if self.c is None else self.c

    def variances(self, rows: Ints, domains: Ints, t: Floats, count: int) -> Floats:
        """By domain, shape (count,); t of the ``rows``, those of one domain together."""
        return self.moments(rows, domains, t, count, 2)[0]

    def moments(
        self, rows: Ints, domains: Ints, t: Floats, count: int, most: int
    ) -> tuple[Floats, ...]:
        """The variance by domain.

        With ``most`` 3 also the third moment, and Σ V²/(n - 1) of the groups.
        """
        if self.of_rows is None:
            return self._of_units(rows, domains, t, count, most)
        width = len(self.groups)
        cells, places = _cells(domains * width + self.of_rows[rows], count * width)
        totals = sums_by(places, t, len(cells))
        return self._of_units(cells % width, cells // width, totals, count, most)

    def _of_units(
        self, units: Ints, domains: Ints, t: Floats, count: int, most: int
    ) -> tuple[Floats, ...]:
        width = len(self.whole)
        numbers = domains if width == 1 else domains * width + self.groups[units]
        cells, places = _cells(numbers, count * width)
        of_cell = cells % width
        whole = self.whole[of_cell]
        divisors = np.where(whole > 0, whole, 1.0)
        if self.c is None:
            means = sums_by(places, t, len(cells)) / divisors
            present = np.bincount(places, minlength=len(cells)).astype(np.float64)
        else:
            means = sums_by(places, self.c[units] * t, len(cells)) / divisors
            present = sums_by(places, self.c[units], len(cells))
        absent = np.maximum(whole - present, 0.0)
        found, below = [], np.zeros(count)
        for power in range(2, most + 1):
            differences = squared_differences(t, means[places])
            if power == 3:
                differences *= t - means[places]
            if self.c is not None:
                differences *= self.c[units] ** (power / 2)
            inside = sums_by(places, differences, len(cells))
            parts = self.factors[of_cell] ** (power / 2) * (inside + absent * (-means) ** power)
            found.append(parts if width == 1 else sums_by(cells // width, parts, count))
            if power == 2 and most > 2:
                squares = parts**2 / np.maximum(whole - 1.0, 1.0)
                below = squares if width == 1 else sums_by(cells // width, squares, count)
        return (*found, below) if most > 2 else tuple(found)


def squared_differences(t: Floats, means: Floats) -> Floats:
    """(t - mean)², in the place of the means: large arrays are slow to allocate."""
    np.subtract(t, means, out=means)
    return np.multiply(means, means, out=means)


def _cells(numbers: Ints, count: int) -> tuple[Ints, Ints]:
    """The cells of 0 … count that may have a number, and each number's place among them."""
    if count <= MAX_EMPTY_CELLS + len(numbers):
        return np.arange(count), numbers
    return np.unique(numbers, return_inverse=True)


MAX_EMPTY_CELLS = 100_000
"""Up to this ratio of cells to numbers it is faster to count empty cells than to sort."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Variances by domain, shape (domains,), NaN where there is none.

    ``of_rounds`` are those of each round, shape (rounds, domains), of one sample alone its own.
    ``skewness`` is that of the estimates' distribution, if that was requested, and
    ``effective_degrees`` are Satterthwaite's over the strata of a stratified sample; else infinite.
    """

    variances: Floats
    of_rounds: Floats
    skewness: Floats
    effective_degrees: Floats


def variances(
    design: Design,
    rows: Ints,
    domains: Ints,
    t: Floats,
    count: int,
    rules: VarianceRules,
    *,
    with_skewness: bool = False,
) -> Measured:
    """The variance of each domain's Σ t, and the skewness of its distribution.

    Parameters
    ----------
    rows, domains, t : arrays, shape (cells,)
        The rows with a t, their domains from 0 to ``count``, and t; a row may be in several
        domains. By domain in the order of the rows.
    """
    of_rounds, second, third, below = [], np.zeros(count), np.zeros(count), np.zeros(count)
    # Cubes of very large or small numbers would leave the range of doubles.
    scale = float(np.abs(t).max(initial=0.0)) or 1.0
    for sample, at, own, factors in samples_of(design, rows):
        inside, scaled = domains[own], t[own] * factors
        of_rounds.append(_of_one_sample(sample, at, inside, scaled, count, rules))
        if with_skewness:
            values = scaled / scale if sample.hits is None else scaled / scale / sample.hits[at]
            for layer in layers_of(sample):
                moments = layer.moments(at, inside, values, count, 3)
                second += moments[0]
                third += moments[1]
                below += moments[2]
    found = np.array(of_rounds).reshape(len(of_rounds), count)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.nan_to_num(third / second**1.5, posinf=0.0, neginf=0.0)
        is_known = (below > 0) & (design.method == "stratified")
        effective = np.where(is_known, second**2 / below, np.inf)
    return Measured(found.sum(axis=0), found, skewness, effective)


def samples_of(
    design: Design, rows: Ints
) -> Iterator[tuple[Design, Ints, Ints | slice, Floats | float]]:
    """The samples of a design that are left to chance, each with what it has of some rows.

    Yields
    ------
    Design, array, array or slice, array or float
        The sample; of the ``rows`` that it has, their places in it and in ``rows``, and the parts
        of their weights that are left to chance in it.
    """
    if not design.parts:
        yield design, rows, slice(None), 1.0
        return
    places = np.full(design.rows, -1)
    for part in design.parts:
        if not part.factors.any():
            continue
        places[part.rows] = np.arange(len(part.rows))
        own = np.flatnonzero(places[rows] >= 0)
        at = places[rows[own]]
        yield part.chance, at, own, part.factors[at]
        places[part.rows] = -1


def _of_one_sample(
    design: Design, rows: Ints, domains: Ints, t: Floats, count: int, rules: VarianceRules
) -> Floats:
    """NaN where there is no variance."""
    if design.method == "systematic" and rules.systematic != "random":
        return _of_differences(design, rows, domains, t, count, rules.systematic)
    found = np.zeros(count)
    if design.hits is not None:
        t = t / design.hits[rows]
    for layer in layers_of(design):
        found += layer.variances(rows, domains, t, count)
    if design.lonely.any():
        found = _with_lonely(design, rows, domains, t, found, rules.lonely_stratum)
    return np.full(count, np.nan) if has_one_unit(design) else found


def has_one_unit(design: Design) -> bool:
    """One unit of several gives no estimate of their variance."""
    if design.method == "stratified":
        return False
    if design.method == "weighted":
        return int(design.units_left.sum()) == 1
    return design.units < 2 and design.fraction < 1


def layers_of(design: Design) -> list[Layer]:
    """The stages of one sample whose variances are sums over groups: all but successive ones."""
    drawn = design.group_drawn.astype(np.float64)
    match design.method:
        case "cluster":
            clusters_drawn, clusters = design.clusters or (1, 1)
            factors = _factors(drawn, design.group_rows) * (clusters_drawn / clusters)
            return [_layer_of_clusters(design), Layer(design.groups, None, drawn, factors)]
        case "weighted":
            chances = 1.0 / design.weights if design.chances is None else design.chances
            c = design.units_left * (1.0 - chances)
            count = float(design.units_left.sum())
            factor = count / (count - 1) if count > 1 else 0.0
            return [Layer(design.groups, c, np.array([c.sum()]), np.array([factor]))]
        case "stratified":
            return [Layer(design.groups, None, drawn, _factors(drawn, design.group_rows))]
        case _:
            n = float(design.rows)
            factor = (1.0 - design.fraction) * n / (n - 1) if n > 1 else 0.0
            return [Layer(design.groups, None, np.array([n]), np.array([factor]))]


def _factors(drawn: Floats, rows: Ints) -> Floats:
    """(1 - n/N)·n/(n - 1) by group; 0 where n < 2 or n = N."""
    chance = (drawn > 1) & (drawn < rows)
    n, whole = np.where(chance, drawn, 2.0), np.where(chance, rows, 2.0)
    factors: Floats = np.where(chance, (1.0 - n / whole) * n / (n - 1.0), 0.0)
    return factors


def _layer_of_clusters(design: Design) -> Layer:
    m = float(design.units)
    factor = (1.0 - design.fraction) * m / (m - 1) if m > 1 else 0.0
    count = len(design.group_rows)
    in_sample = (design.group_drawn > 0).astype(np.float64)
    none = np.zeros(count, dtype=np.int64)
    return Layer(none, in_sample, np.array([m]), np.array([factor]), design.groups)


def refuse_lonely(design: Design) -> None:
    """Raise LonelyStratum if a stratum has one drawn row of several."""
    lonely = int(design.lonely.sum())
    if lonely:
        raise LonelyStratum(
            "{count} {count|stratum has|strata have} one drawn row of several, which gives no "
            "variance: "
            "draw at least two rows of each stratum, or choose `lonely_stratum` adjust or average.",
            count=lonely,
        )


def _with_lonely(
    design: Design, rows: Ints, domains: Ints, t: Floats, found: Floats, rule: Lonely
) -> Floats:
    lonely = design.lonely
    if rule == "fail":
        refuse_lonely(design)
    if rule == "average":
        chance = int(design.sampled_strata.sum())
        others = chance - int(lonely.sum())
        return found * (chance / others) if others else np.full(len(found), np.nan)
    means = sums_by(domains, t, len(found)) / design.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(lonely, 1.0 - design.group_drawn / design.group_rows, 0.0)
    of_rows = factors[design.groups[rows]]
    inside = sums_by(domains, of_rows * (t - means[domains]) ** 2, len(found))
    outside = factors.sum() - sums_by(domains, of_rows, len(found))
    adjusted: Floats = found + inside + np.maximum(outside, 0.0) * means**2
    return adjusted


def difference_scale(design: Design, rule: Systematic) -> float:
    """The factor of the squared differences of neighbours; 0 for one row."""
    n = design.rows
    if n < 2:
        return 0.0
    return (1.0 - design.fraction) / 2.0 * (n / (n - 1.0) if rule == "sd1" else 1.0)


def _of_differences(
    design: Design, rows: Ints, domains: Ints, t: Floats, count: int, rule: Systematic
) -> Floats:
    """Successive differences, domain by domain; of SD2 the last and the first row meet, too.

    Wolter 2007, chapter 8; Fay and Train 1995.
    """
    n = design.rows
    if n < 2:
        return np.full(count, 0.0 if design.fraction >= 1 else np.nan)
    scale = difference_scale(design, rule)
    by_domain = np.argsort(domains, kind="stable")
    stops = np.searchsorted(domains[by_domain], np.arange(count + 1))
    found = np.zeros(count)
    line = np.zeros(n)
    for domain in range(count):
        cells = by_domain[stops[domain] : stops[domain + 1]]
        line[rows[cells]] = t[cells]
        squares = float((np.diff(line) ** 2).sum())
        if rule == "sd2":
            squares += float(line[-1] - line[0]) ** 2
        found[domain] = scale * squares
        line[rows[cells]] = 0.0
    return found
