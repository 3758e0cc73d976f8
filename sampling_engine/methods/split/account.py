"""The account of a split: shares, groups, strata, and what was checked in the written tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.divided_round import WrittenParts
from sampling_engine.results import GROUPS_LISTED
from sampling_engine.selection.strata import MAX_STRATA, ColumnStrata
from sampling_engine.sql.statements import distinct_strata


@dataclass(frozen=True)
class PartAccount:
    """A part: asked share, u from and to below which its rows are, and what it has.

    ``standard_error`` is that of the share got: √(p(1 − p)·Σm²)/N, m the rows of each key or
    group. It is None of exact sizes. ``groups`` and ``largest_group`` are of a split by groups.
    """

    name: str
    share: float
    u_from: float
    u_to: float
    rows: int
    share_of_rows: float | None
    standard_error: float | None = None
    groups: int | None = None
    largest_group: int | None = None


@dataclass(frozen=True)
class StratumParts:
    """The rows of a stratum in each part, in the order of the parts."""

    key: dict[str, str | None]
    rows: int
    parts: list[int]


@dataclass(frozen=True)
class PartsCheck:
    """What was computed from the written tables; None is unchecked.

    ``keys_in_two_parts`` needs the key's columns, ``groups_in_two_parts`` the group's.
    """

    missing_rows: int
    repeated_rows: int
    keys_in_two_parts: int | None
    groups_in_two_parts: int | None


@dataclass(frozen=True)
class SplitAccount:
    """The account of a split; of a plan without what the written tables give."""

    parts: tuple[PartAccount, ...]
    key: tuple[str, ...] | None
    group: str | None
    exact: bool
    rows_moved_by_exact: int | None = None
    strata: tuple[StratumParts, ...] = ()
    strata_count: int = 0
    check: PartsCheck | None = None

    @property
    def name(self) -> str:
        """The account's field in JSON."""
        return "division"

    def as_json(self) -> dict[str, object]:
        """The account as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class UnitSizes:
    """The keys or groups of written tables, by part, and those that two parts have."""

    units: tuple[int, ...]
    largest: tuple[int, ...]
    squares: int
    in_two_parts: int


def unit_sizes(
    state: DrawState,
    written: WrittenParts,
    columns: Sequence[str],
    on_progress: ProgressCallback,
) -> UnitSizes | None:
    """Count the units of some columns in the written tables; None if these lack a column.

    Two units of one digest count as one; of 10 million, two are expected once in 90,000 splits.
    """
    if any(name not in written.names for name in columns):
        return None
    key = RowKey(tuple(written.names[name] for name in columns))
    tables = list(written.tables.values())
    units, largest = [0] * len(tables), [0] * len(tables)
    squares = in_two = 0
    with TemporaryDirectory(dir=written.folder) as folder:
        digests = [
            KeyDigests(state.cursor, table, key, Path(folder), on_progress) for table in tables
        ]
        for values in zip(*(one.sorted_parts(on_progress) for one in digests), strict=True):
            distinct = []
            for place, some in enumerate(values):
                once, sizes = np.unique(some, return_counts=True)
                distinct.append(once)
                units[place] += len(once)
                largest[place] = max(largest[place], int(sizes.max(initial=0)))
                squares += int((sizes.astype(np.int64) ** 2).sum())
            _, parts = np.unique(np.concatenate(distinct), return_counts=True)
            in_two += int((parts > 1).sum())
    return UnitSizes(tuple(units), tuple(largest), squares, in_two)


def strata_of_parts(
    state: DrawState,
    written: WrittenParts,
    columns: Sequence[Column],
    on_progress: ProgressCallback,
) -> tuple[tuple[StratumParts, ...], int]:
    """The first strata with their rows in each part, and the number of all."""
    if not columns or any(column.name not in written.names for column in columns):
        return (), 0
    tables = list(written.tables.values())
    every = TableFiles(tables[0].columns, tuple(file for table in tables for file in table.files))
    if not every.file_rows:
        return (), 0
    renamed = [replace(column, name=written.names[column.name]) for column in columns]
    part = every.column("_part")
    # A cursor of its own: the names of its temporary tables are those of the draw's.
    with state.cursor.cursor() as cursor:
        counted = DrawState(cursor, every, max_strata=MAX_STRATA * len(tables))
        strata = counted.strata_of((*renamed, part), None, on_progress)
        numbers = np.arange(len(strata.rows))[: GROUPS_LISTED * len(tables)]
        keys = strata.keys(numbers)
        assert isinstance(strata, ColumnStrata)  # noqa: S101 - there is a column
        count = cursor.execute(*distinct_strata(strata.table_name, len(renamed))).fetchall()[0][0]
    names = list(written.tables)
    found: dict[tuple[str | None, ...], list[int]] = {}
    for number, key in zip(numbers.tolist(), keys, strict=True):
        values = tuple(key[column.name] for column in renamed)
        rows = found.setdefault(values, [0] * len(tables))
        rows[names.index(str(key[part.name]))] = int(strata.rows[number])
    listed = [
        StratumParts(
            dict(zip((column.name for column in columns), values, strict=True)), sum(rows), rows
        )
        for values, rows in list(found.items())[:GROUPS_LISTED]
    ]
    return tuple(listed), int(count)


def with_written(
    planned: SplitAccount,
    state: DrawState,
    written: WrittenParts,
    columns: Sequence[Column],
    on_progress: ProgressCallback,
) -> SplitAccount:
    """The account of a plan with what the written tables have, by the columns of the strata."""
    by_key = by_group = None
    if planned.key is not None:
        step = progress_part(on_progress, 0.0, 0.4)
        by_key = unit_sizes(state, written, planned.key, step)
    if planned.group is not None:
        step = progress_part(on_progress, 0.4, 0.8)
        by_group = unit_sizes(state, written, [planned.group], step)
    units = by_key if planned.group is None else by_group
    rows = sum(table.row_count for table in written.tables.values())
    parts = []
    for place, part in enumerate(planned.parts):
        has = written.tables[part.name].row_count
        error = None
        if units is not None and not planned.exact:
            error = standard_error(part.share, units.squares, rows)
        parts.append(
            replace(
                part,
                rows=has,
                share_of_rows=has / rows if rows else None,
                standard_error=error,
                groups=None if by_group is None else by_group.units[place],
                largest_group=None if by_group is None else by_group.largest[place],
            )
        )
    strata, count = strata_of_parts(state, written, columns, progress_part(on_progress, 0.8, 1.0))
    check = PartsCheck(
        written.missing_rows,
        written.repeated_rows,
        None if by_key is None else by_key.in_two_parts,
        None if by_group is None else by_group.in_two_parts,
    )
    return replace(planned, parts=tuple(parts), strata=strata, strata_count=count, check=check)


def standard_error(share: float, squares: int, rows: int) -> float | None:
    """The standard error of a part's share of the rows, if whole units have u independently."""
    return sqrt(share * (1 - share) * squares) / rows if rows else None
