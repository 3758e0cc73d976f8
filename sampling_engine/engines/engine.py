"""The passes over a table that a draw needs, whichever engine makes them.

An engine finds rows and counts them. The exact cut, the sample and its publication are made
elsewhere, so a draw gives the same bytes on every engine. Rows that are named by their ordinals are
always read by DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from contract.words import EngineName
from parquet_tables.progress import ProgressCallback
from sampling_engine.results import Strategy
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import RowFilter
from sampling_engine.sql.passes import Pass, Result, UnitRows
from sampling_engine.sql.units import Units

if TYPE_CHECKING:
    from sampling_engine.rounds import DrawState


class Engine(Protocol):
    """Runs the passes over all rows of a draw's table."""

    name: EngineName
    strategy: Strategy | None
    """How rows are chosen that must be read to be known; None lets the planner choose."""

    def run(self, state: DrawState, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        """Make a pass and return its result."""

    def list_rows(
        self,
        state: DrawState,
        row_filter: RowFilter,
        count: int | None,
        on_progress: ProgressCallback,
    ) -> Int64s | None:
        """The ordinals of the rows that pass a filter, ascending; None if they aren't listed.

        An engine lists them where they are few enough to be ranked here. ``count`` is their
        number, if it is known.
        """

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        """The ordinals of the rows at ascending places, from 0, among those that aren't taken.

        Places beyond the last row are left out.
        """

    def check_units(
        self, state: DrawState, units: Units, row_filter: RowFilter | None, found: UnitRows
    ) -> None:
        """Raise DomainError unless these rows pass the filter and have these units."""
