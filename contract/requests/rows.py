"""Queries for rows: of a table, of a sample, and about a row of a sample's source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from contract.declarations import Help, Request
from contract.fields import Bounds, Choice, Count, Flag, Text
from contract.requests.draw import MAX_ROUNDS
from contract.requests.pages import DEFAULT_PAGE, MAX_PAGE

MAX_LOOKED_UP = 50
MAX_EXPRESSION_LENGTH = 10_000
RowsFormat = Literal["json", "csv", "parquet", "arrow", "xlsx"]

TableKey = Annotated[str | None, Text(1, 200)]
RowFilters = Annotated[
    str | None,
    Text(1, MAX_EXPRESSION_LENGTH),
    Help("Only rows that match this expression, such as `age > 18`."),
]


@dataclass(frozen=True, kw_only=True)
class RowsRequest(Request):
    """Rows, columns and format."""

    aliases: ClassVar = {"filter": "filters"}

    offset: Annotated[int, Count(Bounds(0)), Help("Results to skip.")] = 0
    limit: Annotated[
        int | None,
        Count(Bounds(1, MAX_PAGE)),
        Help(
            f"Maximum number of rows: by default {DEFAULT_PAGE} in JSON, all in the other formats."
        ),
    ] = None
    columns: Annotated[
        str | None,
        Text(1, 100_000),
        Help(
            "Column names separated by commas; one with a comma in double quotes. By default all "
            "columns."
        ),
    ] = None
    filters: RowFilters = None
    order_by: Annotated[
        str | None,
        Text(1),
        Help("The column that sorts the rows, NULL last; ties in file order."),
    ] = None
    order_desc: Annotated[bool, Flag(), Help("Sort in descending order.")] = False
    format: Annotated[str, Choice.of(RowsFormat)] = "json"
    formula_safe: Annotated[
        bool,
        Flag(),
        Help("In CSV, put an apostrophe before texts that a spreadsheet would run as a formula."),
    ] = False
    bom: Annotated[
        bool,
        Flag(),
        Help("In CSV, begin with a byte-order mark, which Excel needs to read UTF-8."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class CommitRowsRequest(RowsRequest):
    """Rows of a table of a version."""

    table_key: TableKey = None


@dataclass(frozen=True, kw_only=True)
class ResultRequest(RowsRequest):
    """Rows and columns of a result, or the format of a report."""

    format: Annotated[str, Choice.of(Literal[RowsFormat, "html"])] = "json"
    download: Annotated[bool, Flag(), Help("For a report: as an attachment.")] = False


@dataclass(frozen=True, kw_only=True)
class SampleRowsRequest(RowsRequest):
    """Rows of a sample."""

    table_key: Annotated[
        str, Text(1, 200), Help("`primary` or the job's own table; or `residual`.")
    ] = "primary"


@dataclass(frozen=True, kw_only=True)
class ReservesRequest(Request):
    """The next rows of a round's order."""

    round: Annotated[int, Count(Bounds(1, MAX_ROUNDS))] = 1
    limit: Annotated[int, Count(Bounds(1, 1000))] = 10


@dataclass(frozen=True, kw_only=True)
class LookupRequest(Request):
    """The value by which rows are looked up."""

    value: Annotated[str, Text(1, 10_000), Help("The value, or a row id or number.")]
    column: Annotated[
        str | None,
        Text(1),
        Help("A column of the source; by default `value` is a row id."),
    ] = None
    limit: Annotated[int, Count(Bounds(1, MAX_LOOKED_UP))] = 10
