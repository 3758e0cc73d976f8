"""Uploaded values of a sample's rows: each upload has a number and never changes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from parquet_tables.columns import Column
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import all_rows, only
from storage.versions.data_files import StoredFile


@dataclass(frozen=True)
class SampleValues:
    """An upload; ``file`` has the column ``_logical_row_id`` and ``columns``.

    ``upload_sha256`` is the hash of the user's file, ``key_columns`` identified its rows.
    """

    number: int
    file_name: str
    upload_sha256: str
    key_columns: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    file: StoredFile
    user_soeid: str
    created_at: str


@dataclass(frozen=True)
class NewValues:
    """An upload before it has a number."""

    file_name: str
    upload_sha256: str
    key_columns: Sequence[str]
    columns: Sequence[Column]
    notes: Sequence[str]
    file: StoredFile


def insert_values(
    tx: Transaction, job_id: str, dataset_id: int, user_id: int, new: NewValues, clock: Clock
) -> int:
    """Store an upload; return its number in the sample."""
    row = only(
        tx,
        "insert_sample_values",
        job_id=job_id,
        dataset_id=dataset_id,
        user_id=user_id,
        created_at=timestamp(clock()),
        file_name=new.file_name,
        upload_sha256=new.upload_sha256,
        key_columns=json.dumps(list(new.key_columns)),
        columns=json.dumps([[column.name, column.type] for column in new.columns]),
        notes=json.dumps(list(new.notes)),
        sha256=new.file.sha256,
        rows=new.file.rows,
        size_bytes=new.file.size_bytes,
    )
    return int(row["number"])


def list_values(tx: Transaction, job_id: str) -> list[SampleValues]:
    """Return the uploads of a sample, newest first."""
    return [_values(row) for row in all_rows(tx, "list_sample_values", job_id=job_id)]


def _values(row: sqlite3.Row) -> SampleValues:
    return SampleValues(
        row["number"],
        row["file_name"],
        row["upload_sha256"],
        tuple(json.loads(row["key_columns"])),
        tuple(Column(name, type_) for name, type_ in json.loads(row["columns"])),
        tuple(json.loads(row["notes"])),
        StoredFile(row["sha256"], row["rows"], row["size_bytes"]),
        row["user_soeid"],
        row["created_at"],
    )
