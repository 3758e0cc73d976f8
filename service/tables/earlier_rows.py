"""The rows of a table that an earlier version or earlier draws have, by a key or by position."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from domain_errors import Loc, counted, located
from lazy_dataclasses import dataclass
from parquet_tables.cached_files import (
    INTEGERS_SUFFIX,
    cache_path,
    read_integers,
    table_identity,
    write_integers,
)
from parquet_tables.names import DRAWN_COLUMNS, folded
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.row_keys.digests import (
    NO_KEY,
    KeyDigests,
    KeyMissing,
    KeyNotUnique,
    RowKey,
    rows_of_keys,
)
from parquet_tables.row_keys.kept import kept_rows
from parquet_tables.rows import ordinals_of, rows_statement
from parquet_tables.tables import Int64s, TableFiles, UnknownColumn
from parquet_tables.writing import write_parquet
from service.service import Service
from service.tables.open_tables import (
    RESULT,
    SAMPLE,
    OpenTable,
    open_commit,
    open_source,
    open_table,
    output_of,
    version_of,
)
from storage.audit.findings import list_replacements
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.versions.manifests import StoredTable

KEPT_VERSION = "kept-rows-1"
BITS = 64


class PositionsDiffer(Conflict):
    """Rows can't be matched by their positions, and there is no key."""


@dataclass(frozen=True)
class EarlierVersion:
    """A version, and how the request names it."""

    table: OpenTable
    name: str


@dataclass(frozen=True)
class FoundRows:
    """The rows that an audit test found, by their ordinals in the version that it tested.

    Parameters
    ----------
    filter_name : {"found_by", "not_found_by"}
        The filter that names the test.
    """

    job_id: str
    table: OpenTable
    ordinals: Int64s
    filter_name: str


def found_ordinals(service: Service, job: JobRecord) -> Int64s:
    """The ordinals of the rows that a completed audit test found in the table that it tested."""
    result = open_table(service, job.dataset_id, output_of(job), RESULT).files
    if not result.paths:
        return np.empty(0, dtype=np.int64)
    with service.parquet.cursor(result) as cursor:
        return ordinals_of(cursor, result.paths, has_sides="other" in job.run_parameters)


@dataclass(frozen=True, kw_only=True)
class EarlierRows(ABC):
    """How the rows of a table are found that an earlier version or earlier draws have.

    Parameters
    ----------
    label : str
        The table as errors name it.
    loc : tuple
        Where the request has the filters ``new_since`` and ``not_drawn_by``.
    parts : mapping
        The parts of splits that are meant, by the ids of their jobs; of other draws all rows are.
    """

    service: Service
    dataset_id: int
    table: OpenTable
    label: str
    loc: Loc
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @abstractmethod
    def of(self, since: EarlierVersion | None, draws: Sequence[JobRecord]) -> tuple[Int64s, Int64s]:
        """The ordinals of the rows that a version has, and of those that draws have."""

    @abstractmethod
    def _of_test(self, test: FoundRows) -> Int64s:
        """The ordinals of the rows that a test of another version found."""

    def found(self, tests: Sequence[FoundRows]) -> Int64s:
        """The ordinals of the rows that audit tests found, sorted and distinct.

        Raises
        ------
        DomainError
            As of :meth:`of`, for a test of another version than that of the table.
        """
        found = [np.empty(0, dtype=np.int64)]
        for test in tests:
            is_same = test.table.commit_id == self.table.commit_id
            found.append(test.ordinals if is_same else self._of_test(test))
        return np.setdiff1d(np.concatenate(found), self.table.files.deletion_vector)

    def drawn_ordinals(self, job: JobRecord, sample: TableFiles) -> Int64s:
        """The rows of a sample and those that replaced some of them, in the version of the draw."""
        found = [self.replacements(job)]
        if sample.paths:
            with self.service.parquet.cursor(sample) as cursor:
                found.append(ordinals_of(cursor, sample.paths))
        return np.unique(np.concatenate(found))

    def replacements(self, job: JobRecord) -> Int64s:
        """The rows that replaced drawn ones."""
        with self.service.database.read() as tx:
            replaced = list_replacements(tx, job.id)
        ids = [each.replacement_id.rpartition(":")[2] for each in replaced]
        return np.array(ids, dtype=np.int64)

    def sample_of(self, job: JobRecord) -> TableFiles:
        """The sample of a draw, or the named parts of it."""
        tables = [
            open_table(self.service, self.dataset_id, output_of(job), name).files
            for name in self.parts.get(job.id, (SAMPLE,))
        ]
        files = tuple(file for table in tables for file in table.files)
        return TableFiles(tables[0].columns, files)


class RowsByPosition(EarlierRows):
    """Rows have their positions where the table begins with the earlier version's files."""

    def of(self, since: EarlierVersion | None, draws: Sequence[JobRecord]) -> tuple[Int64s, Int64s]:
        """The ordinals of the rows that a version has, and of those that draws have.

        Raises
        ------
        PositionsDiffer
            The table begins with other files.
        """
        old, drawn = self._none(), self._none()
        if since is not None:
            self._require_files(since.table.commit_id, f"version {since.name}", "new_since")
            files = since.table.files
            old[: files.file_rows] = True
            old[files.deletion_vector] = False
        for job in draws:
            with located((*self.loc, "not_drawn_by")):
                self._require_files(version_of(job), f"sample {job.output_name}", "not_drawn_by")
                drawn[self.drawn_ordinals(job, self.sample_of(job))] = True
        for selected in (old, drawn):
            selected[self.table.files.deletion_vector] = False
        return np.flatnonzero(old), np.flatnonzero(drawn)

    def _of_test(self, test: FoundRows) -> Int64s:
        name = f"the version of audit test {test.job_id[:8]}"
        self._require_files(test.table.commit_id, name, test.filter_name)
        return test.ordinals

    def _none(self) -> NDArray[np.bool_]:
        return np.zeros(self.table.files.file_rows, dtype=np.bool_)

    def _require_files(self, commit_id: str, name: str, filter_name: str) -> None:
        earlier, present = self._stored(commit_id), self._stored(self.table.commit_id)
        if present.files[: len(earlier.files)] != earlier.files:
            raise PositionsDiffer(
                "Without a row key rows are matched by position, but {table} doesn't begin with "
                "the data files of {earlier}. Declare the row key of the table, or draw in the "
                "order of a key.",
                table=self.label,
                earlier=name,
                loc=(*self.loc, filter_name),
            )

    def _stored(self, commit_id: str) -> StoredTable:
        with self.service.database.read() as tx:
            return open_commit(tx, self.dataset_id, commit_id).manifest.table(self.table.key)


@dataclass(frozen=True, kw_only=True)
class RowsByKey(EarlierRows):
    """Rows have the values of a key, which are compared by their digests.

    Parameters
    ----------
    key_loc : tuple
        Where the request has the key.
    """

    key: RowKey
    key_loc: Loc
    on_progress: ProgressCallback = ignore_progress

    def of(self, since: EarlierVersion | None, draws: Sequence[JobRecord]) -> tuple[Int64s, Int64s]:
        """The ordinals of the rows that a version has, and of those that draws have.

        Raises
        ------
        KeyMissing, KeyNotUnique, InvalidKey, UnknownColumn
            The key doesn't hold in the table, in the version, or for a drawn row.
        """
        with located(self.key_loc, always=True):
            self.key.of(self.table.files)
        none: Int64s = np.empty(0, dtype=np.int64)
        old = none if since is None else self._kept(since)
        if since is not None and not draws:
            return old, none
        keyed = self._required(self.table.files, self.label, self.key_loc)
        return old, rows_of_keys(keyed, np.concatenate([none, *map(self._of_draw, draws)]))

    def _of_test(self, test: FoundRows) -> Int64s:
        label = f"The version of audit test {test.job_id[:8]}"
        before = self._required(test.table.files, label, (*self.loc, test.filter_name))
        keyed = self._required(self.table.files, self.label, self.key_loc)
        return rows_of_keys(keyed, before.of(test.ordinals))

    def of_groups(self, draws: Sequence[JobRecord]) -> Int64s:
        """The ordinals of the rows that have a key of a drawn row; a key is a group of rows."""
        found = [np.empty(0, dtype=np.int64)]
        for job in draws:
            with located((*self.loc, "not_drawn_by")):
                found.append(self._of_rows(job, self.sample_of(job)))
        digests = np.concatenate(found)
        table, directory = self.table.files, self.service.directory.counts_dir
        with self.service.parquet.cursor(table) as cursor:
            keyed = KeyDigests(cursor, table, self.key, directory, self.on_progress)
            return rows_of_keys(keyed, digests[digests != NO_KEY])

    def _kept(self, since: EarlierVersion) -> Int64s:
        """The rows that a version has; they are cached as bits."""
        table, before = self.table.files, since.table.files
        named = (KEPT_VERSION, self.key.columns, self.key.duplicates, table_identity(before))
        path = cache_path(self.service.directory.counts_dir, table, *named, suffix=INTEGERS_SUFFIX)
        stored = read_integers(path)
        if stored is None:
            keyed = self._required(table, self.label, self.key_loc)
            label = f"{since.name} ({since.table.commit_id[:8]})"
            earlier = self._required(before, label, (*self.loc, "new_since"))
            is_kept = np.zeros(-(-table.file_rows // BITS) * BITS, dtype=np.bool_)
            is_kept[kept_rows(earlier, keyed)] = True
            stored = np.packbits(is_kept).view(np.int64)
            write_integers(path, stored)
        return np.flatnonzero(np.unpackbits(stored.view(np.uint8)))

    def _required(self, table: TableFiles, label: str, loc: Loc) -> KeyDigests:
        """The digests of a table whose key holds; they are cached."""
        directory, on_progress = self.service.directory.counts_dir, self.on_progress
        with _named(label, loc), self.service.parquet.cursor(table) as cursor:
            found = KeyDigests(cursor, table, self.key, directory, on_progress)
            found.require(on_progress)
            found.compute()
        return found

    def _of_draw(self, job: JobRecord) -> Int64s:
        """The digests of the rows that a draw has.

        The number of an equal key depends on all rows of the version, so then the version is read.
        """
        label, loc = f"The sample {job.output_name}", (*self.loc, "not_drawn_by")
        with located(loc):
            sample = self.sample_of(job)
            if self.key.duplicates == "number":
                table_key = job.run_parameters["table_key"]
                version = open_table(self.service, self.dataset_id, version_of(job), table_key)
                name = f"The version of the sample {job.output_name}"
                found = self._required(version.files, name, loc).of(
                    self.drawn_ordinals(job, sample)
                )
            else:
                with _named(label, self.key_loc):
                    found = self._of_rows(job, sample)
        missing = int((found == NO_KEY).sum())
        if missing:
            raise KeyMissing(
                "{table}: The key {key} is missing in {rows}.",
                table=label,
                key=self.key.name,
                rows=counted(missing, "row"),
                loc=self.key_loc,
            )
        return found

    def _of_rows(self, job: JobRecord, sample: TableFiles) -> Int64s:
        """The digests of drawn rows by their own values, without the rest of their version."""
        found: list[Int64s] = [np.empty(0, dtype=np.int64)]
        # A column that has the name of one of the sample's own is renamed there.
        has_key = not DRAWN_COLUMNS & set(map(folded, self.key.columns))
        if has_key:
            try:
                self.key.of(sample)
            except UnknownColumn:  # the draw didn't select it
                has_key = False
        if has_key:
            found.append(self._of_all(sample))
        others = self.replacements(job) if has_key else self.drawn_ordinals(job, sample)
        if len(others):
            source = open_source(self.service, job).files
            columns = self.key.of(source)
            with self.service.scratch_file("keys.parquet") as path:
                with self.service.parquet.cursor(source) as cursor:
                    file = write_parquet(cursor, *rows_statement(source, columns, others), path)
                found.append(self._of_all(TableFiles(columns, (file,))))
        return np.concatenate(found)

    def _of_all(self, table: TableFiles) -> Int64s:
        with self.service.parquet.cursor(table) as cursor:
            keyed = KeyDigests(cursor, table, self.key, None)
            return keyed.of(np.arange(table.file_rows, dtype=np.int64))


@contextmanager
def _named(label: str, loc: Loc) -> Iterator[None]:
    """Name the table in an error about its key."""
    try:
        yield
    except UnknownColumn as error:
        raise InvalidKey(
            '{table} has no column "{column}", by which rows are matched.',
            table=label,
            column=error.parameters["column"],
            loc=loc,
        ) from None
    except (KeyMissing, KeyNotUnique, InvalidKey) as error:
        advice = str(error.parameters.get("advice", ""))  # names fields
        template = f"{{table}}: {error.template.replace('{advice}', advice)}"
        raise type(error)(template, table=label, **error.parameters, loc=loc) from None
