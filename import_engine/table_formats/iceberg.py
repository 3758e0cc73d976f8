"""A snapshot of an Iceberg table, planned by pyiceberg, whose reads go through the connection.

So nothing outside of the table's folder is opened, and the library needs no credentials and no
network. Position deletes and deletion vectors become positions of rows.

References
----------
Iceberg Table Spec, "Scan Planning", "Column Projection", "Position Delete Files", "Deletion
Vectors"; Puffin Spec, "deletion-vector-v1".
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.requests.attaching import MAX_FILES
from domain_errors import DomainError
from import_engine.sources.connections import OpenConnection
from import_engine.sources.reading import SourceNotFound
from import_engine.sources.uris import SourceUri
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
    deleted_beyond,
    file_below,
    library_errors,
    require_file_count,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table
    from pyiceberg.transforms import Transform
    from pyiceberg.types import NestedField
    from pyroaring import BitMap64

METADATA_FOLDER, ENDING = "metadata", ".metadata.json"
VERSION_HINT = "version-hint.text"
MAX_METADATA_BYTES = 1 << 30
"""Bytes of metadata, manifests and deletes that are read."""
MAX_METADATA_JSON = 1 << 25
"""Bytes of the metadata's JSON, which takes 18 times as much memory when it is read."""
MAX_DELETED_ROWS = 1 << 27
"""Positions that the delete files of a snapshot have."""
NAME_MAPPING = "schema.name-mapping.default"
_NUMBER = re.compile(r"(?:v(\d+)|(\d+)-[0-9a-zA-Z-]+)(?:\.gz)?\.metadata\.json")
_TIMES = {
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
}
_NO_SNAPSHOT = -1
_GZIP = 16 + zlib.MAX_WBITS
_SPELLED = ("date", "time", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns")
"""Types whose values pyiceberg has as numbers."""
Positions = NDArray[np.int64]
Partition: TypeAlias = "tuple[int, NestedField, Transform[Any, Any]]"
"""A part of a partition spec: its place, its column and its transform."""


class IcebergNotInstalled(DomainError):
    """The library of a table format isn't installed."""

    code = "iceberg_not_installed"
    template = (
        "The library that reads Iceberg tables isn't installed. An administrator can install "
        "jobsvc[iceberg]."
    )


@dataclass
class _Reads:
    """Reads files of a table's folder by the paths that its metadata has."""

    connection: OpenConnection
    table: SourceUri
    step: Callable[[], None]
    read_bytes: int = 0
    error: Exception | None = None

    def uri(self, path: str) -> SourceUri:
        return file_below(self.table, path, is_relative=False)

    def content(self, path: str) -> bytes:
        try:
            self.step()
        except Exception as error:
            self.error = error
            raise
        try:
            left = MAX_METADATA_BYTES - self.read_bytes
            content = self.connection.content(self.uri(path), left)
        except DomainError as error:
            self.error = error
            raise
        self.read_bytes += len(content)
        return content


def _metadata_uri(
    connection: OpenConnection, table: SourceUri, step: Callable[[], None]
) -> SourceUri:
    """The newest metadata file of a table's folder.

    Raises
    ------
    SourceNotFound, UnsupportedTable
        There is none, or the newest isn't certain.
    """
    folder = replace(table.child(METADATA_FOLDER), is_folder=True)
    names = set(connection.names(folder, step))
    numbered: dict[int, list[str]] = {}
    for name in names:
        if number := _NUMBER.fullmatch(name):
            numbered.setdefault(int(number[1] or number[2]), []).append(name)
    if not numbered:
        raise SourceNotFound(
            "{uri} isn't the folder of an Iceberg table: it has no {folder}/*{ending}.",
            uri=str(table),
            folder=METADATA_FOLDER,
            ending=ENDING,
        )
    newest = numbered[max(numbered)]
    if VERSION_HINT in names:
        hint = connection.content(folder.child(VERSION_HINT), 100).decode(errors="replace").strip()
        newest = [f"v{hint}{ENDING}"] if hint.isdecimal() else [hint.removesuffix(ENDING) + ENDING]
        if newest[0] not in names:
            newest = numbered[max(numbered)]
    if len(newest) > 1:
        raise UnsupportedTable(
            "The Iceberg table {uri} has several newest metadata files: {names}. Name the one that "
            "the catalog has as the URI.",
            uri=str(table),
            names=", ".join(sorted(newest)),
        )
    return folder.child(newest[0])


def _places(
    connection: OpenConnection, uri: SourceUri, step: Callable[[], None]
) -> tuple[SourceUri, SourceUri]:
    """The folder of a table, and its metadata file, which the URI may name itself."""
    if uri.name.endswith(ENDING) and len(uri.segments) - 2 >= uri.allowed:
        return replace(uri, segments=uri.segments[:-2], is_folder=True), uri
    table = replace(uri, is_folder=True)
    return table, _metadata_uri(connection, table, step)


def newest_snapshot(
    connection: OpenConnection, table: SourceUri, step: Callable[[], None], max_bytes: int
) -> str:
    """The id of the current snapshot by the newest metadata file; empty if there is none.

    Raises
    ------
    DomainError
        It isn't known, also if the metadata has more bytes than ``max_bytes``.
    """
    metadata = _metadata_uri(connection, table, step)
    step()
    content = _unpacked(connection.content(metadata, max_bytes), metadata, max_bytes)
    try:
        current = json.loads(content).get("current-snapshot-id")
        return "" if current in (None, _NO_SNAPSHOT) else str(int(current))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BrokenLog("{uri} names no snapshot as the current one.", uri=str(metadata)) from None


def read_iceberg(
    connection: OpenConnection,
    cursor: duckdb.DuckDBPyConnection,
    uri: SourceUri,
    version: int | None,
    folder: Path,
    step: Callable[[], None],
) -> Snapshot:
    """Read a snapshot of a table from its metadata.

    Parameters
    ----------
    uri : SourceUri
        The folder of the table, or its metadata file.
    version : int or None
        The id of the snapshot; the current one without it.
    folder : Path
        An empty folder for copies of delete files.

    Raises
    ------
    IcebergNotInstalled, VersionNotFound, UnsupportedTable, BrokenLog
    SourceNotFound, SourceDenied, SourceUnavailable
        The metadata can't be read.
    """
    try:
        import pyiceberg.table  # noqa: F401 - whether it is installed
    except ImportError:
        raise IcebergNotInstalled from None
    table, metadata = _places(connection, uri, step)
    reads = _Reads(connection, table, step)
    with library_errors("pyiceberg", table, partial(_known_error, reads)):
        content = _unpacked(connection.content(metadata, MAX_METADATA_JSON), metadata)
        read = _opened(reads, str(metadata), content)
        snapshot_id = _snapshot_id(read, table, version)
        snapshot = read.snapshot_by_id(snapshot_id)
        assert snapshot is not None  # noqa: S101 - its id was found
        scan = read.scan(snapshot_id=snapshot_id)
        planned = list(islice(scan.plan_files(), MAX_FILES + 1))
        require_file_count(table, len(planned))
        tasks = sorted(planned, key=lambda task: task.file.file_path)
        schema = scan.projection()
        columns = _columns(read, table, schema)
        specs = {task.file.spec_id for task in tasks}
        partitions = {at: _identity_partitions(read, table, schema, at) for at in specs}
        deletes = _Deletes(reads, cursor, folder)
        files = tuple(_file(reads, task, partitions, deletes) for task in tasks)
        at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
    return Snapshot(
        "iceberg",
        table,
        str(snapshot_id),
        at.isoformat(timespec="milliseconds"),
        columns,
        files,
    )


def _known_error(reads: _Reads, error: Exception) -> Exception | None:
    """The error of a read that the library wraps, or that of equality deletes."""
    if reads.error is not None:
        return reads.error
    if "equality delete" in str(error).lower():
        return UnsupportedTable(
            "The Iceberg table {uri} has equality deletes, which aren't supported. Rewrite its "
            "data files, or have the writer write position deletes.",
            uri=str(reads.table),
        )
    return None


def _unpacked(content: bytes, metadata: SourceUri, limit: int = MAX_METADATA_JSON) -> bytes:
    """The content of a metadata file, which is gzipped if its name says so."""
    if not metadata.name.endswith(f".gz{ENDING}"):
        return content
    try:
        unpacked = zlib.decompressobj(wbits=_GZIP).decompress(content, limit + 1)
    except zlib.error:
        raise BrokenLog("{uri} can't be decompressed.", uri=str(metadata)) from None
    if len(unpacked) > limit:
        raise BrokenLog(
            "{uri} has more than {limit} bytes without its compression.",
            uri=str(metadata),
            limit=limit,
        )
    return unpacked


def _opened(reads: _Reads, location: str, content: bytes) -> Table:
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
    from pyiceberg.serializers import FromByteStream
    from pyiceberg.table import Table

    class Input(InputFile):
        def __len__(self) -> int:
            return len(reads.content(self.location))

        def exists(self) -> bool:
            return True

        def open(self, seekable: bool = True) -> InputStream:
            return io.BytesIO(reads.content(self.location))

    class OfConnection(FileIO):
        def new_input(self, location: str) -> InputFile:
            return Input(location)

        def new_output(self, location: str) -> OutputFile:
            raise NotImplementedError(location)

        def delete(self, location: str | InputFile | OutputFile) -> None:
            raise NotImplementedError(location)

    metadata = FromByteStream.table_metadata(io.BytesIO(content))
    return Table(("attached",), metadata, location, OfConnection(), NoopCatalog("attached"))


def _snapshot_id(read: Table, table: SourceUri, version: int | None) -> int:
    current = read.metadata.current_snapshot_id
    wanted = current if version is None else version
    if wanted is None or read.snapshot_by_id(wanted) is None:
        newest = "it has none yet" if current is None else f"the current one is {current}"
        raise VersionNotFound(
            "The Iceberg table {uri} has no snapshot {version} in its metadata, or it expired: "
            "{newest}.",
            uri=str(table),
            version=str(wanted or ""),
            newest=newest,
        )
    return wanted


def _columns(read: Table, table: SourceUri, schema: Any) -> tuple[DeclaredColumn, ...]:
    mapping = _name_mapping(read)
    columns = []
    for each in schema.fields:
        if each.initial_default is not None:
            raise UnsupportedTable(
                'The column "{column}" of the Iceberg table {uri} has an initial default, which '
                "isn't supported.",
                column=each.name,
                uri=str(table),
            )
        columns.append(
            DeclaredColumn(
                each.name,
                declared_type(str(each.field_type), _TIMES),
                each.name,
                each.field_id,
                mapping.get(each.field_id, ()),
            )
        )
    return tuple(columns)


def _name_mapping(read: Table) -> dict[int, tuple[str, ...]]:
    """The names of columns in files that have no field ids."""
    text = read.metadata.properties.get(NAME_MAPPING)
    entries = [] if text is None else json.loads(text)
    return {
        each["field-id"]: tuple(each.get("names", ())) for each in entries if "field-id" in each
    }


def _file(
    reads: _Reads,
    task: FileScanTask,
    partitions: Mapping[int, Sequence[Partition]],
    deletes: _Deletes,
) -> SnapshotFile:
    file = task.file
    uri = reads.uri(file.file_path)
    if file.file_format.name != "PARQUET" or getattr(file, "key_metadata", None) is not None:
        problem = "encrypted" if file.file_format.name == "PARQUET" else file.file_format.name
        raise UnsupportedTable(
            "The file {uri} of the Iceberg table is {problem}, and only plain Parquet is "
            "supported.",
            uri=str(uri),
            problem=problem,
        )
    values: dict[str, str | None] = {}
    for at, column, transform in partitions[file.spec_id]:
        value = file.partition[at]
        if str(column.field_type) in _SPELLED and isinstance(value, int):
            values[column.name] = transform.to_human_string(column.field_type, value)
        else:
            values[column.name] = text_of(value)
    return SnapshotFile(uri, file.record_count, values, deletes.of(file, task.delete_files))


def _identity_partitions(
    read: Table, table: SourceUri, schema: Schema, spec_id: int
) -> list[Partition]:
    """The identity partitions of a spec, whose columns files may lack."""
    from pyiceberg.transforms import IdentityTransform

    columns = {column.field_id: column for column in schema.fields}
    partitions: list[Partition] = []
    for at, part in enumerate(read.metadata.specs()[spec_id].fields):
        column = columns.get(part.source_id)
        if column is None or not isinstance(part.transform, IdentityTransform):
            continue
        type_ = str(column.field_type)
        if type_ == "binary" or type_.startswith("fixed["):
            raise binary_partition(table, column.name)
        partitions.append((at, column, part.transform))
    return partitions


@dataclass
class _Deletes:
    """The positions that delete files state, each read once."""

    reads: _Reads
    cursor: duckdb.DuckDBPyConnection
    folder: Path
    _read: dict[str, dict[str, Positions | BitMap64]] = field(default_factory=dict)
    _rows: int = 0

    def of(self, data_file: DataFile, deletes: Iterable[DataFile]) -> Positions:
        """The deleted positions of a data file, sorted and distinct."""
        parts = []
        for delete in deletes:
            if delete.file_path not in self._read:
                self._read[delete.file_path] = self._positions(delete)
            found = self._read[delete.file_path].get(data_file.file_path)
            if found is not None and not isinstance(found, np.ndarray):
                found = self._expanded(found, data_file, delete)
            if found is not None:
                parts.append(found)
        return np.unique(np.concatenate(parts)) if parts else NO_POSITIONS

    def _expanded(self, vector: BitMap64, data_file: DataFile, delete: DataFile) -> Positions:
        """The positions of a deletion vector, none of them beyond the rows of the file."""
        self._require_count(delete, len(vector))
        if vector and vector.max() >= data_file.record_count:
            uri = self.reads.uri(data_file.file_path)
            raise deleted_beyond(uri, vector.max(), data_file.record_count)
        return np.fromiter(vector, dtype=np.int64, count=len(vector))

    def _positions(self, delete: DataFile) -> dict[str, Positions | BitMap64]:
        content = self.reads.content(delete.file_path)
        if delete.file_format.name == "PUFFIN":
            return dict(_vectors(self.reads.uri(delete.file_path), content))
        if delete.file_format.name != "PARQUET":
            raise UnsupportedTable(
                "The delete file {uri} is {format}, and only Parquet and Puffin are supported.",
                uri=str(self.reads.uri(delete.file_path)),
                format=delete.file_format.name,
            )
        copy = self.folder / f"deletes-{len(self._read)}.parquet"
        copy.write_bytes(content)
        sql = "SELECT count(*) FROM read_parquet(?)"
        ((rows,),) = self.cursor.execute(sql, [str(copy)]).fetchall()
        self._require_count(delete, rows)
        found = self.cursor.execute(
            "SELECT file_path, pos FROM read_parquet(?) ORDER BY file_path, pos", [str(copy)]
        ).fetchnumpy()
        copy.unlink()
        paths, starts = np.unique(np.asarray(found["file_path"]).astype(str), return_index=True)
        positions = np.split(np.asarray(found["pos"], dtype=np.int64), starts[1:])
        return dict(zip(paths.tolist(), positions, strict=True))

    def _require_count(self, delete: DataFile, rows: int) -> None:
        """Require that a delete file has as many positions as stated, before they are expanded."""
        if rows != delete.record_count:
            raise BrokenLog(
                "The table's metadata says that {uri} has {stated} {stated|row|rows}, and it has "
                "{rows}.",
                uri=str(self.reads.uri(delete.file_path)),
                stated=delete.record_count,
                rows=rows,
            )
        self._rows += rows
        if self._rows > MAX_DELETED_ROWS:
            raise UnsupportedTable(
                "The Iceberg table {uri} has more than {limit} deleted rows. Rewrite its files "
                "without them.",
                uri=str(self.reads.table),
                limit=MAX_DELETED_ROWS,
            )


def _vectors(uri: SourceUri, content: bytes) -> Iterator[tuple[str, BitMap64]]:
    """The deletion vectors of a Puffin file: length, magic number, bitmap, checksum.

    The format has them without compression, so that a small file can't grow.
    """
    from pyiceberg.table.puffin import PuffinFile
    from pyroaring import BitMap64

    puffin = PuffinFile(content)
    for blob in puffin.footer.blobs:
        if blob.type != "deletion-vector-v1":
            continue
        if blob.compression_codec is not None:
            raise BrokenLog(
                "A deletion vector in {uri} is compressed, which the Puffin format excludes.",
                uri=str(uri),
            )
        payload = puffin.get_blob_payload(blob)
        end = 4 + int.from_bytes(payload[:4], "big")
        vector = BitMap64.deserialize(payload[8:end])
        if str(len(vector)) != blob.properties.get("cardinality", str(len(vector))):
            raise BrokenLog("A deletion vector has another number of rows than it states.")
        yield blob.properties["referenced-data-file"], vector
