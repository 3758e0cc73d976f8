"""Columns that folders state in their names, such as ``year=2024``, and their values and types.

References
----------
Apache Hive, "Partitioned Tables"; names and values are percent-encoded in folders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from urllib.parse import unquote

from import_engine.attaching import UnservableFile
from import_engine.sources.uris import SourceUri
from parquet_tables.layouts import LaidColumn
from parquet_tables.names import settle_names
from parquet_tables.tables import Column

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows whose value is NULL."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Values = tuple[tuple[str, str | None], ...]


def partition_columns(
    files: Sequence[SourceUri], columns: Sequence[Column]
) -> tuple[tuple[LaidColumn, ...], list[Values]]:
    """The columns of a table with those of its folders, and the values of each file.

    A column that the files have is theirs. Values are whole numbers or dates if all are; otherwise
    texts. Without such folders there are no columns.

    Parameters
    ----------
    columns : sequence of Column
        Those of the files.

    Raises
    ------
    UnservableFile
        Files lie in folders of other columns or of one column twice, or a name can't be served.
    """
    own = {column.name.lower() for column in columns}
    stated = [_stated(file, own) for file in files]
    names = list(stated[0])
    for file, values in zip(files, stated, strict=True):
        if list(values) != names:
            raise UnservableFile(
                "The files don't make one table: the folders of {first} state the columns "
                "{columns}, and those of {uri} state {others}.",
                first=str(files[0]),
                columns=", ".join(names) or "none",
                uri=str(file),
                others=", ".join(values) or "none",
            )
    if not names:
        return (), [()] * len(files)
    every = [*(column.name for column in columns), *names]
    for name, settled in zip(every, settle_names(every)[0], strict=True):
        if name != settled:
            raise UnservableFile(
                'The column "{column}", which folders state, has a name that is empty, reserved '
                "or used twice. Rename the folders.",
                column=name,
            )
    types = {name: _type([values[name] for values in stated]) for name in names}
    laid = (
        *(LaidColumn(column.name, column.type, column.name) for column in columns),
        *(LaidColumn(name, types[name]) for name in names),
    )
    return laid, [
        tuple((name, _canonical(types[name], value)) for name, value in values.items())
        for values in stated
    ]


def _stated(file: SourceUri, own: set[str]) -> dict[str, str | None]:
    """The columns of a file's folders that the file hasn't got, with their values.

    Folders of the prefix that allows the file state none.
    """
    values: dict[str, str | None] = {}
    for segment in file.segments[file.allowed : -1]:
        name, has_value, value = segment.partition("=")
        if not has_value or unquote(name).lower() in own:
            continue
        if unquote(name) in values:
            raise UnservableFile(
                'The folders of {uri} state the column "{column}" twice.',
                uri=str(file),
                column=unquote(name),
            )
        values[unquote(name)] = None if value == HIVE_NULL else unquote(value)
    return values


def _type(values: Sequence[str | None]) -> str:
    present = [value for value in values if value is not None]
    if present and all(_INTEGER.fullmatch(value) for value in present):
        return "BIGINT"
    if present and all(map(_is_date, present)):
        return "DATE"
    return "VARCHAR"


def _is_date(value: str) -> bool:
    try:
        return _DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _canonical(type_: str, value: str | None) -> str | None:
    """A number without leading zeros: folders ``5`` and ``05`` have equal values."""
    return value if value is None or type_ != "BIGINT" else str(int(value))


def partition_note(laid: Sequence[LaidColumn]) -> list[str]:
    """Name the columns that aren't in the files."""
    names = [column.name for column in laid if column.source is None]
    if not names:
        return []
    return [f"Columns whose values are in names of folders: {', '.join(names)}."]
