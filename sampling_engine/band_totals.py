"""Rows and amounts of a column's bands, for an editor of their breaks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.amounts import eligible_amounts
from sampling_engine.checks import amount_of
from sampling_engine.methods.parameters import found_column
from sampling_engine.rounds import DrawState
from sampling_engine.selection.bands import BandColumn, Bands, band_column
from sampling_engine.selection.strata import ColumnStrata
from sampling_engine.spec import RowFilter


@dataclass(frozen=True)
class BandTotals:
    """The bands in order, and the rows without a value; ``amounts`` is None without a column."""

    column: BandColumn
    rows: tuple[int, ...]
    amounts: tuple[Decimal, ...] | None
    missing: int
    missing_amount: Decimal | None


def band_totals(
    database: ParquetDatabase,
    table: TableFiles,
    bands: Bands,
    *,
    row_filter: RowFilter | None = None,
    amount_column: str | None = None,
    counts_dir: Path | None = None,
) -> BandTotals:
    """Count rows and add up amounts by band.

    Raises
    ------
    InvalidStrata, UnknownColumn, InvalidMethod
        The column or the breaks make no bands, or the amount column holds no numbers.
    """
    column = band_column(found_column(table, bands.column, ("column",)), bands, ())
    amount = amount_of(table, amount_column)
    rows = dict.fromkeys(range(len(column.labels)), 0)
    amounts = dict.fromkeys(rows, Decimal(0))
    missing, missing_amount = 0, Decimal(0)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir, amount=amount)
        strata = state.strata_of([column], row_filter, ignore_progress)
        counts = state.eligible_of(strata, ignore_progress).tolist()
        sums = (
            [Decimal(0)] * len(counts)
            if amount is None
            else [one.net for one in eligible_amounts(state, strata, ignore_progress)]
        )
        numbers = strata.band_numbers() if isinstance(strata, ColumnStrata) else [None]
    for number, count, total in zip(numbers, counts, sums, strict=True):
        if number is None:
            missing, missing_amount = count, total
        else:
            rows[number], amounts[number] = count, total
    return BandTotals(
        column,
        tuple(rows.values()),
        None if amount is None else tuple(amounts.values()),
        missing,
        None if amount is None else missing_amount,
    )
