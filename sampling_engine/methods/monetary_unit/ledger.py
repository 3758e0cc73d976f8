"""The amounts of a round's eligible rows: sums by block of rows, in one pass over the table.

A block has 2^shift consecutive ordinals, the smallest power of two that makes at most 262,144
blocks, so it doesn't depend on files. All sums are of integers.
"""

from __future__ import annotations

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.cached_files import (
    INTEGERS_SUFFIX,
    cache_path,
    read_integers,
    write_integers,
)
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import InvalidNumbers
from sampling_engine.methods.method import EligibleRows
from sampling_engine.methods.monetary_unit.account import RowsAndTotal
from sampling_engine.methods.weighted.weights import Weights
from sampling_engine.selection.order import Int64s
from sampling_engine.sql.passes import MoneyByBlock
from sampling_engine.sql.units import MAX_MONEY, MoneyUnits

BLOCK_BITS = 18
COUNTS = 6
CACHE_VERSION = "money-1"


@dataclass(frozen=True)
class Ledger:
    """The amounts in minor units.

    ``sums`` has shape (blocks,): the sum of each block's amounts in the population. ``rounded``
    rows have a fraction of a minor unit.
    """

    units: MoneyUnits
    rows: int
    positive: RowsAndTotal
    zero_rows: int
    negative: RowsAndTotal
    missing_rows: int
    rounded: int
    shift: int
    sums: Int64s

    @property
    def population_rows(self) -> int:
        """The rows of the population."""
        positive, negative = self.positive.rows, self.negative.rows
        by_name = {"positive": positive, "negative": negative, "absolute": positive + negative}
        return by_name[self.units.population]

    @property
    def weights(self) -> Weights:
        """The amounts as the weights of the rows of the population.

        None is larger than the largest sum of a block.
        """
        total, largest = int(self.sums.sum()), int(self.sums.max())
        return Weights(self.units, self.rows, self.population_rows, total, largest)

    def without(self, ordinals: Int64s, units: Int64s) -> Int64s:
        """The sums by block without some rows."""
        sums = self.sums.copy()
        np.subtract.at(sums, ordinals >> self.shift, units)
        return sums


def shift_of(rows: int) -> int:
    """The bits of an ordinal inside its block.

    >>> shift_of(262_144), shift_of(262_145), shift_of(60_000_000)
    (0, 1, 8)
    """
    return max(max(rows - 1, 0).bit_length() - BLOCK_BITS, 0)


@dataclass(frozen=True)
class BlockSums:
    """The sums of :class:`MoneyByBlock` for some rows.

    ``counts`` has shape (6,): the rows, those with an amount, above 0, equal to 0, refused and
    rounded. ``net`` and ``gross`` have shape (blocks,): the sums of all amounts, and of those
    above 0.
    """

    counts: Int64s
    net: Int64s
    gross: Int64s

    def less(self, others: BlockSums) -> BlockSums:
        """The sums without some of the rows."""
        return BlockSums(
            self.counts - others.counts, self.net - others.net, self.gross - others.gross
        )


def read_ledger(
    eligible: EligibleRows, column: Column, units: MoneyUnits, on_progress: ProgressCallback
) -> Ledger:
    """Add the amounts of the eligible rows up.

    The sums of all rows that pass the filter are cached; those of taken rows are subtracted.

    Raises
    ------
    InvalidNumbers
        An amount is infinite, or all of them together are 2^62 minor units or more.
    """
    state = eligible.state
    found = _cached_sums(eligible, column, units, on_progress)
    if state.taken_rows:
        taken = _block_sums(eligible, column, units, state.taken_rows, on_progress)
        found = found.less(taken)
    rows, present, above, zero, refused, rounded = found.counts.tolist()
    if refused:
        raise InvalidNumbers(
            'The column "{column}" has {refused} infinite or very large amounts in the eligible '
            "rows: filter them out or choose another column.",
            column=column.name,
            refused=refused,
            loc=(*eligible.loc, "book_column"),
        )
    net, gross = found.net, found.gross
    gross_total, net_total = sum(gross.tolist()), sum(net.tolist())
    if 2 * gross_total - net_total >= MAX_MONEY:
        _refuse_large(eligible, column)
    credit = gross - net
    sums = {"positive": gross, "negative": credit, "absolute": gross + credit}[units.population]
    return Ledger(
        units,
        rows,
        RowsAndTotal(above, gross_total),
        zero,
        RowsAndTotal(present - above - zero, net_total - gross_total),
        rows - present,
        rounded,
        shift_of(state.table.file_rows),
        sums,
    )


def _cached_sums(
    eligible: EligibleRows, column: Column, units: MoneyUnits, on_progress: ProgressCallback
) -> BlockSums:
    """The sums of all rows that pass the filter, from the cache if they are there."""
    state, row_filter = eligible.state, eligible.round_spec.filter
    if state.counts_dir is None:
        return _block_sums(eligible, column, units, None, on_progress)
    read = TableFiles((column,), state.table.files)
    filter_text = row_filter and row_filter.text
    named = (CACHE_VERSION, units.signed(), filter_text)
    path = cache_path(state.counts_dir, read, *named, suffix=INTEGERS_SUFFIX)
    cached = read_integers(path)
    if cached is not None:
        return BlockSums(cached[:COUNTS], *cached[COUNTS:].reshape(2, -1))
    found = _block_sums(eligible, column, units, None, on_progress)
    write_integers(path, np.concatenate([found.counts, found.net, found.gross]))
    return found


def _block_sums(
    eligible: EligibleRows,
    column: Column,
    units: MoneyUnits,
    taken: RowSet | None,
    on_progress: ProgressCallback,
) -> BlockSums:
    """The sums of the rows of a table of the cursor, or of all (None), that pass the filter."""
    state = eligible.state
    shift = shift_of(state.table.file_rows)
    blocks = (max(state.table.file_rows - 1, 0) >> shift) + 1
    net, gross = np.zeros(blocks, dtype=np.int64), np.zeros(blocks, dtype=np.int64)
    if not state.table.file_rows:
        return BlockSums(np.zeros(COUNTS, dtype=np.int64), net, gross)
    found = state.run(MoneyByBlock(units, eligible.round_spec.filter, shift, taken), on_progress)
    if np.ma.is_masked(found.net) or np.ma.is_masked(found.gross):
        _refuse_large(eligible, column)
    net[found.block], gross[found.block] = found.net, found.gross
    counted = (found.rows, found.present, found.above, found.zero, found.refused, found.rounded)
    counts = np.array([int(np.ma.filled(each, 0).sum()) for each in counted], dtype=np.int64)
    return BlockSums(counts, net, gross)


def _refuse_large(eligible: EligibleRows, column: Column) -> None:
    raise InvalidNumbers(
        'The amounts in "{column}" add up to 2^62 or more of their smallest unit: filter rows, or '
        "store the column with fewer decimal places.",
        column=column.name,
        loc=(*eligible.loc, "book_column"),
    )
