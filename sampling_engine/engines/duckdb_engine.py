"""The passes of a draw in DuckDB, on the draw's own cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, watched
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column
from sampling_engine import statements
from sampling_engine.engines.engine import EngineName, Row
from sampling_engine.results import Strategy
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.selection.walk_and_scan import in_sorted
from sampling_engine.spec import RowFilter
from sampling_engine.statements import MoneyUnits, Statement, Units

if TYPE_CHECKING:
    from sampling_engine.rounds import DrawState
    from sampling_engine.selection.strata import Strata

# Rows of one piece of the pass over a filter's columns.
PIECE_ROWS = 1 << 22
ADDING_UP = "adding numbers up"


class DuckDbEngine:
    """Runs every pass as one statement or, for places, as one for each piece of the table."""

    name: EngineName = "duckdb"
    strategy: Strategy | None = None

    def count_strata(
        self,
        state: DrawState,
        columns: Sequence[Column],
        row_filter: RowFilter | None,
        strata: str,
        on_progress: ProgressCallback,
    ) -> None:
        if columns:
            statement = statements.count_strata(state.table, columns, strata, row_filter)
        else:
            assert row_filter is not None  # noqa: S101 - the caller's part
            statement = statements.count_rows(state.table, strata, row_filter)
        with watched(state.cursor, on_progress, "counting strata" if columns else "counting rows"):
            state.cursor.execute(*statement)

    def ranked_below(
        self,
        state: DrawState,
        order: SeededOrder,
        strata: Strata,
        wanted: Int64s,
        thresholds: Int64s,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s, Int64s]:
        statement = statements.scan(
            state.table, strata.columns, strata.table_name, order, strata.row_filter
        )
        with registered(state.cursor, {"wanted": {"stratum": wanted, "threshold": thresholds}}):
            rows = _arrays(state, statement, on_progress, "scanning for the lowest ranks")
        return rows["ordinal"], rows["stratum"], rows["rank"]

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        parts: list[Int64s] = [np.empty(0, dtype=np.int64)]
        counted, done = 0, 0
        for ordinals in eligible_pieces(state, row_filter, on_progress):
            stop = int(np.searchsorted(places, counted + len(ordinals)))
            parts.append(ordinals[places[done:stop] - counted])
            counted, done = counted + len(ordinals), stop
        return np.concatenate(parts)

    def exact_totals(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        return _row(
            state, statements.exact_totals(state.table, column, row_filter, rows), on_progress
        )

    def range_of(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        on_progress: ProgressCallback,
    ) -> Row:
        return _row(state, statements.range_of(state.table, column, row_filter, None), on_progress)

    def refused_numbers(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        statement = statements.refused_numbers(state.table, column, row_filter, rows)
        return _row(state, statement, on_progress)

    def unit_totals(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        return _row(
            state, statements.unit_totals(state.table, units, row_filter, rows), on_progress
        )

    def rows_of_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        least: int,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s]:
        statement = statements.rows_of_units(state.table, units, row_filter, least)
        rows = _arrays(state, statement, on_progress, "looking for take-all rows")
        return rows["ordinal"], rows["v"]

    def unit_groups(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        below: int,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        statement = statements.unit_groups(state.table, units, row_filter, rows, below)
        return _rows(state, statement, on_progress, "grouping rows by size")

    def scan_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        order: SeededOrder,
        target_per_unit: float,
        below: int,
        largest_key: float,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s, Int64s]:
        statement = statements.scan_units(
            state.table, units, row_filter, order, target_per_unit, below, largest_key
        )
        rows = _arrays(state, statement, on_progress, "scanning for the smallest keys")
        return rows["ordinal"], rows["v"], rows["rank"]

    def money_by_block(
        self,
        state: DrawState,
        units: MoneyUnits,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        shift: int,
        on_progress: ProgressCallback,
    ) -> list[Any]:
        statement = statements.money_by_block(state.table, units, row_filter, rows, shift)
        return list(_arrays(state, statement, on_progress, "adding amounts up").values())

    def money_of_blocks(
        self,
        state: DrawState,
        units: MoneyUnits,
        row_filter: RowFilter | None,
        shift: int,
        blocks: Int64s,
        below: int,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s]:
        span = (int(blocks[0]), int(blocks[-1]) + 1)
        statement = statements.money_of_blocks(state.table, units, row_filter, shift, span, below)
        with registered(state.cursor, {"hit": {"block": blocks}}):
            rows = _arrays(state, statement, on_progress, "reading the selected blocks")
        return rows["ordinal"], rows["v"]

    def sums_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        units: Units,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        statement = statements.sums_by_stratum(state.table, strata, units, rows)
        return _rows(state, statement, on_progress, "reading the allocation's columns")

    def amounts_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        column: Column,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        statement = statements.amounts_by_stratum(state.table, strata, column, rows)
        return _rows(state, statement, on_progress, "adding amounts up")

    def check_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        ordinals: Int64s,
        found: Int64s,
    ) -> None:
        """DuckDB found them itself."""


DUCKDB = DuckDbEngine()


def eligible_pieces(
    state: DrawState, row_filter: RowFilter, on_progress: ProgressCallback
) -> Iterator[Int64s]:
    """The ordinals of the rows that pass a filter and aren't taken, in order, piece by piece."""
    rows = state.table.file_rows
    for first in range(0, rows, PIECE_ROWS):
        on_progress(first / rows, "counting the grid's places")
        stop = min(first + PIECE_ROWS, rows)
        sql, params = statements.numbered_rows(state.table, "", row_filter, first, stop)
        found = state.cursor.execute(sql, params).fetchnumpy()
        ordinals = np.sort(found["ordinal"])
        yield ordinals[~in_sorted(ordinals, state.taken)]


def _arrays(
    state: DrawState, statement: Statement, on_progress: ProgressCallback, message: str
) -> dict[str, Any]:
    with watched(state.cursor, on_progress, message):
        found: dict[str, Any] = state.cursor.execute(*statement).fetchnumpy()
    return found


def _rows(
    state: DrawState, statement: Statement, on_progress: ProgressCallback, message: str
) -> list[Row]:
    with watched(state.cursor, on_progress, message):
        found: list[Row] = state.cursor.execute(*statement).fetchall()
    return found


def _row(state: DrawState, statement: Statement, on_progress: ProgressCallback) -> Row:
    return _rows(state, statement, on_progress, ADDING_UP)[0]
