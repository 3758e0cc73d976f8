"""Compare two tables column by column: a sample with its population, or two versions.

One column of each table is in memory at a time; callers pass tables of a bounded size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import Column
from profiling_engine.comparison.compared_table import ComparedTable, effective_size
from profiling_engine.comparison.distances import ColumnDistance, column_distance
from profiling_engine.comparison.result import ColumnComparison, Purpose, Structure, TableComparison
from profiling_engine.comparison.significance import holm
from profiling_engine.comparison.table_changes import ChangedValues, changed_values, table_changes

ALPHA = 0.01
"""The significance level of all columns together: the false alarm rate of faultless samples."""
MAX_COLUMNS = 1_000

_Found = tuple[Column, ColumnDistance, ChangedValues | None]
_Pairs = list[tuple[Column, Column]]


def compare_tables(
    database: ParquetDatabase,
    base: ComparedTable,
    other: ComparedTable,
    *,
    purpose: Purpose,
    on_progress: ProgressCallback = ignore_progress,
    is_over: Callable[[], bool] = lambda: False,
) -> TableComparison:
    """Compare the columns that two tables have in common.

    For the purpose "tables", other rows, columns, types or values are differences, too. When
    ``is_over`` returns True, the remaining columns are not compared.
    """
    pairs, only_in_base, only_in_other = _common(base, other)
    is_whole = purpose == "tables" and all(
        compared.is_read_whole and not compared.is_sample for compared in (base, other)
    )
    found: list[_Found] = []
    not_compared: list[str] = []
    with database.cursor(base.table) as cursor:
        for place, (one, two) in enumerate(pairs):
            on_progress(place / max(len(pairs), 1), f"comparing {one.name}")
            compared = None
            if place < MAX_COLUMNS and not is_over():
                compared = _compare_column(cursor, (base, one), (other, two), is_whole=is_whole)
            if compared is None:
                not_compared.append(one.name)
            else:
                found.append(compared)
        changes = None
        if is_whole:
            same = [one for one, two in pairs if one.type == two.type]
            changes = table_changes(cursor, base, other, same)
        size = effective_size(cursor, other)
    on_progress(1.0, "compared")
    columns = _with_significance(found)
    has_rows = purpose == "tables" and not base.is_sample and not other.is_sample
    structure = Structure(
        base.row_count if has_rows else None,
        other.row_count if has_rows else None,
        tuple(column.name for column in only_in_base),
        tuple(column.name for column in only_in_other),
        tuple((one.name, one.type, two.type) for one, two in pairs if one.type != two.type),
        tuple(
            (column.name, column.changed)
            for column in columns
            if column.changed and column.changed.any
        ),
        changes,
    )
    return TableComparison(purpose, columns, tuple(not_compared), structure, size)


def _compare_column(
    cursor: duckdb.DuckDBPyConnection,
    base: tuple[ComparedTable, Column],
    other: tuple[ComparedTable, Column],
    *,
    is_whole: bool,
) -> _Found | None:
    distance = column_distance(cursor, *base, *other)
    if distance is None:
        return None
    changed = None
    if is_whole and distance.kind == "chi_square":
        changed = changed_values(cursor, *base, *other)
    return base[1], distance, changed


def _common(base: ComparedTable, other: ComparedTable) -> tuple[_Pairs, list[Column], list[Column]]:
    first, second = _data_columns(base), _data_columns(other)
    pairs = [(column, second[name]) for name, column in first.items() if name in second]
    return (
        pairs,
        [column for name, column in first.items() if name not in second],
        [column for name, column in second.items() if name not in first],
    )


def _data_columns(compared: ComparedTable) -> dict[str, Column]:
    design = (compared.weight, compared.cluster)
    return {column.name: column for column in compared.table.columns if column not in design}


def _with_significance(found: Sequence[_Found]) -> tuple[ColumnComparison, ...]:
    """Mark the significant columns, and compute their smallest detectable differences."""
    p_values = [p for _, distance, _ in found for p in (distance.p_value, distance.missing_p_value)]
    marks = holm(p_values, ALPHA)
    level = ALPHA / max(len(p_values), 1)
    return tuple(
        ColumnComparison(
            column,
            distance,
            marks[2 * at] or marks[2 * at + 1],
            distance.detectable(level),
            distance.detectable_rows(level),
            changed,
        )
        for at, (column, distance, changed) in enumerate(found)
    )
