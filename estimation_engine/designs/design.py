"""The base of the designs: what each answers of its variances, its notes and its code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.stages import Layer, Measured, VarianceStage
from estimation_engine.errors import InvalidReplicates, LonelyStratum
from lazy_dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class DrawnStages:
    """How the groups of a cluster sample lie in clusters and strata.

    Parameters
    ----------
    clusters : array of int, shape (groups,)
        The cluster of each group; a group is a cluster, or a subcluster of one.
    strata : array of int, shape (clusters,)
        The stratum of each cluster.
    chances : array of float, shape (clusters,)
        The inclusion probability of each cluster; 0 for one that couldn't be drawn.
    inside : array of float, shape (groups,)
        The probability of each group in its cluster, if this is drawn.
    by_size : bool
        Whether the clusters were drawn with probabilities by their size.
    names : mapping of int to str
        The names of clusters that messages may need.
    """

    clusters: Ints
    strata: Ints
    chances: Floats
    inside: Floats
    by_size: bool
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """What a draw recorded of its rows; arrays have shape (rows,).

    Parameters
    ----------
    groups : array of int
        Each row's stratum or cluster.
    group_rows : array of int, shape (groups,)
        The rows of all strata or clusters that could be drawn.
    probabilities : array of float
        Inclusion probabilities; 1 for rows that were drawn with certainty alone.
    weights, hits : arrays, optional
        Of monetary units: design weights, and the selected units in each row.
    with_replacement : bool
        Whether units were selected with replacement.
    stages : DrawnStages, optional
        Of clusters in strata, by size or with subclusters.
    selected : array of int, optional
        Where rows were taken at distances, their places in the order of selection.
    sorted_by : str, optional
        The order along which they were taken in words, if it isn't that of the table.
    """

    groups: Ints
    group_rows: Ints
    probabilities: Floats
    weights: Floats | None = None
    hits: Ints | None = None
    with_replacement: bool = False
    stages: DrawnStages | None = None
    selected: Ints | None = None
    sorted_by: str | None = None


WholeTable = tuple[Floats, int, Ints, Ints, Ints]


def whole_table(weights: Floats, population: int) -> WholeTable:
    """The fields of a design whose only group is the table: all but those of its own class."""
    drawn = len(weights)
    group_rows = np.array([population], dtype=np.int64)
    group_drawn = np.array([drawn], dtype=np.int64)
    return weights, population, np.zeros(drawn, dtype=np.int64), group_rows, group_drawn


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
    arcs : array, optional
        Of a systematic selection by size: where the starts that draw a row begin on a circle of
        length 1; they end after its probability.
    """

    groups: Ints
    probabilities: Floats
    places: Ints | None = None
    circle: tuple[int, int] | None = None
    arcs: Floats | None = None


class RowsOfSample(NamedTuple):
    """Some rows of a design that one of its samples has.

    ``at`` are their places in the sample, ``own`` those among the requested rows, and
    ``factors`` the parts of their weights that are left to chance in the sample.
    """

    sample: Design
    at: Ints
    own: Ints | slice
    factors: Floats | float


@dataclass(frozen=True, eq=False)
class Design(ABC):
    """The design of a sample of n rows, in the order of the table that it was drawn from.

    A class for each way to draw answers all that estimates, facts and code ask of it. What it can't
    answer is an :class:`UnsupportedDesign`.

    Parameters
    ----------
    weights : array, shape (rows,)
        Design weights, 1/π.
    population : int
        N: the rows that could be drawn.
    groups : array of int, shape (rows,)
        Each row's stratum or cluster; zeros for other designs.
    group_rows, group_drawn : arrays of int, shape (groups,)
        N_h and n_h of all strata or clusters, also of those without a drawn row.

    Attributes
    ----------
    method : str
        The name in answers.
    is_one_sample : bool
        False for rounds that are samples of their own.
    joins_rounds : bool
        Whether several rounds of one frame are one sample of this design.
    is_simple : bool
        Whether the rows of each group, or of the table, are a simple random sample.
    is_by_threshold : bool
        Whether a row is drawn, nearly, where its random number is below its probability.
    group_kind : str, optional
        What its groups are.
    has_equal_chances : bool
        Whether all rows of the table had the same probability.
    is_at_distances : bool
        Whether rows were taken at equal distances in the order of the table.
    allows_replacements : bool
        Whether the next row of the order, in its group, has the weight of the row that it replaces.
    by_size : bool
        Whether rows were drawn with probabilities by their size, some with certainty, and pairs
        with probabilities that are an approximation. Rows without a size couldn't be drawn.
    has_unequal_weights : bool
        Whether rows of one group differ in weight, which a figure may be in proportion to.
    is_hypergeometric : bool
        Whether the rows with a value among n drawn ones follow the hypergeometric distribution.
    scales_weights : bool
        Whether weights were scaled to a known amount, so those in the sample may differ.
    """

    weights: Floats
    population: int
    groups: Ints
    group_rows: Ints
    group_drawn: Ints

    method: ClassVar[str]
    is_one_sample: ClassVar[bool] = True
    joins_rounds: ClassVar[bool] = False
    is_simple: ClassVar[bool] = False
    is_by_threshold: ClassVar[bool] = False
    group_kind: ClassVar[Literal["strata", "clusters"] | None] = None
    has_equal_chances: ClassVar[bool] = False
    is_at_distances: ClassVar[bool] = False
    allows_replacements: ClassVar[bool] = False
    by_size: ClassVar[bool] = False
    has_unequal_weights: ClassVar[bool] = False
    is_hypergeometric: ClassVar[bool] = False
    scales_weights: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def of_draw(cls, drawn: DrawnRows) -> Design:
        """The design of the rows that a round drew, or all rounds that are one sample."""

    @property
    @abstractmethod
    def layers(self) -> list[Layer]:
        """The stages as sums over groups, which have a skewness and a normal approximation."""

    @abstractmethod
    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        """Degrees of freedom of each domain, shape (count,).

        The units with a value less the strata that they are in; units and strata that were drawn
        whole don't count. Korn and Graubard 1999, *Analysis of Health Surveys*, section 5.2; R's
        ``degf(subset(design))``.

        Parameters
        ----------
        rows, domains : arrays, shape (cells,)
            The rows with a value, and their domains.
        """

    def whole_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        """What :meth:`domain_degrees` leaves out: units and strata that were drawn whole.

        They vary where rows may not respond.
        """
        return np.zeros(count, dtype=np.int64)

    @abstractmethod
    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        """The joint inclusion probability of pairs of different rows that can be drawn.

        ``p`` are the inclusion probabilities of the rows, and ``first`` and ``second`` the places
        of the pairs' rows among them.
        """

    @abstractmethod
    def code(self, sizes: Sizes) -> DesignCode:
        """The parts of R, Stata, SAS and Python code that are those of the design."""

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        """Notes on the variance and the rows that it is of; with ``chance`` on a step of several.

        ``chance`` is the design as :meth:`left_to_chance` has it.
        """
        return []

    @property
    def rows(self) -> int:
        """n, the drawn rows."""
        return len(self.weights)

    @property
    def clusters(self) -> tuple[int, int] | None:
        """m and M: drawn clusters, and clusters with rows."""
        return None

    @property
    def strata_counts(self) -> tuple[int, int] | None:
        """Strata with a drawn unit, and strata with rows; None of a design without strata."""
        if self.group_kind != "strata":
            return None
        return int((self.group_drawn > 0).sum()), int((self.group_rows > 0).sum())

    @property
    def draws_by_size(self) -> bool:
        """Whether what was drawn independently, rows or clusters, had probabilities by size."""
        return self.by_size

    @property
    def approximates_pairs(self) -> bool:
        """Whether the joint probabilities are an approximation."""
        return self.draws_by_size

    @property
    def stage_columns(self) -> dict[str, Ints | Floats]:
        """The units of each stage and the drawn ones, by the names of the design's table.

        Of samples of clusters; arrays have shape (rows,).
        """
        if self.clusters is None:
            return {}
        drawn, units = self.clusters
        return {
            "psu": self.groups,
            "stage1_units": np.full(self.rows, units),
            "stage1_drawn": np.full(self.rows, drawn),
            "stage2_units": self.group_rows[self.groups],
            "stage2_drawn": self.group_drawn[self.groups],
        }

    @property
    def fraction(self) -> float:
        """f, the sampling fraction of the rows, or of the clusters."""
        if self.clusters is not None:
            drawn, clusters = self.clusters
            return drawn / clusters
        return self.rows / self.population if self.population else 0.0

    @property
    def unit(self) -> str:
        """What was drawn independently: a row, or a cluster."""
        return "row" if self.clusters is None else "cluster"

    @property
    def units(self) -> int:
        """The units that were drawn independently."""
        return self.rows if self.clusters is None else self.clusters[0]

    @cached_property
    def unit_numbers(self) -> Ints:
        """A number of each row's independently drawn unit, shape (rows,)."""
        return np.arange(self.rows)

    @property
    def take_all(self) -> Booleans:
        """The rows that were drawn with certainty by their size, shape (rows,)."""
        return np.zeros(self.rows, dtype=np.bool_)

    @property
    def is_census(self) -> bool:
        """Whether no drawn row was left to chance, nor one beside it that stands for others."""
        return bool((self.weights == 1.0).all())

    @property
    def lonely(self) -> Booleans:
        """The strata with one drawn row of several, shape (strata,); those of all rounds."""
        return np.zeros(len(self.group_rows), dtype=np.bool_)

    @property
    def listed_groups(self) -> Ints:
        """The groups that the facts of the design list."""
        return np.zeros(0, dtype=np.int64)

    @property
    def sampled_strata(self) -> Booleans:
        """The strata whose rows are left to chance, shape (strata,)."""
        return (self.group_drawn > 0) & (self.group_drawn < self.group_rows)

    @property
    def uncovered_rows(self) -> int:
        """The rows of strata that no row was drawn from; of rounds so many at most."""
        return 0

    @property
    def covered_rows(self) -> int:
        """The rows that an estimate is of; of rounds, those that any could draw."""
        return self.population - self.uncovered_rows

    @property
    def parts(self) -> tuple[SamplePart, ...]:
        """The samples that it is of: itself alone, but for rounds that aren't one sample."""
        return (SamplePart(self, np.arange(self.rows), np.ones(self.rows)),)

    @cached_property
    def degrees(self) -> int:
        """Degrees of freedom; 0 where no row was left to chance. The sum over rounds."""
        rows = np.arange(self.rows)
        return int(self.domain_degrees(rows, np.zeros(self.rows, dtype=np.int64), 1)[0])

    def degrees_of_freedom(self, rows: Ints, domains: Ints, count: int, of_rounds: Floats) -> Ints:
        """Those of each domain over all rounds; ``of_rounds`` are :attr:`Measured.of_rounds`."""
        return self.domain_degrees(rows, domains, count)

    def stages(self, rules: VarianceRequest) -> list[VarianceStage]:
        """The stages of one sample whose variances add up."""
        return [*self.layers]

    def per_unit(self, t: Floats, rows: Ints) -> Floats:
        """t of one unit of each of some rows."""
        return t

    @property
    def single_unit_note(self) -> str | None:
        """A sentence on later stages that drew one unit of several, if a variance has them."""
        return None

    @property
    def has_one_unit(self) -> bool:
        """One unit of several gives no estimate of their variance."""
        return self.units < 2 and self.fraction < 1

    def with_names(self, name_of: Callable[[int], str]) -> Design:
        """The design with the names of groups that its refusals need, by their numbers."""
        return self

    def left_to_chance(self, counts: Booleans) -> Design:
        """The design in rounds that count some of its rows only, shape (rows,)."""
        return self

    def samples_of(self, rows: Ints) -> Iterator[RowsOfSample]:
        """The samples that are left to chance, each with what it has of some rows."""
        yield RowsOfSample(self, rows, slice(None), 1.0)

    def variances(
        self,
        rows: Ints,
        domains: Ints,
        t: Floats,
        count: int,
        rules: VarianceRequest,
        *,
        with_skewness: bool = False,
    ) -> Measured:
        """The variance of each domain's Σ t, and the skewness of its distribution.

        Parameters
        ----------
        rows, domains, t : arrays, shape (cells,)
            The rows with a t, their domains from 0 to ``count``, and t; a row may be in several
            domains. By domain in the order of the rows.

        Raises
        ------
        LonelyStratum
            A stratum has one drawn row of several, and the rules refuse that.
        """
        of_rounds, second, third, below = [], np.zeros(count), np.zeros(count), np.zeros(count)
        # Cubes of very large or small numbers would leave the range of doubles.
        scale = float(np.abs(t).max(initial=0.0)) or 1.0
        for sample, at, own, factors in self.samples_of(rows):
            inside, scaled = domains[own], t[own] * factors
            of_rounds.append(sample.variance(at, inside, sample.per_unit(scaled, at), count, rules))
            if with_skewness:
                values = sample.per_unit(scaled / scale, at)
                for layer in sample.layers:
                    moments = layer.moments(at, inside, values, count, 3)
                    second += moments[0]
                    third += moments[1]
                    below += moments[2]
        variances = np.array(of_rounds).reshape(len(of_rounds), count)
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = np.nan_to_num(third / second**1.5, posinf=0.0, neginf=0.0)
        effective = self.effective_degrees(second, below)
        return Measured(variances.sum(axis=0), variances, skewness, effective)

    def variance(
        self, rows: Ints, domains: Ints, t: Floats, count: int, rules: VarianceRequest
    ) -> Floats:
        """The variance of one sample by domain; t is that of one unit. NaN where there is none."""
        if self.has_one_unit:
            return np.full(count, np.nan)
        variances = np.zeros(count)
        for stage in self.stages(rules):
            variances += stage.variances(rows, domains, t, count)
        return variances

    def effective_degrees(self, second: Floats, below: Floats) -> Floats:
        """Satterthwaite's of groups by Σ V and Σ V²/(n - 1), infinite where they aren't known."""
        return np.full(len(second), np.inf)

    def refuse_lonely(self) -> None:
        """Raise LonelyStratum if a stratum has one drawn row of several."""
        lonely = int(self.lonely.sum())
        if lonely:
            raise LonelyStratum(
                "{count} {count|stratum has|strata have} one drawn row of several, which gives no "
                "variance: "
                "draw at least two rows of each stratum, or choose `lonely_stratum` adjust or "
                "average.",
                count=lonely,
            )

    def require_replicates(self) -> None:
        """Raise LonelyStratum or InvalidReplicates if one sample has no replicate weights."""
        self.refuse_lonely()
        if self.has_one_unit:
            raise InvalidReplicates(
                "One drawn row or cluster alone has no variance, so there are no replicate weights."
            )

    def inclusion_probabilities(self, rows: RowsOfPairs) -> Floats:
        """First-order probabilities over all rounds of the design, shape (rows,)."""
        return rows.probabilities

    def joint_probabilities(self, rows: RowsOfPairs, first: Ints, second: Ints) -> Floats:
        """The probability that both rows of a pair are drawn, shape (pairs,).

        Exact, but for rows and clusters by size that weren't taken along a line. Hájek 1964,
        "Asymptotic theory of rejective sampling with varying probabilities from a finite
        population"; Särndal, Swensson and Wretman 1992, chapters 3 and 4.

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
        p = self.inclusion_probabilities(rows)
        both = self.both_drawn(rows, p, first, second)
        possible = (p[first] > 0) & (p[second] > 0)
        return np.where(first == second, p[first], np.where(possible, both, 0.0))


@dataclass(frozen=True, eq=False)
class SamplePart:
    """A sample of a design.

    Parameters
    ----------
    rows : array of int, shape (rows of the part,)
        The sorted places of its rows in the whole sample.
    factors : array, shape (rows of the part,)
        The part of each row's combined weight that was left to chance in this round: the share of
        the round times its own weight, by the combined weight.
    """

    design: Design
    rows: Ints
    factors: Floats

    @cached_property
    def chance(self) -> Design:
        """The design, where only strata that the round counts for are left to chance."""
        return self.design.left_to_chance(self.factors > 0)
