"""A fine histogram of a number in the rows that a round can draw, for the choice of breaks.

Bins widen with the distance from the smallest value, by 0.3 % each, so that the breaks of skewed
and of even values are found alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine import statements
from sampling_engine.allocation import range_and_units
from sampling_engine.rounds import EligibleRows

BINS_PER_OCTAVE = 256
OCTAVES = 24


@dataclass(frozen=True, eq=False)
class FineHistogram:
    """Bin edges, shape (bins + 1,), rows of each bin, and the range of the finite values."""

    edges: NDArray[np.float64]
    rows: NDArray[np.int64]
    low: float
    high: float


def fine_histogram(
    eligible: EligibleRows, column: Column, on_progress: ProgressCallback
) -> FineHistogram | None:
    """Count the finite values of a column by bin; None unless there are two different ones."""
    found = range_and_units(eligible, column, progress_part(on_progress, 0.0, 0.5))
    if found is None or not found.low < found.high:
        return None
    state = eligible.state
    low, width = found.low, found.high / 2 - found.low / 2
    scale = 2.0 ** (OCTAVES - 1) / width
    bins = BINS_PER_OCTAVE * OCTAVES + 2
    rows = np.zeros(bins, dtype=np.int64)
    value = f"CAST(f.{quote_identifier(column.name)} AS DOUBLE)"
    for name, sign in state.signed_rows:
        source, params = statements.rows_among(
            state.table, f"{value} AS v", eligible.strata.row_filter, name
        )
        number = f"floor({BINS_PER_OCTAVE} * log2(1 + (v - ?::DOUBLE) * ?::DOUBLE))"
        sql = (
            f"SELECT CAST({number} AS INTEGER) AS bin, count(*) AS rows FROM ({source}) "
            "WHERE isfinite(v) GROUP BY bin"
        )
        with watched(state.cursor, progress_part(on_progress, 0.5, 1.0), "counting values"):
            counted = state.cursor.execute(sql, [low, scale, *params]).fetchnumpy()
        np.add.at(rows, counted["bin"], sign * counted["rows"])
    edges = low + (2.0 ** (np.arange(bins + 1) / BINS_PER_OCTAVE) - 1.0) / scale
    return FineHistogram(edges, rows, low, found.high)
