"""A version of a table: its columns, files, partition values and deleted rows, whatever the format.

All that it names lies in the table's folder: a path that leads elsewhere is refused before it is
read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.requests.attaching import MAX_FILES
from contract.words import VersionedFormat
from domain_errors import DomainError
from import_engine.attaching import FileSchema, Footer, UnservableFile
from import_engine.errors import UnreadableFile
from import_engine.sources.uris import SourceUri
from lazy_dataclasses import dataclass
from parquet_tables.footers.relaid import encoded, is_constant_type
from parquet_tables.layouts import LaidColumn
from parquet_tables.names import settle_names

_SAME_SCHEMES = {"s3a": "s3", "s3n": "s3", "abfss": "az", "abfs": "az", "wasbs": "az"}
_NOT_NAMES = frozenset(("", ".", ".."))
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
DECLARED_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "int": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "date": "DATE",
    "time": "TIME",
}
"""Types of Delta and Iceberg by their names, and those of DuckDB; times differ by format."""
_ACCEPTED = {"TIMESTAMP WITH TIME ZONE": ("TIMESTAMP", "TIMESTAMP_NS")}
"""Other types of files for a declared one: Spark writes timestamps as INT96, which has no zone."""


class UnsupportedTable(DomainError):
    """A table uses a feature by which jobsvc can't read it."""

    code = "unsupported_table"


class VersionNotFound(DomainError):
    """The table hasn't got the version, or not any more."""

    code = "version_not_found"


class BrokenLog(UnreadableFile):
    """The log or metadata of a table can't be read, or contradicts itself or the files."""

    code = "broken_table_log"


@dataclass(frozen=True)
class DeclaredColumn:
    """A column by the table's metadata.

    Parameters
    ----------
    type : str
        The type of DuckDB, or that of the metadata if DuckDB has none.
    source : str or None
        The name in the files; None of a partition column.
    field_id : int or None
        The number by which files name the column, where the table maps columns so.
    names : tuple of str
        The names in files that have no such numbers.
    """

    name: str
    type: str
    source: str | None
    field_id: int | None = None
    names: tuple[str, ...] = ()


NO_POSITIONS: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SnapshotFile:
    """A file of a version.

    Parameters
    ----------
    rows : int or None
        Its rows by the metadata.
    values : mapping
        The partition's values by column, as texts.
    deleted : array of int64, sorted and distinct
        Positions of rows in the file that the version doesn't have.
    """

    uri: SourceUri
    rows: int | None
    values: Mapping[str, str | None]
    deleted: NDArray[np.int64] = field(default_factory=lambda: NO_POSITIONS)


@dataclass(frozen=True)
class Snapshot:
    """A version of a table."""

    format: VersionedFormat
    uri: SourceUri
    version: str
    committed_at: str | None
    columns: tuple[DeclaredColumn, ...]
    files: tuple[SnapshotFile, ...]


def declared_type(name: str, times: Mapping[str, str]) -> str:
    """The type of DuckDB for one of a table's metadata; that name itself if there is none."""
    if found := _DECIMAL.fullmatch(name):
        return f"DECIMAL({found[1]},{found[2]})"
    return {**DECLARED_TYPES, **times}.get(name, name)


def file_below(table: SourceUri, path: str, *, is_relative: bool) -> SourceUri:
    """The URI of a file that a table's metadata names, decoded.

    Parameters
    ----------
    is_relative : bool
        Whether a path without a scheme starts in the table's folder; otherwise at the root.

    Raises
    ------
    BrokenLog
        It isn't in the folder of the table.
    """
    inner = _inner(table, path, is_relative=is_relative) or ""
    names = inner.split("/")
    if not inner.isprintable() or not _NOT_NAMES.isdisjoint(names):
        raise BrokenLog(
            "The table {uri} names the file {path}, which isn't in its folder. Nothing outside of "
            "a table's folder is read.",
            uri=str(table),
            path=repr(path[:200]),
        )
    return table.below(names)


def _inner(table: SourceUri, path: str, *, is_relative: bool) -> str | None:
    """The path below the folder of the table; None if it leads elsewhere."""
    scheme, has_scheme, rest = path.partition("://")
    if not has_scheme:
        if path.startswith("file:/"):
            scheme, rest = "file", path.removeprefix("file:")
        elif is_relative:
            return None if path.startswith("/") else path
        else:
            scheme, rest = "file", path
    scheme = _SAME_SCHEMES.get(scheme.lower(), scheme.lower())
    host, _, inner = rest.partition("/")
    if scheme == "az":
        host = host.partition("@")[0]
    start = "/".join((*table.segments, ""))
    if (scheme, host) != (table.scheme, table.host) or not inner.startswith(start):
        return None
    return inner.removeprefix(start)


def require_file_count(table: SourceUri, count: int) -> None:
    """Refuse a table with more files than ``MAX_FILES``."""
    if count > MAX_FILES:
        raise UnsupportedTable(
            "The table {uri} has more than {limit} files, which is the limit.",
            uri=str(table),
            limit=MAX_FILES,
        )


def binary_partition(table: SourceUri, column: str) -> UnsupportedTable:
    """The error of a partition column whose values have no text."""
    return UnsupportedTable(
        'The partition column "{column}" of the table {uri} is binary, which isn\'t supported.',
        column=column,
        uri=str(table),
    )


def deleted_beyond(file: SourceUri, row: int, rows: int) -> BrokenLog:
    """The error of a deleted row that a file doesn't have."""
    return BrokenLog(
        "The table's metadata deletes the row {row} of {uri}, which has {rows} {rows|row|rows}.",
        row=row,
        uri=str(file),
        rows=rows,
    )


@contextmanager
def library_errors(
    library: str,
    table: SourceUri,
    known: Callable[[Exception], Exception | None] = lambda _: None,
) -> Iterator[None]:
    """An error of a format's library without its text, which may hold paths of the server.

    ``known`` returns the error to raise for one of the library that is known.
    """
    try:
        yield
    except (DomainError, duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except Exception as error:
        if (own := known(error)) is not None:
            raise own from None
        raise BrokenLog(
            "{library} can't read the metadata of the table {uri} ({kind}).",
            library=library,
            uri=str(table),
            kind=type(error).__name__,
        ) from error


def text_of(value: object) -> str | None:
    """A partition's value as the text that :class:`parquet_tables.layouts.FileLayout` has."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case int() | Decimal() | str():
            return str(value)
        case float():
            return repr(value)
    raise TypeError(type(value).__name__)


Sources = tuple[tuple[str, str | None], ...]
"""Columns that have another source in a file than in the table."""


def laid_out(
    snapshot: Snapshot, footers: Sequence[Footer]
) -> tuple[tuple[LaidColumn, ...], list[Sources]]:
    """The columns of a version with their sources, and the sources of each file that differ.

    Raises
    ------
    UnservableFile, UnsupportedTable
        A name or a type can't be served, or files have a column with different types.
    BrokenLog
        A file has other rows than the metadata says, or a value isn't of its column's type.
    """
    names = [column.name for column in snapshot.columns]
    for name, settled in zip(names, settle_names(names)[0], strict=True):
        if name != settled:
            raise UnservableFile(
                'The column "{column}" of the table {uri} has a name that is empty, reserved or '
                "used twice, which an attached table can't have.",
                column=name,
                uri=str(snapshot.uri),
            )
    # Files of one schema have the same columns: each schema is compared once.
    of_schemas: dict[int, _OfSchema] = {}
    for file, footer in zip(snapshot.files, footers, strict=True):
        if id(footer.schema) not in of_schemas:
            places = _sources(snapshot, file, footer.schema)
            of_schemas[id(footer.schema)] = _OfSchema(file, footer.schema, places)
    laid = tuple(
        LaidColumn(
            column.name, _type(snapshot, at, column, tuple(of_schemas.values())), column.source
        )
        for at, column in enumerate(snapshot.columns)
    )
    sources = {
        key: tuple(
            (column.name, source)
            for column, source in zip(laid, one.places, strict=True)
            if source != column.source and (source or column.source in one.schema.types)
        )
        for key, one in of_schemas.items()
    }
    absent = {
        key: [column for column, source in zip(laid, one.places, strict=True) if source is None]
        for key, one in of_schemas.items()
    }
    for file, footer in zip(snapshot.files, footers, strict=True):
        _require_rows(file, footer)
        _require_values(snapshot, file, absent[id(footer.schema)])
    return laid, [sources[id(footer.schema)] for footer in footers]


@dataclass(frozen=True)
class _OfSchema:
    """A schema of files, the first file that has it, and the names of the columns in it."""

    file: SnapshotFile
    schema: FileSchema
    places: list[str | None]


def constants(
    laid: Sequence[LaidColumn], file: SnapshotFile, footer: Footer, sources: Sources
) -> tuple[tuple[str, str | None], ...]:
    """The values of a file's partition whose columns the file hasn't got."""
    if not file.values:
        return ()
    source_of = {column.name: column.source for column in laid} | dict(sources)
    return tuple(
        (name, value)
        for name, value in file.values.items()
        if source_of[name] not in footer.schema.types
    )


def _sources(snapshot: Snapshot, file: SnapshotFile, schema: FileSchema) -> list[str | None]:
    """The names of columns in a file; None if it hasn't got them."""
    columns = snapshot.columns
    if not any(column.field_id is not None and column.source is not None for column in columns):
        return [column.source if column.source in schema.types else None for column in columns]
    by_id: dict[int | None, str] = dict(zip(schema.field_ids, schema.types, strict=True))
    by_id.pop(None, None)
    if not by_id and not any(column.names for column in columns):
        raise UnsupportedTable(
            "The file {uri} has no field ids, and the table {table} has no name mapping, so its "
            "columns aren't known.",
            uri=str(file.uri),
            table=str(snapshot.uri),
        )
    return [
        None
        if column.source is None
        else by_id.get(column.field_id)
        if by_id
        else next((name for name in column.names if name in schema.types), None)
        for column in columns
    ]


def _type(
    snapshot: Snapshot, at: int, column: DeclaredColumn, of_schemas: Sequence[_OfSchema]
) -> str:
    """The type of a column: that of the files, which must be equal, or else the declared one."""
    found: str | None = None
    for one in of_schemas:
        if (source := one.places[at]) is None:
            continue
        type_ = one.schema.types[source]
        if type_ not in (column.type, *_ACCEPTED.get(column.type, ())) or type_ != (found or type_):
            raise UnsupportedTable(
                'The column "{column}" is {type} in {uri}, and {declared} in the table. A type '
                "that was widened or changed between files isn't supported: rewrite the older "
                "files.",
                column=column.name,
                type=type_,
                uri=str(one.file.uri),
                declared=column.type if found is None else found,
            )
        found = type_
    if found is None and not is_constant_type(column.type):
        raise UnservableFile(
            'The column "{column}" of the table {uri} has the type {type}, which an attached table '
            "can't have.",
            column=column.name,
            uri=str(snapshot.uri),
            type=column.type,
        )
    return found or column.type


def _require_rows(file: SnapshotFile, footer: Footer) -> None:
    if file.rows not in (None, footer.rows):
        raise BrokenLog(
            "The table's metadata says that {uri} has {stated} {stated|row|rows}, and its footer "
            "says {rows}.",
            uri=str(file.uri),
            stated=file.rows,
            rows=footer.rows,
        )
    if len(file.deleted) and not 0 <= file.deleted[0] <= file.deleted[-1] < footer.rows:
        raise deleted_beyond(file.uri, int(file.deleted[-1]), footer.rows)


def _require_values(snapshot: Snapshot, file: SnapshotFile, absent: Sequence[LaidColumn]) -> None:
    """Check the values of columns that the file hasn't got; of others the file's are read."""
    for column in absent if file.values else ():
        value = file.values.get(column.name)
        if value is None:
            continue
        try:
            encoded(column.type, value)
        except (ValueError, ArithmeticError, KeyError):
            raise BrokenLog(
                'The table {uri} has {value} in the partition column "{column}" of type {type}.',
                uri=str(snapshot.uri),
                value=repr(value[:100]),
                column=column.name,
                type=column.type,
            ) from None
