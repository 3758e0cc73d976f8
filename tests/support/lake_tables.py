"""Delta and Iceberg tables for tests, written by deltalake and pyiceberg, with deleted rows.

Neither library writes deletion vectors or position deletes, so these are written here.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.manifest import (
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table as IcebergTable
from pyroaring import BitMap64

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
VECTORS = {
    "protocol": {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"],
        "writerFeatures": ["deletionVectors"],
    }
}


def sales(first: int, stop: int) -> pa.Table:
    """Rows of sales: a number, a region, a day, an amount and a text."""
    numbers = range(first, stop)
    regions = ["north", "south", "west", None]
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "region": pa.array([regions[at % 4] for at in numbers], pa.string()),
            "day": pa.array([19_000 + at % 3 for at in numbers], pa.date32()),
            "amount": pa.array([at * 7 % 1000 for at in numbers], pa.int32()),
            "label": pa.array([f"sale {at}" for at in numbers], pa.string()),
        }
    )


def z85(content: bytes) -> str:
    """The text of bytes in Z85, by which logs hold them; four bytes are five characters."""
    return base64.b85encode(content).decode().translate(str.maketrans(_B85, _Z85))


def vector_bytes(positions: Iterable[int]) -> bytes:
    """The bytes of a deletion vector of Delta, padded with zeros."""
    content = struct.pack("<I", 1681511377) + bytes(BitMap64(positions).serialize())
    return content + b"\0" * (-len(content) % 4)


def add_commit(table: Path, actions: Sequence[dict[str, Any]]) -> int:
    """Write the next commit of a Delta table by hand; return its version."""
    log = table / "_delta_log"
    version = max(int(path.stem) for path in log.glob("*.json")) + 1
    (log / f"{version:020}.json").write_text("\n".join(map(json.dumps, actions)))
    return version


def adds_of(table: Path) -> list[dict[str, Any]]:
    """The files of the newest version, as commits added them last."""
    live: dict[str, dict[str, Any]] = {}
    for path in sorted((table / "_delta_log").glob("*.json")):
        for line in path.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                live[action["add"]["path"]] = action["add"]
            elif "remove" in action and action["remove"]["path"] not in [
                each.get("add", {}).get("path")
                for each in map(json.loads, path.read_text().splitlines())
            ]:
                live.pop(action["remove"]["path"], None)
    return list(live.values())


def remove_of(add: dict[str, Any]) -> dict[str, Any]:
    """The action that removes a file, or its deletion vector."""
    removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    vector = add.get("deletionVector")
    return removed if vector is None else {**removed, "deletionVector": vector}


def delete_by_vector(table: Path, share: float, *, in_files: bool = False) -> int:
    """Delete a share of the rows of each file by a deletion vector; return the version.

    ``in_files`` writes the vectors to files of their own instead of the log.
    """
    actions: list[dict[str, Any]] = [VECTORS]
    for at, add in enumerate(adds_of(table)):
        rows = json.loads(add["stats"])["numRecords"]
        step = round(1 / share)
        positions = range(at % step, rows, step)
        content = vector_bytes(positions)
        vector: dict[str, Any] = {"sizeInBytes": len(content), "cardinality": len(positions)}
        if in_files:
            number = (at + 1).to_bytes(16, "big")
            name = f"deletion_vector_00000000-0000-0000-0000-{at + 1:012x}.bin"
            body = b"\x01" + struct.pack(">I", len(content)) + content
            (table / name).write_bytes(body + struct.pack(">I", _crc(content)))
            vector |= {"storageType": "u", "pathOrInlineDv": z85(number), "offset": 1}
        else:
            vector |= {"storageType": "i", "pathOrInlineDv": z85(content)}
        actions += [{"remove": remove_of(add)}, {"add": {**add, "deletionVector": vector}}]
    return add_commit(table, actions)


def _crc(content: bytes) -> int:
    return zlib.crc32(content)


def delta_sales(
    table: Path, files: int = 4, rows: int = 500, partition_by: list[str] | None = None
) -> DeltaTable:
    """Write a Delta table of sales, a commit for each file."""
    for at in range(files):
        part = sales(at * rows, (at + 1) * rows)
        write_deltalake(table, part, mode="append", partition_by=partition_by)
    return DeltaTable(table)


def iceberg_sales(
    warehouse: Path,
    name: str,
    files: int = 4,
    rows: int = 500,
    *,
    partition_by: str | None = None,
    format_version: int = 2,
) -> IcebergTable:
    """Write an Iceberg table of sales, a snapshot for each append."""
    catalog = iceberg_catalog(warehouse)
    first = sales(0, rows)
    table = catalog.create_table(
        f"db.{name}",
        schema=first.schema,
        location=f"file://{warehouse}/{name}",
        properties={"format-version": str(format_version)},
    )
    if partition_by is not None:
        with table.update_spec() as update:
            update.add_identity(partition_by)
    for at in range(files):
        table.append(sales(at * rows, (at + 1) * rows))
    return table


def iceberg_catalog(warehouse: Path | str, **properties: str) -> SqlCatalog:
    """A catalog in memory for a folder, or for a URI of an object store."""
    place = warehouse if isinstance(warehouse, str) else f"file://{warehouse}"
    catalog = SqlCatalog("tests", uri="sqlite:///:memory:", warehouse=place, **properties)
    catalog.create_namespace("db")
    return catalog


class _DeleteWriter(ManifestWriterV2):
    """Writes a manifest of delete files, which pyiceberg only reads."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_in_iceberg(table: IcebergTable, share: float, content: str = "positions") -> int:
    """Delete a share of the rows of each file by a new snapshot; return its id.

    ``content`` is ``positions`` (a Parquet file), ``vectors`` (a Puffin file) or ``equality``.
    """
    folder = Path(table.location().removeprefix("file://"))
    step = round(1 / share)
    tasks = sorted(table.scan().plan_files(), key=lambda task: task.file.file_path)
    deleted = {
        task.file.file_path: list(range(at % step, task.file.record_count, step))
        for at, task in enumerate(tasks)
    }
    snapshot_id, sequence = 7_000_000_000_000_000_001, table.metadata.last_sequence_number + 1
    spec = table.spec()
    entries = []
    made = _puffin if content == "vectors" else _position_deletes
    for number, task in enumerate(tasks):
        positions = deleted[task.file.file_path]
        path = (
            folder / "data" / f"deletes-{number}.{'puffin' if content == 'vectors' else 'parquet'}"
        )
        more = made(path, task.file.file_path, positions)
        entries.append(
            ManifestEntry.from_args(
                _table_format_version=2,
                status=ManifestEntryStatus.ADDED,
                snapshot_id=snapshot_id,
                sequence_number=None,
                file_sequence_number=None,
                data_file=IcebergFile.from_args(
                    _table_format_version=3 if content == "vectors" else 2,
                    content=DataFileContent.EQUALITY_DELETES
                    if content == "equality"
                    else DataFileContent.POSITION_DELETES,
                    file_path=f"file://{path}",
                    file_format=FileFormat.PUFFIN if content == "vectors" else FileFormat.PARQUET,
                    partition=task.file.partition,
                    record_count=len(positions),
                    file_size_in_bytes=path.stat().st_size,
                    spec_id=spec.spec_id,
                    equality_ids=[1] if content == "equality" else None,
                    **more,
                ),
            )
        )
    manifest_path = f"file://{folder}/metadata/deletes-m0.avro"
    with _DeleteWriter(
        spec, table.schema(), table.io.new_output(manifest_path), snapshot_id, "deflate"
    ) as writer:
        for entry in entries:
            writer.add_entry(entry)
    before = table.current_snapshot()
    list_path = f"file://{folder}/metadata/snap-{snapshot_id}.avro"
    with write_manifest_list(
        2, table.io.new_output(list_path), snapshot_id, before.snapshot_id, sequence, "deflate"
    ) as listed:
        listed.add_manifests([*before.manifests(table.io), writer.to_manifest_file()])
    edit_metadata(
        table,
        lambda metadata: (
            metadata
            | {
                "current-snapshot-id": snapshot_id,
                "last-sequence-number": sequence,
                "refs": {"main": {"snapshot-id": snapshot_id, "type": "branch"}},
                "snapshots": [
                    *metadata["snapshots"],
                    {
                        "snapshot-id": snapshot_id,
                        "parent-snapshot-id": before.snapshot_id,
                        "sequence-number": sequence,
                        "timestamp-ms": before.timestamp_ms + 1,
                        "manifest-list": list_path,
                        "summary": {"operation": "delete"},
                        "schema-id": before.schema_id,
                    },
                ],
            }
        ),
    )
    return snapshot_id


def edit_metadata(table: IcebergTable, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write a newer metadata file of a table."""
    folder = Path(table.location().removeprefix("file://")) / "metadata"
    newest = max(folder.glob("*.metadata.json"))
    number = int(newest.name.partition("-")[0]) + 1
    text = json.dumps(change(json.loads(newest.read_text())))
    (folder / f"{number:05}-00000000-0000-0000-0000-000000000000.metadata.json").write_text(text)


def _position_deletes(path: Path, data_path: str, positions: list[int]) -> dict[str, Any]:
    pq.write_table(
        pa.table(
            {"file_path": [data_path] * len(positions), "pos": pa.array(positions, pa.int64())}
        ),
        path,
    )
    return {}


def _puffin(path: Path, data_path: str, positions: list[int]) -> dict[str, Any]:
    bitmap = bytes(BitMap64(positions).serialize())
    body = struct.pack("<I", 1681511377) + bitmap
    blob = struct.pack(">I", len(body)) + body + struct.pack(">I", _crc(body))
    footer = json.dumps(
        {
            "blobs": [
                {
                    "type": "deletion-vector-v1",
                    "fields": [],
                    "snapshot-id": -1,
                    "sequence-number": -1,
                    "offset": 4,
                    "length": len(blob),
                    "properties": {
                        "referenced-data-file": data_path,
                        "cardinality": str(len(positions)),
                    },
                }
            ]
        }
    ).encode()
    tail = b"PFA1" + footer + struct.pack("<I", len(footer)) + bytes(4) + b"PFA1"
    path.write_bytes(b"PFA1" + blob + tail)
    return {
        "referenced_data_file": data_path,
        "content_offset": 4,
        "content_size_in_bytes": len(blob),
    }
