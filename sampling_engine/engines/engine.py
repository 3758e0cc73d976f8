"""The passes over a table that a draw needs, whichever engine makes them.

An engine finds rows and counts them. The exact cut, the sample and its publication are made
elsewhere, so a draw gives the same bytes on every engine. Rows that are named by their ordinals are
always read by DuckDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column
from sampling_engine.results import Strategy
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.spec import RowFilter
from sampling_engine.statements import MoneyUnits, Units

if TYPE_CHECKING:
    from sampling_engine.rounds import DrawState
    from sampling_engine.selection.strata import Strata

EngineName = Literal["duckdb", "spark"]
ENGINES = ("auto", "duckdb", "spark")
"""What a request may name."""

Row = tuple[Any, ...]


class Engine(Protocol):
    """The passes over all rows of a draw's table.

    A pass reads the rows that pass its filter. Where it has ``rows``, a table of the draw's
    cursor, it reads only the rows whose ordinals that table holds; None is all rows.
    """

    name: EngineName
    strategy: Strategy | None
    """How rows are chosen that must be read to be known; None lets the planner choose."""

    def count_strata(
        self,
        state: DrawState,
        columns: Sequence[Column],
        row_filter: RowFilter | None,
        strata: str,
        on_progress: ProgressCallback,
    ) -> None:
        """Make the cursor's table ``strata``, as :func:`statements.count_strata`.

        Without columns it has one stratum, as :func:`statements.count_rows`.
        """

    def ranked_below(
        self,
        state: DrawState,
        order: SeededOrder,
        strata: Strata,
        wanted: Int64s,
        thresholds: Int64s,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s, Int64s]:
        """Ordinals, strata and ranks of the rows of ``wanted`` strata below their thresholds.

        ``wanted`` and ``thresholds`` have one entry for each such stratum. Rows that are taken are
        left out. In no order.
        """

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        """The ordinals of the rows at ascending places, from 0, among those that aren't taken.

        Places beyond the last row are left out.
        """

    def exact_totals(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        """As :func:`statements.exact_totals`."""

    def range_of(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        on_progress: ProgressCallback,
    ) -> Row:
        """As :func:`statements.range_of`, of all rows."""

    def refused_numbers(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        """As :func:`statements.refused_numbers`."""

    def unit_totals(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        """As :func:`statements.unit_totals`."""

    def rows_of_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        least: int,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s]:
        """Ordinals and units, as :func:`statements.rows_of_units`; in no order."""

    def unit_groups(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        below: int,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        """As :func:`statements.unit_groups`."""

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
        """Ordinals, units and ranks, as :func:`statements.scan_units`; in no order."""

    def money_by_block(
        self,
        state: DrawState,
        units: MoneyUnits,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        shift: int,
        on_progress: ProgressCallback,
    ) -> list[Any]:
        """The arrays of :func:`statements.money_by_block`; masked where a sum is NULL."""

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
        """Ordinals and minor units, as :func:`statements.money_of_blocks`, of ascending blocks."""

    def sums_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        units: Units,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        """As :func:`statements.sums_by_stratum`."""

    def check_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        ordinals: Int64s,
        found: Int64s,
    ) -> None:
        """Raise DomainError unless these rows pass the filter and have these units."""

    def amounts_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        column: Column,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        """As :func:`statements.amounts_by_stratum`."""
