"""Requests for the size of a sample, and for bands of a number as its strata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request, Title
from contract.fields import (
    ABOVE_ZERO,
    Bounds,
    Choice,
    ColumnName,
    Count,
    DrawFilterKind,
    Flag,
    Items,
    Mapped,
    Number,
    Part,
    Text,
    ValuesKind,
)
from contract.requests.draw import RoundOrder
from contract.requests.goal import GoalRequest, PlannedGoalRequest
from contract.requests.programmes import ProgrammeGoalRequest
from contract.requests.submitting import MAIN, SourceRef, TableKey
from contract.words import AllocationChoice, BandRule

MAX_GOALS = 20
MAX_BANDS = 20
MAX_COSTS = 10_000


OF_GOALS = ("goal", "goals", "pilot", "cost", "budget", "takes_last")
"""What a size by an audit programme doesn't read; it has no optimal allocation either."""


def _has_one_of(given: Mapping[str, Any], first: str, second: str) -> None:
    if (first in given) == (second in given):
        problem = "Give only one of" if first in given else "Missing: give"
        raise RefusedField(first, f"{problem} `{first}` and `{second}`.")


def has_goals(given: Mapping[str, Any]) -> None:
    """Either one goal or several."""
    if "programme" in given:
        other = next((name for name in OF_GOALS if given.get(name)), None)
        if other is None and given.get("allocation", "design") != "design":
            other = "allocation"
        if other is not None:
            raise RefusedField(other, "Can't be combined with `programme`.")
        return
    _has_one_of(given, "goal", "goals")
    if any("materiality" in goal for goal in given.get("goals", ())):
        raise RefusedField("goals", "A materiality is the only `goal`.")
    if "pilot" in given and "materiality" in given.get("goal", {}):
        raise RefusedField("pilot", "A materiality can't be planned by a pilot.")


def has_a_size(given: Mapping[str, Any]) -> None:
    """Either a goal or a number of rows."""
    _has_one_of(given, "sample_size", "goal")


class PlannedTableRequest(Request):
    """A table to plan a sample of."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None


class PilotRequest(Request):
    """A finished sample with values that the table lacks, to plan a larger one by."""

    job_id: Annotated[
        str,
        Text(),
        Option("--pilot"),
        Title("Pilot sample"),
        Help("The pilot sample: a goal can then name columns of its uploaded values."),
    ]
    values: Annotated[
        str | int,
        ValuesKind(),
        Option(None),
        Help(
            "The number of an upload of the pilot's values, or `latest`; `findings` or `answers`."
        ),
    ] = "latest"


class SizeRequest(PlannedTableRequest):
    """Goals, and a round without its size.

    ``design`` is the round as the API's schema of its method reads it. ``takes_last``: with bands
    of one column, the last one is taken whole.
    """

    rules = (has_goals,)

    goal: Annotated[Mapping[str, Any] | None, Part(PlannedGoalRequest)] = None
    goals: Annotated[
        Sequence[Mapping[str, Any]] | None,
        Items(Part(PlannedGoalRequest), most=MAX_GOALS, least=1),
        Help("Several goals, which the sample reaches at once."),
    ] = None
    programme: Annotated[
        ProgrammeGoalRequest | None,
        Part(ProgrammeGoalRequest),
        Help("In place of a goal: the size of an audit programme."),
    ] = None
    pilot: Annotated[
        PilotRequest | None,
        Part(PilotRequest),
        Help(
            "Of random, systematic and stratified designs: a sample whose columns the goals can "
            "name. Means and variances of columns that the table lacks are estimated from it."
        ),
    ] = None
    design: Mapping[str, Any]
    allocation: Annotated[
        AllocationChoice,
        Choice.of(AllocationChoice),
        Help("`optimal`: the sizes of the strata that reach the goals at least cost."),
    ] = "design"
    cost: Annotated[
        Mapping[str, float] | None,
        Mapped(Number(ABOVE_ZERO), most=MAX_COSTS),
        Help(
            "For `optimal`: the cost of a row by the stratum's label, as in `_stratum`; 1 for "
            "others."
        ),
    ] = None
    budget: Annotated[
        float | None,
        Number(ABOVE_ZERO),
        Help(
            "For `optimal`: the cost of all rows. The sizes give the best precision for it; one "
            "goal then needs no margin."
        ),
    ] = None
    takes_last: bool = False

    @property
    def all_goals(self) -> Sequence[Mapping[str, Any]]:
        """The goal or the goals."""
        return self.goals or ([] if self.goal is None else [self.goal])

    def loc(self, at: int, *names: str | int) -> tuple[str | int, ...]:
        """Where a goal is in the request."""
        return ("goals", at, *names) if self.goal is None else ("goal", *names)


class StrataRequest(PlannedTableRequest):
    """A column of numbers to be cut to bands, and a goal or a number of rows.

    The statistic of a goal is of the banded column if it names no other.
    """

    rules = (has_a_size,)

    column: Annotated[str, ColumnName()]
    bands: Annotated[
        int,
        Count(Bounds(2, MAX_BANDS)),
        Help("How many; fewer where rows have few different values."),
    ] = 5
    rule: Annotated[
        BandRule,
        Choice.of(BandRule),
        Help("Equal parts of the cumulated root of the frequencies, or equal ratios."),
    ] = "cumulative_root"
    take_all: Annotated[
        bool, Flag(), Help("Take the last band whole where that gives a better precision.")
    ] = True
    sample_size: Annotated[
        int | None, Count(Bounds(1)), Help("Rows to draw, without a `goal`.")
    ] = None
    goal: Annotated[Mapping[str, Any] | None, Part(GoalRequest)] = None
    filters: Annotated[
        dict[str, Any] | None,
        DrawFilterKind(),
        Option("--filter"),
        Title("Only rows with"),
        Help("Only rows that match a filter, such as `amount > 0`."),
    ] = None
    order: RoundOrder = None
