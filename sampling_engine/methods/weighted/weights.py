"""A column of weights as integers, and the take-all rows.

Integers and decimals of up to 18 digits are exact. The unit of another number is 2^-62 of the power
of two above the largest weight. The uncertainty of a probability counts in millionths.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import frexp, ldexp

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.tables import Column
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import InvalidNumbers
from sampling_engine.methods.method import EligibleRows
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import RowFilter
from sampling_engine.sql.passes import (
    ExactTotals,
    RangeOf,
    RowsOfUnits,
    SizeGroup,
    UnitGroups,
    UnitRows,
    UnitTotals,
)
from sampling_engine.sql.units import MOST_UNCERTAIN, TAKE_ALL_UNITS, UncertaintyUnits, Units

UNIT_BITS = 62
MAX_FACTOR_BITS = 1_000


@dataclass(frozen=True)
class Weights:
    """The weights of the eligible ``rows``, of which ``positive`` have one above 0.

    ``total`` and ``largest`` are in units: their sum, and a bound that no weight exceeds.
    ``missing`` are the rows without a probability, where weights are uncertainties.
    """

    units: Units
    rows: int
    positive: int
    total: int
    largest: int
    missing: int = 0


@dataclass(frozen=True)
class TakeAll:
    """The rows that are drawn with certainty, and what is left for the others.

    Parameters
    ----------
    size, total : int
        Rows to draw of the others, and the sum of their units.
    least : int
        Rows of so many units or more are take-all rows.
    listed_from : int
        The units of the largest other rows, from this on, are in ``listed``, ascending.
    """

    ordinals: Int64s
    size: int
    total: int
    least: int
    listed_from: int
    listed: Int64s

    @property
    def target_per_unit(self) -> float:
        """The target probability of one unit of the rows that are left to chance."""
        return float(Fraction(self.size, self.total)) if self.total else 0.0


def read_weights(eligible: EligibleRows, column: Column, on_progress: ProgressCallback) -> Weights:
    """Sum the weights in one pass or, for floating-point numbers, in two."""
    decimals = column.data_type.decimals
    if decimals is not None:
        return _exact_weights(eligible, column, decimals, on_progress)
    state, row_filter = eligible.state, eligible.round_spec.filter
    rows, finite, smallest, largest = state.run(
        RangeOf(column, row_filter), progress_part(on_progress, 0.0, 0.5)
    )
    step = progress_part(on_progress, 0.5, 1.0)
    if finite < rows or (smallest or 0) < 0:
        eligible.refuse_numbers(column, "weight_column", step)
    bits = min(UNIT_BITS - frexp(max(largest or 0.0, 0.0))[1], MAX_FACTOR_BITS)
    units = Units(column, factor=ldexp(1.0, bits))
    every = state.run(UnitTotals(units, row_filter), step)
    positive, total = every.positive, int(every.total)
    if state.taken_rows:
        taken = state.run(UnitTotals(units, row_filter, state.taken_rows), step)
        rows, positive = rows - taken.rows, positive - taken.positive
        total -= int(taken.total)
    return Weights(units, rows, positive, total, int(every.largest or 0))


def _exact_weights(
    eligible: EligibleRows, column: Column, decimals: int, on_progress: ProgressCallback
) -> Weights:
    state, row_filter = eligible.state, eligible.round_spec.filter
    step = progress_part(on_progress, 0.0, 0.6)
    rows, positive, smallest, total, largest = state.run(ExactTotals(column, row_filter), step)
    if (smallest or 0) < 0:
        eligible.refuse_numbers(column, "weight_column", progress_part(on_progress, 0.6, 0.8))
    if state.taken_rows:
        step = progress_part(on_progress, 0.8, 1.0)
        taken = state.run(ExactTotals(column, row_filter, state.taken_rows), step)
        rows, positive = rows - taken.rows, positive - taken.positive
        total = Decimal(total) - Decimal(taken.total)
    units = Units(column, decimals=decimals)
    total, most = (int(Decimal(n or 0).scaleb(decimals)) for n in (total, largest))
    return Weights(units, rows, positive, total, most)


def read_uncertainties(
    eligible: EligibleRows, units: UncertaintyUnits, on_progress: ProgressCallback
) -> Weights:
    """Sum √(p(1 - p)) of a column of probabilities, in one pass.

    Raises
    ------
    InvalidNumbers
        A probability is below 0, above 1 or NaN.
    """
    state, row_filter = eligible.state, eligible.round_spec.filter
    # Rows without a probability have 2^62 units here, so the sum counts them.
    counted = replace(units, missing=TAKE_ALL_UNITS)
    every = state.run(UnitTotals(counted, row_filter), on_progress)
    rows, positive, total = every.rows, every.positive, int(every.total)
    if state.taken_rows:
        taken = state.run(UnitTotals(counted, row_filter, state.taken_rows), on_progress)
        rows, positive = rows - taken.rows, positive - taken.positive
        total -= int(taken.total)
    if positive < rows:
        raise InvalidNumbers(
            'The column "{column}" has {refused} values below 0, above 1 or NaN in the {rows} '
            "eligible rows, so they are no probabilities: filter them out or choose another "
            "column.",
            column=units.column.name,
            refused=rows - positive,
            rows=rows,
            loc=(*eligible.loc, "weight_column"),
        )
    missing = total // TAKE_ALL_UNITS
    total -= missing * (TAKE_ALL_UNITS - units.missing)
    largest = max(units.missing if missing else 0, MOST_UNCERTAIN)
    return Weights(units, rows, positive, total, largest, missing)


def take_all_rows(
    eligible: EligibleRows, weights: Weights, size: int, on_progress: ProgressCallback
) -> TakeAll:
    """Find the rows whose target, ``size`` · weight / total, would reach 1, until none is left.

    ``size`` is at most the number of rows that have a weight; if equal, all of them are take-all.
    """
    nothing: Int64s = np.empty(0, dtype=np.int64)
    if not size:
        return TakeAll(nothing, 0, 0, 1, 1, nothing)
    if size == weights.positive:
        ordinals, _ = _rows_of_units(eligible, weights, 1, on_progress)
        return TakeAll(ordinals, 0, 0, 1, 1, nothing)
    left, total = size, weights.total
    ordinals, units, listed_from = nothing, nothing, weights.largest + 1
    while True:
        least = -(-total // left)
        if 4 * listed_from > 3 * least:
            # Rows that aren't listed have a target of 1/2 or less, and of 3/4 after later rises.
            listed_from = (least + 1) // 2
            ordinals, units = _rows_of_units(eligible, weights, listed_from, on_progress)
        is_take_all = units >= least
        if int(is_take_all.sum()) == size - left:
            listed = np.sort(units[~is_take_all])
            return TakeAll(ordinals[is_take_all], left, total, least, listed_from, listed)
        left = size - int(is_take_all.sum())
        total = weights.total - sum(units[is_take_all].tolist())


def effective_rows(
    state: DrawState, units: Units, row_filter: RowFilter | None, of: TakeAll
) -> float:
    """N²/Σ(1/π) over all rows with units: the rows of an equally good simple random sample.

    It is about a column that has nothing to do with the units. Rows that earlier rounds drew count,
    too, so that it doesn't depend on which these are.
    """
    rows = len(of.ordinals)
    inverse = float(rows)
    groups: list[SizeGroup] = []
    if of.size:
        groups = state.run(UnitGroups(units, row_filter, of.least), ignore_progress)
    for _, count, total in groups:
        rows += count
        inverse += count**2 / (float(total) * of.target_per_unit)
    return rows**2 / inverse if rows else 0.0


def _rows_of_units(
    eligible: EligibleRows, weights: Weights, least: int, on_progress: ProgressCallback
) -> UnitRows:
    wanted = RowsOfUnits(weights.units, eligible.round_spec.filter, least)
    return eligible.state.run(wanted, on_progress)
