"""Manifests: the content of commits.

A manifest lists each table's columns and its data files in row order. The SHA-256 of its canonical
JSON (sorted keys, no blanks, UTF-8) is the commit id.
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
    """A table of a commit: key, columns, and data files in row order.

    Parameters
    ----------
    left_out : StoredFile or None
        The deletion vector: a file of ordinals of rows in ``files`` that the table doesn't have. It
        makes a residual of its source's files without a copy.
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
        """The table's data files and its deletion vector."""
        return self.files if self.left_out is None else (*self.files, self.left_out)

    @property
    def size_bytes(self) -> int:
        """Total bytes of the data files."""
        return sum(file.size_bytes for file in self.files)

    def as_files(self, data_files: DataFiles, left_out: Int64s) -> TableFiles:
        """Return the table for the engines; ``left_out`` is the deletion vector's content."""
        return TableFiles(
            self.columns,
            tuple(DataFile(data_files.path(file.sha256), file.rows) for file in self.files),
            left_out,
        )


@dataclass(frozen=True)
class Manifest:
    """A commit's content, parent and description."""

    dataset_id: int
    parent_id: str | None
    author: str
    message: str
    created_at: str
    tables: tuple[StoredTable, ...]

    def canonical_json(self) -> str:
        """Return the canonical JSON."""
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
        """All files of the tables, with repetitions."""
        return [file for table in self.tables for file in table.stored_files]

    @property
    def file_hashes(self) -> set[str]:
        """The distinct hashes of the files."""
        return {file.sha256 for file in self.stored_files}

    def table(self, key: str) -> StoredTable:
        """Return the table with this key.

        Raises
        ------
        NotFound
            The message names the existing tables.
        """
        for table in self.tables:
            if table.key == key:
                return table
        keys = [table.key for table in self.tables]
        raise NotFound(f'The commit has no table "{key}". {choices_sentence(key, keys)}')


def parse_manifest(text: str) -> Manifest:
    """Parse the result of :meth:`Manifest.canonical_json`."""
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
