"""The change of control totals between two tables: sums of number columns before and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

import duckdb

from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.tables import TableFiles
from profiling_engine.comparison.shared_columns import SharedColumn
from profiling_engine.tables.control_totals import (
    MAX_COLUMNS,
    SUM_DIGITS,
    control_totals,
    shown_decimal,
)


@dataclass(frozen=True)
class TotalChange:
    """The sums of a column in both tables as decimal numbers, and the other's less the base's.

    ``is_exact`` and ``is_identifier`` are those of :class:`ControlTotal`, of both tables.
    """

    column: str
    base_sum: str
    other_sum: str
    difference: str
    is_exact: bool
    is_identifier: bool


def total_changes(
    cursor: duckdb.DuckDBPyConnection,
    base: TableFiles,
    other: TableFiles,
    shared: Sequence[SharedColumn],
    on_progress: ProgressCallback = ignore_progress,
) -> tuple[TotalChange, ...]:
    """Add up all rows of the columns that are numbers in both tables."""
    both = [column for column in shared if column.are_numbers][:MAX_COLUMNS]
    sides = (
        replace(base, columns=tuple(one.base for one in both)),
        replace(other, columns=tuple(one.other for one in both)),
    )
    before, now = (
        control_totals(cursor, side, progress_part(on_progress, at / 2, (at + 1) / 2))
        for at, side in enumerate(sides)
    )
    return tuple(
        TotalChange(
            two.column,
            one.sum,
            two.sum,
            _difference(one.sum, two.sum),
            one.is_exact and two.is_exact,
            one.is_identifier or two.is_identifier,
        )
        for one, two in zip(before, now, strict=True)
    )


def _difference(before: str, now: str) -> str:
    """The exact difference of two decimal numbers; NaN if one of them is not finite."""
    one, two = Decimal(before), Decimal(now)
    if not (one.is_finite() and two.is_finite()):
        return "NaN"
    with localcontext() as context:
        context.prec = SUM_DIGITS
        return shown_decimal(two - one)
