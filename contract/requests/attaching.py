"""Requests that attach tables, whose files stay where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from contract.declarations import Help, Option, Request
from contract.fields import Bounds, Choice, Flag, Items, LongCount, Name, OneOrMore, Part, Text
from contract.requests.importing import AS_BASE_REF, ComparedRef, NewVersionRequest
from contract.requests.submitting import MAIN, MAX_URI_LENGTH
from contract.words import TableFormat

MAX_FILES = 10_000
"""Files of a table."""
MAX_TABLES = 100
MAX_VERSION = (1 << 63) - 1
FORMATS: Mapping[TableFormat, str] = {
    "parquet": "Parquet files",
    "delta": "Delta table",
    "iceberg": "Iceberg table",
}


class AttachedTableRequest(Request):
    """A table to attach."""

    table_key: Annotated[
        str,
        Name(1, 100, is_segment=True),
        Option("--table"),
        Help("Key of the table."),
    ] = "primary"
    uri: Annotated[
        Sequence[str],
        OneOrMore(Text(1, MAX_URI_LENGTH), MAX_FILES, 1),
        Option(None),
        Help(
            "The URI of a Parquet file; of a folder (it ends with a slash) whose files, also in "
            "folders within, are rows in the order of their paths; a pattern such as "
            "`2024-*/part-*.parquet`; or a list of them. With a format, the folder of the table."
        ),
    ]
    connection: Annotated[
        str | None,
        Text(1, 64),
        Help(
            "By default yours with the longest prefix of the URI; needed if several have the same."
        ),
    ] = None
    format: Annotated[
        TableFormat,
        Choice(FORMATS),
        Option(None),
        Help("A table of a format with versions: one version of it is attached."),
    ] = "parquet"
    version: Annotated[
        int | None,
        LongCount(Bounds(0, MAX_VERSION)),
        Help(
            "The version of a Delta table, or the id of a snapshot of an Iceberg table; by default "
            "the newest."
        ),
    ] = None


AttachedTables = Annotated[
    Sequence[AttachedTableRequest],
    Items(Part(AttachedTableRequest), MAX_TABLES, 1),
    Option(None),
]


class AttachPreviewRequest(Request):
    """Describe tables before they are attached."""

    tables: AttachedTables


class DatasetAttachPreviewRequest(AttachPreviewRequest):
    """Describe tables before they are attached to a dataset."""

    aliases = AS_BASE_REF

    base_ref: ComparedRef = MAIN


class AttachRequest(NewVersionRequest):
    """Attach tables as a new version."""

    tables: AttachedTables
    verify: Annotated[
        bool,
        Flag(),
        Help(
            "Read the files whole: count their rows, and compare the statistics of their footers "
            "with their values. A file whose footer is wrong is refused. Otherwise the rows that "
            "footers state are believed, and statistics aren't used."
        ),
    ] = False
