"""Queries of tables: rows, columns, charts and bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from contract.declarations import Help, Option, Request
from contract.fields import Bounds, Choice, ColumnName, Count, Flag, Items, Names, Text
from contract.requests.draw import MAX_KEY_COLUMNS
from contract.requests.pages import DEFAULT_PAGE, MAX_PAGE, PageRequest
from contract.requests.submitting import MAIN, MAX_KEY_LENGTH, MAX_REF_LENGTH

MAX_NAMES_LENGTH = 100_000
MAX_EXPRESSION_LENGTH = 10_000
MAX_QUERY_BREAKS = 50
RowsFormat = Literal["json", "csv", "parquet", "arrow", "xlsx", "jsonl"]
PRIMARY = "primary"

RowFilters = Annotated[
    str | None,
    Text(1, MAX_EXPRESSION_LENGTH, "FILTER"),
    Option("--filter", formerly="--where"),
    Help("Only rows that match this expression, such as `age > 18`."),
]
AS_FILTERS = {"filter": "filters"}


class RowsRequest(Request):
    """Which rows, as JSON or as a file."""

    aliases = AS_FILTERS

    offset: Annotated[int, Count(Bounds(least=0)), Option(None), Help("Results to skip.")] = 0
    limit: Annotated[
        int | None,
        Count(Bounds(1, MAX_PAGE)),
        Option(None),
        Help(
            f"Maximum number of rows: by default {DEFAULT_PAGE} in JSON, all in the other formats."
        ),
    ] = None
    columns: Annotated[
        str | None,
        Text(1, MAX_NAMES_LENGTH),
        Option(None),
        Help(
            "Column names separated by commas; one with a comma in double quotes. By default all "
            "columns."
        ),
    ] = None
    filters: RowFilters = None
    order_by: Annotated[
        str | None,
        ColumnName(),
        Option("--order-by", formerly="--sort"),
        Help("The column that sorts the rows, NULL last; ties in file order."),
    ] = None
    order_desc: Annotated[
        bool, Flag(), Option("--desc", formerly="--descending"), Help("Sort in descending order.")
    ] = False
    format: Annotated[str, Choice.of(RowsFormat), Option(None)] = "json"
    formula_safe: Annotated[
        bool,
        Flag(),
        Option(None),
        Help("In CSV, put an apostrophe before texts that a spreadsheet would run as a formula."),
    ] = False
    bom: Annotated[
        bool,
        Flag(),
        Option(None),
        Help("In CSV, begin with a byte-order mark, which Excel needs to read UTF-8."),
    ] = False
    nested: Annotated[
        bool,
        Flag(),
        Option(None),
        Help("In JSON Lines, write texts that are JSON objects or lists as such, not as strings."),
    ] = False


class CommitRowsRequest(RowsRequest):
    """Rows of a table of a version."""

    table_key: Annotated[str | None, Text(1, MAX_KEY_LENGTH), Option(None)] = None


class SampleRowsRequest(RowsRequest):
    """Rows of a sample."""

    table_key: Annotated[
        str,
        Text(1, MAX_KEY_LENGTH),
        Option(None),
        Help("`primary` or the job's own table; `residual`; or a part of a split."),
    ] = PRIMARY


class CurrentRowsRequest(RowsRequest):
    """The rows of a sample as they are in another version."""

    as_of: Annotated[
        str, Text(1, MAX_REF_LENGTH), Help("A ref or a commit: the version to read the rows from.")
    ] = MAIN
    key: Annotated[
        Sequence[str],
        Items(ColumnName(), most=MAX_KEY_COLUMNS),
        Help(
            "The columns that identify a row. Default: the key in whose order the rows were drawn, "
            "or else the row key of the table."
        ),
    ] = ()
    table_key: Annotated[
        str | None,
        Text(1, MAX_KEY_LENGTH),
        Option(None),
        Help("The table of the version. Default: that of the same key."),
    ] = None


class ResultRowsRequest(RowsRequest):
    """Rows of a result, or the format of a report."""

    format: Annotated[str, Choice.of(Literal[RowsFormat, "html"]), Option(None)] = "json"
    download: Annotated[bool, Flag(), Option(None), Help("For a report: as an attachment.")] = False


class AnalysisRequest(Request):
    """A profile of columns."""

    columns: Annotated[
        str | None,
        Text(1, MAX_NAMES_LENGTH),
        Help("Column names separated by commas; all when left out."),
    ] = None


class SummariesRequest(Request):
    """Charts of columns."""

    aliases = AS_FILTERS

    columns: Annotated[
        str | None,
        Text(1, MAX_NAMES_LENGTH),
        Help("Column names separated by commas; at most 50."),
    ] = None
    filters: RowFilters = None


class BandsRequest(Request):
    """A histogram of a column, and its bands."""

    aliases = AS_FILTERS

    column: Annotated[str, ColumnName(), Help("A column of numbers or dates.")]
    breaks: Annotated[
        Sequence[str],
        Names(MAX_QUERY_BREAKS),
        Help("Breaks in ascending order, separated by commas."),
    ] = ()
    amount_column: Annotated[
        str | None,
        ColumnName(),
        Help("The column to add up. Default: the column itself, if of numbers."),
    ] = None
    filters: RowFilters = None


class SchemaRequest(Request):
    """The columns of a table."""

    distinct: Annotated[
        bool, Flag(), Help("Add the number of distinct values from a cached profile.")
    ] = False


class HistoryRequest(PageRequest):
    """A page of the versions of a ref."""

    aliases = {"ref_name": "source_ref"}  # noqa: RUF012 - never changed

    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Option("--ref"), Help("A ref.")] = "main"


class ComparisonRequest(Request):
    """Compare two tables."""

    aliases = {"ref": "source_ref"}  # noqa: RUF012 - never changed

    base_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Help("A ref or a commit.")]
    base_table: Annotated[str | None, Text(1, MAX_KEY_LENGTH)] = None
    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Help("A ref or a commit.")] = "main"
    table: Annotated[str | None, Text(1, MAX_KEY_LENGTH)] = None
