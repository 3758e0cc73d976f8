"""Requests of figures over the runs of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from contract.declarations import Help, Option, RefusedField, Title
from contract.fields import Bounds, Choice, ColumnName, Count, Items
from contract.requests.estimate import ConfidenceRequest, OnlyRows, StatisticRequest
from contract.words import POOLINGS, Pooling

RunValues = Literal["table", "findings", "answers"]
MAX_RUNS = 200
MAX_JUDGES = 5
RUN_VALUES: tuple[RunValues, ...] = get_args(RunValues)


def averages_judged_runs(given: Mapping[str, Any]) -> None:
    """A judge's coefficients are those of a run."""
    if given.get("judge") and given.get("pooling") == "strata":
        raise RefusedField("pooling", "With a `judge` runs are averaged: choose `average`.")


class ScheduleFiguresRequest(ConfidenceRequest, StatisticRequest):
    """A figure of each run of a schedule, and of all runs together."""

    rules: ClassVar = (averages_judged_runs,)

    pooling: Annotated[
        Pooling,
        Choice(POOLINGS),
        Title("All runs together"),
        Help(
            "`average`: the mean of the runs' figures, each by its own population. `strata`: the "
            "figure of all populations together, which have no row in common."
        ),
    ] = "average"
    values: Annotated[
        RunValues,
        Choice.of(RunValues),
        Help(
            "`table`; `findings`, with the columns `finding`, `is_exception`, `audit_value` and "
            "`misstatement`; or `answers`, with a column for each question."
        ),
    ] = "table"
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--book"),
        Title("Book values"),
        Help("For `findings`: the column of book values, as for estimates of a sample."),
    ] = None
    judge: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_JUDGES),
        Help(
            "Columns with the opinion of a model or a rule, which make each run's figure more "
            "precise, as the calibration `judge` of estimates does. Runs are averaged."
        ),
    ] = ()
    filters: OnlyRows = None
    runs: Annotated[
        int, Count(Bounds(1, MAX_RUNS)), Title("Newest runs"), Help("How many of the newest runs.")
    ] = 50
