"""Requests that read files: how to read one, its preview, and its import as a new version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Annotated, Any

from contract.declarations import Help, OnlyWith, Option, RefusedField, Request, Title
from contract.fields import (
    Choice,
    ColumnName,
    Count,
    Flag,
    Items,
    Mapped,
    Part,
    Suggested,
    Text,
    Upload,
)
from contract.requests.draw import MAX_KEY_COLUMNS
from contract.requests.submitting import MAIN, MAX_URI_LENGTH, CommitMessage, JobPriority
from contract.words import Duplicates

MAX_COLUMNS = 16_384
"""Columns of a table, as in an Excel sheet. DuckDB's time grows with the square of their number;
DuckDB ignores interrupts while it binds them (Parquet: 16,000 columns 4 s, 64,000 48 s)."""
DECIMALS = {".": "point", ",": "comma"}
THOUSANDS = {"": "none", **DECIMALS, "'": "apostrophe", " ": "space"}
DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar |"}
DATE_ORDERS = {
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "ymd": "year, month, day",
}
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252",
    "iso8859-15": "ISO 8859-15",
    "utf-16": "UTF-16",
    "cp850": "DOS 850",
    "mac-roman": "Mac Roman",
}
TOTALS = {"keep": "keep as rows", "leave_out": "leave out"}
NESTED = {"text": "as JSON text", "columns": "a column for each key"}
TABLES = OnlyWith("text", "Excel")


class ReadOptions(Request):
    """How to read a file; each option is optional, and one that is given wins over detection.

    The import engine checks the values, so that a retry checks what its job recorded.
    """

    is_recorded = True

    sheet: Annotated[
        str | None, Text(), OnlyWith("Excel"), Help("The only sheet of a workbook to import.")
    ] = None
    header_row: Annotated[
        int | None,
        Count(),
        Title("Column names in row"),
        TABLES,
        Help(
            "The row with the column names, counted from 1; 0 if there is none. Rows above it are "
            "skipped."
        ),
    ] = None
    skip_above: Annotated[
        int | None, Count(), Title("Skip rows above"), TABLES, Help("Rows to skip at the start.")
    ] = None
    skip_below: Annotated[
        int | None,
        Count(),
        Title("Skip rows below"),
        TABLES,
        Help("Filled rows to skip at the end; 0 keeps all."),
    ] = None
    delimiter: Annotated[
        str | None, Suggested(titles=DELIMITERS), OnlyWith("text"), Help("One character, or `tab`.")
    ] = None
    decimal: Annotated[
        str | None, Suggested(titles=DECIMALS), Title("Decimal sign"), TABLES, Help("`.` or `,`.")
    ] = None
    thousands: Annotated[
        str | None,
        Suggested(titles=THOUSANDS),
        Title("Thousands sign"),
        TABLES,
        Help(
            "`.` `,` `'` or a space; empty if there is none. If it is `.`, the decimal sign is `,`,"
            " and the reverse."
        ),
    ] = None
    date_order: Annotated[
        str | None,
        Suggested(titles=DATE_ORDERS),
        Title("Order of dates"),
        OnlyWith("text", "Excel", "JSON"),
        Help("`dmy`, `mdy` or `ymd`, of dates that don't begin with a year of four digits."),
    ] = None
    encoding: Annotated[
        str | None,
        Suggested(titles=ENCODINGS),
        OnlyWith("text", "JSON"),
        Help("A text encoding that Python knows, such as `cp1252`."),
    ] = None
    nested: Annotated[
        str | None,
        Suggested(titles=NESTED),
        Title("Objects within rows"),
        OnlyWith("JSON"),
        Help(
            "`text` stores objects as JSON text, the default. `columns` makes a column of each of "
            "their keys, such as `judge.label`; lists stay JSON text."
        ),
    ] = None
    totals: Annotated[
        str | None,
        Suggested(titles=TOTALS),
        Title("Totals among rows"),
        TABLES,
        Help(
            "`leave_out` leaves out the totals and subtotals among the rows of the table; `keep` "
            "keeps them as rows, the default."
        ),
    ] = None
    types: Annotated[
        Mapping[str, str],
        Mapped(Text(), MAX_COLUMNS, least=0, metavar="COL=TYPE"),
        Option("--type"),
        OnlyWith("text", "Excel", "JSON"),
        Help(
            "The types of columns, by their names in the file: `VARCHAR` (`text`), `BIGINT` "
            "(`integer`), `DOUBLE` (`number`), `DECIMAL(p,s)`, `DATE`, `TIME`, `TIMESTAMP`, "
            "`BOOLEAN`."
        ),
    ] = field(default_factory=dict)
    names: Annotated[
        Mapping[str, str],
        Mapped(Text(), MAX_COLUMNS, least=0, metavar="OLD=NEW"),
        Option("--name"),
        Help("New names of columns, by their names in the file."),
    ] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """The options that have a value."""
        return {name: value for name, value in super().given().items() if value != {}}

    def for_columns(self, columns: Collection[str]) -> ReadOptions:
        """The options without those for other columns."""
        types = {name: value for name, value in self.types.items() if name in columns}
        names = {name: value for name, value in self.names.items() if name in columns}
        return replace(self, types=types, names=names)


FileOptions = Annotated[
    Mapping[str, Any], Part(ReadOptions), Help("Import options; what is left out is detected.")
]
Uri = Annotated[
    str,
    Text(1, MAX_URI_LENGTH),
    Option(None),
    Help(
        "An https, s3, gs, az or file URI under an allowed prefix. One that ends with a slash is a "
        "folder, whose files make one table."
    ),
]
AS_BASE_REF = {"ref": "base_ref"}
ComparedRef = Annotated[
    str,
    Text(1, 100),
    Option(None),
    Help("The ref that the import would move: its columns are compared with those of the file."),
]


class NewVersionRequest(Request):
    """What moves a ref to a new version."""

    require_columns: Annotated[
        bool,
        Flag(),
        Title("Require the same columns"),
        Help(
            "Refuse the import with `columns_changed` if a column of the version that it would "
            "replace is missing or has another type, or if a column is new. Their order may differ."
        ),
    ] = False
    commit_message: CommitMessage = None
    priority: JobPriority = "interactive"


ImportedRowKey = Annotated[
    tuple[str, ...],
    Items(ColumnName(), MAX_KEY_COLUMNS),
    Title("Row key"),
    Help(
        "The columns that identify a row, to declare as the row key of the table. A key that the "
        "imported rows repeat or lack isn't declared, and the result says so."
    ),
]
ImportedDuplicates = Annotated[
    Duplicates | None,
    Choice({"refuse": "Refuse", "number": "Number the rows"}),
    Title("Equal keys"),
    Help(
        "Equal keys of `row_key`: `refuse` to declare it, or `number` their rows in the order of "
        "their other values. Default: as the row key of the table says, otherwise `refuse`."
    ),
]


def _numbers_a_key(given: Mapping[str, Any]) -> None:
    if given.get("duplicates") and not given.get("row_key"):
        raise RefusedField("duplicates", "`duplicates` needs `row_key`.")


class UriImportRequest(NewVersionRequest):
    """Import a file that the job downloads."""

    rules = (_numbers_a_key,)

    uri: Uri
    options: FileOptions = field(default_factory=dict)
    row_key: ImportedRowKey = ()
    duplicates: ImportedDuplicates = None


class ImportRequest(NewVersionRequest):
    """Import an uploaded file."""

    rules = (_numbers_a_key,)
    or_json = UriImportRequest

    file: Annotated[Any, Upload(), Help("CSV, TSV, JSON, NDJSON, Parquet or XLSX.")]
    options: FileOptions = field(default_factory=dict)
    row_key: ImportedRowKey = ()
    duplicates: ImportedDuplicates = None


class UriPreviewRequest(Request):
    """Preview a file that the server downloads."""

    uri: Uri
    options: FileOptions = field(default_factory=dict)


class PreviewRequest(Request):
    """Preview an uploaded file."""

    or_json = UriPreviewRequest

    file: Annotated[Any, Upload(), Help("The file, or the beginning of a text file.")]
    whole: Annotated[bool, Flag(), Help("Whether `file` is the whole file.")] = True
    end: Annotated[Any, Upload(), Help("The end of the text file, if `file` is its beginning.")] = (
        None
    )
    options: FileOptions = field(default_factory=dict)


class UriDatasetPreviewRequest(UriPreviewRequest):
    """Preview a file that the server downloads, before its import into a dataset."""

    aliases = AS_BASE_REF

    base_ref: ComparedRef = MAIN


class DatasetPreviewRequest(PreviewRequest):
    """Preview an uploaded file, before its import into a dataset."""

    or_json = UriDatasetPreviewRequest
    aliases = AS_BASE_REF

    base_ref: ComparedRef = MAIN
