"""The strata of a table: how many rows each has, and the stratum of a row.

Strata are numbered from 0 in the order of their values, NULL last. Counts are cached, one small
Parquet file each, which is written whole or not at all and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np

from parquet_tables.cached_files import cache_path, mark_used, temporary_file
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, watched
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.errors import RowsMissing, TooManyStrata
from sampling_engine.selection.bands import BandColumn, comparable
from sampling_engine.selection.order import Int64s, in_sorted
from sampling_engine.spec import RowFilter
from sampling_engine.sql import statements
from sampling_engine.sql.passes import CountRows, CountStrata

VERSION = "strata-3"


def cache_file(
    directory: Path, table: TableFiles, columns: Sequence[Column], row_filter: RowFilter | None
) -> Path:
    """The cached file's path, to which the hash of its bytes is still to be added."""
    counted = TableFiles(tuple(columns), table.files)
    named: list[object] = [VERSION, row_filter and row_filter.text]
    bands = [column.breaks if isinstance(column, BandColumn) else None for column in columns]
    if any(bands):
        named.append(bands)
    return cache_path(directory, counted, *named, suffix="")


def load_counts(cursor: duckdb.DuckDBPyConnection, cached: Path, strata: str) -> bool:
    """Make the temporary table ``strata`` from a cached file; False when there is none."""
    for file in cached.parent.glob(f"{cached.name}-*.parquet"):
        with suppress(OSError, duckdb.IOException):  # deleted just now, or not readable
            if _hash(file) == file.stem.rpartition("-")[2]:
                mark_used(file)
                cursor.execute(*statements.load_strata(strata, str(file)))
                return True
            file.unlink()
    return False


def keep_counts(cursor: duckdb.DuckDBPyConnection, strata: str, cached: Path) -> None:
    """Write the temporary table ``strata`` to its file; of two writers either one's is used."""
    with temporary_file(cached) as part:
        write_parquet(cursor, *statements.all_strata(strata), part)
        part.replace(cached.with_name(f"{cached.name}-{_hash(part)}.parquet"))


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


MAX_STRATA = 1_000_000

NO_STRATUM = -1
"""The stratum of a row that doesn't pass the filter."""

MAX_COMPARED = 10_000
"""Strata whose labels are compared without regard to spaces and separators."""


def too_many_strata(columns: Sequence[Column], count: int, maximum: int) -> TooManyStrata:
    """The error of columns that make more strata than a draw takes."""
    return TooManyStrata(
        "{columns} would make {count} strata; up to {maximum} are taken.",
        columns=", ".join(f'"{column.name}"' for column in columns),
        count=count,
        maximum=maximum,
    )


class WholeTable(statements.StrataTable):
    """All rows as one stratum, number 0, without labels; no row has to be read."""

    def __init__(self, table: TableFiles) -> None:
        self.rows: Int64s = np.array([table.file_rows], dtype=np.int64)

    def of(self, ordinals: Int64s, on_progress: ProgressCallback) -> Int64s:
        """0 for each row."""
        return np.zeros(len(ordinals), dtype=np.int64)

    def digests(self, numbers: Int64s, first: int = 0, stop: int | None = None) -> Int64s:
        """None: there are no values."""
        return np.empty(0, dtype=np.int64)

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        """The values of some strata, by column name, in the order of their numbers."""
        return [{} for _ in numbers]

    def labels(self, numbers: Int64s) -> list[str | None]:
        """The labels of some strata, in the order of their numbers."""
        return [None for _ in numbers]


class ColumnStrata(statements.StrataTable):
    """The combinations of values of some columns, in the rows that pass a filter.

    Without columns, the rows that pass the filter are one stratum. ``count`` makes the table of
    the pass ``counting`` unless a cached file holds it, and may return the rows' ordinals.

    Raises
    ------
    TooManyStrata
        There are more than the pass counts.
    RowsMissing
        The files hold fewer rows than the manifest says.
    """

    table_name: str

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        counting: CountStrata | CountRows,
        counts_dir: Path | None,
        count: Callable[[], Int64s | None],
    ) -> None:
        self.listed: Int64s | None = None
        """The ordinals of the rows of the one stratum, ascending, if they are known."""
        self.columns, self.row_filter = counting.columns, counting.row_filter
        self.table_name = table_name = counting.table_name
        self._cursor, self._table = cursor, table
        cached = counts_dir and cache_file(counts_dir, table, self.columns, self.row_filter)
        loaded = cached is not None and load_counts(cursor, cached, table_name)
        if not loaded:
            self.listed = count()
        strata_count, rows = cursor.execute(*statements.totals_of_strata(table_name)).fetchall()[0]
        if strata_count > counting.most:
            raise too_many_strata(self.columns, strata_count, counting.most)
        if self.row_filter is None and rows < table.file_rows:
            raise RowsMissing(count=table.file_rows - rows)
        sizes = cursor.execute(*statements.sizes_of_strata(table_name)).fetchnumpy()
        self.rows: Int64s = sizes["rows"]
        if cached is not None and not loaded:
            keep_counts(cursor, table_name, cached)

    def of(self, ordinals: Int64s, on_progress: ProgressCallback) -> Int64s:
        """Fetch the rows' columns by ordinal and look their stratum up."""
        found = np.full(len(ordinals), NO_STRATUM, dtype=np.int64)
        if not len(ordinals):
            return found
        if self.listed is not None:
            found[in_sorted(ordinals, self.listed)] = 0
            return found
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        wanted = RowSet.of("picked", ordinals)
        sql, params = statements.strata_of_picked(self._table, self, wanted)
        with (
            registered(self._cursor, {"picked": picked}),
            watched(
                self._cursor, on_progress, "reading strata" if self.columns else "reading rows"
            ),
        ):
            rows = self._cursor.execute(sql, params).fetchnumpy()
        found[rows["position"]] = rows["stratum"]
        return found

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        """The values of some strata, by column name, in the order of their numbers."""
        if not self.columns:
            return [{} for _ in numbers]
        sql, params = statements.keys_of_strata(self.table_name, self.columns, numbers.tolist())
        names = [column.name for column in self.columns]
        rows = self._cursor.execute(sql, params).fetchall()
        return [dict(zip(names, values, strict=True)) for values in rows]

    def prefixes(self, columns: int) -> Int64s:
        """The numbers of all strata's values in their first columns, from 0 in their order."""
        statement = statements.prefixes_of_strata(self.table_name, columns)
        found: Int64s = self._cursor.execute(statement).fetchnumpy()["prefix"]
        return found

    def repeated_value(self, columns: int) -> tuple[str, int] | None:
        """A value of the last of the first columns that several of their combinations have."""
        rows = self._cursor.execute(*statements.repeated_value(self.table_name, columns)).fetchall()
        return (str(rows[0][0]), int(rows[0][1])) if rows else None

    def digests(self, numbers: Int64s, first: int = 0, stop: int | None = None) -> Int64s:
        """The digests of the values of some strata, as those of row keys; ``NO_KEY`` with NULL.

        They are of the columns from ``first`` to ``stop``, by default of all.
        """
        columns = self.columns[first:stop]
        statement = statements.digests_of_strata(self.table_name, columns, first)
        every = self._cursor.execute(statement).fetchnumpy()["digest"]
        found: Int64s = every[numbers]
        return found

    def labels(self, numbers: Int64s) -> list[str | None]:
        """The labels of some strata, in the order of their numbers."""
        if not self.columns:
            return [None for _ in numbers]
        sql, params = statements.labels_of_strata(self.table_name, self.columns, numbers.tolist())
        return [label for (label,) in self._cursor.execute(sql, params).fetchall()]

    def band_numbers(self) -> list[int | None]:
        """The first column's own values in the order of the strata: the numbers of its bands."""
        rows = self._cursor.execute(*statements.band_numbers(self.table_name)).fetchall()
        return [number for (number,) in rows]

    def numbers(self, labels: Sequence[str]) -> dict[str, int]:
        """The numbers of those labels that a stratum has.

        A label that has no exact match finds the one stratum with these values, written without
        quotes, or whose label or values differ in spaces, thousands separators or case alone. The
        band of a single column that has no row is numbered -1: it is there, but has nothing.
        """
        sql, params = statements.strata_of_labels(self.table_name, self.columns, list(labels))
        found = dict(self._cursor.execute(sql, params).fetchall())
        others = [label for label in labels if label not in found]
        if others and len(self.rows) <= MAX_COMPARED:
            every = np.arange(len(self.rows))
            plain = self._plain_labels(every)
            found |= {
                **_one_alike(others, self.labels(every), comparable),
                **_one_alike(others, plain, comparable),
                **_one_alike(others, plain, str),
            }
        if len(self.columns) == 1 and isinstance(self.columns[0], BandColumn):
            known = {comparable(label) for label in (*self.columns[0].labels, "NULL")}
            found |= {
                label: NO_STRATUM
                for label in others
                if label not in found and comparable(label) in known
            }
        return found

    def typable_labels(self, numbers: Int64s) -> list[str | None]:
        """The labels of some strata, without quotes where :meth:`numbers` finds them so."""
        plain = self._plain_labels(numbers)
        found = self.numbers(plain)
        choices = zip(numbers.tolist(), plain, self.labels(numbers), strict=True)
        return [own if found.get(own) == number else label for number, own, label in choices]

    def _plain_labels(self, numbers: Int64s) -> list[str]:
        """The values of some strata as tables show them, joined by `` | ``."""
        return [
            " | ".join("NULL" if value is None else value for value in key.values())
            for key in self.keys(numbers)
        ]


def _one_alike(
    labels: Sequence[str], every: Sequence[str | None], form: Callable[[str], str]
) -> dict[str, int]:
    """The numbers of those labels whose form is that of exactly one stratum's label."""
    alike: dict[str, list[int]] = {}
    for number, label in enumerate(every):
        alike.setdefault(form(label or ""), []).append(number)
    numbers = {label: alike.get(form(label), []) for label in labels}
    return {label: own[0] for label, own in numbers.items() if len(own) == 1}


Strata = WholeTable | ColumnStrata
