"""A fine histogram of a number in the rows that a round can draw, for the choice of breaks.

Bins widen by 0.3 % each with the distance from 0, or from the smallest value if all have one sign,
so that the breaks of skewed and of even values are found alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine.allocation import range_and_units
from sampling_engine.rounds import EligibleRows
from sampling_engine.sql import statements

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
    origin = 0.0 if found.low < 0.0 < found.high else found.low
    scale = 2.0 ** (OCTAVES - 1) / max(found.high / 2 - origin / 2, origin / 2 - found.low / 2)
    ends = np.array([found.low, found.high]) - origin
    ends = np.sign(ends) * np.log2(1.0 + np.abs(ends) * scale) * BINS_PER_OCTAVE
    # A bin more at both ends, where the logarithms of DuckDB may differ in the last digit.
    first, last = int(np.floor(ends[0])) - 1, int(np.floor(ends[1])) + 1
    rows = np.zeros(last - first + 1, dtype=np.int64)
    distance = f"CAST(f.{quote_identifier(column.name)} AS DOUBLE) - ?::DOUBLE"
    bin_number = f"floor({BINS_PER_OCTAVE} * sign(d) * log2(1 + abs(d) * ?::DOUBLE))"
    for name, sign in state.signed_rows:
        source, params = statements.rows_among(
            state.table,
            f"f.{quote_identifier(column.name)}",
            eligible.strata.row_filter,
            name,
        )
        sql = (
            f"SELECT CAST({bin_number} AS INTEGER) AS bin, count(*) AS rows "
            f"FROM (SELECT {distance} AS d FROM ({source}) AS f) WHERE isfinite(d) GROUP BY bin"
        )
        with watched(state.cursor, progress_part(on_progress, 0.5, 1.0), "counting values"):
            counted = state.cursor.execute(sql, [scale, origin, *params]).fetchnumpy()
        np.add.at(rows, counted["bin"] - first, sign * counted["rows"])
    places = np.arange(first, last + 2) / BINS_PER_OCTAVE
    edges = origin + np.sign(places) * (2.0 ** np.abs(places) - 1.0) / scale
    return FineHistogram(edges, rows, found.low, found.high)
