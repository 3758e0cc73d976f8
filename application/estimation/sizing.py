"""The size of a sample for goals of precision, from the true facts of its table.

One scan adds up what the variances need; docs/PLANNING.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, Literal

import numpy as np

from domain_errors import DomainError, counted
from estimation_engine import InvalidGoal, Statistic, TooManyGroups, check_statistic
from estimation_engine.design import Floats, Ints
from estimation_engine.estimates import MINIMUM_DEGREES
from estimation_engine.known_values import require_known_value
from estimation_engine.planning import (
    CellSums,
    ClusterPlan,
    FrameStatistic,
    Goal,
    RandomPlan,
    SizePlan,
    Strata,
    StratifiedPlan,
    WeightedPlan,
    frame_statistic,
    integer_sizes,
    optimal_sizes,
    random_size,
    sizes_for_budget,
    smallest_size,
    spent_sizes,
    stratified_degrees,
)
from estimation_engine.planning.skewness import CubeSums
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Column, TableFiles
from sampling_engine import Round, check_rounds
from sampling_engine.errors import InvalidMethod
from sampling_engine.filters import parse_conditions
from sampling_engine.frame.sums import FrameSums, Variable, read_frame
from sampling_engine.methods.parameters import TAKE_ALL, found_column, group_column
from sampling_engine.methods.stratified import values_by_stratum
from sampling_engine.plan import margin_of_error
from sampling_engine.rounds import DrawState, eligible_rows
from sampling_engine.weights import read_weights
from service.sampling_parameters import DrawRule, engine_rounds
from service.service import Service
from service.tables.open_tables import OpenTable

MAX_GROUPS = 1_000
MAX_FIGURES = 5_000_000
"""Figures times strata or clusters."""
MAX_OPTIMAL_STRATA = 10_000
MAX_OPTIMAL_FIGURES = 100
MIN_DRAWN = 2
"""Rows of a stratum that an estimate of its variance needs."""
STRATA_LISTED = 1_000
CURVE_POINTS = 25
SMALL = 30
RARE = 5
"""Expected rows with a value, or without it, below which a share's interval isn't symmetric."""
ROUNDING = 1e-9
PLANNED_METHODS = ("random", "systematic", "stratified", "cluster", "weighted")
KINDS = ("margin", "relative_margin", "cv")
AllocationChoice = Literal["design", "optimal"]


@dataclass(frozen=True)
class SizeRequest:
    """Goals, and a round without its size; goals and design as the API's schema gives them.

    Parameters
    ----------
    allocation : str
        ``optimal`` sizes the strata for the goals at least cost, instead of by the design.
    cost : mapping of str to float
        The cost of a row by the stratum's label; 1 for others.
    budget : float, optional
        The cost of all rows: the sizes give the best precision for it.
    is_single : bool
        Whether the caller's input has one ``goal`` instead of ``goals``.
    takes_last : bool
        With bands of one column: the last one is taken whole.
    """

    goals: Sequence[Mapping[str, Any]]
    design: Mapping[str, Any]
    allocation: AllocationChoice = "design"
    cost: Mapping[str, float] = field(default_factory=dict)
    budget: float | None = None
    is_single: bool = False
    takes_last: bool = False

    def loc(self, at: int, *names: str | int) -> tuple[str | int, ...]:
        """Where a goal is in the caller's input."""
        return ("goal", *names) if self.is_single else ("goals", at, *names)


@dataclass(frozen=True)
class _Figure:
    """One figure of a goal: a statistic of one domain with its facts, or a share of one half."""

    given: Mapping[str, Any]
    group: Mapping[str, Any]
    goal: Goal
    facts: FrameStatistic | None = None
    domain: int = 0


@dataclass(frozen=True)
class _Reached:
    """Standard error, half-width and ratio to the goal of each figure at one size.

    ``hidden`` are the figures whose interval an estimate wouldn't show, for want of degrees of
    freedom.
    """

    errors: Floats
    margins: Floats
    ratios: Floats
    hidden: int


def size_for_goals(service: Service, table: OpenTable, request: SizeRequest) -> dict[str, Any]:
    """The smallest size of a design that reaches all goals, as JSON.

    Raises
    ------
    DomainError
        A column, goal or design doesn't fit; ``loc`` begins with ``goal``, ``goals`` or ``design``.
    """
    given = {"round_number": 1, **request.design}
    given.pop("goal", None)
    settled = {**given, "parameters": _parameters(request)}
    try:
        seeded = {**settled, "parameters": {"seed": 0, **settled["parameters"]}}
        (round_spec,) = engine_rounds([seeded], table.files, DrawRule())
        check_rounds(table.files, [round_spec])
        with service.parquet.cursor(table.files) as cursor:
            state = DrawState(cursor, table.files, counts_dir=service.directory.counts_dir)
            planner = _Planner(request, table, round_spec, state)
            return planner.answer(settled)
    except DomainError as error:
        if error.loc[:2] == ("rounds", 0):
            error.loc = ("design", *error.loc[2:])
        raise


def _parameters(request: SizeRequest) -> dict[str, Any]:
    """The design's parameters; an estimated variance needs two rows of each stratum."""
    parameters = dict(request.design["parameters"])
    has_column = any("column" in goal for goal in request.goals)
    if request.design["method"] == "stratified" and (has_column or request.allocation == "optimal"):
        parameters["min_per_stratum"] = max(parameters.get("min_per_stratum", 0), MIN_DRAWN)
    return parameters


class _Planner:
    """The figures of a request, the facts of its table, and the sizes that they need."""

    def __init__(
        self, request: SizeRequest, table: OpenTable, round_spec: Round, state: DrawState
    ) -> None:
        self.request, self.table, self.round_spec = request, table, round_spec
        self.method = round_spec.method
        self.name = self.method.declaration.name
        self.notes: list[str] = []
        self._needed: dict[str, float] = {}
        self._require_possible()
        self.eligible = eligible_rows(state, round_spec, ignore_progress)
        if not self.eligible.total:
            raise InvalidGoal(
                "No row can be drawn: the table is empty, or no row passes the filter.",
                loc=("design", "filters") if round_spec.filter else ("table_key",),
            )
        self.population = self.eligible.total
        self.weights: Floats | None = None
        self.group_rows: Ints = self.eligible.counts
        self.figures = self._read_figures()
        if not self.figures:
            raise InvalidGoal(
                "No row has a value in the columns of the goals.", loc=request.loc(0, "column")
            )

    def _require_possible(self) -> None:
        request = self.request
        if self.name not in PLANNED_METHODS:
            raise InvalidMethod(
                "A precision can't be planned for method {method}.",
                method=self.method.name,
                loc=("design", "method"),
            )
        is_optimal = request.allocation == "optimal"
        if is_optimal and self.name != "stratified":
            raise InvalidGoal(
                "An optimal allocation needs a stratified design, not {method}.",
                method=self.method.name,
                loc=("allocation",),
            )
        if not is_optimal and (request.cost or request.budget is not None):
            raise InvalidGoal(
                "`cost` and `budget` need `allocation` optimal.",
                loc=("cost" if request.cost else "budget",),
            )
        for at, goal in enumerate(request.goals):
            if "column" in goal or (self.method.has_margin_of_error and not is_optimal):
                continue
            raise InvalidMethod(
                "The best sizes of the strata depend on the values of their rows: add a "
                "`statistic` of a column."
                if is_optimal
                else "The margin of error of method {method} depends on the rows that it draws: "
                "add a `statistic` of a column, or give a size.",
                method=self.method.name,
                loc=request.loc(at, "column") if is_optimal else ("design", "method"),
            )

    def _read_figures(self) -> list[_Figure]:
        """The figures of all goals; goals of the same domains share a scan."""
        by_goal: dict[int, list[_Figure]] = {}
        scans: dict[tuple[str, ...], list[int]] = {}
        for at, given in enumerate(self.request.goals):
            if "column" in given:
                scans.setdefault(tuple(given.get("by") or ()), []).append(at)
            else:
                by_goal[at] = [_Figure(given, {}, self._goal(at, given, 0.5, 0.0, 1.0))]
        for names, goals in scans.items():
            by_goal |= self._scan(names, goals)
        return [figure for at in sorted(by_goal) for figure in by_goal[at]]

    def _scan(self, names: Sequence[str], goals: Sequence[int]) -> dict[int, list[_Figure]]:
        files, request = self.table.files, self.request
        by = [
            group_column(files, name, "groups", request.loc(goals[0], "by", at))
            for at, name in enumerate(names)
        ]
        variables = [
            _variable(files, request.goals[at], lambda *loc, at=at: request.loc(at, *loc))
            for at in goals
        ]
        cursor = self.eligible.state.cursor
        for at, each in zip(goals, variables, strict=True):
            value, loc = request.goals[at].get("value"), request.loc(at, "value")
            if each.condition is not None and value is not None:
                require_known_value(
                    cursor, files, each.column, each.condition, value, InvalidGoal, loc
                )
        units = None
        if self.name == "weighted":
            weights = files.column(self.method.weight_column)  # type: ignore[attr-defined]
            units = read_weights(self.eligible, weights, ignore_progress).units
        found = read_frame(self.eligible, variables, by, ignore_progress, units)
        if units is not None:
            self._use_weights(found)
        self._require_few(found, by, goals)
        return {at: self._figures(at, found, place) for place, at in enumerate(goals)}

    def _use_weights(self, found: FrameSums) -> None:
        self.weights, self.group_rows = found.group_weights, found.group_rows
        covered = int(found.group_rows.sum())
        if covered < self.population:
            self._note(
                f"{self.population - covered:,} rows have no weight, so they can't be drawn and "
                "the figures don't cover them."
            )
        self.population = covered
        if not covered:
            raise InvalidGoal(
                "No row has a weight above 0.", loc=("design", "parameters", "weight_column")
            )

    def _require_few(self, found: FrameSums, by: Sequence[Column], goals: Sequence[int]) -> None:
        domains, groups = len(found.domains_by), len(found.group_rows)
        is_optimal = self.request.allocation == "optimal"
        most = MAX_OPTIMAL_FIGURES if is_optimal else MAX_GROUPS
        if domains * len(self.request.goals) > most and by:
            raise TooManyGroups(
                "{columns} make {count} groups, which with {goals} goals are more than {maximum} "
                "figures. Choose a column with fewer values.",
                columns=", ".join(f'"{column.name}"' for column in by),
                count=domains,
                goals=len(self.request.goals),
                maximum=most,
                loc=self.request.loc(goals[0], "by"),
            )
        if (is_optimal and groups > MAX_OPTIMAL_STRATA) or domains * groups > MAX_FIGURES:
            raise TooManyGroups(
                "The design has {count} strata or clusters; sizes for these goals are computed "
                "for up to {maximum}. Choose columns with fewer values, or bands.",
                count=groups,
                maximum=MAX_OPTIMAL_STRATA if is_optimal else MAX_FIGURES // domains,
                loc=("design", "parameters"),
            )

    def _figures(self, at: int, found: FrameSums, place: int) -> list[_Figure]:
        given, sums = self.request.goals[at], found.variables[place]
        cells = CellSums(
            found.groups,
            found.domains,
            sums.counts,
            sums.sums,
            sums.squares,
            sums.offset,
            sums.unit,
            found.group_rows,
            len(found.domains_by),
        )
        facts = frame_statistic(given["statistic"], cells)
        if given["statistic"] != "proportion" and self.name in ("random", "systematic"):
            needed = CubeSums(cells, sums.cubes).needed_rows(given["statistic"])
            before = self._needed.get(given["column"], 0.0)
            self._needed[given["column"]] = float(needed.max(initial=before))
        is_relative = given.get("margin") is None and self.request.budget is None
        zeros = facts.values == 0 if is_relative and given.get("by") else np.zeros(1, dtype=bool)
        if zeros.any():
            self._note(
                f"{int(zeros.sum()):,} groups have a true value of 0, of which no precision can be "
                "relative: left out."
            )
        zeros = np.broadcast_to(zeros, len(found.domains_by))
        figures = [
            _Figure(
                given,
                group,
                self._goal(at, given, float(facts.values[domain]), sums.low, sums.high),
                facts,
                domain,
            )
            for domain, group in enumerate(found.domains_by)
            if facts.rows[domain] and not zeros[domain]
        ]
        self._note_rows(given, facts, int((facts.rows == 0).sum()))
        return figures

    def _note_rows(self, given: Mapping[str, Any], facts: FrameStatistic, without: int) -> None:
        missing = self.population - int(facts.rows.sum())
        column = given["column"]
        if without:
            self._note(f"{without:,} groups have no row with a value in {column}: left out.")
        if missing:
            self._note(f"{missing:,} rows have no value in {column}: the figures leave them out.")
        constant = int(((facts.squares == 0) & (facts.rows > 0)).sum())
        if constant:
            where = "" if len(facts.rows) == 1 else f" in {constant:,} groups"
            self._note(f"{column} does not vary{where}: any size reaches the goal there.")

    def _goal(
        self, at: int, given: Mapping[str, Any], value: float, low: float, high: float
    ) -> Goal:
        """The goal of one figure, whose values are from ``low`` to ``high``."""
        kinds = [kind for kind in KINDS if given.get(kind) is not None]
        if not kinds and self.request.budget is not None and len(self.request.goals) == 1:
            return Goal("cv", 1.0, given["confidence"], 1.0)
        if len(kinds) != 1:
            raise InvalidGoal(
                "Give one of `margin`, `relative_margin` and `cv`.",
                loc=self.request.loc(at, kinds[1] if kinds else "margin"),
            )
        kind, limit = kinds[0], float(given[kinds[0]])
        is_share = given.get("statistic", "proportion") == "proportion"
        widest = 1.0 if is_share else high - low
        widest *= self.population if given.get("statistic") == "total" else 1
        if kind == "margin" and widest > 0 and limit >= widest:
            if is_share:
                raise InvalidGoal(
                    "`margin` must be above 0 and below 1, such as 0.03 for 3 percentage points.",
                    loc=self.request.loc(at, "margin"),
                )
            raise InvalidGoal(
                "`margin` {margin} is not below {widest}, the whole range of the figure, so any "
                "row reaches it. Give a smaller one.",
                margin=f"{limit:,.6g}",
                widest=f"{widest:,.6g}",
                loc=self.request.loc(at, "margin"),
            )
        if kind != "margin" and value == 0:
            raise InvalidGoal(
                "The true value is 0, so a precision relative to it has no meaning. Give a "
                "`margin`.",
                loc=self.request.loc(at, kind),
            )
        interval = given.get("interval", "t") if is_share else "t"
        return Goal(kind, limit, given["confidence"], value, interval)  # type: ignore[arg-type]

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # The variances of the design.

    @cached_property
    def _with_facts(self) -> list[_Figure]:
        return [figure for figure in self.figures if figure.facts is not None]

    def _stacked(self, name: str) -> Floats:
        """A fact of all figures that have facts, the figures first."""
        found = [getattr(each.facts, name)[each.domain] for each in self._with_facts]
        if found:
            return np.array(found, dtype=np.float64)
        return np.zeros((0, len(self.group_rows)) if name.startswith("group_") else 0)

    @cached_property
    def plan(self) -> SizePlan:
        """The variances of the design by its size."""
        if self.name == "stratified":
            return StratifiedPlan(self.strata, self._allocated, self._strata_counts)
        if self.name == "cluster":
            return self._cluster_plan()
        if self.weights is not None:
            rows = self.group_rows.astype(np.float64)
            sums, squares = self._stacked("group_sums"), self._stacked("group_sums_of_squares")
            return WeightedPlan(rows, self.weights, sums, squares, self._stacked("group_counts"))
        return RandomPlan(self.population, self._stacked("squares"), self._stacked("rows"))

    @property
    def _strata_counts(self) -> Floats:
        """The rows with a value in each stratum that has rows, shape (figures, strata)."""
        return self._stacked("group_counts")[:, self.group_rows > 0]

    def _cluster_plan(self) -> ClusterPlan:
        present = self.group_rows > 0
        rows = self.group_rows[present]
        drawn = self.method.rows_within(rows).astype(np.float64)  # type: ignore[attr-defined]
        weights = rows.astype(np.float64) * (rows / drawn - 1.0)
        within = self._stacked("group_squares")[:, present] @ weights
        clusters = (self._stacked("group_counts")[:, present] > 0).sum(axis=1).astype(np.float64)
        return ClusterPlan(int(present.sum()), self._stacked("total_squares"), within, clusters)

    @cached_property
    def strata(self) -> Strata:
        """The strata that have rows."""
        present = self.group_rows > 0
        rows = self.group_rows[present].astype(np.float64)
        least = np.minimum(self.method.min_per_stratum, rows)  # type: ignore[attr-defined]
        squares = self._stacked("group_squares")[:, present]
        if self.request.takes_last:
            last = self._labels().index("NULL") - 1 if "NULL" in self._labels() else -1
            least[last] = rows[last]
        return Strata(rows, squares, self._costs()[present], np.maximum(least, 1.0))

    def _costs(self) -> Floats:
        costs = np.ones(len(self.group_rows))
        if self.request.cost:
            named = values_by_stratum(self.eligible.strata, self.request.cost, ("cost",))  # type: ignore[arg-type]
            costs[list(named)] = list(named.values())
            without = int((self.group_rows > 0).sum()) - len(named)
            if without > 0:
                self._note(f"{without:,} strata have no cost: a row of them costs 1.")
        return costs

    @cached_property
    def _allocation(self) -> Callable[[int], Ints]:
        return self.method.allocations(self.eligible, ignore_progress)

    def _allocated(self, size: int) -> Ints:
        """The design's own sizes of the strata that have rows."""
        sizes: Ints = self._allocation(size)[self.group_rows > 0]
        return sizes

    def reached(
        self, variances: Floats, degrees: Floats, sizes: Ints | None, size: int
    ) -> _Reached:
        """The precision of each figure."""
        found = zip(variances, degrees, strict=True)
        errors, margins, ratios = [], [], []
        for figure in self.figures:
            if figure.facts is None:
                half = self._plain_margin(figure.goal.confidence, sizes, size)
                errors.append(half)
                margins.append(half)
                ratios.append(half / figure.goal.limit)
                continue
            precision = figure.goal.precision(*map(float, next(found)))
            errors.append(precision.error)
            margins.append(precision.half_width)
            ratios.append(figure.goal.ratio(precision))
        hidden = (variances > 0) & (degrees < MINIMUM_DEGREES)
        return _Reached(np.array(errors), np.array(margins), np.array(ratios), int(hidden.sum()))

    def _plain_margin(self, confidence: float, sizes: Ints | None, size: int) -> float:
        """The margin of a share of one half, as a plan states it."""
        drawn = np.array([min(size, self.population)]) if sizes is None else sizes
        rows = np.array([self.population]) if sizes is None else self.strata.rows.astype(np.int64)
        found = margin_of_error(drawn, rows, confidence)
        return 1.0 if found is None else found

    def at(self, size: int) -> _Reached:
        """The precision at a size of the design."""
        plan = self.plan
        sizes = self._allocated(size) if isinstance(plan, StratifiedPlan) else None
        return self.reached(plan.variances(size), plan.degrees(size), sizes, size)

    def at_sizes(self, sizes: Ints) -> _Reached:
        """The precision at sizes of the strata."""
        degrees = stratified_degrees(sizes, self.strata.rows, self._strata_counts)
        return self.reached(self.strata.variances(sizes), degrees, sizes, int(sizes.sum()))

    # The answer.

    def answer(self, settled: Mapping[str, Any]) -> dict[str, Any]:
        """The size with all that it follows from, as JSON."""
        if self.request.allocation == "optimal":
            sizes = self._budget_sizes() if self.request.budget is not None else self._goal_sizes()
            found = self.at_sizes(sizes)
            parameters = self._sized_parameters(settled["parameters"], sizes)
            rows, clusters = int(sizes.sum()), None
        else:
            size = self._size()
            if self.name == "stratified":
                size = int(self._allocated(size).sum())
            found = self.at(size)
            parameters = self.method.with_size(settled["parameters"], size)
            sizes = self._allocated(size) if self.name == "stratified" else np.array([size])
            rows, clusters = int(sizes.sum()), None
            if self.name == "cluster":
                clusters, rows = size, self._expected_rows(size)
        binding = int(np.argmax(found.ratios))
        self._add_notes(rows, found)
        return {
            "sample_size": rows,
            "margin_of_error": float(found.margins[binding]),
            "confidence": self.figures[binding].goal.confidence,
            "eligible_rows": self.population,
            "parameters": parameters,
            "round": {**settled, "parameters": parameters, **self._recorded_goal()},
            "clusters": clusters,
            "goals": self._goals_json(found, binding),
            "strata": self._strata_json(sizes) if self.name == "stratified" else None,
            "strata_count": len(sizes) if self.name == "stratified" else None,
            "cost": self._cost(sizes),
            "homogeneity": self._homogeneity(binding),
            "curve": self._curve(binding, rows),
            "notes": self.notes,
        }

    def _recorded_goal(self) -> dict[str, Any]:
        """The goal as a round records it; several goals aren't recorded."""
        (goal, *others) = self.request.goals
        is_goal = not others and any(kind in goal for kind in KINDS)
        return {"goal": dict(goal)} if is_goal else {}

    def _size(self) -> int:
        def is_reached(size: int) -> bool:
            found = self.at(size)
            return not found.hidden and bool((found.ratios <= 1.0 + ROUNDING).all())

        start = None
        if isinstance(self.plan, RandomPlan) and len(self.plan.squares):
            n = float(self.population)
            start = max(
                random_size(float(square), each.goal.wanted(inf) / n**2, n)
                for square, each in zip(self.plan.squares, self._with_facts, strict=True)
            )
        # The variance is estimated from two rows or clusters at least.
        least = MIN_DRAWN if self._with_facts else 1
        return smallest_size(self.plan, is_reached, least, start)

    def _goal_sizes(self) -> Ints:
        """Whole sizes of least cost; the second pass knows the degrees of freedom."""
        degrees = np.full(len(self.figures), inf)
        for _ in range(3):
            pairs = zip(self.figures, degrees, strict=True)
            wanted = np.array([each.goal.wanted(float(own)) for each, own in pairs])
            wanted = np.maximum(wanted, np.finfo(float).tiny)
            sizes = integer_sizes(self.strata, wanted, optimal_sizes(self.strata, wanted))
            if (self.at_sizes(sizes).ratios <= 1.0 + ROUNDING).all():
                break
            degrees = stratified_degrees(sizes, self.strata.rows, self._strata_counts)
            degrees = np.maximum(degrees, 1.0)
        return sizes

    def _budget_sizes(self) -> Ints:
        budget, strata = float(self.request.budget or 0.0), self.strata
        needed = float(strata.costs @ strata.least)
        if needed > budget:
            raise InvalidGoal(
                "The budget {budget} is too small: {rows} rows of each stratum cost {needed}.",
                budget=f"{budget:,g}",
                rows=self.method.min_per_stratum,  # type: ignore[attr-defined]
                needed=f"{needed:,g}",
                loc=("budget",),
            )
        wanted = np.array([each.goal.wanted(inf) for each in self.figures])
        allocation, _ = sizes_for_budget(strata, budget, wanted)
        return spent_sizes(strata, budget, allocation)

    def _labels(self) -> list[str]:
        numbers = np.flatnonzero(self.group_rows > 0)
        return [label or "" for label in self.eligible.strata.labels(numbers)]

    def _sized_parameters(self, parameters: Mapping[str, Any], sizes: Ints) -> dict[str, Any]:
        kept = {
            name: value for name, value in parameters.items() if name in ("strata_columns", "seed")
        }
        is_whole = sizes == self.strata.rows
        named = zip(self._labels(), sizes.tolist(), is_whole.tolist(), strict=True)
        return {**kept, "sizes": {label: TAKE_ALL if all_ else n for label, n, all_ in named}}

    def _expected_rows(self, clusters: int) -> int:
        rows = self.group_rows[self.group_rows > 0]
        drawn = self.method.rows_within(rows)  # type: ignore[attr-defined]
        return round(clusters * float(drawn.mean()))

    def _goals_json(self, found: _Reached, binding: int) -> list[dict[str, Any]]:
        answers = []
        for at, figure in enumerate(self.figures):
            value = None if figure.facts is None else figure.goal.value
            if figure.facts is not None:
                value = float(figure.facts.values[figure.domain])
            margin, error = float(found.margins[at]), float(found.errors[at])
            answers.append(
                {
                    "statistic": figure.given.get("statistic", "proportion"),
                    **{name: figure.given.get(name) for name in ("column", "value")},
                    **{kind: figure.given.get(kind) for kind in KINDS},
                    "group": dict(figure.group),
                    "rows": self.population
                    if figure.facts is None
                    else int(figure.facts.rows[figure.domain]),
                    "true_value": value,
                    "margin_of_error": margin if np.isfinite(margin) else None,
                    "standard_error": None if figure.facts is None else error,
                    "reached_cv": error / abs(value) if value else None,
                    "confidence": figure.goal.confidence,
                    "is_binding": at == binding,
                }
            )
        return answers

    def _strata_json(self, sizes: Ints) -> list[dict[str, Any]]:
        numbers = np.flatnonzero(self.group_rows > 0)[:STRATA_LISTED]
        facts = self._with_facts[0].facts if self._with_facts else None
        deviations = None if facts is None else facts.cells.deviations()
        return [
            {
                "key": key,
                "label": label,
                "rows": int(self.group_rows[number]),
                "sample_size": int(sizes[at]),
                "standard_deviation": None if deviations is None else float(deviations[number]),
                "cost": float(self.strata.costs[at]),
            }
            for at, (number, key, label) in enumerate(
                zip(
                    numbers,
                    self.eligible.strata.keys(numbers),
                    self.eligible.strata.labels(numbers),
                    strict=True,
                )
            )
        ]

    def _cost(self, sizes: Ints) -> float | None:
        if not self.request.cost and self.request.budget is None:
            return None
        return float(self.strata.costs @ sizes)

    def _homogeneity(self, binding: int) -> float | None:
        figure = self.figures[binding]
        if self.name != "cluster" or figure.facts is None:
            return None
        found = float(figure.facts.homogeneity[figure.domain])
        return found if np.isfinite(found) else None

    def _curve(self, binding: int, rows: int) -> list[dict[str, Any]]:
        """The half-width of the binding figure at sizes in equal ratios around the found one."""
        if self.request.allocation == "optimal":
            return self._optimal_curve(binding)
        most = self.plan.most
        points: list[dict[str, Any]] = []
        for size in _curve_sizes(most):
            margin = float(self.at(size).margins[binding])
            if not np.isfinite(margin):
                continue
            drawn = self._expected_rows(size) if self.name == "cluster" else size
            if self.name == "stratified":
                drawn = int(self._allocated(size).sum())
            if not points or drawn > points[-1]["sample_size"]:
                points.append({"sample_size": drawn, "margin_of_error": margin})
        return points

    def _optimal_curve(self, binding: int) -> list[dict[str, Any]]:
        """The whole sizes for multiples of the wanted variances."""
        points: list[dict[str, Any]] = []
        wanted = np.array([each.goal.wanted(inf) for each in self.figures])
        for power in range(6, -7, -1):
            given = np.maximum(wanted * 2.0 ** (power / 1.5), np.finfo(float).tiny)
            sizes = integer_sizes(self.strata, given, optimal_sizes(self.strata, given))
            margin = float(self.at_sizes(sizes).margins[binding])
            drawn = int(sizes.sum())
            if np.isfinite(margin) and (not points or drawn > points[-1]["sample_size"]):
                points.append({"sample_size": drawn, "margin_of_error": margin})
        return points

    def _add_notes(self, rows: int, found: _Reached) -> None:
        if self.name == "systematic":
            self._note("A systematic sample is planned as a random one.")
        if self.weights is not None:
            self._note("The variance is Hájek's approximation for unequal probabilities.")
        if self.name == "cluster" and len(np.unique(self.group_rows[self.group_rows > 0])) > 1:
            self._note("Clusters have different numbers of rows: the rows are what to expect.")
        if self.request.budget is None and (found.ratios > 1.0 + ROUNDING).any():
            self._note(
                "Even all clusters miss the goal, since only some rows of each are drawn: draw "
                "more rows of each."
            )
        elif rows >= self.population:
            self._note("All rows are needed.")
        elif rows < SMALL and self._with_facts:
            self._note(
                f"{rows:,} rows are few: where values are skewed, the interval of so small a "
                "sample misses the true value more often than its confidence says."
            )
        if found.hidden:
            self._note(
                f"{counted(found.hidden, 'figure is', 'figures are')} expected to have fewer than "
                f"{MINIMUM_DEGREES} degrees of freedom, and estimates don't show such an interval "
                "unless `minimum_degrees` says so: draw more rows of the smallest groups."
            )
        self._note_rare_shares(rows)
        self._note_skewness(rows)
        if self.request.budget is not None and (found.ratios > 1.0 + ROUNDING).any():
            given = any(each.given.get(kind) is not None for each in self.figures for kind in KINDS)
            if given:
                self._note("The budget doesn't reach all goals.")

    def _note_skewness(self, rows: int) -> None:
        """A margin of t·SE is that of an estimate that is nearly normal."""
        for column, needed in self._needed.items():
            if rows >= min(needed, self.population):
                continue
            is_less = needed < self.population
            enough = f"about {float(f'{needed:.2g}'):,.0f}" if is_less else "a large part of all"
            self._note(
                f"{column} is skewed: an interval needs {enough} rows (25·G², Cochran 1977) to be "
                f"right as often as its confidence says. With {rows:,} it misses the true value "
                "more often. Take the largest values whole, by bands, or draw by weight."
            )

    def _note_rare_shares(self, rows: int) -> None:
        """A margin of t·SE is that of estimates with some rows of either kind."""
        if rows >= self.population or not self._with_facts:
            return
        rare = [
            each.given["column"]
            for each in self.figures
            if each.given.get("statistic") == "proportion"
            and rows * min(each.goal.value, 1.0 - each.goal.value) < RARE
        ]
        if rare:
            self._note(
                f"Shares of {', '.join(dict.fromkeys(rare))} are close to 0 or 1, so the sample "
                "may have rows of one kind only. Its interval is then wider than planned: with "
                f"0 of {rows:,} rows, it is 0 to {100 * (1 - 0.025 ** (1 / rows)):.1f} % at 95 % "
                "confidence."
            )


def _curve_sizes(most: int) -> list[int]:
    """Sizes in equal ratios from 2 to all."""
    return sorted({int(size) for size in np.geomspace(min(2, most), most, CURVE_POINTS).round()})


def _variable(
    table: TableFiles, given: Mapping[str, Any], loc: Callable[..., tuple[str | int, ...]]
) -> Variable:
    """The column or condition that a goal adds up, checked against the table."""
    column = found_column(table, given["column"], loc("column"))
    condition = None
    is_missing = "value" in given and given["value"] is None
    if given["statistic"] == "proportion" and "value" in given:
        wanted = {"column": column.name, "operator": "=", "value": given["value"]}
        if is_missing:
            wanted = {"column": column.name, "operator": "is_null"}
        condition = parse_conditions([wanted], "AND", table, loc=loc("value")).condition("f")
    check_statistic(Statistic(given["statistic"], column, None, condition), loc())
    return Variable(column, condition, is_missing)
