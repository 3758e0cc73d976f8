"""A version of a Delta table, listed by deltalake from a copy of the table's log.

The copy has the part of the log that the version needs. It is read through the connection, so
nothing outside of the table is opened, and the library needs no credentials and no network.

References
----------
Delta Transaction Log Protocol, "Reader Requirements", "Deletion Vectors", "Column Mapping".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import duckdb
import numpy as np
from numpy.typing import NDArray

from domain_errors import DomainError
from import_engine.sources.connections import OpenConnection
from import_engine.sources.reading import SourceNotFound
from import_engine.sources.uris import SourceUri
from import_engine.table_formats.deletion_vectors import positions_stop
from import_engine.table_formats.snapshots import (
    NO_POSITIONS,
    BrokenLog,
    DeclaredColumn,
    Snapshot,
    SnapshotFile,
    UnsupportedTable,
    VersionNotFound,
    binary_partition,
    declared_type,
    file_below,
    library_errors,
    require_file_count,
    text_of,
)
from parquet_tables.database import registered

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG_FOLDER = "_delta_log"
MAX_LOG_BYTES = 1 << 30
"""Bytes of a log that are copied: one checkpoint, the commits after it, and deletion vectors."""
MAX_POSITIONS = 1 << 27
"""Positions to which the deletion vectors of a version reach; each takes 11 bytes of memory."""
MAX_INLINE_CHARACTERS = 1 << 20
"""Characters of a deletion vector within the log, which Python decodes."""
READER_FEATURES = frozenset(
    {"columnMapping", "deletionVectors", "timestampNtz", "vacuumProtocolCheck", "typeWidening"}
)
"""Those that readers must know. Types are compared file by file, so a widened one is noticed."""
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
_TIMES = {"timestamp": "TIMESTAMP WITH TIME ZONE", "timestamp_ntz": "TIMESTAMP"}
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_FROM_Z85 = str.maketrans(_Z85, _B85)
_UUID_CHARACTERS = 20
_STRANGE = (
    *(ValueError, TypeError, AttributeError, KeyError),
    *(OverflowError, RecursionError, OSError),
)
"""What an action that isn't one raises."""
_ROWS_AT_ONCE = 10_000


class DeltaNotInstalled(DomainError):
    """The library of a table format isn't installed."""

    code = "delta_not_installed"
    template = (
        "The library that reads Delta tables isn't installed. An administrator can install "
        "jobsvc[delta]."
    )


@dataclass
class _Log:
    """The files of a log by version."""

    commits: dict[int, str] = field(default_factory=dict)
    checkpoints: dict[int, list[str]] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        return max([*self.commits, *self.checkpoints], default=-1)

    def needed(self, table: SourceUri, version: int) -> list[str]:
        """The names of the files that a version needs."""
        start = max((at for at in self.checkpoints if at <= version), default=-1)
        commits = range(start + 1, version + 1)
        if version > self.newest or any(at not in self.commits for at in commits):
            raise VersionNotFound(
                "The Delta table {uri} has no version {version}, or its log was cleaned up. The "
                "newest is {newest}.",
                uri=str(table),
                version=version,
                newest=self.newest,
            )
        own = [self.commits[version]] if start == version and version in self.commits else []
        return [*self.checkpoints.get(start, []), *own, *(self.commits[at] for at in commits)]


def _log(connection: OpenConnection, table: SourceUri, step: Callable[[], None]) -> _Log:
    folder = replace(table.child(LOG_FOLDER), is_folder=True)
    log = _Log()
    parts: dict[tuple[int, str], list[str]] = {}
    for name in connection.names(folder, step):
        if commit := _COMMIT.fullmatch(name):
            log.commits[int(commit[1])] = name
        elif checkpoint := _CHECKPOINT.fullmatch(name):
            parts.setdefault((int(checkpoint[1]), checkpoint[3] or "1"), []).append(name)
    for (version, count), names in parts.items():
        if len(names) == int(count):
            log.checkpoints[version] = sorted(names)
    if log.newest < 0:
        raise SourceNotFound(
            "{uri} isn't the folder of a Delta table: it has no log in {log}.",
            uri=str(table),
            log=LOG_FOLDER,
        )
    return log


def newest_version(
    connection: OpenConnection, table: SourceUri, step: Callable[[], None], _max_bytes: int
) -> str:
    """The newest version of a table, by the names of its log."""
    return str(_log(connection, table, step).newest)


@dataclass
class _Copy:
    """The copy of a log in a folder, and what its commits say."""

    connection: OpenConnection
    table: SourceUri
    folder: Path
    copied_bytes: int = 0
    vectors: set[str] = field(default_factory=set)
    live: dict[str, tuple[dict[str, Any] | None, str | None]] = field(default_factory=dict)
    """The files of the version by decoded path, with their deletion vectors and statistics."""
    stated: dict[str, int] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)
    committed_at: str | None = None
    uris: dict[str, SourceUri] = field(default_factory=dict)

    def uri_of(self, path: str) -> SourceUri:
        """The URI of a data file by its decoded path, which is checked once."""
        if path not in self.uris:
            self.uris[path] = file_below(self.table, path, is_relative=True)
        return self.uris[path]

    def path_of(self, uri: SourceUri) -> Path:
        """Where the copy of a file lies."""
        return self.folder.joinpath(*uri.segments[len(self.table.segments) :])

    def add(self, uri: SourceUri) -> bytes:
        content = self.connection.content(uri, MAX_LOG_BYTES - self.copied_bytes)
        self.copied_bytes += len(content)
        path = self.path_of(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return content

    def add_commit(self, uri: SourceUri) -> None:
        """Copy a commit, and check each of its lines."""
        content = self.add(uri)
        added: list[dict[str, Any]] = []
        for number, line in enumerate(content.splitlines(), 1):
            if not line.strip():
                continue
            try:
                action = json.loads(line)
                self._read(action, added)
            except _STRANGE:
                raise BrokenLog(
                    "The log of the Delta table can't be read: line {line} of {uri} isn't an "
                    "action in JSON.",
                    line=number,
                    uri=str(uri),
                ) from None
        # The actions of a commit have no order: one that replaces a vector removes its file, too.
        for add in added:
            self.live[unquote(add["path"])] = (add.get("deletionVector"), add.get("stats"))

    def _read(self, action: dict[str, Any], added: list[dict[str, Any]]) -> None:
        if (remove := action.get("remove")) is not None:
            self.live.pop(unquote(remove["path"]), None)
        if (add := action.get("add")) is not None:
            self.uri_of(unquote(add["path"]))
            added.append(add)
        if (made := action.get("commitInfo", {}).get("timestamp")) is not None:
            at = datetime.fromtimestamp(made / 1000, UTC)
            self.committed_at = at.isoformat(timespec="milliseconds")

    def copy_vectors(self, step: Callable[[], None]) -> None:
        """Copy the files of the version's deletion vectors, and no older ones."""
        for path, (vector, stats) in self.live.items():
            if vector is None:
                continue
            step()
            try:
                self._copy_vector(path, vector, stats)
            except _STRANGE:
                raise BrokenLog(
                    "The deletion vector of {path} in the Delta table {uri} can't be read.",
                    path=path,
                    uri=str(self.table),
                ) from None

    def _copy_vector(self, path: str, vector: dict[str, Any], stats: str | None) -> None:
        """Copy the file of a deletion vector once; refuse one outside of the table or the file."""
        self.stated[path] = int(vector["cardinality"])
        rows = None if not stats else json.loads(stats).get("numRecords")
        limit = MAX_POSITIONS if rows is None else min(int(rows), MAX_POSITIONS)
        stop = positions_stop(self._vector_bytes(vector), limit)
        if stop is None:
            raise BrokenLog(
                "The deletion vector of {path} in the Delta table {uri} has a position beyond "
                "{limit} {limit|row|rows}.",
                path=path,
                uri=str(self.table),
                limit=limit,
            )
        self.stops[path] = stop

    def _vector_bytes(self, vector: dict[str, Any]) -> bytes:
        text = vector["pathOrInlineDv"]
        if vector["storageType"] == "i":
            if len(text) > MAX_INLINE_CHARACTERS:
                raise UnsupportedTable(
                    "The log of the Delta table {uri} has a deletion vector of more than {limit} "
                    "characters. Rewrite its files without the deleted rows.",
                    uri=str(self.table),
                    limit=MAX_INLINE_CHARACTERS,
                )
            return base64.b85decode(text.translate(_FROM_Z85))
        if vector["storageType"] != "u":
            file_below(self.table, text, is_relative=False)
            raise UnsupportedTable(
                "The Delta table {uri} has a deletion vector at an absolute path, which isn't "
                "supported.",
                uri=str(self.table),
            )
        prefix, code = text[:-_UUID_CHARACTERS], text[-_UUID_CHARACTERS:]
        number = base64.b85decode(code.translate(_FROM_Z85)).hex()
        parts = (number[:8], number[8:12], number[12:16], number[16:20], number[20:])
        name = f"deletion_vector_{'-'.join(parts)}.bin"
        uri = file_below(self.table, f"{prefix}/{name}" if prefix else name, is_relative=True)
        if text not in self.vectors:
            self.vectors.add(text)
            try:
                self.add(uri)
            except SourceNotFound:
                raise SourceNotFound(
                    "There is no file {uri}, which has deleted rows of this version of the Delta "
                    "table. A vacuum may have removed it: attach a newer version.",
                    uri=str(uri),
                ) from None
        offset = vector.get("offset")
        with self.path_of(uri).open("rb") as file:
            file.seek(1 if offset is None else offset)
            return file.read(int.from_bytes(file.read(4), "big"))


def read_delta(
    connection: OpenConnection,
    cursor: duckdb.DuckDBPyConnection,
    table: SourceUri,
    version: int | None,
    folder: Path,
    step: Callable[[], None],
) -> Snapshot:
    """Read a version of a table from its log.

    Parameters
    ----------
    version : int or None
        The newest one without it.
    folder : Path
        An empty folder for the copy of the log.

    Raises
    ------
    DeltaNotInstalled, VersionNotFound, UnsupportedTable, BrokenLog
    SourceNotFound, SourceDenied, SourceUnavailable
        The log can't be read.
    """
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise DeltaNotInstalled from None
    log = _log(connection, table, step)
    wanted = log.newest if version is None else version
    copy = _Copy(connection, table, folder)
    for name in log.needed(table, wanted):
        step()
        uri = replace(table.child(LOG_FOLDER), is_folder=True).child(name)
        if name.endswith(".json"):
            copy.add_commit(uri)
        else:
            copy.add(uri)
            _note_files(copy, cursor, folder / LOG_FOLDER / name)
    copy.copy_vectors(step)
    with library_errors("deltalake", table):
        read = DeltaTable(str(folder), version=wanted)
        _require_features(table, read)
        return _snapshot(table, read, cursor, copy, wanted)


def _note_files(copy: _Copy, cursor: duckdb.DuckDBPyConnection, checkpoint: Path) -> None:
    """Note the files that a checkpoint names, and check their paths."""
    try:
        _note_rows(copy, cursor, checkpoint)
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except (duckdb.Error, *_STRANGE):
        raise BrokenLog(
            "The checkpoint {name} of the Delta table {uri} can't be read.",
            name=checkpoint.name,
            uri=str(copy.table),
        ) from None


def _note_rows(copy: _Copy, cursor: duckdb.DuckDBPyConnection, checkpoint: Path) -> None:
    def names(columns: str) -> set[str]:
        sql = f"DESCRIBE SELECT {columns} FROM read_parquet(?)"
        return {row[0] for row in cursor.execute(sql, [str(checkpoint)]).fetchall()}

    if "sidecar" in names("*"):
        sql = "SELECT count(sidecar) FROM read_parquet(?)"
        if cursor.execute(sql, [str(checkpoint)]).fetchall() != [(0,)]:
            raise UnsupportedTable(
                "The checkpoint {name} of the Delta table {uri} has sidecar files, which aren't "
                "supported.",
                name=checkpoint.name,
                uri=str(copy.table),
            )
    of_add = names("add.*")
    vector, stats = (
        f"add.{name}" if name in of_add else "NULL" for name in ("deletionVector", "stats")
    )
    has_vector = (
        f"{vector} IS NOT NULL" if vector == "NULL" else f"{vector}.storageType IS NOT NULL"
    )
    found = cursor.execute(
        f"SELECT add.path, CASE WHEN {has_vector} THEN {vector} END, "
        f"CASE WHEN {has_vector} THEN {stats} END "
        "FROM read_parquet(?) WHERE add.path IS NOT NULL",
        [str(checkpoint)],
    )
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        for path, of_file, text in rows:
            copy.uri_of(unquote(path))
            copy.live[unquote(path)] = (of_file, text)


def _require_features(table: SourceUri, read: DeltaTable) -> None:
    protocol = read.protocol()
    unknown = sorted(set(protocol.reader_features or ()) - READER_FEATURES)
    if protocol.min_reader_version > 3:
        unknown = [f"reader version {protocol.min_reader_version}"]
    if unknown:
        raise UnsupportedTable(
            "The Delta table {uri} needs {features}, which isn't supported.",
            uri=str(table),
            features=", ".join(unknown),
        )


def _snapshot(
    table: SourceUri,
    read: DeltaTable,
    cursor: duckdb.DuckDBPyConnection,
    copy: _Copy,
    version: int,
) -> Snapshot:
    columns = _columns(table, read)
    actions: Any = read.get_add_actions(flatten=True)
    stated: dict[str, list[Any]] = {
        name: actions.column(name).to_pylist()
        for name in actions.column_names
        if name in ("path", "num_records") or name.startswith("partition.")
    }
    paths = [unquote(path) for path in stated["path"]]
    require_file_count(table, len(paths))
    if len(set(paths)) < len(paths):
        raise BrokenLog("The Delta table {uri} lists a file twice.", uri=str(table))
    rows = stated.get("num_records", [None] * len(paths))
    partitions = {} if not paths else _partitions(columns, stated)
    values: list[dict[str, str | None]] = [
        dict(zip(partitions, map(text_of, of_file), strict=True))
        for of_file in zip(*partitions.values(), strict=True)
    ] or [{}] * len(paths)
    deleted = _deleted(read, cursor, copy, paths)
    files = [
        SnapshotFile(copy.uri_of(path), rows[at], values[at], deleted.pop(path, NO_POSITIONS))
        for at, path in enumerate(paths)
    ]
    if deleted:
        raise BrokenLog(
            "A deletion vector of the Delta table {uri} is of a file that isn't in the version.",
            uri=str(table),
        )
    files.sort(key=lambda file: file.uri.segments)
    return Snapshot(
        "delta",
        table,
        str(version),
        copy.committed_at,
        tuple(column for column, _ in columns),
        tuple(files),
    )


Columns = list[tuple[DeclaredColumn, str]]
"""The columns of a table with their physical names."""


def _columns(table: SourceUri, read: DeltaTable) -> Columns:
    metadata = read.metadata()
    partitions = set(metadata.partition_columns)
    mapping = metadata.configuration.get("delta.columnMapping.mode", "none")
    columns = []
    for field_ in json.loads(read.schema().to_json())["fields"]:
        name, type_, of_field = field_["name"], field_["type"], field_["metadata"]
        physical = name
        if mapping != "none":
            physical = of_field.get("delta.columnMapping.physicalName", name)
        if name in partitions and type_ == "binary":
            raise binary_partition(table, name)
        column = DeclaredColumn(
            name,
            declared_type(type_, _TIMES) if isinstance(type_, str) else type_["type"],
            None if name in partitions else physical,
            of_field.get("delta.columnMapping.id") if mapping == "id" else None,
        )
        columns.append((column, physical))
    return columns


def _partitions(columns: Columns, stated: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The values of all files by partition column; the log has either name of a column."""
    return {
        column.name: next(
            stated[key]
            for key in (f"partition.{column.name}", f"partition.{physical}")
            if key in stated
        )
        for column, physical in columns
        if column.source is None
    }


def _deleted(
    read: DeltaTable, cursor: duckdb.DuckDBPyConnection, copy: _Copy, paths: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """The deleted positions by the decoded paths of files."""
    if "deletionVectors" not in (read.protocol().reader_features or ()):
        return {}
    if sum(copy.stops.get(path, 0) for path in paths) > MAX_POSITIONS:
        raise UnsupportedTable(
            "The deletion vectors of the Delta table {uri} reach to more than {limit} positions. "
            "Rewrite its files without the deleted rows.",
            uri=str(copy.table),
            limit=MAX_POSITIONS,
        )
    base = "file://" + quote(str(copy.folder)) + "/"
    with registered(cursor, {"vectors": read.deletion_vectors()}):
        found = cursor.execute(
            "SELECT filepath, list_filter(range(len(selection_vector)), "
            "lambda i: NOT selection_vector[i + 1]) FROM vectors"
        ).fetchnumpy()
    deleted = {}
    for url, positions in zip(found["filepath"], found.popitem()[1], strict=True):
        path = unquote(url.removeprefix(base))
        if copy.stated.get(path) != len(positions):
            raise BrokenLog(
                "The log of the Delta table {uri} says that {stated} {stated|row|rows} of {path} "
                "are deleted, and its deletion vector has {rows}.",
                uri=str(copy.table),
                stated=copy.stated.get(path, 0),
                path=path,
                rows=len(positions),
            )
        deleted[path] = np.asarray(positions, dtype=np.int64)
    return deleted
