"""Uploaded values of a sample's rows: each upload has a number and never changes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, json_tuple, number
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
    sha256: str
    rows: int
    size_bytes: int
    user_soeid: str
    created_at: str

    @property
    def file(self) -> StoredFile:
        """The file of the values."""
        return StoredFile(self.sha256, self.rows, self.size_bytes)


_UPLOADS = Records(
    SampleValues,
    key_columns=json_tuple,
    columns=lambda text: tuple(Column(name, type_) for name, type_ in json.loads(text)),
    notes=json_tuple,
)


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
    upload = {
        **vars(new),
        **vars(new.file),
        "key_columns": json.dumps(list(new.key_columns)),
        "columns": json.dumps([[column.name, column.type] for column in new.columns]),
        "notes": json.dumps(list(new.notes)),
    }
    sample = {"job_id": job_id, "dataset_id": dataset_id, "user_id": user_id}
    created_at = timestamp(clock())
    return number(tx, "insert_sample_values", **sample, **upload, created_at=created_at)


def list_values(tx: Transaction, job_id: str) -> list[SampleValues]:
    """Return the uploads of a sample, newest first."""
    return _UPLOADS.all(tx, "list_sample_values", job_id=job_id)
