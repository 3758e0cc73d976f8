"""Compare two tables column by column: a sample with its population, or two versions.

Both tables are read one column at a time, so memory is bounded by one column of each; the caller
passes tables of a size that this bears, with their sample sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import Column
from profiling_engine.comparison.column_figures import ColumnDistance
from profiling_engine.comparison.compared_table import ComparedTable, effective_size
from profiling_engine.comparison.distances import column_distance
from profiling_engine.comparison.figures import holm
from profiling_engine.comparison.result import ColumnComparison, TableComparison
from profiling_engine.comparison.table_changes import ChangedValues, changed_values, table_changes
from profiling_engine.comparison.verdict import Purpose, Structure

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

    Parameters
    ----------
    base, other : ComparedTable
        The population and the sample, or the earlier and the later table.
    purpose : {"sample", "tables"}
        Of two tables, other rows, columns, types or values are differences, too.
    is_over : callable
        Whether the time is up; columns that are left then are not compared.

    Returns
    -------
    TableComparison
        Columns in the base's order.
    """
    pairs, only_in_base, only_in_other = _common(base, other)
    is_whole = purpose == "tables" and all(
        side.is_read_whole and not side.is_sample for side in (base, other)
    )
    found: list[_Found] = []
    not_compared: list[str] = []
    with database.cursor(base.table) as cursor:
        for place, (one, two) in enumerate(pairs):
            on_progress(place / max(len(pairs), 1), f"comparing {one.name}")
            compared = None
            if place < MAX_COLUMNS and not is_over():
                compared = _compared(cursor, (base, one), (other, two), is_whole=is_whole)
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
    columns = _judged(found)
    has_rows = purpose == "tables" and not base.is_sample and not other.is_sample
    structure = Structure(
        base.row_count if has_rows else None,
        other.row_count if has_rows else None,
        tuple(column.name for column in only_in_base),
        tuple(column.name for column in only_in_other),
        tuple((one.name, one.type, two.type) for one, two in pairs if one.type != two.type),
        tuple((one.name, one.changed) for one in columns if one.changed and one.changed.any),
        changes,
    )
    return TableComparison(purpose, columns, tuple(not_compared), structure, size)


def _compared(
    cursor: duckdb.DuckDBPyConnection,
    base: tuple[ComparedTable, Column],
    other: tuple[ComparedTable, Column],
    *,
    is_whole: bool,
) -> _Found | None:
    """One column's figures; None if its types can't be compared."""
    distance = column_distance(cursor, *base, *other)
    if distance is None:
        return None
    changed = None
    if is_whole and distance.kind == "chi_square":
        changed = changed_values(cursor, *base, *other)
    return base[1], distance, changed


def _common(base: ComparedTable, other: ComparedTable) -> tuple[_Pairs, list[Column], list[Column]]:
    """Pairs of columns of one name, and those that only one table has."""
    mine, theirs = _own(base), _own(other)
    pairs = [(column, theirs[name]) for name, column in mine.items() if name in theirs]
    return (
        pairs,
        [column for name, column in mine.items() if name not in theirs],
        [column for name, column in theirs.items() if name not in mine],
    )


def _own(side: ComparedTable) -> dict[str, Column]:
    design = side.design_columns
    return {column.name: column for column in side.table.columns if column not in design}


def _judged(
    found: Sequence[_Found],
) -> tuple[ColumnComparison, ...]:
    """Mark the significant columns, and find what each of them could have shown."""
    p_values = [p for _, one, _ in found for p in (one.p_value, one.missing_p_value)]
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
