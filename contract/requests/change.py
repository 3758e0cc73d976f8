"""Requests for the change between two samples."""

from __future__ import annotations

from typing import Annotated, Literal

from contract.declarations import Help, Option, Request, Title
from contract.fields import Bounds, Choice, ColumnName, Count, Items, Part, Text, ValuesKind
from contract.requests.draw import MAX_KEY_COLUMNS
from contract.requests.estimate import (
    MAX_STATISTICS,
    By,
    ConfidenceRequest,
    IntervalRequest,
    OnlyRows,
    StatisticRequest,
    VarianceRequest,
)
from contract.words import Duplicates

DEFAULT_INTERVAL = IntervalRequest()
DEFAULT_VARIANCE = VarianceRequest()
MAX_CHANGED_VALUES = 1000
MAX_NAMED_COLUMNS = 1000


class SharedRowsRequest(Request):
    """Which rows two samples share, and where the values of both come from."""

    with_job: Annotated[
        str,
        Text(1),
        Option(None),
        Title("Other sample"),
        Help("The other sample: the id of its job, or at least eight digits of it."),
    ]
    key: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_KEY_COLUMNS),
        Title("Columns that identify a row"),
        Help(
            "The columns that identify a row in both tables. Default: the key of both orders, or "
            "the row key of the table; within one version the position."
        ),
    ] = ()
    duplicates: Annotated[
        Duplicates | None,
        Choice({"refuse": "Refuse", "number": "Number the rows"}),
        Title("Equal keys"),
        Help(
            "Equal keys: `refuse` them, or `number` their rows by all columns. Default: as the row "
            "key of the table says, otherwise `refuse`."
        ),
    ] = None
    values: Annotated[
        str | int,
        ValuesKind(),
        Help(
            "`table`; `latest` or the number of an upload, of each sample; `findings` or "
            "`answers`. As in estimates."
        ),
    ] = "table"
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--book"),
        Title("Book values"),
        Help("For `findings`: the column of book values."),
    ] = None


class ChangeRequest(SharedRowsRequest, ConfidenceRequest):
    """Figures of which the change from one sample to another is estimated."""

    statistics: Annotated[
        tuple[StatisticRequest, ...],
        Items(Part(StatisticRequest), most=MAX_STATISTICS, least=1),
        Option(None),
    ]
    by: By = ()
    filters: OnlyRows = None
    interval: Annotated[IntervalRequest, Part(IntervalRequest)] = DEFAULT_INTERVAL
    variance: Annotated[VarianceRequest, Part(VarianceRequest)] = DEFAULT_VARIANCE


class ChangedValuesRequest(SharedRowsRequest):
    """Values of the rows in both samples that differ."""

    columns: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_NAMED_COLUMNS),
        Option("--column"),
        Title("Compared columns"),
        Help("Columns to compare. Default: all that both samples have."),
    ] = ()
    offset: Annotated[int, Count(Bounds(0, 2**53)), Option(None)] = 0
    limit: Annotated[
        int, Count(Bounds(1, MAX_CHANGED_VALUES)), Option(None), Help("Changed values of a page.")
    ] = 100
    format: Annotated[Literal["json", "csv"], Choice.of(Literal["json", "csv"]), Option(None)] = (
        "json"
    )
