"""The digests of a table's keys: computed once for each data file, and checked.

A file of digests lies beside the cached counts and is named by its data file and the key's columns,
so that versions share it. It has one 64-bit integer for each row, in their order; ``NO_KEY`` where
a value is NULL.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO, Self
from weakref import finalize

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.words import Duplicates
from domain_errors import NUMBER_KEYS, DomainError, Loc, counted
from lazy_dataclasses import dataclass
from operating_system import read_at
from parquet_tables.cached_files import (
    CHECKSUM_BYTES,
    INTEGERS_SUFFIX,
    cache_path,
    mark_used,
    read_integers,
    temporary_file,
    write_integers,
)
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_hashes import row_text
from parquet_tables.row_keys.canonical import (
    DIGEST_BITS,
    digest_of,
    digest_of_text,
    key_columns,
    key_text,
)
from parquet_tables.rows import RowSet, rows_at
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles

VERSION = "row-key-1"
NO_KEY = -1
"""The digest of a row without a value in a column of the key."""
PIECE_ROWS = 1 << 20
PART_BITS = 3
"""Digests are sorted in 2^3 parts of their range, so that a part of 60 million takes 60 MB."""
EXAMPLES = 3
MAX_READ = 1_000
"""Rows that are read to name examples of repeated keys."""
MAX_NUMBERED = 200_000
"""Rows with repeated keys that are numbered; more of them show that the columns are no key."""
MAX_SHOWN = 60


class KeyMissing(DomainError):
    """Rows have no value in a column of the key."""

    code = "key_missing"

    @classmethod
    def of_rows(cls, key: str, missing: int, ordinals: Sequence[int], loc: Loc = ()) -> Self:
        """The refusal of a key, with the number of the rows and the ordinals of some."""
        return cls(
            "The key {key} is missing in {rows}, such as {examples}, counted from 0. Choose "
            "columns with a value in every row.",
            key=key,
            rows=counted(missing, "row"),
            examples=", ".join(f"row {row:,}" for row in ordinals),
            loc=loc,
        )


class KeyNotUnique(DomainError):
    """Rows share their key."""

    code = "key_not_unique"

    @classmethod
    def of_keys(
        cls, key: str, repeated: int, keys: Sequence[str], *, can_number: bool, loc: Loc = ()
    ) -> Self:
        """The refusal of a key, with the number of the rows and some of their keys."""
        advice = f"Add a column, {NUMBER_KEYS}" if can_number else "Add a column."
        return cls(
            "The key {key} isn't unique: {rows} share their key with another row, such as "
            "{examples}. " + advice,
            key=key,
            rows=counted(repeated, "row"),
            examples="; ".join(keys[:EXAMPLES]),
            loc=loc,
        )


@dataclass(frozen=True)
class RowKey:
    """The columns of a key by name, and what a repeated key does."""

    columns: tuple[str, ...]
    duplicates: Duplicates = "refuse"

    def of(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The table's columns; see :func:`key_columns`."""
        return key_columns(table, self.columns, loc)

    @property
    def name(self) -> str:
        """The columns as sentences name them."""
        return ", ".join(self.columns)


@dataclass(frozen=True)
class KeyFaults:
    """Live rows that a key doesn't identify.

    Parameters
    ----------
    missing, repeated : int
        The rows without a key, and those that share their digest with another row.
    missing_rows, repeated_rows : array of int64
        Their ordinals, ascending: of the former the first ``EXAMPLES``, of the latter all, or the
        first ones of more than ``MAX_NUMBERED``.
    """

    missing: int
    repeated: int
    missing_rows: Int64s
    repeated_rows: Int64s

    def stored(self) -> Int64s:
        """One array of all."""
        counts = np.array([self.missing, self.repeated, len(self.missing_rows)], dtype=np.int64)
        return np.concatenate([counts, self.missing_rows, self.repeated_rows])

    @classmethod
    def from_stored(cls, stored: Int64s) -> KeyFaults:
        """The faults of :meth:`stored`."""
        missing, repeated, listed = stored[:3].tolist()
        return cls(missing, repeated, stored[3 : 3 + listed], stored[3 + listed :])


class KeyDigests:
    """The digests of the rows of a table by a key.

    Parameters
    ----------
    directory : Path, optional
        The directory of cached results; without it digests are kept in memory.
    label : str
        The table in errors, such as "the later version", if there are several.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        key: RowKey,
        directory: Path | None,
        on_progress: ProgressCallback = ignore_progress,
        loc: Loc = (),
        label: str = "",
    ) -> None:
        self.table, self.key, self.columns = table, key, key.of(table, loc)
        self._named = f"{key.name} of {label}" if label else key.name
        self._cursor, self._directory, self._loc = cursor, directory, loc
        self._computing = on_progress
        self.numbered: tuple[Int64s, Int64s] = _none(), _none()
        """Ordinals, ascending, and digests of rows whose key has a number besides its columns."""
        self.ties: Int64s = _none()
        """Ordinals of rows of different keys with one digest, in the order of the keys' texts."""

    @cached_property
    def _files(self) -> list[tuple[int, _StoredDigests | Int64s]]:
        """The first ordinal and the digests of each file, computed when they are first needed."""
        rows, on_progress = self.table.file_rows, self._computing
        return [
            (start, self._of_file(file, _part(on_progress, start, file.rows, rows)))
            for file, start in self.table.with_starts()
        ]

    def compute(self) -> None:
        """Compute the digests now, so that they are read when the cursor is closed."""
        _ = self._files

    def of(self, ordinals: Int64s) -> Int64s:
        """The digests of some rows, in their order."""
        found = self._of_columns(ordinals)
        rows, numbered = self.numbered
        if len(rows):
            at_rows = np.minimum(np.searchsorted(rows, ordinals), len(rows) - 1)
            found = np.where(rows[at_rows] == ordinals, numbered[at_rows], found)
        return found

    def _of_columns(self, ordinals: Int64s) -> Int64s:
        """The digests of the key's columns, without the numbers of repeated keys."""
        starts = np.array([start for start, _ in self._files], dtype=np.int64)
        found = np.empty(len(ordinals), dtype=np.int64)
        places = np.searchsorted(starts, ordinals, side="right") - 1
        for at in np.unique(places).tolist():
            start, digests = self._files[at]
            here = places == at
            found[here] = digests[ordinals[here] - start]
        return found

    def pieces(self) -> Iterator[tuple[int, Int64s]]:
        """The first ordinal and the digests of pieces of the table, in order."""
        rows, numbered = self.numbered
        for start, digests in self._files:
            for first in range(0, len(digests), PIECE_ROWS):
                piece = np.asarray(digests[first : first + PIECE_ROWS])
                begin, end = np.searchsorted(rows, (start + first, start + first + len(piece)))
                if begin < end:
                    piece = piece.copy()
                    piece[rows[begin:end] - start - first] = numbered[begin:end]
                yield start + first, piece

    def require(self, on_progress: ProgressCallback = ignore_progress) -> None:
        """Number repeated keys, or refuse them, and refuse missing ones.

        Raises
        ------
        KeyMissing
            A row has no value in a column of the key.
        KeyNotUnique
            Rows share their key, and the key doesn't number them.
        """
        cached = None
        if self._directory is not None and self.key.duplicates == "number":
            named = (VERSION, "numbers", self.key.columns)  # the order follows from all columns
            cached = cache_path(self._directory, self.table, *named, suffix=INTEGERS_SUFFIX)
            stored = read_integers(cached)
            if stored is not None:
                count = int(stored[0])
                self.numbered = stored[1 : 1 + count], stored[1 + count : 1 + 2 * count]
                self.ties = stored[1 + 2 * count :]
                return
        texts = self.require_possible(on_progress)
        if texts is None:
            return
        self.numbered, self.ties = texts.numbered(), texts.ties()
        if cached is not None:
            counted_rows = np.array([len(self.numbered[0])], dtype=np.int64)
            write_integers(cached, np.concatenate([counted_rows, *self.numbered, self.ties]))

    def require_possible(self, on_progress: ProgressCallback = ignore_progress) -> _Texts | None:
        """Refuse as :meth:`require` does, and number nothing.

        Returns
        -------
        texts or None
            Of the rows that share their digest with another row; None if there are none.
        """
        faults = self.faults(on_progress)
        if faults.missing:
            raise KeyMissing.of_rows(
                self._named, faults.missing, faults.missing_rows.tolist(), self._loc
            )
        if not faults.repeated:
            return None
        is_too_many = faults.repeated > MAX_NUMBERED
        rows = faults.repeated_rows
        if is_too_many or (self.key.duplicates == "refuse" and len(rows) > MAX_READ):
            rows = self._of_first_digests(rows)
        texts = _texts_of(self._cursor, self.table, self.columns, rows)
        repeated = texts.repeated()
        if is_too_many or (repeated.any() and self.key.duplicates == "refuse"):
            examples = dict.fromkeys(texts.shown[at] for at in np.flatnonzero(repeated).tolist())
            raise KeyNotUnique.of_keys(
                self._named,
                faults.repeated,
                list(examples),
                can_number=not is_too_many,
                loc=self._loc,
            )
        return texts

    def _of_first_digests(self, rows: Int64s) -> Int64s:
        """Of many rows that share digests, the rows of the first few digests."""
        digests = self.of(rows)
        first = np.unique(digests[:EXAMPLES])
        return rows[is_in(digests, first)][:MAX_READ]

    def faults(self, on_progress: ProgressCallback = ignore_progress) -> KeyFaults:
        """The live rows without a key, and those that share their digest."""
        cached = None
        if self._directory is not None:
            cached = _faults_path(self._directory, self.table, self.columns)
            stored = read_integers(cached)
            if stored is not None:
                return KeyFaults.from_stored(stored)
        numbered, self.numbered = (
            self.numbered,
            (_none(), _none()),
        )  # faults are of the columns alone
        found = self._faults(on_progress)
        self.numbered = numbered
        if cached is not None:
            write_integers(cached, found.stored())
        return found

    def _faults(self, on_progress: ProgressCallback) -> KeyFaults:
        shared, repeated = [_none()], 0
        for values in self.sorted_parts(on_progress, "checking the key"):
            is_same = np.zeros(len(values) + 1, dtype=np.bool_)
            is_same[1:-1] = values[1:] == values[:-1]
            if repeated <= MAX_NUMBERED:
                shared.append(values[1:][is_same[1:-1]])
            repeated += int((is_same[1:] | is_same[:-1]).sum())
        wanted = np.unique(np.concatenate(shared))
        missing, missing_rows, rows = 0, _none(), [_none()]
        for first, piece in self.pieces():
            without = self.live(first, piece == NO_KEY)
            missing += len(without)
            missing_rows = np.concatenate([missing_rows, without])[:EXAMPLES]
            if len(wanted) and sum(map(len, rows)) < MAX_NUMBERED:
                rows.append(self.live(first, is_in(piece, wanted)))
        return KeyFaults(missing, repeated, missing_rows, np.concatenate(rows)[:MAX_NUMBERED])

    def sorted_parts(
        self, on_progress: ProgressCallback = ignore_progress, message: str = "comparing keys"
    ) -> Iterator[Int64s]:
        """The digests of the live rows that have a key, in ascending order, part by part."""
        parts = 1 << PART_BITS
        for part in range(parts):
            on_progress(part / parts, message)
            found = [_none()]
            for first, piece in self.pieces():
                is_here = piece >> (DIGEST_BITS - PART_BITS) == part
                if len(self.table.deletion_vector):
                    is_here = is_here & self._is_live(first, len(piece))
                found.append(np.compress(is_here, piece))
            values = np.concatenate(found)
            values.sort()
            yield values

    def find(self, digest: int) -> Int64s:
        """The ordinals of the live rows with a digest."""
        return np.concatenate(
            [_none(), *(self.live(first, piece == digest) for first, piece in self.pieces())]
        )

    def live(self, first: int, selected: NDArray[np.bool_]) -> Int64s:
        """The ordinals of the selected rows of a piece that aren't deleted."""
        ordinals = first + np.flatnonzero(selected)
        deleted = self.table.deletion_vector
        return ordinals[~is_in(ordinals, deleted)] if len(deleted) else ordinals

    def _is_live(self, first: int, count: int) -> NDArray[np.bool_]:
        deleted = self.table.deletion_vector
        begin, end = np.searchsorted(deleted, (first, first + count))
        is_live = np.ones(count, dtype=np.bool_)
        is_live[deleted[begin:end] - first] = False
        return is_live

    def _of_file(self, file: DataFile, on_progress: ProgressCallback) -> _StoredDigests | Int64s:
        text = f"{VERSION}:{json.dumps([[each.name, each.type] for each in self.columns])}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        if self._directory is None:
            found = [piece for _, piece in self._computed(file, on_progress)]
            return np.concatenate([_none(), *found])
        path = self._directory / f"{file.path.stem}-{digest}{INTEGERS_SUFFIX}"
        if not _is_whole(path, file.rows):
            with temporary_file(path) as part:
                with part.open("w+b") as target:
                    _write(target, self._computed(file, on_progress))
                part.replace(path)
        mark_used(path)
        return _StoredDigests(path, file.rows)

    def _computed(
        self, file: DataFile, on_progress: ProgressCallback
    ) -> Iterator[tuple[int, Int64s]]:
        sql = (
            "SELECT f.file_row_number AS row, coalesce("
            f"{digest_of(key_text(self.columns))}, {NO_KEY}) AS digest "
            "FROM read_parquet(?, file_row_number = true) AS f "
            "WHERE f.file_row_number >= ? AND f.file_row_number < ?"
        )
        for first in range(0, file.rows, PIECE_ROWS):
            on_progress(first / file.rows, "computing the keys' digests")
            rows = self._cursor.execute(
                sql, [str(file.path), first, first + PIECE_ROWS]
            ).fetchnumpy()
            digests = np.empty(len(rows["row"]), dtype=np.int64)
            digests[rows["row"] - first] = rows["digest"]
            yield first, digests


@dataclass(frozen=True)
class _Texts:
    """Rows that share their digest with another, with the texts of key and row."""

    ordinals: Int64s
    keys: Sequence[str]
    rows: Sequence[str]
    shown: Sequence[str]

    def repeated(self) -> NDArray[np.bool_]:
        """Whether another row has the same key."""
        counts: dict[str, int] = {}
        for key in self.keys:
            counts[key] = counts.get(key, 0) + 1
        return np.array([counts[key] > 1 for key in self.keys], dtype=np.bool_)

    def in_order(self) -> list[int]:
        """The rows by their keys, and rows of one key by their texts."""
        return sorted(range(len(self.keys)), key=lambda at: (self.keys[at], self.rows[at], at))

    def numbered(self) -> tuple[Int64s, Int64s]:
        """The second and later rows of a key in the order of their texts, with their digests."""
        order = self.in_order()
        found: dict[int, int] = {}
        number = 0
        for before, at in zip([None, *order], order, strict=False):
            is_same = before is not None and self.keys[before] == self.keys[at]
            number = number + 1 if is_same else 1
            if number > 1:
                text = f"{self.keys[at]}{len(str(number))}:{number}"
                found[int(self.ordinals[at])] = digest_of_text(text)
        ordinals = np.array(sorted(found), dtype=np.int64)
        return ordinals, np.array([found[row] for row in ordinals.tolist()], dtype=np.int64)

    def ties(self) -> Int64s:
        """The rows whose key no other row has, but whose digest one has."""
        single = np.flatnonzero(~self.repeated()).tolist()
        return self.ordinals[sorted(single, key=lambda at: self.keys[at])]


def _texts_of(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    ordinals: Int64s,
) -> _Texts:
    """Texts of keys and rows, by ordinal."""
    shown = " || ', ' || ".join(
        f"left(CAST(f.{quote_identifier(one.name)} AS VARCHAR), {MAX_SHOWN})" for one in columns
    )
    selected = (
        f"{key_text(columns)} AS key_text, {row_text(table.columns)} AS row_text, {shown} AS shown"
    )
    source, params = rows_at(table, selected, RowSet.of("wanted", ordinals), ["ordinal"])
    with registered(cursor, {"wanted": {"ordinal": ordinals}}):
        rows = cursor.execute(
            f"SELECT ordinal, key_text, sha256(row_text), shown FROM ({source}) ORDER BY ordinal",
            params,
        ).fetchall()
    return _Texts(ordinals, *zip(*(row[1:] for row in rows), strict=True))


def known_faults(directory: Path, table: TableFiles, columns: Sequence[Column]) -> KeyFaults | None:
    """The faults of a key that were computed before; None if they weren't."""
    stored = read_integers(_faults_path(directory, table, columns))
    return None if stored is None else KeyFaults.from_stored(stored)


@dataclass(frozen=True)
class RepeatedKey:
    """A key of several rows: as it is shown, and their ordinals in the order of their texts."""

    shown: str
    rows: tuple[int, ...]


def repeated_keys(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    faults: KeyFaults,
) -> list[RepeatedKey]:
    """The keys that several rows have, among the listed rows of a key's faults."""
    if not len(faults.repeated_rows):
        return []
    texts = _texts_of(cursor, table, columns, faults.repeated_rows)
    rows: dict[str, list[int]] = {}
    for at in texts.in_order():
        rows.setdefault(texts.keys[at], []).append(at)
    return [
        RepeatedKey(texts.shown[places[0]], tuple(int(texts.ordinals[at]) for at in places))
        for places in rows.values()
        if len(places) > 1
    ]


def _faults_path(directory: Path, table: TableFiles, columns: Sequence[Column]) -> Path:
    kinds = [VERSION, [[column.name, column.type] for column in columns], "faults"]
    keyed = TableFiles(tuple(columns), table.files, table.deletion_vector)
    return cache_path(directory, keyed, *kinds, suffix=INTEGERS_SUFFIX)


@dataclass(frozen=True)
class KeyChange:
    """Births, deaths and kept keys between two versions of a table, by their digests."""

    births: int
    deaths: int
    kept: int


def compare_keys(before: KeyDigests, after: KeyDigests) -> KeyChange:
    """Count the keys of the live rows that came, went and stayed; each key counts once."""
    births = deaths = kept = 0
    for first, second in zip(before.sorted_parts(), after.sorted_parts(), strict=True):
        first, second = np.unique(first), np.unique(second)
        both = len(np.intersect1d(first, second, assume_unique=True))
        births, deaths = births + len(second) - both, deaths + len(first) - both
        kept += both
    return KeyChange(births, deaths, kept)


def rows_of_keys(keyed: KeyDigests, digests: Int64s) -> Int64s:
    """The ordinals, ascending, of the live rows whose digest is among ``digests``."""
    wanted = np.unique(digests)
    rows = [keyed.live(first, is_in(piece, wanted)) for first, piece in keyed.pieces()]
    return np.concatenate([_none(), *rows])


@dataclass(frozen=True, eq=False)
class _StoredDigests:
    """A file of digests, of which parts are read."""

    path: Path
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, wanted: slice | Int64s) -> Int64s:
        if isinstance(wanted, slice):
            first, stop, _ = wanted.indices(self.rows)
            at = CHECKSUM_BYTES + 8 * first
            stored = read_at(self._descriptor, 8 * (stop - first), at)
            return np.frombuffer(stored, dtype="<i8").astype(np.int64, copy=False)
        if not self.rows:
            return _none()
        with mmap(self._descriptor, 0, access=ACCESS_READ) as mapped:
            stored_rows = np.frombuffer(mapped, dtype="<i8", offset=CHECKSUM_BYTES)
            found = stored_rows[wanted].astype(np.int64)
            del stored_rows  # the mapping can't be closed before
        return found

    @cached_property
    def _descriptor(self) -> int:
        """The file, open as long as this object is used: a prune may delete its name."""
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        finalize(self, os.close, descriptor)
        return descriptor


def _part(on_progress: ProgressCallback, first: int, count: int, rows: int) -> ProgressCallback:
    """The progress of ``count`` rows from ``first`` of all."""
    return progress_part(on_progress, first / rows, (first + count) / rows)


def _none() -> Int64s:
    return np.empty(0, dtype=np.int64)


def is_in(values: Int64s, wanted: Int64s) -> NDArray[np.bool_]:
    """Which values are among the sorted ``wanted``."""
    if not len(wanted):
        return np.zeros(len(values), dtype=np.bool_)
    places = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
    found: NDArray[np.bool_] = wanted[places] == values
    return found


def _write(target: BinaryIO, pieces: Iterator[tuple[int, Int64s]]) -> None:
    """Write the digests behind their SHA-256."""
    checksum = hashlib.sha256()
    target.write(bytes(CHECKSUM_BYTES))
    for _, digests in pieces:
        stored = digests.astype("<i8").tobytes()
        checksum.update(stored)
        target.write(stored)
    target.seek(0)
    target.write(checksum.digest())


def _is_whole(path: Path, rows: int) -> bool:
    """Whether a file has so many digests, and they are the ones that were written."""
    try:
        status = path.stat()
    except OSError:
        return False
    size = CHECKSUM_BYTES + 8 * rows
    return status.st_size == size and _has_its_checksum(path, status.st_ino)


@lru_cache(maxsize=4096)
def _has_its_checksum(path: Path, inode: int) -> bool:
    """Whether the content has the SHA-256 before it.

    It is read once, as a file is never changed; its time is that of the last use.
    """
    with path.open("rb") as content:
        expected = content.read(CHECKSUM_BYTES)
        return hashlib.file_digest(content, "sha256").digest() == expected
