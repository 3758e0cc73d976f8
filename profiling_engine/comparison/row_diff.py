"""The row diff of two tables: rows added, removed and changed, matched by a row key.

The first pass joins keys and row hashes, so memory follows the keys, and DuckDB spills what exceeds
its memory limit; only the rows that differ are then read and written. Used by exploration jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from pathlib import Path

import duckdb
import numpy as np

from contract.words import Duplicates
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.names import settle_names
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    ignore_progress,
    progress_part,
)
from parquet_tables.quoting import quote_identifier, quote_path, quote_text
from parquet_tables.row_keys.canonical import InvalidKey, key_columns, value_text
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.rows import RowSet, Statement, rows_at, scan_statement
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.repeated_keys import (
    PairedRows,
    RepeatedKeys,
    pair_rows,
    rows_of_repeated_keys,
)
from profiling_engine.comparison.shared_columns import MatchedColumns, SharedColumn, match_columns

CHANGE, CHANGED_COLUMNS = "_change", "_changed_columns"
NAME_PATTERN = '"(?:[^"]|"")*"'
"""A column's name in ``_changed_columns``."""
BASE_ROW, OTHER_ROW = "_row_before", "_row_now"
ADDED, REMOVED, CHANGED, UNCHANGED = "added", "removed", "changed", "unchanged"
SLICE_CELLS, MIN_SLICE_ROWS = 5_000_000, 1_000
MAX_COLUMNS, CHUNK_COLUMNS = 1_000, 500
"""Compared columns of a result, since DuckDB holds 2,048 values of each; and those of one count."""
CHECKED, MATCHED, COUNTED = 0.3, 0.6, 0.7
"""Shares of the progress."""


@dataclass(frozen=True)
class ChangedColumn:
    """A compared column: its columns in the result, and the rows in which it changed.

    Parameters
    ----------
    before, now : str or None
        The result's columns with the base's and the other's values; None if a table lacks it.
    """

    name: str
    base_type: str | None
    other_type: str | None
    before: str | None
    now: str | None
    changed: int = 0


@dataclass(frozen=True)
class DiffedRows:
    """The rows that differ, as Parquet files, and their counts.

    Parameters
    ----------
    columns : tuple of Column
        Of the files: kind of change, changed columns, row numbers, keys, and each other column
        before and now, at most ``max_columns``; the others have no column in ``compared``.
    keys : tuple of str
        The result's key columns.
    repeated : RepeatedKeys or None
        The keys of several rows; None if each key has one row in each table.
    """

    files: tuple[DataFile, ...]
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    compared: tuple[ChangedColumn, ...]
    added: int
    removed: int
    changed: int
    unchanged: int
    repeated: RepeatedKeys | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "keys": list(self.keys),
            "repeated_keys": None if self.repeated is None else asdict(self.repeated),
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "changed_cells": sum(column.changed for column in self.compared),
            "columns": [vars(column) for column in self.compared],
        }


def resolve_keys(
    base: TableFiles, other: TableFiles, names: Sequence[str]
) -> tuple[SharedColumn, ...]:
    """Find the columns of a row key in both tables.

    Raises
    ------
    UnknownColumn, InvalidKey
        A table lacks a column, its type can't be in a key, a column is given twice, or there is
        none.
    """
    if not names:
        raise InvalidKey("Name at least one column in `keys`.", loc=("keys",))
    columns = (key_columns(table, names, ("keys",)) for table in (base, other))
    return tuple(SharedColumn(*pair) for pair in zip(*columns, strict=True))


def diff_rows(
    database: ParquetDatabase,
    base: TableFiles,
    other: TableFiles,
    keys: Sequence[SharedColumn],
    folder: Path,
    *,
    duplicates: Duplicates = "refuse",
    cache_dir: Path | None = None,
    with_unchanged: bool = False,
    slice_cells: int = SLICE_CELLS,
    max_columns: int = MAX_COLUMNS,
    on_progress: ProgressCallback = ignore_progress,
) -> DiffedRows:
    """Match the rows of two tables by their keys and write those that differ.

    Parameters
    ----------
    keys : sequence of SharedColumn
        One or more, from :func:`resolve_keys`.
    folder : Path
        An existing folder for the result's files.
    duplicates : {"refuse", "number"}
        Refuse repeated keys, or pair their rows as :mod:`repeated_keys` describes.
    cache_dir : Path, optional
        The directory of cached digests of keys.
    with_unchanged : bool
        Write the rows that don't differ, too.
    slice_cells : int
        The cells of one file of the result, which are in memory together.
    max_columns : int
        Compared columns in the result: of wider tables those that changed most, then those of one
        table.

    Raises
    ------
    KeyMissing, KeyNotUnique
        A key is missing or repeated in a table; names the first ones.
    """
    diff = _Diff(base, other, tuple(keys), with_unchanged)
    pairs = folder / "pairs.parquet"
    with database.cursor(base, other) as cursor:
        checking = progress_part(on_progress, 0.0, CHECKED)
        repeated = diff.check_keys(cursor, duplicates, cache_dir, checking)
        matching = progress_part(on_progress, CHECKED, MATCHED)
        with registered(cursor, {} if repeated is None else _named_places(repeated)):
            found = write_parquet(
                cursor,
                *diff.pairs(repeated is not None),
                pairs,
                on_progress=matching,
                message="matching rows",
            )
        counting = progress_part(on_progress, MATCHED, COUNTED)
        diff = diff.narrowed(cursor, pairs, max_columns, counting)
        database.require_free(diff.estimated_bytes(found.rows))
        writing = progress_part(on_progress, COUNTED, 1.0)
        files = diff.write_rows(cursor, pairs, found.rows, slice_cells, writing)
        return diff.counted(cursor, files, None if repeated is None else repeated.keys)


@dataclass(frozen=True)
class _Side:
    """A table, as errors name it, and the columns and the SQL of its key, which is ``k0…``."""

    table: TableFiles
    label: str
    columns: tuple[Column, ...]
    values: tuple[str, ...]

    def statement(self, more: Sequence[str], places: str | None) -> Statement:
        """Build the statement of ``ordinal``, the key and other expressions over ``f``.

        ``places`` is a table of the places of rows; others have the place 0.
        """
        keys = (f"{value} AS k{at}" for at, value in enumerate(self.values))
        sql, params = scan_statement(self.table, [*keys, *more])
        if places is not None:
            sql = (
                f"SELECT s.*, coalesce(p.place, 0) AS place FROM ({sql}) AS s "
                f"LEFT JOIN {places} AS p ON p.ordinal = s.ordinal"
            )
        return sql, params


class _Diff:
    """The statements of one diff. A key is ``k0…`` and a compared column ``v0…`` in each table."""

    def __init__(
        self,
        base: TableFiles,
        other: TableFiles,
        keys: tuple[SharedColumn, ...],
        with_unchanged: bool,
    ) -> None:
        self.with_unchanged = with_unchanged
        self.sides = (
            _side(base, "the earlier version", keys, [key.base for key in keys]),
            _side(other, "the later version", keys, [key.other for key in keys]),
        )
        self.keys = keys
        matched = match_columns(base.columns, other.columns)
        compared = tuple(column for column in matched.shared if column not in keys)
        self.columns = MatchedColumns(compared, matched.only_in_base, matched.only_in_other)
        self.result = _ResultColumns.of(keys, self.columns)
        self.left_out: tuple[ChangedColumn, ...] = ()

    def narrowed(
        self,
        cursor: duckdb.DuckDBPyConnection,
        pairs: Path,
        most: int,
        on_progress: ProgressCallback,
    ) -> _Diff:
        """This diff with at most ``most`` compared columns: the others are ``left_out``."""
        every = self.columns
        if len(every.shared) + len(every.only_in_base) + len(every.only_in_other) <= most:
            return self
        counts = dict(
            zip(every.shared, self._changed_cells(cursor, pairs, on_progress), strict=True)
        )
        changed = sorted((one for one in every.shared if counts[one]), key=lambda one: -counts[one])
        chosen = set(changed[:most])
        shared = tuple(one for one in every.shared if one in chosen)
        only_base = every.only_in_base[: most - len(shared)]
        only_other = every.only_in_other[: most - len(shared) - len(only_base)]
        earlier, later = self.sides
        found = _Diff(earlier.table, later.table, self.keys, self.with_unchanged)
        found.columns = MatchedColumns(shared, only_base, only_other)
        found.result = _ResultColumns.of(self.keys, found.columns)
        left_out = MatchedColumns(
            tuple(one for one in every.shared if one not in chosen),
            every.only_in_base[len(only_base) :],
            every.only_in_other[len(only_other) :],
        )
        found.left_out = _changed_columns(
            left_out, [counts[one] for one in left_out.shared], repeat(None)
        )
        return found

    def _changed_cells(
        self, cursor: duckdb.DuckDBPyConnection, pairs: Path, on_progress: ProgressCallback
    ) -> list[int]:
        """The changed cells of each column of both tables, some columns at a time."""
        rows = (
            "(SELECT p.file_row_number AS number, p.base_ordinal, p.other_ordinal "
            f"FROM read_parquet({quote_path(pairs)}, file_row_number = true) AS p "
            "WHERE p.base_ordinal IS NOT NULL AND p.other_ordinal IS NOT NULL)"
        )
        shared, found = self.columns.shared, list[int]()
        for start in range(0, len(shared), CHUNK_COLUMNS):
            chunk = shared[start : start + CHUNK_COLUMNS]
            cells = [one.base for one in chunk], [one.other for one in chunk]
            joined, params = self._joined(rows, cells)
            counts = (
                f"count(*) FILTER (NOT {one.equal(f'b.v{at}', f'o.v{at}')})"
                for at, one in enumerate(chunk)
            )
            part = progress_part(
                on_progress, start / len(shared), (start + len(chunk)) / len(shared)
            )
            sql = f"SELECT {', '.join(counts)} FROM {rows} AS r {joined}"
            (row,) = execute_watched(cursor, sql, params, part, "counting changed cells")
            found += [int(str(count)) for count in row]
        return found

    def _joined(self, source: str, own: Sequence[Sequence[Column]]) -> tuple[str, list[object]]:
        """Joins of the pairs ``r`` with the cells ``v0…`` of both tables, ``b`` and ``o``."""
        joined: list[str] = []
        params: list[object] = []
        for side, cells, ordinal in zip(
            self.sides, own, ("base_ordinal", "other_ordinal"), strict=True
        ):
            named = ", ".join(f"{cell(column)} AS v{at}" for at, column in enumerate(cells))
            rows = (
                f"(SELECT r.number, r.{ordinal} AS ordinal FROM {source} AS r "
                f"WHERE r.{ordinal} IS NOT NULL)"
            )
            statement, bound = rows_at(side.table, named, RowSet(rows), ["number"])
            joined.append(
                f"LEFT JOIN ({statement}) AS {ordinal[0]} ON {ordinal[0]}.number = r.number"
            )
            params += bound
        return " ".join(joined), params

    def check_keys(
        self,
        cursor: duckdb.DuckDBPyConnection,
        duplicates: Duplicates,
        cache_dir: Path | None,
        on_progress: ProgressCallback,
    ) -> PairedRows | None:
        """Refuse a key that is missing or repeated in a table, or pair the rows of repeated keys.

        None if no key is repeated.
        """
        digests = []
        for at, side in enumerate(self.sides):
            part = progress_part(on_progress, at / 2, (at + 1) / 2)
            names = tuple(column.name for column in side.columns)
            key = RowKey(names, duplicates)
            of_side = KeyDigests(
                cursor, side.table, key, cache_dir, part, loc=("keys",), label=side.label
            )
            of_side.require_possible(part)
            digests.append(of_side)
        rows = rows_of_repeated_keys(digests)
        if not len(rows[0]) and not len(rows[1]):
            return None
        tables = [side.table for side in self.sides]

        def different_cells(base: Int64s, other: Int64s) -> Int64s:
            return self._different_cells(cursor, base, other)

        return pair_rows(cursor, tables, self.keys, self.columns.shared, rows, different_cells)

    def _different_cells(
        self, cursor: duckdb.DuckDBPyConnection, base: Int64s, other: Int64s
    ) -> Int64s:
        """Count the cells that differ in each pair of rows, some columns at a time."""
        numbers = np.arange(len(base), dtype=np.int64)
        found = np.zeros(len(base), dtype=np.int64)
        shared = self.columns.shared
        possible = {"number": numbers, "base_ordinal": base, "other_ordinal": other}
        with registered(cursor, {"possible": possible}):
            for start in range(0, len(shared), CHUNK_COLUMNS):
                chunk = shared[start : start + CHUNK_COLUMNS]
                cells = [one.base for one in chunk], [one.other for one in chunk]
                joined, params = self._joined("possible", cells)
                differs = (
                    f"CAST(NOT {one.equal(f'b.v{at}', f'o.v{at}')} AS BIGINT)"
                    for at, one in enumerate(chunk)
                )
                counts = cursor.execute(
                    f"SELECT {' + '.join(differs)} AS cells FROM possible AS r {joined} "
                    "ORDER BY r.number",
                    params,
                ).fetchnumpy()
                found += counts["cells"]
        return found

    def pairs(self, has_places: bool) -> Statement:
        """The rows of both tables that differ or have no partner, in the order of the result.

        With places, rows of one key are partners if their places in the tables ``base_places`` and
        ``other_places`` are the same.
        """
        hashed = [column for column in self.columns.shared if not column.is_retyped]
        retyped = [column for column in self.columns.shared if column.is_retyped]
        sides, params = [], []
        for at in range(2):
            cells = [cell((column.base, column.other)[at]) for column in hashed]
            own = [cell((column.base, column.other)[at]) for column in retyped]
            values = [f"{value} AS v{place}" for place, value in enumerate(own)]
            digest = f"hash({', '.join(cells)})" if cells else "0"
            places = ("base_places", "other_places")[at] if has_places else None
            rows, bound = self.sides[at].statement([f"{digest} AS digest", *values], places)
            sides.append(rows)
            params += bound
        on = " AND ".join(f"b.k{place} = o.k{place}" for place in range(len(self.keys)))
        if has_places:
            on += " AND b.place = o.place"
        differs = [
            f"NOT {column.equal(f'b.v{place}', f'o.v{place}')}"
            for place, column in enumerate(retyped)
        ]
        conditions = ["b.ordinal IS NULL", "o.ordinal IS NULL", "b.digest <> o.digest", *differs]
        differs_text = f"coalesce({' OR '.join(conditions)}, true)"
        return (
            "SELECT b.ordinal AS base_ordinal, o.ordinal AS other_ordinal, "
            f"{differs_text} AS differs "
            f"FROM ({sides[0]}) AS b FULL JOIN ({sides[1]}) AS o ON {on} "
            f"WHERE {'true' if self.with_unchanged else differs_text} "
            "ORDER BY b.ordinal NULLS LAST, o.ordinal",
            params,
        )

    def write_rows(
        self,
        cursor: duckdb.DuckDBPyConnection,
        pairs: Path,
        count: int,
        slice_cells: int,
        on_progress: ProgressCallback,
    ) -> tuple[DataFile, ...]:
        """Write the rows of the result beside ``pairs``, which is removed, slice by slice."""
        step = max(slice_cells // len(self.result.columns), MIN_SLICE_ROWS)
        starts = range(0, max(count, 1), step)
        files = []
        for at, start in enumerate(starts):
            files.append(
                write_parquet(
                    cursor,
                    *self.changed_rows(pairs, start, start + step),
                    pairs.with_name(f"result-{at}.parquet"),
                    on_progress=progress_part(
                        on_progress, at / len(starts), (at + 1) / len(starts)
                    ),
                )
            )
        pairs.unlink()
        return tuple(files)

    def changed_rows(self, pairs: Path, start: int, stop: int) -> Statement:
        """The rows of the result from the pairs ``start`` to ``stop``."""
        columns, result = self.columns, self.result
        source = (
            "(SELECT p.file_row_number AS number, p.base_ordinal, p.other_ordinal, p.differs "
            f"FROM read_parquet({quote_path(pairs)}, file_row_number = true) AS p "
            f"WHERE p.file_row_number >= {start:d} AND p.file_row_number < {stop:d})"
        )
        keys, shared = self.keys, columns.shared
        own = (
            [*(key.base for key in keys), *(one.base for one in shared), *columns.only_in_base],
            [*(key.other for key in keys), *(one.other for one in shared), *columns.only_in_other],
        )
        joined, params = self._joined(source, own)
        first = len(keys)
        changed = [
            f"CASE WHEN NOT {one.equal(f'b.v{first + at}', f'o.v{first + at}')} "
            f"THEN {quote_text(quote_identifier(one.name))} END"
            for at, one in enumerate(shared)
        ]
        listed = f"concat_ws(', ', {', '.join(changed)})" if changed else "''"
        in_both = "r.base_ordinal IS NOT NULL AND r.other_ordinal IS NOT NULL"
        # The first pass takes some equal rows for changed ones, if the type of a column changed.
        has_changed = f"{listed} <> ''"
        if any(column.changed for column in self.left_out):
            has_changed = "r.differs"
        values = [
            f"CASE WHEN r.base_ordinal IS NULL THEN '{ADDED}' "
            f"WHEN r.other_ordinal IS NULL THEN '{REMOVED}' "
            f"WHEN {has_changed} THEN '{CHANGED}' ELSE '{UNCHANGED}' END",
            f"CASE WHEN {in_both} AND {has_changed} THEN {listed} END",
            "r.base_ordinal",
            "r.other_ordinal",
            *(_key_value(key, at) for at, key in enumerate(keys)),
        ]
        for at in range(first, first + len(shared)):
            values += [f"b.v{at}", f"o.v{at}"]
        last = first + len(shared)
        values += [f"b.v{last + at}" for at in range(len(columns.only_in_base))]
        values += [f"o.v{last + at}" for at in range(len(columns.only_in_other))]
        selected = ", ".join(
            f"{value} AS {quote_identifier(column.name)}"
            for value, column in zip(values, result.columns, strict=True)
        )
        is_listed = "" if self.with_unchanged else f"WHERE NOT ({in_both}) OR {has_changed} "
        return f"SELECT {selected} FROM {source} AS r {joined} {is_listed}ORDER BY r.number", params

    def estimated_bytes(self, pairs: int) -> int:
        """The size of the result, by the share of the tables' rows that are in it."""
        size_bytes = sum(file.size_bytes for side in self.sides for file in side.table.files)
        rows = sum(side.table.file_rows for side in self.sides)
        return size_bytes * 2 * pairs // max(rows, 1)

    def counted(
        self,
        cursor: duckdb.DuckDBPyConnection,
        files: tuple[DataFile, ...],
        repeated: RepeatedKeys | None,
    ) -> DiffedRows:
        """Count the rows of the result by their kinds, and the changed cells of each column."""
        result, params = self.result, [[str(file.path) for file in files]]
        change, names = (f"t.{quote_identifier(each)}" for each in (CHANGE, CHANGED_COLUMNS))
        kinds = (f"count(*) FILTER ({change} = '{kind}')" for kind in (ADDED, REMOVED, CHANGED))
        ((added, removed, changed),) = cursor.execute(
            f"SELECT {', '.join(kinds)} FROM read_parquet(?) AS t", params
        ).fetchall()
        # By the names of each row: an aggregate for each column takes long to plan for thousands.
        counts: dict[str, int] = dict(
            cursor.execute(
                "SELECT d.name, CAST(sum(d.rows) AS BIGINT) FROM (SELECT "
                f"unnest(regexp_extract_all(g.names, {quote_text(NAME_PATTERN)})) AS name, g.rows "
                f"FROM (SELECT {names} AS names, count(*) AS rows FROM read_parquet(?) AS t "
                f"WHERE {names} IS NOT NULL GROUP BY {names}) AS g) AS d GROUP BY d.name",
                params,
            ).fetchall()
        )
        of_columns = [counts.get(quote_identifier(one.name), 0) for one in self.columns.shared]
        return DiffedRows(
            files,
            result.columns,
            result.keys,
            (*_changed_columns(self.columns, of_columns, iter(result.compared)), *self.left_out),
            added,
            removed,
            changed,
            self.sides[0].table.row_count - removed - changed,
            repeated,
        )


@dataclass(frozen=True)
class _ResultColumns:
    """The columns of the result, and the names of those of the keys and of the compared columns."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    compared: tuple[str, ...]

    @classmethod
    def of(cls, keys: Sequence[SharedColumn], matched: MatchedColumns) -> _ResultColumns:
        fixed = [
            Column(CHANGE, "VARCHAR"),
            Column(CHANGED_COLUMNS, "VARCHAR"),
            Column(BASE_ROW, "BIGINT"),
            Column(OTHER_ROW, "BIGINT"),
        ]
        of_keys = [Column(key.name, "VARCHAR" if key.is_retyped else key.base.type) for key in keys]
        compared = [
            column
            for one in matched.shared
            for column in (
                Column(f"{one.name}_before", one.base.type),
                Column(f"{one.name}_now", one.other.type),
            )
        ]
        compared += [Column(f"{one.name}_before", one.type) for one in matched.only_in_base]
        compared += [Column(f"{one.name}_now", one.type) for one in matched.only_in_other]
        every = [*fixed, *of_keys, *compared]
        names, _ = settle_names([column.name for column in every])
        columns = tuple(
            Column(name, column.type) for name, column in zip(names, every, strict=True)
        )
        first = len(fixed) + len(of_keys)
        return cls(columns, names[len(fixed) : first], names[first:])


def _changed_columns(
    matched: MatchedColumns, changed: Sequence[int], names: Iterator[str | None]
) -> tuple[ChangedColumn, ...]:
    """The compared columns by their ``names`` in the result, with their changed cells."""
    both = [
        ChangedColumn(one.name, one.base.type, one.other.type, next(names), next(names), count)
        for one, count in zip(matched.shared, changed, strict=True)
    ]
    removed = [
        ChangedColumn(one.name, one.type, None, next(names), None) for one in matched.only_in_base
    ]
    added = [
        ChangedColumn(one.name, None, one.type, None, next(names)) for one in matched.only_in_other
    ]
    return (*both, *removed, *added)


def cell(column: Column) -> str:
    """The SQL of a column of the table ``f``."""
    return f"f.{quote_identifier(column.name)}"


def _side(
    table: TableFiles, label: str, keys: Sequence[SharedColumn], columns: Sequence[Column]
) -> _Side:
    values = tuple(
        value_text(column, cell(column)) if key.is_retyped else cell(column)
        for key, column in zip(keys, columns, strict=True)
    )
    return _Side(table, label, tuple(columns), values)


def _named_places(repeated: PairedRows) -> Mapping[str, dict[str, Int64s]]:
    """The tables of places by the names that :meth:`_Diff.pairs` uses."""
    sides = {"base_places": repeated.base, "other_places": repeated.other}
    return {
        name: {"ordinal": ordinals, "place": places} for name, (ordinals, places) in sides.items()
    }


def _key_value(key: SharedColumn, at: int) -> str:
    """A key of the result: the later value, or that of a removed row."""
    values = [f"o.v{at}", f"b.v{at}"]
    if key.is_retyped:
        columns = (key.other, key.base)
        values = [value_text(*pair) for pair in zip(columns, values, strict=True)]
    return f"CASE WHEN r.other_ordinal IS NULL THEN {values[1]} ELSE {values[0]} END"
