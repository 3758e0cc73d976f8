"""Delta and Iceberg tables for tests, written by deltalake and pyiceberg, with deleted rows.

Neither library writes deletion vectors or position deletes, so these are written here.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
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
        removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
        actions += [{"remove": removed}, {"add": {**add, "deletionVector": vector}}]
    return add_commit(table, actions)


def _crc(content: bytes) -> int:
    import zlib

    return zlib.crc32(content)


def delta_sales(
    table: Path, files: int = 4, rows: int = 500, partition_by: list[str] | None = None
) -> DeltaTable:
    """Write a Delta table of sales, a commit for each file."""
    for at in range(files):
        part = sales(at * rows, (at + 1) * rows)
        write_deltalake(table, part, mode="append", partition_by=partition_by)
    return DeltaTable(table)
