"""Samples with probabilities by size: Pareto sampling, systematic selection, units of money."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import Design, DrawnRows, RowsOfPairs, whole_table
from estimation_engine.designs.stages import Layer, Neighbours, VarianceStage, sums_by
from estimation_engine.designs.systematic import order_note
from estimation_engine.errors import InvalidReplicates, UnsupportedDesign
from lazy_dataclasses import dataclass

CODE = DesignCode(
    r="""d$p <- 1 / s[["_design_weight"]]
# R has Brewer's approximation, whose standard errors differ slightly from jobsvc's:
design <- svydesign(ids = ~1, fpc = ~p, pps = "brewer", data = d, variables = s)
# Those of jobsvc, of a total; of a mean take in place of y
#   z <- (y - mean) / sum((1 / p)[!is.na(y)])
error_of_total <- function(y, p) {
  y[is.na(y)] <- 0
  t <- (y / p)[p < 1]; c <- 1 - p[p < 1]; n <- length(t)
  sqrt(n / (n - 1) * sum(c * (t - sum(c * t) / sum(c))^2))
}
error_of_total(y[[1]], d$p)
""",
    stata="""generate double _w = _design_weight
* Stata has no correction for unequal probabilities, so its standard errors are a little larger.
""",
    stata_units="_n [pweight = _w]",
    sas="""data d; set s; _w = _design_weight; run;
/* SAS has no correction for unequal probabilities: its standard errors are a little larger. */
""",
    sas_options="",
    sas_units="",
    python="""w = np.array([float(row["_design_weight"]) for row in rows])
p = 1 / w


def degrees(has_value):
    return max(int((has_value & (p < 1)).sum()) - 1, 0)


def variance(t):
    c, t = 1 - p[p < 1], t[p < 1]
    return len(t) / (len(t) - 1) * (c * (t - (c * t).sum() / c.sum()) ** 2).sum()
""",
)

BY_POINTS = replace(
    CODE,
    r="""d$p <- 1 / s[["_design_weight"]]
# R has Brewer's approximation, as if the selection were random: systematic random in jobsvc.
design <- svydesign(ids = ~1, fpc = ~p, pps = "brewer", data = d, variables = s)
# Those of jobsvc (sd1), of a total; of a mean take in place of y
#   z <- (y - mean) / sum((1 / p)[!is.na(y)])
line <- order(s[["_selection_order"]])
error_of_total <- function(y, p) {
  y[is.na(y)] <- 0
  t <- (y / p)[line][p[line] < 1]; c <- 1 - p[line][p[line] < 1]; n <- length(t)
  sqrt(n / (2 * (n - 1)) * sum((head(c, -1) + tail(c, -1)) / 2 * diff(t)^2))
}
error_of_total(y[[1]], d$p)
""",
    python="""w = np.array([float(row["_design_weight"]) for row in rows])
p = 1 / w
line = np.argsort([int(row["_selection_order"]) for row in rows])


def degrees(has_value):
    return max(int((has_value & (p < 1)).sum()) - 1, 0)


def variance(t):
    along = line[p[line] < 1]
    c, t = 1 - p[along], t[along]
    return len(t) / (2 * (len(t) - 1)) * ((c[1:] + c[:-1]) / 2 * np.diff(t) ** 2).sum()
""",
)


@dataclass(frozen=True, eq=False)
class WeightedDesign(Design):
    """Pareto sampling with the true inclusion probabilities.

    ``certain`` are the rows that were drawn with certainty, shape (rows,).
    """

    certain: Booleans

    method: ClassVar = "weighted"
    is_by_threshold: ClassVar[bool] = True
    by_size: ClassVar = True
    has_unequal_weights: ClassVar = True

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> WeightedDesign:
        population = int(drawn.group_rows.sum())
        certain = drawn.probabilities == 1.0
        if drawn.selected is None:
            return weighted_design(drawn.probabilities, certain, population)
        along = np.argsort(drawn.selected)
        return SystematicWeightedDesign(
            *whole_table(1.0 / drawn.probabilities, population),
            certain,
            along[~certain[along]],
            drawn.sorted_by,
        )

    @property
    def take_all(self) -> Booleans:
        return self.certain

    @property
    def chances(self) -> Floats:
        """The probability of a row, which lowers its part of the variance, shape (rows,)."""
        return 1.0 / self.weights

    @property
    def units_left(self) -> Ints:
        """The units of each row that are left to chance, shape (rows,)."""
        return np.where(self.certain, 0, np.ones(self.rows, dtype=np.int64))

    @property
    def layers(self) -> list[Layer]:
        """One layer with c = 1 - π."""
        c = self.units_left * (1.0 - self.chances)
        count = float(self.units_left.sum())
        factor = count / (count - 1) if count > 1 else 0.0
        # Summed as a domain's units are: of all rows no rounding looks like rows outside it.
        return [Layer(self.groups, c, sums_by(self.groups, c, 1), np.array([factor]))]

    @property
    def has_one_unit(self) -> bool:
        return int(self.units_left.sum()) == 1

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        units = np.bincount(domains, self.units_left[rows], count).astype(np.int64)
        return np.maximum(units - 1, 0)

    def whole_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        certain = np.bincount(domains[self.certain[rows]], minlength=count)
        return np.maximum(certain - 1, 0)

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        """π π'(1 - (1 - π)(1 - π')/D), D the sum of 1 - π over the sample."""
        d = float((1.0 - 1.0 / self.weights).sum())
        both = p[first] * p[second]
        if d <= 0:
            return both
        return np.maximum(both * (1.0 - (1.0 - p[first]) * (1.0 - p[second]) / d), 0.0)

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        return [
            "The variance is Hájek's approximation from the true selection probabilities. Rows "
            f"drawn with certainty ({int(self.certain.sum()):,}) have no part in it.",
            "Rows without a weight above 0 couldn't be drawn and aren't covered.",
        ]

    def code(self, sizes: Sizes) -> DesignCode:
        return CODE


@dataclass(frozen=True, eq=False)
class SystematicWeightedDesign(WeightedDesign):
    """Systematic selection with probability proportional to size (Madow 1949).

    ``line`` are the rows that were left to chance, in the order of the selection, and ``sorted_by``
    says by which columns, if not in the table's order. Many pairs of rows are never drawn together,
    so no variance is unbiased. It is that of successive differences of y/π, each with the mean of
    1 - π of both rows (Wolter 2007, *Introduction to Variance Estimation*, section 8.6); as if the
    selection were random it is Hájek's.
    """

    line: Ints
    sorted_by: str | None = None

    is_by_threshold: ClassVar[bool] = False
    is_at_distances: ClassVar = True

    @property
    def approximates_pairs(self) -> bool:
        return False

    def stages(self, rules: VarianceRequest) -> list[VarianceStage]:
        n = len(self.line)
        if rules.systematic == "random" or n < 2:
            return [*self.layers]
        c = 1.0 - self.chances[self.line]
        if rules.systematic == "sd2":
            of_pairs = (c + np.roll(c, -1)) / 2.0
            return [Neighbours(self.line, 0.5, is_circle=True, of_pairs=of_pairs)]
        of_pairs = (c[1:] + c[:-1]) / 2.0
        return [Neighbours(self.line, n / (2.0 * (n - 1.0)), of_pairs=of_pairs)]

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        """The starts that draw both rows: the overlap of two arcs on a circle of length 1."""
        assert rows.arcs is not None  # noqa: S101 - a systematic selection has arcs
        apart = (rows.arcs[second] - rows.arcs[first]) % 1.0
        one, other = p[first], p[second]
        overlap = np.clip(np.minimum(one - apart, other), 0.0, None)
        overlap += np.clip(np.minimum(other - (1.0 - apart), one), 0.0, None)
        certain = np.where(one >= 1.0, other, one)
        return np.where((one >= 1.0) | (other >= 1.0), certain, np.minimum(overlap, 1.0))

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        certain = f"Rows drawn with certainty ({int(self.certain.sum()):,}) have no part in it."
        found = super().notes(rules, chance)
        kind = (
            "Hájek's approximation, as if the selection were random"
            if rules.systematic == "random"
            else f"that of successive differences ({rules.systematic})"
        )
        found[0] = (
            f"The variance is {kind}: one systematic selection doesn't show how much another "
            f"start would differ. {certain}"
        )
        return found if self.sorted_by is None else [*found, order_note(self.sorted_by, rules)]

    def code(self, sizes: Sizes) -> DesignCode:
        return BY_POINTS


@dataclass(frozen=True, eq=False)
class MonetaryDesign(WeightedDesign):
    """Monetary units: each selected unit stands for an interval (Hansen and Hurwitz 1943).

    ``hits`` are the selected units in each row, and ``unit_chances`` the probability of one that
    lowers the variance; 0 for units that are selected with replacement. Both have shape (rows,).
    """

    hits: Ints
    unit_chances: Floats

    is_by_threshold: ClassVar[bool] = False
    scales_weights: ClassVar = True

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> MonetaryDesign:
        assert drawn.weights is not None  # noqa: S101 - those of its selected units
        assert drawn.hits is not None  # noqa: S101
        return monetary_design(
            drawn.weights,
            drawn.hits,
            drawn.probabilities == 1.0,
            int(drawn.group_rows.sum()),
            with_replacement=drawn.with_replacement,
        )

    @property
    def chances(self) -> Floats:
        return self.unit_chances

    @property
    def units_left(self) -> Ints:
        return np.where(self.certain, 0, self.hits)

    def per_unit(self, t: Floats, rows: Ints) -> Floats:
        return t / self.hits[rows]

    def require_replicates(self) -> None:
        if (self.hits > 1).any():
            raise InvalidReplicates(
                "Several monetary units were selected in one row, so there are no replicate "
                "weights."
            )
        super().require_replicates()

    def code(self, sizes: Sizes) -> DesignCode:
        if not np.allclose(self.chances * self.weights, 1.0, rtol=1e-12):
            raise UnsupportedDesign(
                "Several selected units lie in one row of this sample, which no program declares: "
                "choose `replicates` jackknife or bootstrap, or `format` csv, which has the "
                "weights."
            )
        return CODE


def weighted_design(probabilities: Floats, take_all: Booleans, population: int) -> WeightedDesign:
    """Pareto sampling with the true inclusion probabilities."""
    return WeightedDesign(*whole_table(1.0 / probabilities, population), take_all)


def monetary_design(
    weights: Floats, hits: Ints, take_all: Booleans, population: int, *, with_replacement: bool
) -> MonetaryDesign:
    """Monetary units; ``weights`` are hits times the interval by the amount."""
    chances = np.zeros(len(weights)) if with_replacement else hits / weights
    return MonetaryDesign(*whole_table(weights, population), take_all, hits, chances)
