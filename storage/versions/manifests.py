"""Commits: immutable manifests, each with a parent.

A manifest lists each table's columns and its data files in row order: files of the store, or
attached files. The SHA-256 of its canonical JSON (sorted keys, no blanks, UTF-8) is the commit id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from contract.words import VERSION_NOUNS, Duplicates, VersionedFormat
from domain_errors import choices_sentence
from lazy_dataclasses import dataclass
from parquet_tables.layouts import LaidColumn
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles
from storage.errors import NotFound
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import Records, all_rows, first, run
from storage.versions.data_files import AttachedFile, DataFiles, StoredFile

MANIFEST_VERSION = 1
PRIMARY = "primary"
SAMPLE = "sample"
"""The stored key of the drawn rows, which surfaces call ``primary``."""
OF_DRAWS = "_sampling_round"
"""A column that only drawn rows have."""
READ = "Row counts and statistics of the attached files: read and checked."
TAKEN_FROM_FOOTERS = (
    "Row counts of the attached files: taken from the files' footers, not checked. DuckDB doesn't "
    "use their statistics, Spark does."
)


def shown_key(key: str, columns: Sequence[Column]) -> str:
    """What surfaces call a table by its stored key and its columns."""
    is_drawn = key == SAMPLE and any(column.name == OF_DRAWS for column in columns)
    return PRIMARY if is_drawn else key


LATER = (
    *("parts", "group", "group_rows", "without_match", "retyped"),
    *("found_by", "not_found_by", "found_rows"),
)
"""Fields of an exclusion that are left out without a value, as before there were any."""


@dataclass(frozen=True)
class Exclusion:
    """Which rows of a version a population lacks, and how they were found.

    Parameters
    ----------
    commit_id : str
        The version.
    key : list of str, optional
        The columns by which rows were matched; None if they were matched by position.
    duplicates : Duplicates, optional
        What a repeated key does.
    new_since : str, optional
        The commit whose rows are excluded.
    job_ids : list of str
        The draws whose rows are excluded.
    rows : int
        The excluded rows.
    old_rows, drawn_rows : int
        The rows that ``new_since`` has, and those that the draws have.
    source_draw : str
        The digest of the draws, by which keyed draws from the population name it.
    parts : list of str
        The parts of splits, as job and part with a colon between them, of which alone the rows are
        excluded.
    group : str, optional
        The column of the groups that a split divides, if a draw divided them, too.
    group_rows : int
        The other rows of the groups that such a draw has.
    without_match : list of str
        The filters but ``found_by`` whose rows the version has none of.
    retyped : list of str
        The columns of the key that may be written in another way now, with both types.
    found_by, not_found_by : list of str
        The jobs of audit tests: of the first all rows are excluded that none of them found, of the
        second the rows that one of them found.
    found_rows : int
        The rows of the version that a test of ``found_by`` found.
    """

    commit_id: str
    key: list[str] | None
    duplicates: Duplicates | None
    new_since: str | None
    job_ids: list[str]
    rows: int
    old_rows: int
    drawn_rows: int
    source_draw: str
    parts: list[str] = field(default_factory=list)
    group: str | None = None
    group_rows: int = 0
    without_match: list[str] = field(default_factory=list)
    retyped: list[str] = field(default_factory=list)
    found_by: list[str] = field(default_factory=list)
    not_found_by: list[str] = field(default_factory=list)
    found_rows: int = 0

    def as_json(self) -> dict[str, Any]:
        """The JSON of manifests and of ``run_parameters``."""
        return {name: value for name, value in vars(self).items() if value or name not in LATER}


@dataclass(frozen=True)
class TableSource:
    """The table of a format with versions, whose files at one version an attached table has.

    Parameters
    ----------
    format : {"delta", "iceberg"}
    uri : str
        The folder of the table.
    version : str
        The version of a Delta table, or the id of an Iceberg table's snapshot, in decimal digits.
    committed_at : str, optional
        The time that the table's log states, in ISO 8601.
    deleted_rows : int
        The rows in the files that the version doesn't have.
    """

    format: VersionedFormat
    uri: str
    version: str
    committed_at: str | None
    deleted_rows: int

    @property
    def text(self) -> str:
        """The version in words.

        >>> TableSource("delta", "file:///lake/sales/", "412", None, 0).text
        'version 412 of the Delta table file:///lake/sales/'
        """
        return f"{VERSION_NOUNS[self.format]} {self.version} of the {self.noun} table {self.uri}"

    @property
    def noun(self) -> str:
        """What the format is called."""
        return self.format.capitalize()


@dataclass(frozen=True)
class StoredTable:
    """A table of a commit: key, columns, and data files in row order.

    ``deletion_vector`` is a file of ordinals of rows in ``files`` that the table doesn't have. It
    makes a residual of its source's files without a copy. The manifest's key is ``left_out``.
    ``source`` is the table of another format whose version the attached files are.
    ``exclusion``, which the manifest has as ``left_out_by``, says why a population lacks them.
    """

    key: str
    columns: tuple[Column, ...]
    files: tuple[StoredFile | AttachedFile, ...]
    deletion_vector: StoredFile | None = None
    exclusion: Exclusion | None = None
    source: TableSource | None = None

    @property
    def name(self) -> str:
        """What surfaces call the table."""
        return shown_key(self.key, self.columns)

    @property
    def row_count(self) -> int:
        """Rows of the table."""
        deleted = 0 if self.deletion_vector is None else self.deletion_vector.rows
        return sum(file.rows for file in self.files) - deleted

    @property
    def stored_files(self) -> tuple[StoredFile, ...]:
        """The table's data files in the store, and its deletion vector."""
        own = tuple(file for file in self.files if isinstance(file, StoredFile))
        return own if self.deletion_vector is None else (*own, self.deletion_vector)

    @property
    def attached_files(self) -> tuple[AttachedFile, ...]:
        """The table's data files that are read where they are."""
        return tuple(file for file in self.files if isinstance(file, AttachedFile))

    @property
    def trust(self) -> str | None:
        """How row counts and statistics of attached files are known; None without such files."""
        files = self.attached_files
        if not files:
            return None
        return READ if all(file.verified for file in files) else TAKEN_FROM_FOOTERS

    @property
    def size_bytes(self) -> int:
        """Total bytes of the data files."""
        return sum(file.size_bytes for file in self.files)

    def as_files(self, data_files: DataFiles, deletion_vector: Int64s) -> TableFiles:
        """Return the table for the engines; ``deletion_vector`` holds its ordinals."""
        return TableFiles(
            self.columns,
            self.data_files(data_files),
            deletion_vector,
        )

    def data_files(self, data_files: DataFiles) -> tuple[DataFile, ...]:
        """Return the data files in row order, for DuckDB."""
        return tuple(
            DataFile(file.path, file.rows, file.file_layout)
            if isinstance(file, AttachedFile)
            else DataFile(data_files.path(file.sha256), file.rows)
            for file in self.files
        )

    @property
    def layout(self) -> tuple[LaidColumn, ...]:
        """The columns and their sources in attached files; empty if they are the files' own."""
        return next((file.layout for file in self.attached_files), ())


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
            default=_json_object,
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
        """All files of the tables in the store, with repetitions."""
        return [file for table in self.tables for file in table.stored_files]

    @property
    def attached_files(self) -> set[AttachedFile]:
        """The distinct attached files of the tables."""
        return {file for table in self.tables for file in table.attached_files}

    @property
    def file_hashes(self) -> set[str]:
        """The distinct hashes of the files."""
        return {file.sha256 for file in self.stored_files}

    def table(self, key: str) -> StoredTable:
        """Return the table with this key or name; raise NotFound if there is none."""
        named = [table for table in self.tables if table.key == key]
        named += [table for table in self.tables if table.name == key]
        if named:
            return named[0]
        keys = [table.name for table in self.tables]
        raise NotFound(
            'The commit has no table "{key}". {choices}',
            key=key,
            choices=choices_sentence(key, keys),
        )


def _json_object(value: StoredTable | Column | StoredFile | AttachedFile) -> dict[str, Any]:
    if isinstance(value, StoredTable):
        why = {} if value.exclusion is None else {"left_out_by": value.exclusion.as_json()}
        if value.layout:
            why["layout"] = {column.name: column.source for column in value.layout}
        if value.source is not None:
            why["source"] = dict(vars(value.source))
        return {
            "key": value.key,
            "columns": value.columns,
            "files": value.files,
            "left_out": value.deletion_vector,
            **why,
        }
    return value.as_json() if isinstance(value, AttachedFile) else vars(value)


def parse_manifest(text: str) -> Manifest:
    """Parse the result of :meth:`Manifest.canonical_json`."""
    fields: dict[str, Any] = json.loads(text)
    del fields["version"]
    tables = tuple(_parse_table(table) for table in fields.pop("tables"))
    return Manifest(tables=tables, **fields)


def _parse_table(fields: dict[str, Any]) -> StoredTable:
    columns = tuple(Column(**column) for column in fields["columns"])
    sources = fields.get("layout")
    layout = (
        tuple(LaidColumn(each.name, each.type, sources[each.name]) for each in columns)
        if sources
        else ()
    )
    return StoredTable(
        fields["key"],
        columns,
        tuple(
            AttachedFile.from_json(file, layout) if "uri" in file else StoredFile(**file)
            for file in fields["files"]
        ),
        StoredFile(**fields["left_out"]) if fields["left_out"] else None,
        Exclusion(**fields["left_out_by"]) if "left_out_by" in fields else None,
        TableSource(**fields["source"]) if "source" in fields else None,
    )


@dataclass(frozen=True)
class Commit:
    """A commit with its manifest."""

    id: str
    manifest: Manifest


_COMMITS = Records(Commit, manifest=parse_manifest)


def insert_commit(tx: Transaction, author_id: int, manifest: Manifest) -> Commit:
    """Insert a manifest as a commit, and its references to data files."""
    commit = Commit(manifest.commit_id, manifest)
    row = {**vars(manifest), "id": commit.id, "author_id": author_id}
    run(tx, "insert_commit", manifest=manifest.canonical_json(), **row)
    reference = {"dataset_id": manifest.dataset_id, "commit_id": commit.id}
    for sha256 in sorted(manifest.file_hashes):
        run(tx, "insert_commit_file", sha256=sha256, **reference)
    return commit


def get_commit(tx: Transaction, dataset_id: int, commit_id: str) -> Commit:
    """Return a commit by its full id; see :func:`storage.versions.refs.resolve`."""
    missing = NotFound('Commit "{commit}" not found.', commit=commit_id)
    return _COMMITS.get(tx, "commit_by_id", missing, dataset_id=dataset_id, id=commit_id)


def history(
    tx: Transaction, dataset_id: int, commit_id: str, offset: int, limit: int
) -> tuple[list[Commit], int]:
    """Return a page of a commit and its ancestors, newest first, and their number."""
    return _COMMITS.page(
        tx, "commit_history", offset, limit, dataset_id=dataset_id, commit_id=commit_id
    )


def is_ancestor(tx: Transaction, dataset_id: int, ancestor_id: str, commit_id: str) -> bool:
    """Return whether a commit is an ancestor of another one."""
    row = first(
        tx, "is_ancestor", dataset_id=dataset_id, ancestor_id=ancestor_id, commit_id=commit_id
    )
    return row is not None


def referenced_files(tx: Transaction) -> set[str]:
    """Return the hashes of the data files that commits or uploaded values need."""
    return {row["sha256"] for row in all_rows(tx, "referenced_files")}


def referenced_now(database: Database, hashes: Sequence[str]) -> set[str]:
    """Return which of some hashes are of data files that something committed needs."""
    with database.read() as tx:
        return referenced_among(tx, hashes)


def referenced_among(tx: Transaction, hashes: Sequence[str]) -> set[str]:
    """Return which of some hashes are of data files that a commit or uploaded values need."""
    return {row["sha256"] for row in run(tx, "referenced_among", hashes=json.dumps(hashes))}
