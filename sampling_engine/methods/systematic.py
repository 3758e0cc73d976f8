"""Systematic sampling: eligible rows in the table's order, at equal distances.

Madow and Madow 1944; the fractional distance that gives exactly n rows: Murthy 1967, "Sampling
theory and methods".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from contract.declarations import Help, Initial, Title, UsedWith
from contract.fields import Bounds, Count
from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.engines.duckdb_engine import DUCKDB, eligible_pieces
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import InvalidMethod, InvalidSize, RowsMissing, warned
from sampling_engine.methods.method import (
    NO_ROW,
    EligibleRows,
    Method,
    RoundDraw,
    all_drawn_warning,
    least_left,
)
from sampling_engine.methods.parameters import SampleSize, SortColumns, SortRule, line_of
from sampling_engine.results import Floats, FrameFacts, RoundRows, RowChances, RowOutcome, nth
from sampling_engine.selection.order import Int64s, SeededOrder, in_sorted, seed_for
from sampling_engine.selection.strata import ColumnStrata
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.spec import Strategy
from sampling_engine.sql.lines import SERPENTINE, TABLE_ORDER, SelectionLine, line_text
from sampling_engine.sql.passes import PlacesInLine, RowsAtPlaces


class SystematicMethod(Method):
    """Eligible rows at equal distances, in the table's order or sorted by some columns."""

    interval: Annotated[
        int | None,
        Count(Bounds(1)),
        Help("The distance between drawn rows, in eligible rows."),
        Initial(10),
    ] = None
    sample_size: Annotated[SampleSize, Help("Rows to draw; the distance is then a fraction.")] = (
        None
    )
    start: Annotated[
        int | None,
        Count(Bounds(1)),
        Title("First row"),
        Help("The first eligible row to draw, 1 to `interval`. Default: by the seed."),
        UsedWith({"interval": ()}),
    ] = None
    sort_columns: SortColumns = None
    sort_order: SortRule = SERPENTINE

    key: ClassVar = "systematic"
    title: ClassVar = "Every k-th row"
    description: ClassVar = (
        "Eligible rows at equal distances, in the table's order or sorted by up to three columns. "
        "Give `interval` or `sample_size`."
    )
    exactly_one_of: ClassVar = (("interval", "sample_size"),)
    draws_from_list: ClassVar = True
    may_draw_none: ClassVar = True
    planning_note: ClassVar = "A systematic sample is planned as a random one."
    equal_chances: ClassVar = True
    comparison_note: ClassVar = "A systematic sample is treated as a random one."
    no_keyed_order: ClassVar = (
        "A systematic round takes every k-th row in the table's order, so it has no keyed order: "
        "draw a random or a stratified sample."
    )

    def check_combination(self, loc: Loc) -> None:
        """A start needs an interval that it lies in."""
        at = (*loc, "start")
        if self.start is None:
            return
        if self.interval is None:
            raise InvalidMethod(
                "`start` needs `interval`; with `sample_size` the seed determines the start.",
                loc=at,
            )
        if self.start > self.interval:
            raise InvalidSize(
                "`start` must be 1 to {interval}, the interval.", interval=self.interval, loc=at
            )

    @property
    def no_reserves(self) -> str:
        """The rows off the grid have no order."""
        return (
            "A systematic round has no reserves: the rows between the drawn ones have no order. "
            "Draw another round, with another start or a smaller interval."
        )

    @property
    def is_at_distances(self) -> bool:
        """They are."""
        return True

    @property
    def sorted_by(self) -> str | None:
        """The order by the columns."""
        if self.sort_columns is None:
            return None
        return line_text(self.sort_columns, self.sort_order)

    def check(self, table: TableFiles, loc: Loc) -> None:
        """Refuse columns that the table doesn't have, or whose values have no order."""
        super().check(table, loc)
        line_of(table, self.sort_columns, self.sort_order, loc)

    def scans(self, *, is_filtered: bool) -> int:
        """Of a filter's rows: all are counted, then by block, and those of some blocks read.

        A sort reads the rows, and those of its leading columns for their groups.
        """
        if self.sort_columns is None:
            return 3 if is_filtered else 0
        return int(is_filtered) + min(len(self.sort_columns), 2)

    def always_draws(self, eligible: EligibleRows, taken: Int64s) -> NDArray[np.bool_]:
        """Unless the first row is beyond those that are left."""
        first = 1 if self.interval is None else self.start or self.interval
        return least_left(eligible.counts, taken) >= first

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> SystematicRound:
        """Lay the grid over the eligible rows."""
        rows = eligible.total
        grid = Grid.of(self, eligible.round_spec.effective_seed, rows)
        warnings = all_drawn_warning(self.sample_size or 0, rows) if rows else [NO_ROW]
        warnings += warned(
            rows and not grid.count,
            "start_beyond_rows",
            "The start, row {start}, is beyond the {rows} eligible rows, so none was drawn.",
            start=grid.first + 1,
            rows=rows,
        )
        sizes = np.array([grid.count], dtype=np.int64)
        line = line_of(eligible.state.table, self.sort_columns, self.sort_order)
        return SystematicRound(eligible.prepared(sizes, warnings), grid, line)


@dataclass(frozen=True)
class Grid:
    """The places, from 0, among the eligible rows: floor((first + k·step) / parts)."""

    first: int
    step: int
    parts: int
    count: int

    @classmethod
    def of(cls, method: SystematicMethod, seed: int | str, rows: int) -> Grid:
        """The grid over ``rows`` eligible rows.

        For a sample size n the step is N and the parts are n, so each place is drawn by exactly n
        of the N possible starts. A start that isn't given is drawn from the seed.
        """
        if method.interval is not None:
            start = method.start
            if start is None:
                start = 1 + _drawn_below(method.interval, seed)
            count = max(0, (rows - start) // method.interval + 1)
            return cls(start - 1, method.interval, 1, count)
        count = min(method.sample_size or 0, rows)
        return cls(_drawn_below(rows, seed) if rows else 0, rows, max(count, 1), count)

    def places(self) -> Int64s:
        """All places, in order."""
        if self.first + self.count * self.step < 1 << 62:
            found: Int64s = (self.first + np.arange(self.count) * self.step) // self.parts
            return found
        places = [(self.first + k * self.step) // self.parts for k in range(self.count)]
        return np.array(places, dtype=np.int64)


def _drawn_below(rows: int, seed: int | str) -> int:
    return int(SeededOrder(rows, seed_for(seed, "start")).first(1)[0])


@dataclass(frozen=True)
class SystematicRound(RoundDraw):
    """A round on a grid that lies along a line."""

    grid: Grid
    line: SelectionLine = TABLE_ORDER

    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The rows on the grid, in the order of the line."""
        places = self.grid.places()
        is_sorted = bool(self.line.columns) and bool(len(places))
        unread = self.prepared.strata.row_filter is None and not is_sorted
        run_by: Strategy = "walk" if unread else "scan"
        if is_sorted:
            row_filter = self.prepared.round_spec.filter
            ordinals = state.run(RowsAtPlaces(self.line, row_filter, places), on_progress)
            if len(ordinals) < len(places):
                raise RowsMissing(count=len(places) - len(ordinals))
        elif run_by == "walk":
            ordinals = ordinals_at(places, state.taken)
        else:
            ordinals = self._counted(state, places, on_progress)
        zeros = np.zeros(len(ordinals), dtype=np.int64)
        return RoundRows(Chosen(ordinals, zeros, np.arange(len(ordinals))), run_by)

    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The grid."""
        grid = self.grid
        return {"first": str(grid.first), "step": str(grid.step), "parts": str(grid.parts)}

    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The drawn rows: N/k in expectation, which k doesn't have to divide."""
        rows, grid = int(self.prepared.eligible.sum()), self.grid
        drawn = rows * grid.parts / max(grid.step, 1)
        whole = grid.count == rows
        return FrameFacts(rows, drawn, drawn, max(int(drawn) - 1, 0), whole, int(drawn) + 1)

    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """The same for all; with a filter, a pass over its columns finds the rows' places."""
        groups = self.groups_of(state, ordinals)
        grid = self.grid
        probabilities = np.where(groups >= 0, grid.parts / max(grid.step, 1), 0.0)
        places = self._places_of(state, ordinals)
        return RowChances(groups, probabilities, places, (grid.parts, grid.step))

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Add the row's place along the line, and the grid."""
        outcome = RowOutcome.drawn(rows, place)
        at = (self.grid.first + place * self.grid.step) // self.grid.parts
        return replace(outcome, reason=f"{outcome.reason} {self._place_text(at)}")

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They aren't on the grid."""
        reason = "The row lies between two rows that the round's interval selects."
        # The rows of the round are taken by now, so that the others' places have moved.
        with state.without_taking(rows.chosen.ordinals):
            places = self._places_of(state, ordinals)
        return [
            RowOutcome("off_the_grid", f"{reason} {self._place_text(at)}") for at in places.tolist()
        ]

    def _place_text(self, place: int) -> str:
        """Where a row is along the line, and which places are drawn."""
        grid = self.grid
        rows = int(self.prepared.eligible.sum())
        every = f"every {nth(grid.step)}" if grid.parts == 1 else "one"
        if grid.parts > 1:
            every = f"one in {grid.step / grid.parts:,.6g}"
        return (
            f"It is the {nth(place + 1)} of the {rows:,} eligible rows in {self.line.text}, of "
            f"which {every} was drawn, beginning with the {nth(grid.first // grid.parts + 1)}."
        )

    def _places_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The places of rows along the line, from 0; by DuckDB on any engine."""
        row_filter = self.prepared.round_spec.filter
        if self.line.columns:
            wanted = PlacesInLine(self.line, row_filter, ordinals)
            found = DUCKDB.run(state, wanted, ignore_progress)
            return np.array([found.get(each, 0) for each in ordinals.tolist()], dtype=np.int64)
        places: Int64s = ordinals - np.searchsorted(state.taken, ordinals)
        if row_filter is not None:
            places = np.zeros(len(ordinals), dtype=np.int64)
            for eligible in eligible_pieces(state, row_filter, ignore_progress):
                places += np.searchsorted(eligible, ordinals)
        return places

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """One by the interval; for a size, drawn by eligible rows."""
        count = len(rows.chosen.ordinals)
        grid = self.grid
        return (
            np.full(count, grid.parts / max(grid.step, 1)),
            np.full(count, grid.step / grid.parts),
        )

    def _counted(self, state: DrawState, places: Int64s, on_progress: ProgressCallback) -> Int64s:
        """The ordinals of the eligible rows at ``places``, by a pass over all rows."""
        row_filter = self.prepared.round_spec.filter
        assert row_filter is not None  # noqa: S101 - without a filter nothing is read
        strata = self.prepared.strata
        if isinstance(strata, ColumnStrata) and strata.listed is not None:
            eligible = strata.listed[~in_sorted(strata.listed, state.taken)]
            ordinals = eligible[places[places < len(eligible)]]
        else:
            ordinals = state.engine.ordinals_at(state, row_filter, places, on_progress)
        if len(ordinals) < len(places):
            raise RowsMissing(count=len(places) - len(ordinals))
        return ordinals


def ordinals_at(places: Int64s, taken: Int64s) -> Int64s:
    """The ordinals of the rows at ``places`` among those that aren't in the sorted ``taken``."""
    free_before = taken - np.arange(len(taken))
    return places + np.searchsorted(free_before, places, side="right")
