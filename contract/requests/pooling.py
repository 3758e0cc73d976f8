"""Requests of figures over the runs of a schedule."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from contract.declarations import Help, Option, Title
from contract.fields import Bounds, Choice, ColumnName, Count
from contract.requests.estimate import ConfidenceRequest, OnlyRows, StatisticRequest
from contract.words import POOLINGS, Pooling
from lazy_dataclasses import dataclass

RunValues = Literal["table", "findings", "answers"]
MAX_RUNS = 200
RUN_VALUES: tuple[RunValues, ...] = get_args(RunValues)


@dataclass(frozen=True, kw_only=True)
class ScheduleFiguresRequest(ConfidenceRequest, StatisticRequest):
    """A figure of each run of a schedule, and of all runs together."""

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
        Title("Values"),
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
    filters: OnlyRows = None
    runs: Annotated[
        int, Count(Bounds(1, MAX_RUNS)), Title("Newest runs"), Help("How many of the newest runs.")
    ] = 50
