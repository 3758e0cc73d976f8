"""The order in which amounts are added up, and the rows in which given monetary units lie.

The order is that of the table (``file``), or by the seed: blocks of rows in a seeded order of their
own, and inside a block the rows in the round's order. So only the blocks with a selected unit are
read row by row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part, watched
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.methods.method import Round
from sampling_engine.methods.monetary_unit.account import Cumulation
from sampling_engine.selection.order import Int64s, SeededOrder, in_sorted, seed_for
from sampling_engine.sql.passes import MoneyOfBlocks
from sampling_engine.sql.units import MoneyUnits

BATCH_ROWS = 1 << 20
"""Rows that are read at once."""
SPARSE = 16
"""Blocks of a range for each that is read, from which on rows are looked up by ordinal."""


@dataclass(frozen=True)
class UnitsOfRows:
    """The rows of given units; three arrays of one entry for each unit, in the order given.

    ``before`` are the units in front of the row in the order of cumulation, ``units`` its own.
    """

    ordinals: Int64s
    before: Int64s
    units: Int64s

    def put(self, places: Int64s, rows: UnitsOfRows, at: Int64s) -> None:
        """Copy the rows ``at`` some places of others to ``places`` of these."""
        self.ordinals[places] = rows.ordinals[at]
        self.before[places] = rows.before[at]
        self.units[places] = rows.units[at]


@dataclass(frozen=True)
class CumulatedRows:
    """The rows of fewer than ``below`` minor units, cumulated.

    ``sums`` has shape (blocks,): the units of each block of 2^shift ordinals.
    """

    units: MoneyUnits
    sums: Int64s
    shift: int
    below: int
    order: Cumulation
    round_spec: Round

    def rows_of(
        self, state: DrawState, points: Int64s, on_progress: ProgressCallback
    ) -> UnitsOfRows:
        """Find the rows in which the units ``points``, numbered from 0, lie."""
        line = self.line()
        places = np.searchsorted(np.cumsum(self.sums[line]), points, side="right")
        if len(points) and int(places.max()) >= len(line):
            raise RowsMissing(count=int((places >= len(line)).sum()))
        of_block = line[places]
        found = UnitsOfRows(*(np.zeros(len(points), dtype=np.int64) for _ in range(3)))
        for blocks, rows in self._batches(state, np.unique(of_block), on_progress):
            is_here = np.flatnonzero((of_block >= blocks[0]) & (of_block <= blocks[-1]))
            at = np.searchsorted(rows.before + rows.units, points[is_here], side="right")
            is_found = at < len(rows.before)
            is_found[is_found] = rows.before[at[is_found]] <= points[is_here][is_found]
            if not is_found.all():
                raise RowsMissing(count=int((~is_found).sum()))
            found.put(is_here, rows, at)
        return found

    def units_before(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The units in front of some rows that are cumulated, shape (rows,)."""
        of_block = ordinals >> self.shift
        found = UnitsOfRows(*(np.zeros(len(ordinals), dtype=np.int64) for _ in range(3)))
        for blocks, rows in self._batches(state, np.unique(of_block), ignore_progress):
            is_here = np.flatnonzero((of_block >= blocks[0]) & (of_block <= blocks[-1]))
            order = np.argsort(rows.ordinals)
            at = order[np.searchsorted(rows.ordinals[order], ordinals[is_here])]
            found.put(is_here, rows, at)
        return found.before

    def _batches(
        self, state: DrawState, hit: Int64s, on_progress: ProgressCallback
    ) -> Iterator[tuple[Int64s, UnitsOfRows]]:
        """The rows of the sorted blocks ``hit``, some blocks at a time."""
        line = self.line()
        sums = self.sums[line]
        starts = np.zeros(len(sums), dtype=np.int64)
        starts[line] = np.cumsum(sums) - sums
        batch = max(BATCH_ROWS >> self.shift, 1)
        for first in range(0, len(hit), batch):
            blocks = hit[first : first + batch]
            done, soon = first / len(hit), min(first + batch, len(hit)) / len(hit)
            yield blocks, self._read(state, blocks, starts, progress_part(on_progress, done, soon))

    def line(self) -> Int64s:
        """The blocks in the order of cumulation."""
        blocks = np.arange(len(self.sums), dtype=np.int64)
        if self.order == "file":
            return blocks
        seed = seed_for(self.round_spec.effective_seed, "blocks")
        return np.argsort(SeededOrder(len(blocks), seed).rank(blocks))

    def _read(
        self, state: DrawState, blocks: Int64s, starts: Int64s, on_progress: ProgressCallback
    ) -> UnitsOfRows:
        """The rows of some blocks, in the order of their first units."""
        ordinals, units = (
            self._look_up(state, blocks, on_progress)
            if len(blocks) * SPARSE < int(blocks[-1] - blocks[0])
            else self._scan(state, blocks, on_progress)
        )
        within = ordinals
        if self.order == "seeded" and self.shift:
            order = SeededOrder(state.table.file_rows, self.round_spec.effective_seed)
            within = order.rank(ordinals)
        sorted_by = np.lexsort((within, starts[ordinals >> self.shift]))
        ordinals, units = ordinals[sorted_by], units[sorted_by]
        of_block = ordinals >> self.shift
        passed = np.cumsum(units) - units
        is_first = np.ones(len(ordinals), dtype=bool)
        is_first[1:] = of_block[1:] != of_block[:-1]
        firsts = np.flatnonzero(is_first)
        base = np.repeat(passed[firsts], np.diff(np.append(firsts, len(ordinals))))
        return UnitsOfRows(ordinals, starts[of_block] + passed - base, units)

    def _look_up(
        self, state: DrawState, blocks: Int64s, on_progress: ProgressCallback
    ) -> tuple[Int64s, Int64s]:
        """Ordinals and units of the cumulated rows of some blocks among many."""
        inside = np.arange(1 << self.shift, dtype=np.int64)
        ordinals = ((blocks << self.shift)[:, None] + inside).ravel()
        ordinals = ordinals[~in_sorted(ordinals, state.taken)]
        with watched(state.cursor, on_progress, "reading the selected blocks"):
            places, units = state.units_of(self.units, self.round_spec.filter, ordinals)
        is_left = units < self.below
        return ordinals[places][is_left], units[is_left]

    def _scan(
        self, state: DrawState, blocks: Int64s, on_progress: ProgressCallback
    ) -> tuple[Int64s, Int64s]:
        """Ordinals and units of the cumulated rows of most blocks of a range."""
        wanted = MoneyOfBlocks(self.units, self.round_spec.filter, self.shift, blocks, self.below)
        return state.run(wanted, on_progress)
