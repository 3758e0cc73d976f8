"""Manifests: what a commit is.

Invariant: a manifest's canonical JSON (sorted keys, no blanks, UTF-8) is its identity: the same
manifest gives the same bytes and so the same commit id. A commit lists, for each table, its columns
and its data files in row order; nothing is copied to branch or to name it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from domain_errors import choices_sentence
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles
from storage.data_files import DataFiles, StoredFile
from storage.errors import NotFound

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class StoredTable:
    """A table of a commit: its key, its columns, and data files in row order.

    Parameters
    ----------
    left_out : StoredFile or None
        A file of ordinals: rows of ``files`` that are not in this table. So a residual is its
        source's own files, and copies nothing.
    """

    key: str
    columns: tuple[Column, ...]
    files: tuple[StoredFile, ...]
    left_out: StoredFile | None = None

    @property
    def row_count(self) -> int:
        """Rows of the table."""
        return sum(file.rows for file in self.files) - (self.left_out.rows if self.left_out else 0)

    @property
    def stored_files(self) -> tuple[StoredFile, ...]:
        """Every data file that the table needs."""
        return self.files if self.left_out is None else (*self.files, self.left_out)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk over all files."""
        return sum(file.size_bytes for file in self.files)

    def as_files(self, data_files: DataFiles, left_out: Int64s) -> TableFiles:
        """The table as the engines take it; ``left_out`` is the content of that file."""
        return TableFiles(
            self.columns,
            tuple(DataFile(data_files.path(file.sha256), file.rows) for file in self.files),
            left_out,
        )


@dataclass(frozen=True)
class Manifest:
    """A commit's content and its place in history."""

    dataset_id: int
    parent_id: str | None
    author: str
    message: str
    created_at: str
    tables: tuple[StoredTable, ...]

    def canonical_json(self) -> str:
        """The one way to write this manifest down."""
        return json.dumps(
            {"version": MANIFEST_VERSION, **vars(self)},
            default=vars,  # of tables, columns and files
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )

    @property
    def commit_id(self) -> str:
        """The SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @property
    def stored_files(self) -> list[StoredFile]:
        """Every data file that the manifest names, as often as it does."""
        return [file for table in self.tables for file in table.stored_files]

    @property
    def file_hashes(self) -> set[str]:
        """The hash of every data file that the manifest names."""
        return {file.sha256 for file in self.stored_files}

    def table(self, key: str) -> StoredTable:
        """The table with this key.

        Raises
        ------
        NotFound
            Names the tables there are.
        """
        for table in self.tables:
            if table.key == key:
                return table
        keys = [table.key for table in self.tables]
        raise NotFound(f'The commit has no table "{key}". {choices_sentence(key, keys)}')


def parse_manifest(text: str) -> Manifest:
    """Read a manifest that :meth:`Manifest.canonical_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    del fields["version"]
    tables = tuple(_parse_table(table) for table in fields.pop("tables"))
    return Manifest(tables=tables, **fields)


def _parse_table(fields: dict[str, Any]) -> StoredTable:
    return StoredTable(
        fields["key"],
        tuple(Column(**column) for column in fields["columns"]),
        tuple(StoredFile(**file) for file in fields["files"]),
        StoredFile(**fields["left_out"]) if fields["left_out"] else None,
    )
