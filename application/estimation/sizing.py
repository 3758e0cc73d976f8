"""The size of a sample for goals of precision, from the true facts of its table.

One scan adds up what the variances need; docs/PLANNING.md has the formulas. Figures of columns that
the table lacks are estimated from a pilot sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import field, replace
from functools import cached_property
from math import inf, sqrt
from typing import Any, get_args

import numpy as np

from application.estimation.pilots import (
    Pilot,
    PilotFigures,
    has_columns_of,
    judge_correlation,
    read_pilot,
)
from application.estimation.size_answers import (
    CurvePoint,
    JudgeSize,
    PlannedFigure,
    PlannedStratum,
    SizeAnswer,
)
from application.estimation.value_sources import value_condition
from contract.requests.estimate import MINIMUM_DEGREES
from contract.requests.goal import RECALL
from contract.requests.size import SizeRequest
from contract.words import GoalInterval, GoalKind
from domain_errors import Loc, counted, moved
from estimation_engine import InvalidGoal, Statistic, TooManyGroups, check_statistic
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.known_values import require_known_value
from estimation_engine.planning.allocation import (
    Strata,
    integer_sizes,
    optimal_sizes,
    sizes_for_budget,
    spent_sizes,
)
from estimation_engine.planning.designs import (
    ClusterPlan,
    ClusterStagesPlan,
    RandomPlan,
    SizePlan,
    StratifiedPlan,
    WeightedPlan,
    smallest_size,
    stratified_degrees,
)
from estimation_engine.planning.frame import CellSums, FrameStatistic, frame_statistic
from estimation_engine.planning.goals import Goal, random_size
from estimation_engine.planning.guess import GuessedStatistic
from estimation_engine.planning.judge import Correlation, effective_labels
from estimation_engine.planning.pilot import PilotStatistic
from lazy_dataclasses import dataclass
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Column, TableFiles
from presentation.content import Estimated, float_text
from sampling_engine import (
    ClusterMethod,
    Method,
    Round,
    StratifiedMethod,
    WeightedMethod,
    check_rounds,
    method_class,
)
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import InvalidMethod
from sampling_engine.frame import FrameSums, Variable, read_frame
from sampling_engine.methods.cluster.declaration import PlannedChances
from sampling_engine.methods.cluster.tree import ClusterTree
from sampling_engine.methods.method import PlannedBy
from sampling_engine.methods.parameters import TAKE_ALL, group_column
from sampling_engine.methods.stratified import values_by_stratum
from sampling_engine.plan import margin_of_error
from sampling_engine.rounds import eligible_rows
from service.sampling_parameters import DrawRule, engine_rounds, without_order
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
FEW_EXPECTED, PART_OF_FEW = 10, 0.2
"""Expected rows with a condition in a stratum, and the part of the variance of such strata."""
ROUNDING = 1e-9
KINDS: tuple[GoalKind, ...] = get_args(GoalKind)
BY_PILOT: tuple[PlannedBy, ...] = ("rows", "strata")


@dataclass(frozen=True)
class _Figure:
    """One figure of a goal: a statistic of one domain with its facts, or a share of one half."""

    given: Mapping[str, Any]
    group: Mapping[str, Any]
    goal: Goal
    facts: FrameStatistic | PilotStatistic | GuessedStatistic | None = None
    domain: int = 0
    unexplained: float = 1.0
    """The part of the variance that a judge leaves."""

    @property
    def by_pilot(self) -> PilotStatistic | None:
        """The facts, if they are estimates of a pilot."""
        return self.facts if isinstance(self.facts, PilotStatistic) else None


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

    @property
    def binding(self) -> int:
        """The place of the figure that needs most rows."""
        return int(np.argmax(self.ratios))

    @property
    def is_enough(self) -> bool:
        """Whether all goals are reached."""
        return bool((self.ratios <= 1.0 + ROUNDING).all())


@dataclass(frozen=True)
class _Sized:
    """The found size: its rows, the method's parameters, and what it reaches.

    ``drawn`` are the rows of each stratum, of which a table without strata is one. ``own`` are the
    fields of the answer that the design alone has.
    """

    rows: int
    parameters: Mapping[str, Any]
    reached: _Reached
    drawn: Ints
    own: Mapping[str, Any] = field(default_factory=dict)


def size_for_goals(
    service: Service, table: OpenTable, request: SizeRequest, pilot: Pilot | None = None
) -> SizeAnswer:
    """The smallest size of a design that reaches all goals.

    Parameters
    ----------
    pilot : Pilot, optional
        The sample that the request names, by :func:`application.estimation.pilots.open_pilot`.

    Raises
    ------
    DomainError
        A column, goal or design doesn't fit; ``loc`` begins with ``goal``, ``goals`` or ``design``.
    """
    given = {"round_number": 1, **request.design}
    given.pop("goal", None)
    settled = {**given, "parameters": _parameters(request)}
    with moved(("rounds", 0), ("design",)):
        seeded = {**without_order(settled), "parameters": {"seed": 0, **settled["parameters"]}}
        (round_spec,) = engine_rounds([seeded], table.files, DrawRule())
        check_rounds(table.files, [round_spec])
        with service.parquet.cursor(table.files) as cursor:
            state = DrawState(cursor, table.files, counts_dir=service.directory.counts_dir)
            planner = _planner_of(request, round_spec.method)
            return planner(request, table, round_spec, state, pilot).answer(settled)


def _parameters(request: SizeRequest) -> dict[str, Any]:
    """The design's parameters; an estimated variance needs two rows of each stratum."""
    parameters = dict(request.design["parameters"])
    has_column = any("column" in goal for goal in request.all_goals)
    by_strata = method_class(request.design["method"]).planned_by == "strata"
    if by_strata and (has_column or request.allocation == "optimal"):
        parameters["min_per_stratum"] = max(parameters.get("min_per_stratum", 0), MIN_DRAWN)
    return parameters


def _planner_of(request: SizeRequest, method: Method) -> type[_Planner]:
    """The class that plans a design; a request that none can answer is refused."""
    if method.planned_by is None:
        raise InvalidMethod(
            "A precision can't be planned for method {method}.",
            method=method.name,
            loc=("design", "method"),
        )
    if request.pilot is not None and method.planned_by not in BY_PILOT:
        raise InvalidGoal(
            "A pilot plans random, systematic and stratified designs, not {method}.",
            method=method.name,
            loc=("pilot",),
        )
    judged = [at for at, goal in enumerate(request.all_goals) if "judge" in goal]
    if judged and method.planned_by not in BY_PILOT:
        raise InvalidGoal(
            "Labels with a judge are planned for random, systematic and stratified designs, not "
            "{method}.",
            method=method.name,
            loc=request.loc(judged[0], "judge"),
        )
    if judged and request.budget is not None:
        raise InvalidGoal(
            "A budget has no size to compare: leave out the `judge`, or give a margin.",
            loc=request.loc(judged[0], "judge"),
        )
    is_optimal = request.allocation == "optimal"
    if is_optimal and method.planned_by != "strata":
        raise InvalidGoal(
            "An optimal allocation needs a stratified design, not {method}.",
            method=method.name,
            loc=("allocation",),
        )
    if not is_optimal and (request.cost or request.budget is not None):
        raise InvalidGoal(
            "`cost` and `budget` need `allocation` optimal.",
            loc=("cost" if request.cost else "budget",),
        )
    for at, goal in enumerate(request.all_goals):
        if (
            "column" in goal
            or goal.get("statistic") == RECALL
            or (method.has_margin_of_error and not is_optimal)
        ):
            continue
        raise InvalidMethod(
            "The best sizes of the strata depend on the values of their rows: add a "
            "`statistic` of a column."
            if is_optimal
            else "The margin of error of method {method} depends on the rows that it draws: "
            "add a `statistic` of a column, or give a size.",
            method=method.name,
            loc=request.loc(at, "column") if is_optimal else ("design", "method"),
        )
    return _OptimalPlanner if is_optimal else _PLANNERS[method.planned_by]


class _Planner:
    """The figures of a request, the facts of its table, and the size that they need.

    Rows are drawn one by one with equal probabilities; other designs have classes of their own.
    """

    max_groups = MAX_GROUPS
    """Figures of all goals."""

    def __init__(
        self,
        request: SizeRequest,
        table: OpenTable,
        round_spec: Round,
        state: DrawState,
        pilot: Pilot | None = None,
    ) -> None:
        self.request, self.table, self.round_spec = request, table, round_spec
        self.pilot = pilot
        self.method, self.goals = round_spec.method, request.all_goals
        self.notes: list[str] = []
        self._needed: dict[str, float] = {}
        self._pilots: list[PilotFigures] = []
        self.eligible = eligible_rows(state, round_spec, ignore_progress)
        if not self.eligible.total:
            raise InvalidGoal(
                "No row can be drawn: the table is empty, or no row passes the filter.",
                loc=("design", "filters") if round_spec.filter else ("table_key",),
            )
        self.population = self.eligible.total
        self.group_rows: Ints = self.eligible.counts
        self.figures = self._read_figures()
        if not self.figures:
            raise InvalidGoal(
                "No row has a value in the columns of the goals.", loc=request.loc(0, "column")
            )

    def _read_figures(self) -> list[_Figure]:
        """The figures of all goals; goals of the same domains share a scan."""
        by_goal: dict[int, list[_Figure]] = {}
        scans: dict[tuple[str, ...], list[int]] = {}
        for at, given in enumerate(self.goals):
            if "column" in given and self.pilot is not None:
                if not has_columns_of(self.table.files, given):
                    by_goal[at] = self._figures_of_pilot(at, self.pilot)
                    continue
                self._note(
                    f"{given['column']} is a column of the table, so that its variance is known "
                    "and isn't the pilot's."
                )
            if "column" in given:
                scans.setdefault(tuple(given.get("by") or ()), []).append(at)
            else:
                by_goal[at] = [self._without_column(at, given)]
        for names, goals in scans.items():
            by_goal |= self._scan(names, goals)
        return [figure for at in sorted(by_goal) for figure in by_goal[at]]

    def _without_column(self, at: int, given: Mapping[str, Any]) -> _Figure:
        """A share of one half."""
        if given.get("statistic") == RECALL:
            raise InvalidGoal(
                "A recall is planned for a stratified design whose sample is divided for a recall, "
                "by `flagged` strata and guessed rates.",
                loc=self.request.loc(at, "statistic"),
            )
        return _Figure(given, {}, self._goal(at, given, 0.5, 0.0, 1.0))

    def _figures_of_pilot(self, at: int, pilot: Pilot) -> list[_Figure]:
        """The figures of a goal whose column, or group, the table lacks."""
        given, request = self.goals[at], self.request
        names = tuple(given.get("by") or ())
        found = read_pilot(
            pilot,
            self.eligible,
            given,
            lambda *loc: request.loc(at, *loc),
            lambda groups: self._require_few(groups, len(self.group_rows), names, [at]),
        )
        facts = found.facts
        if given["statistic"] != "proportion" and self.method.equal_chances:
            before = self._needed.get(given["column"], 0.0)
            needed = facts.needed_rows()
            self._needed[given["column"]] = float(needed.max(initial=before))
        for note in found.notes:
            self._note(note)
        if pilot.rows.source.commit_id != self.table.commit_id:
            self._note(
                "The pilot was drawn from another version or dataset: its variances are taken as "
                "those of this table."
            )
        relative = next((kind for kind in KINDS[1:] if given.get(kind) is not None), None)
        if relative is not None and (facts.values == 0).any():
            raise InvalidGoal(
                "The pilot's estimate is 0, so a precision relative to it has no meaning. Give a "
                "`margin`.",
                loc=request.loc(at, relative),
            )
        self._pilots.append(found)
        return [
            _Figure(
                given,
                group,
                self._goal(at, given, float(facts.values[domain]), -inf, inf),
                facts,
                domain,
            )
            for domain, group in enumerate(found.keys)
        ]

    def _scan(self, names: Sequence[str], goals: Sequence[int]) -> dict[int, list[_Figure]]:
        files, request = self.table.files, self.request
        by = [
            group_column(files, name, "groups", request.loc(goals[0], "by", at))
            for at, name in enumerate(names)
        ]
        variables = [
            _variable(files, self.goals[at], lambda *loc, at=at: request.loc(at, *loc))
            for at in goals
        ]
        cursor = self.eligible.state.cursor
        for at, each in zip(goals, variables, strict=True):
            value, loc = self.goals[at].get("value"), request.loc(at, "value")
            if each.condition is not None and value is not None:
                require_known_value(
                    cursor, files, each.column, each.condition, value, InvalidGoal, loc
                )
        frame = self._read_frame(variables, by)
        self._require_few(
            len(frame.domains_by), len(frame.group_rows), [column.name for column in by], goals
        )
        return {at: self._figures(at, frame, place) for place, at in enumerate(goals)}

    def _read_frame(self, variables: Sequence[Variable], by: Sequence[Column]) -> FrameSums:
        return read_frame(self.eligible, variables, by, ignore_progress)

    def _require_few(
        self, domains: int, groups: int, by: Sequence[str], goals: Sequence[int]
    ) -> None:
        if domains * len(self.goals) > self.max_groups and by:
            raise TooManyGroups(
                "{columns} make {count} groups, which with {goals} goals are more than {maximum} "
                "figures. Choose a column with fewer values.",
                columns=", ".join(f'"{name}"' for name in by),
                count=domains,
                goals=len(self.goals),
                maximum=self.max_groups,
                loc=self.request.loc(goals[0], "by"),
            )
        most = self._most_groups(domains)
        if groups > most:
            raise TooManyGroups(
                "The design has {count} strata or clusters; sizes for these goals are computed "
                "for up to {maximum}. Choose columns with fewer values, or bands.",
                count=groups,
                maximum=most,
                loc=("design", "parameters"),
            )

    def _most_groups(self, domains: int) -> int:
        """The strata or clusters for which sizes are computed."""
        return MAX_FIGURES // max(domains, 1)

    def _figures(self, at: int, found: FrameSums, place: int) -> list[_Figure]:
        given, sums = self.goals[at], found.variables[place]
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
        if given["statistic"] != "proportion" and self.method.equal_chances:
            needed = cells.needed_rows(given["statistic"], sums.cubes)
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
        if not kinds and self.request.budget is not None and len(self.goals) == 1:
            return Goal(given["confidence"], kind="cv", limit=1.0, value=1.0)
        if len(kinds) != 1:
            raise InvalidGoal(
                "Give one of `margin`, `relative_margin` and `cv`.",
                loc=self.request.loc(at, kinds[1] if kinds else "margin"),
            )
        (kind,) = kinds
        limit = float(given[kind])
        is_share = given.get("statistic", "proportion") in ("proportion", RECALL)
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
                margin=str(Estimated(limit)),
                widest=str(Estimated(widest)),
                loc=self.request.loc(at, "margin"),
            )
        if kind != "margin" and value == 0:
            raise InvalidGoal(
                "The true value is 0, so a precision relative to it has no meaning. Give a "
                "`margin`.",
                loc=self.request.loc(at, kind),
            )
        interval: GoalInterval = given.get("interval", "t") if is_share else "t"
        return Goal(given["confidence"], kind=kind, limit=limit, value=value, interval=interval)

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
        if name in ("squares", "group_squares"):
            found = [
                square * each.unexplained
                for square, each in zip(found, self._with_facts, strict=True)
            ]
        if found:
            return np.array(found, dtype=np.float64)
        return np.zeros((0, len(self.group_rows)) if name.startswith("group_") else 0)

    @cached_property
    def plan(self) -> SizePlan:
        """The variances of the design by its size."""
        return RandomPlan(self.population, self._stacked("squares"), self._stacked("rows"))

    def rows_of(self, size: int) -> int:
        """The rows that a size draws."""
        return size

    def at(self, size: int) -> _Reached:
        """The precision at a size of the design."""
        drawn, rows = np.array([min(size, self.population)]), np.array([self.population])
        return self._reached(self.plan.variances(size), self.plan.degrees(size), drawn, rows)

    def _reached(self, variances: Floats, degrees: Floats, drawn: Ints, rows: Ints) -> _Reached:
        """The precision of each figure; that of a share of one half is by the drawn rows."""
        pairs = zip(variances, degrees, strict=True)
        errors, margins, ratios = [], [], []
        for figure in self.figures:
            if figure.facts is None:
                margin = margin_of_error(drawn, rows, figure.goal.confidence)
                half = 1.0 if margin is None else margin * sqrt(figure.unexplained)
                errors.append(half)
                margins.append(half)
                ratios.append(half / figure.goal.limit)
                continue
            precision = figure.goal.precision(*map(float, next(pairs)))
            errors.append(precision.error)
            margins.append(precision.half_width)
            ratios.append(figure.goal.ratio(precision))
        hidden = (variances > 0) & (degrees < MINIMUM_DEGREES)
        return _Reached(np.array(errors), np.array(margins), np.array(ratios), int(hidden.sum()))

    def _size(self) -> int:
        def is_reached(size: int) -> bool:
            reached = self.at(size)
            return not reached.hidden and reached.is_enough

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

    def _sized(self, parameters: Mapping[str, Any]) -> _Sized:
        return self._sized_at(self._size(), parameters)

    def _sized_at(self, size: int, parameters: Mapping[str, Any]) -> _Sized:
        with_size = self.method.with_size(parameters, size)
        return _Sized(self.rows_of(size), with_size, self.at(size), np.array([size]))

    def _curve_points(self) -> Iterator[tuple[int, _Reached]]:
        """Rows in equal ratios from 2 to all, and what they reach."""
        most = self.plan.most
        for size in sorted(set(np.geomspace(min(2, most), most, CURVE_POINTS).round().astype(int))):
            yield self.rows_of(int(size)), self.at(int(size))

    # The answer.

    def answer(self, settled: Mapping[str, Any]) -> SizeAnswer:
        """The size with all that it follows from."""
        sized = self._sized(settled["parameters"])
        reached, parameters = sized.reached, dict(sized.parameters)
        uncertain = self._variance_errors(sized.drawn)
        self._add_notes(sized.rows, reached)
        self._note_variance(reached, uncertain)
        (goal, *others) = self.goals
        # A draw checks its goal against the table, which lacks the columns of a pilot.
        has_guesses = any(isinstance(each.facts, GuessedStatistic) for each in self.figures)
        is_recorded = not (others or self._pilots or has_guesses)
        is_recorded = is_recorded and any(kind in goal for kind in KINDS)
        kept = {name: value for name, value in goal.items() if name != "judge"}
        recorded = {"goal": kept} if is_recorded else {}
        return SizeAnswer(
            self.figures[reached.binding].goal.confidence,
            sample_size=sized.rows,
            margin_of_error=float(reached.margins[reached.binding]),
            eligible_rows=self.population,
            parameters=parameters,
            round={**settled, "parameters": parameters, **recorded},
            goals=[
                self._planned(at, figure, reached, uncertain.get(at))
                for at, figure in enumerate(self.figures)
            ],
            curve=self._curve(reached.binding),
            judge=self._judge_size(settled, sized.rows),
            pilot=self._pilots[0].summary(self._pooled_strata) if self._pilots else None,
            notes=self.notes,
            **sized.own,
        )

    def _judge_size(self, settled: Mapping[str, Any], alone: int) -> JudgeSize | None:
        """The labels with the judges of the goals; limits are of the first goal with a judge."""
        if not any("judge" in given for given in self.goals):
            return None
        found = {
            at: self._correlation(at) for at, given in enumerate(self.goals) if "judge" in given
        }
        parameters = settled["parameters"]
        sized = self._with_judge({at: each.value for at, each in found.items()}, parameters)
        first = next(iter(found.values()))
        is_guess = first.labels == 0
        low, high = (
            None
            if is_guess
            else self._with_judge(
                {at: getattr(each, end) for at, each in found.items()}, parameters
            )
            for end in ("high", "low")
        )
        rest = self.population - sized.rows
        return JudgeSize(
            column=self.goals[next(iter(found))]["judge"].get("column"),
            correlation=first.value,
            correlation_low=None if is_guess else first.low,
            correlation_high=None if is_guess else first.high,
            pilot_labels=None if is_guess else first.labels,
            people_alone=alone,
            with_judge=sized.rows,
            with_judge_low=None if low is None else low.rows,
            with_judge_high=None if high is None else high.rows,
            effective_labels=effective_labels(sized.rows, rest, first.value),
            round={**settled, "parameters": dict(sized.parameters)},
        )

    def _correlation(self, at: int) -> Correlation:
        """A goal's correlation of judge and label: a guess, or by the pilot."""
        given, judge = self.goals[at], self.goals[at]["judge"]
        if judge.get("correlation") is not None:
            rho = float(judge["correlation"])
            self._note(
                f"The correlation {rho:g} of judge and label is a guess, and so are the labels "
                "with the judge."
            )
            return Correlation(rho, rho, rho, 0)
        if self.pilot is None:
            raise InvalidGoal(
                "The correlation with the labels is estimated from a `pilot`: name one, or give a "
                "`correlation`.",
                loc=self.request.loc(at, "judge", "column"),
            )
        found = judge_correlation(
            self.pilot, self.eligible, given, lambda *loc: self.request.loc(at, *loc)
        )
        self._note(
            f"The pilot's {found.labels:,} rows with a label and {judge['column']} give the "
            f"correlation {found.value:.3f} ({found.low:.3f} to {found.high:.3f} at 95 % "
            "confidence, by Fisher's transformation, which is approximate for shares). A row "
            f"without {judge['column']} gains nothing from the judge."
        )
        return found

    def _with_judge(
        self, correlations: Mapping[int, float], parameters: Mapping[str, Any]
    ) -> _Sized:
        """The size where judges explain ρ² of the variance of their goals."""
        own = copy(self)
        for name in ("plan", "strata", "_with_facts"):
            own.__dict__.pop(name, None)
        left = {id(self.goals[at]): 1.0 - rho**2 for at, rho in correlations.items()}
        own.notes = []
        own.figures = [
            replace(each, unexplained=left.get(id(each.given), 1.0)) for each in self.figures
        ]
        return own._sized(parameters)

    @property
    def _pooled_strata(self) -> int:
        return int(np.logical_or.reduce([each.facts.pooled for each in self._pilots]).sum())

    def _variance_errors(self, drawn: Ints) -> dict[int, float | None]:
        """The relative standard errors of the variances that a pilot estimates, by figure."""
        rows = self.group_rows.astype(np.float64)
        factors = rows * (rows / np.maximum(drawn, 1) - 1.0)
        errors = {
            at: figure.by_pilot.variance_error(figure.domain, factors)
            for at, figure in enumerate(self.figures)
            if figure.by_pilot is not None
        }
        return {at: error if np.isfinite(error) else None for at, error in errors.items()}

    def _note_variance(self, reached: _Reached, errors: Mapping[int, float | None]) -> None:
        """How uncertain the size is by the pilot."""
        if reached.binding not in errors:
            return
        error = errors[reached.binding]
        if error == 0.0:  # all rows are drawn
            return
        known = (
            "isn't known, since a stratum of the pilot has one row or cluster"
            if error is None
            else f"is {error:.0%}, and so, about, is that of the size"
        )
        self._note(f"The relative standard error of the variance that the pilot estimates {known}.")

    def _planned(
        self, at: int, figure: _Figure, reached: _Reached, variance_error: float | None
    ) -> PlannedFigure:
        given, facts, value, rows = figure.given, figure.facts, None, self.population
        if facts is not None:
            value, rows = float(facts.values[figure.domain]), round(facts.rows[figure.domain])
        is_true = facts is None or isinstance(facts, FrameStatistic)
        margin, error = float(reached.margins[at]), float(reached.errors[at])
        return PlannedFigure(
            figure.goal.confidence,
            statistic=given.get("statistic", "proportion"),
            column=given.get("column"),
            value=given.get("value"),
            **{kind: given.get(kind) for kind in KINDS},
            group=dict(figure.group),
            row_count=rows,
            true_value=value if is_true else None,
            estimate=None if is_true else value,
            variance_error=variance_error,
            margin_of_error=margin if np.isfinite(margin) else None,
            standard_error=None if facts is None else error,
            reached_cv=error / abs(value) if value else None,
            is_binding=at == reached.binding,
        )

    def _curve(self, binding: int) -> list[CurvePoint]:
        """The half-width of the binding figure by rows."""
        points: list[CurvePoint] = []
        for rows, reached in self._curve_points():
            margin = float(reached.margins[binding])
            if np.isfinite(margin) and (not points or rows > points[-1].sample_size):
                points.append(CurvePoint(rows, margin))
        return points

    def _note_design(self) -> None:
        if self.method.planning_note is not None:
            self._note(self.method.planning_note)

    def _add_notes(self, rows: int, reached: _Reached) -> None:
        self._note_design()
        if self.request.budget is None and not reached.is_enough:
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
        if reached.hidden:
            hidden = counted(reached.hidden, "figure is", "figures are")
            self._note(
                f"{hidden} expected to have fewer than "
                f"{MINIMUM_DEGREES} degrees of freedom, and estimates don't show such an interval "
                "unless `minimum_degrees` says so: draw more rows of the smallest groups."
            )
        self._note_rare_shares(rows)
        self._note_skewness(rows)
        has_goal = any(each.given.get(kind) is not None for each in self.figures for kind in KINDS)
        if self.request.budget is not None and has_goal and not reached.is_enough:
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
            and "column" in each.given
            and rows * min(each.goal.value, 1.0 - each.goal.value) < RARE
        ]
        if rare:
            self._note(
                f"Shares of {', '.join(dict.fromkeys(rare))} are close to 0 or 1, so the sample "
                "may have rows of one kind only. Its interval is then wider than planned: with "
                f"0 of {rows:,} rows, it is 0 to {100 * (1 - 0.025 ** (1 / rows)):.1f} % at 95 % "
                "confidence."
            )


class _StrataPlanner(_Planner):
    """The method divides a size among strata."""

    method: StratifiedMethod

    def _without_column(self, at: int, given: Mapping[str, Any]) -> _Figure:
        """A share or a recall by the guessed rates of the design, if it has some."""
        is_recall = given.get("statistic") == RECALL
        if not self.method.has_guesses or (is_recall and self.method.flagged is None):
            return super()._without_column(at, given)
        guess, warnings = self.method.guessed_rates(self.eligible, ignore_progress)
        guess = guess if is_recall else replace(guess, flagged=None)
        if not guess.scale:
            raise InvalidGoal(
                "By the guessed rates no row has the condition, so there is no recall.",
                loc=("design", "parameters", "rates" if self.method.rates else "rate_column"),
            )
        for warning in warnings:
            self._note(warning.message)
        source = "given" if self.method.rates else f"the means of {self.method.rate_column}"
        self._note(
            f"The rates of the strata are guesses ({source}), so the margin is one, too: an "
            "estimate from the drawn rows doesn't depend on them, only its precision does."
        )
        facts = GuessedStatistic(
            guess.figure, guess.rows, guess.rates, guess.deviations, guess.scale
        )
        return _Figure(given, {}, self._goal(at, given, guess.figure, 0.0, 1.0), facts)

    def _note_few(self, sizes: Ints) -> None:
        """A linearised variance is that of a sample with many rows that have the condition."""
        for figure in self.figures:
            if isinstance(figure.facts, GuessedStatistic):
                drawn = self._of_all(sizes)
                expected = float(figure.facts.expected(drawn).sum())
                few = figure.facts.share_of_few(drawn, FEW_EXPECTED)
                if expected < SMALL:
                    self._note(
                        f"By the guesses the sample has {expected:,.1f} rows with the condition; "
                        f"below {SMALL} the planned margin is too small."
                    )
                elif few > PART_OF_FEW:
                    self._note(
                        f"Strata of which the sample has fewer than {FEW_EXPECTED} rows with the "
                        f"condition, by the guesses, make {few:.0%} of the variance. The interval "
                        "then misses the true value more often than its confidence says: take "
                        "other bands of low rates, or draw by uncertainty."
                    )

    def _of_all(self, sizes: Ints) -> Ints:
        """Sizes of the strata that have rows, as those of all strata."""
        drawn = np.zeros_like(self.group_rows)
        drawn[self.group_rows > 0] = sizes
        return drawn

    @property
    def _counts(self) -> Floats:
        """The rows with a value in each stratum that has rows, shape (figures, strata)."""
        return self._stacked("group_counts")[:, self.group_rows > 0]

    @cached_property
    def plan(self) -> StratifiedPlan:
        """The variances by the divided size."""
        return StratifiedPlan(self.strata, self._allocated, self._counts)

    @cached_property
    def strata(self) -> Strata:
        """The strata that have rows."""
        present = self.group_rows > 0
        rows = self.group_rows[present].astype(np.float64)
        least = np.minimum(self.method.least_rows, rows)
        squares = self._stacked("group_squares")[:, present]
        if self.request.takes_last:
            last = self._labels().index("NULL") - 1 if "NULL" in self._labels() else -1
            least[last] = rows[last]
        whole = self._taken_whole[present]
        least[whole] = rows[whole]
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

    def _labels(self) -> list[str]:
        numbers = np.flatnonzero(self.group_rows > 0)
        return [label or "" for label in self.eligible.strata.labels(numbers)]

    @cached_property
    def _allocation(self) -> Callable[[int], Ints]:
        return self.method.allocations(self.eligible, ignore_progress)

    def _allocated(self, size: int) -> Ints:
        """The design's own sizes of the strata that have rows."""
        sizes: Ints = self._allocation(size)[self.group_rows > 0]
        return sizes

    def rows_of(self, size: int) -> int:
        """A minimum of each stratum can raise a size."""
        return int(self._allocated(size).sum())

    def at(self, size: int) -> _Reached:
        """The precision at the divided size."""
        return self.at_sizes(self._allocated(size))

    def at_sizes(self, sizes: Ints) -> _Reached:
        """The precision at sizes of the strata."""
        strata = self.strata
        degrees = stratified_degrees(sizes, strata.rows, self._counts)
        variances = strata.variances(sizes.astype(np.float64))
        return self._reached(variances, degrees, sizes, strata.rows.astype(np.int64))

    def _sized_at(self, size: int, parameters: Mapping[str, Any]) -> _Sized:
        size = self.rows_of(size)
        whole = int(self.group_rows[self._taken_whole].sum())
        of_others = self.method.with_size(parameters, max(size - whole, 1))
        return self._sized_by(self._allocated(size), of_others)

    @cached_property
    def _taken_whole(self) -> Booleans:
        """The strata of which the design draws all rows."""
        return self.method.taken_whole(self.eligible)

    def _sized_by(self, sizes: Ints, parameters: Mapping[str, Any]) -> _Sized:
        own = {"strata": self._planned_strata(sizes), "strata_count": len(sizes)}
        self._note_few(sizes)
        drawn = self._of_all(sizes)
        return _Sized(int(sizes.sum()), parameters, self.at_sizes(sizes), drawn, own)

    def _planned_strata(self, sizes: Ints) -> list[PlannedStratum]:
        numbers = np.flatnonzero(self.group_rows > 0)[:STRATA_LISTED]
        facts = self._with_facts[0].facts if self._with_facts else None
        deviations = None if facts is None else facts.deviations()
        keys, labels = self.eligible.strata.keys(numbers), self.eligible.strata.labels(numbers)
        return [
            PlannedStratum(
                key,
                label or "",
                int(self.group_rows[number]),
                int(sizes[at]),
                None if deviations is None else float(deviations[number]),
                float(self.strata.costs[at]),
            )
            for at, (number, key, label) in enumerate(zip(numbers, keys, labels, strict=True))
        ]


class _OptimalPlanner(_StrataPlanner):
    """The strata are sized for the goals at least cost, or for the best precision of a budget."""

    max_groups = MAX_OPTIMAL_FIGURES

    def _most_groups(self, domains: int) -> int:
        return min(MAX_OPTIMAL_STRATA, super()._most_groups(domains))

    def _sized(self, parameters: Mapping[str, Any]) -> _Sized:
        sizes = self._goal_sizes() if self.request.budget is None else self._budget_sizes()
        kept = {
            name: value for name, value in parameters.items() if name in ("strata_columns", "seed")
        }
        is_whole = sizes == self.strata.rows
        named = zip(self._labels(), sizes.tolist(), is_whole.tolist(), strict=True)
        by_label = {label: TAKE_ALL if all_ else n for label, n, all_ in named}
        sized = self._sized_by(sizes, {**kept, "sizes": by_label})
        if not self.request.cost and self.request.budget is None:
            return sized
        return replace(sized, own={**sized.own, "cost": float(self.strata.costs @ sizes)})

    def _goal_sizes(self) -> Ints:
        """Whole sizes of least cost; the second pass knows the degrees of freedom."""
        degrees = np.full(len(self.figures), inf)
        for _ in range(3):
            pairs = zip(self.figures, degrees, strict=True)
            sizes = self._sizes_for(np.array([each.goal.wanted(float(own)) for each, own in pairs]))
            if self.at_sizes(sizes).is_enough:
                break
            degrees = stratified_degrees(sizes, self.strata.rows, self._counts)
            degrees = np.maximum(degrees, 1.0)
        return sizes

    def _sizes_for(self, variances: Floats) -> Ints:
        """Whole sizes of least cost that reach these variances."""
        positive = np.maximum(variances, np.finfo(float).tiny)
        return integer_sizes(self.strata, positive, optimal_sizes(self.strata, positive))

    @property
    def _wanted(self) -> Floats:
        """The variances of the goals, with many degrees of freedom."""
        return np.array([each.goal.wanted(inf) for each in self.figures])

    def _budget_sizes(self) -> Ints:
        budget, strata = float(self.request.budget or 0.0), self.strata
        needed = float(strata.costs @ strata.least)
        if needed > budget:
            raise InvalidGoal(
                "The budget {budget} is too small: {rows} rows of each stratum cost {needed}.",
                budget=float_text(budget),
                rows=self.method.min_per_stratum,
                needed=float_text(needed),
                loc=("budget",),
            )
        allocation, _ = sizes_for_budget(strata, budget, self._wanted)
        return spent_sizes(strata, budget, allocation)

    def _curve_points(self) -> Iterator[tuple[int, _Reached]]:
        """The whole sizes for multiples of the wanted variances."""
        for power in range(6, -7, -1):
            sizes = self._sizes_for(self._wanted * 2.0 ** (power / 1.5))
            yield int(sizes.sum()), self.at_sizes(sizes)


class _ClusterPlanner(_Planner):
    """The size is a number of clusters, of each stratum or in all."""

    method: ClusterMethod

    @property
    def _cluster_rows(self) -> Ints:
        """The rows of the clusters that have some."""
        return self.group_rows[self.group_rows > 0]

    @cached_property
    def _tree(self) -> ClusterTree:
        return self.method.tree_of(self.eligible)

    @cached_property
    def _chances(self) -> PlannedChances:
        return self.method.planned_chances(self.eligible, self._tree, ignore_progress)

    @cached_property
    def plan(self) -> SizePlan:
        """The variances by the drawn clusters."""
        if not self.method.is_plain:
            return self._plan_of_stages()
        present, rows = self.group_rows > 0, self._cluster_rows
        drawn = self.method.rows_within(rows).astype(np.float64)
        weights = rows.astype(np.float64) * (rows / drawn - 1.0)
        within = self._stacked("group_squares")[:, present] @ weights
        clusters = (self._stacked("group_counts")[:, present] > 0).sum(axis=1).astype(np.float64)
        has_single = bool(((drawn == 1) & (rows > 1)).any())
        return ClusterPlan(len(rows), self._stacked("total_squares"), within, clusters, has_single)

    def _plan_of_stages(self) -> ClusterStagesPlan:
        """Clusters in strata, by size or with subclusters."""
        tree, rows = self._tree, self.group_rows.astype(np.float64)
        drawn = np.maximum(self.method.rows_within(self.group_rows), 1)
        whole, inside = tree.groups_with_rows, self._groups_inside
        totals = self._by_cluster(self._stacked("group_sums"))
        squares = self._by_cluster(self._stacked("group_sums") ** 2)
        repeats = whole / np.maximum(inside, 1)
        n = np.maximum(whole, 2)
        spread = np.maximum(squares - totals**2 / np.maximum(whole, 1), 0.0) / (n - 1)
        of_rows = self._by_cluster(self._stacked("group_squares") * rows * (rows / drawn - 1.0))
        within = whole * np.maximum(repeats - 1.0, 0.0) * spread + repeats * of_rows
        has_value = self._by_cluster(self._stacked("group_counts")) > 0
        return ClusterStagesPlan(
            self._chances.most,
            self._chances.of_size,
            self.method.cluster_probability != "equal",
            tree.stratum_of,
            totals,
            within,
            has_value.astype(np.float64),
            self._degrees_inside(drawn),
            self._is_single,
        )

    def _note_single_units(self, size: int) -> None:
        single, certain = self._is_single, np.zeros(self._tree.clusters, dtype=np.bool_)
        if not self.method.is_plain:
            pi = self._chances.of_size(size)
            if self.method.cluster_probability == "equal":
                of = self._tree.stratum_of
                certain = np.bincount(of[pi > 0], minlength=self._tree.strata)[of] == 1
            else:
                certain = pi >= 1
            single = single & (pi > 0)
        if (single & ~certain).any():
            self._note(
                "A later stage draws one unit of several, so the variance is that between whole "
                "clusters as if they were drawn with replacement, as estimates have it."
            )
        lonely = int((single & certain & (self._groups_inside == 1)).sum())
        if lonely:
            self._note(
                f"{counted(lonely, 'cluster is', 'clusters are')} drawn with certainty, or alone "
                "in a stratum, and give one row or subcluster of several: estimates of such a "
                "sample need `lonely_stratum`. Draw at least two of each cluster."
            )

    @cached_property
    def _is_single(self) -> Booleans:
        """The clusters of which a later stage draws one unit of several."""
        tree, whole = self._tree, self._tree.groups_with_rows
        drawn = self.method.rows_within(self.group_rows)
        of_rows = np.bincount(tree.cluster_of, (drawn == 1) & (self.group_rows > 1), tree.clusters)
        single: Booleans = (of_rows > 0) | ((self._groups_inside == 1) & (whole > 1))
        return single

    def _degrees_inside(self, drawn: Ints) -> Floats:
        """The units of each cluster if it is drawn with certainty, less one of each stratum."""
        tree = self._tree
        by_group = np.maximum(self._groups_inside - 1, 0).astype(np.float64)
        of_rows = np.where(drawn < self.group_rows, drawn - 1, 0)
        by_row = np.bincount(tree.cluster_of, of_rows, tree.clusters)
        return np.where(self._groups_inside < tree.groups_with_rows, by_group, by_row)

    @property
    def _groups_inside(self) -> Ints:
        """The groups to draw of each cluster."""
        whole = self._tree.groups_with_rows
        most = self.method.num_subclusters
        return whole if most is None else np.minimum(whole, most)

    def _by_cluster(self, figures: Floats) -> Floats:
        """Sums over the groups of each cluster; shape (goals, groups)."""
        tree = self._tree
        found = np.zeros((len(figures), tree.clusters))
        for goal, own in enumerate(figures):
            found[goal] = np.bincount(tree.cluster_of, own, tree.clusters)
        return found

    def _size(self) -> int:
        size = super()._size()
        return size if self.method.is_plain else max(size, self._chances.least)

    def rows_of(self, size: int) -> int:
        """The rows to expect: it depends on the clusters how many there are."""
        if self.method.is_plain:
            return round(size * float(self.method.rows_within(self._cluster_rows).mean()))
        tree = self._tree
        rows = np.where(self.group_rows > 0, self.method.rows_within(self.group_rows), 0)
        of_cluster = np.bincount(tree.cluster_of, rows, tree.clusters)
        share = self._groups_inside / np.maximum(tree.groups_with_rows, 1)
        return round(float((of_cluster * share * self._chances.of_size(size)).sum()))

    def _sized_at(self, size: int, parameters: Mapping[str, Any]) -> _Sized:
        sized = super()._sized_at(size, parameters)
        self._note_single_units(size)
        figure, homogeneity = self.figures[sized.reached.binding], inf
        if isinstance(figure.facts, FrameStatistic):
            homogeneity = float(figure.facts.homogeneity[figure.domain])
        finite = homogeneity if np.isfinite(homogeneity) else None
        clusters = size
        if not self.method.is_plain:
            clusters = round(float(self._chances.of_size(size).sum()))
        return replace(sized, own={"clusters": clusters, "homogeneity": finite})

    def _note_design(self) -> None:
        if len(np.unique(self._cluster_rows)) > 1:
            self._note("Clusters have different numbers of rows: the rows are what to expect.")
        if self.method.cluster_probability != "equal":
            self._note("The variance is Hájek's approximation for unequal probabilities.")
        if not self.method.is_plain:
            for warning in self._chances.warnings:
                self._note(warning.message)


class _WeightsPlanner(_Planner):
    """The probability of a row is in proportion to its weight."""

    method: WeightedMethod
    weights: Floats
    _take_all = 0
    """Rows that are drawn whatever the size."""

    def _read_frame(self, variables: Sequence[Variable], by: Sequence[Column]) -> FrameSums:
        found = self.method.weights_of(self.eligible, ignore_progress)
        self._take_all = found.missing if self.method.takes_missing else 0
        frame = read_frame(self.eligible, variables, by, ignore_progress, found.units)
        assert frame.group_weights is not None  # noqa: S101 - it was read with units
        self.weights, self.group_rows = frame.group_weights, frame.group_rows
        covered = int(frame.group_rows.sum())
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
        return frame

    @cached_property
    def plan(self) -> WeightedPlan:
        """Hájek's variances; rows are grouped by their weights."""
        return WeightedPlan(
            self.group_rows.astype(np.float64),
            self.weights,
            self._stacked("group_sums"),
            self._stacked("group_sums_of_squares"),
            self._stacked("group_counts"),
        )

    def _size(self) -> int:
        """With all rows that have no probability, more rows than these."""
        return min(max(super()._size(), self._take_all + MIN_DRAWN), self.plan.most)

    def _note_design(self) -> None:
        self._note("The variance is Hájek's approximation for unequal probabilities.")
        if self._take_all:
            self._note(
                f"{counted(self._take_all, 'row has', 'rows have')} no probability and would all "
                "be drawn."
            )
        if self.method.is_at_distances:
            self._note(
                "Points at equal distances are planned as a draw in random order: an order that "
                "goes with the values makes the sample more precise, a periodic one less."
            )


_PLANNERS: Mapping[PlannedBy, type[_Planner]] = {
    "rows": _Planner,
    "strata": _StrataPlanner,
    "clusters": _ClusterPlanner,
    "weights": _WeightsPlanner,
}


def _variable(table: TableFiles, given: Mapping[str, Any], loc: Callable[..., Loc]) -> Variable:
    """The column or condition that a goal adds up, checked against the table."""
    column = table.column(given["column"], loc("column"))
    condition, has_value = None, "value" in given
    if given["statistic"] == "proportion" and has_value:
        condition = value_condition(table, column, given["value"], loc("value"))
    check_statistic(Statistic(given["statistic"], column, None, condition), loc())
    return Variable(column, condition, has_value and given["value"] is None)
