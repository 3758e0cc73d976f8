"""A draw by a pass over all rows.

Owns: the scan. Invariant: it gives the rows that the walk gives. DuckDB evaluates the order for the
rows of the wanted strata and hands over only those whose rank is below a threshold that nearly
surely leaves enough of them; a stratum left short is scanned again with a higher one. So memory
follows the sample's size, not the table's. Called by the draw of a round for rare strata.
"""

from __future__ import annotations

import duckdb
import numpy as np

from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.tables import TableFiles
from sampling_engine.errors import RowsMissing
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.selection.strata import Strata
from sampling_engine.selection.walk import Chosen, first_of_each, ranks_needed
from sampling_engine.sql import statements

WIDER = 8


def scan(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    order: SeededOrder,
    strata: Strata,
    targets: Int64s,
    eligible: Int64s,
    on_progress: ProgressCallback,
) -> Chosen:
    """Keep each stratum's rows with the lowest ranks.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        Its table ``taken`` holds what is left out or was drawn by earlier rounds.
    targets, eligible : arrays of int64, shape (strata,)
        Rows to draw, at most the eligible ones.

    Returns
    -------
    Chosen
        ``targets.sum()`` rows.

    Raises
    ------
    RowsMissing
        The files hold fewer rows than they are said to.
    """
    parts: list[Chosen] = []
    missing = targets
    thresholds = np.ceil(ranks_needed(targets, eligible, order)).astype(np.int64)
    while missing.any():
        step = progress_part(on_progress, 0.9 if parts else 0.0, 0.9)
        found = _rows_below(cursor, table, order, strata, missing, thresholds, step)
        counts = np.bincount(found.strata, minlength=len(missing))
        complete = counts >= missing
        kept = first_of_each(found.strata, np.where(complete, missing, 0))
        parts.append(found.where(kept))
        missing = np.where(complete, 0, missing)
        if (thresholds[missing > 0] >= order.size).any():
            raise RowsMissing(int(missing.sum()))
        thresholds = np.minimum(thresholds * WIDER + WIDER, order.size)
    chosen = Chosen.of_parts(parts)
    return chosen.where(np.argsort(chosen.ranks))


def _rows_below(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    order: SeededOrder,
    strata: Strata,
    missing: Int64s,
    thresholds: Int64s,
    on_progress: ProgressCallback,
) -> Chosen:
    """The rows of the strata that miss some, below their thresholds, in order of rank."""
    wanted = np.flatnonzero(missing)
    limits = {"stratum": wanted, "threshold": thresholds[wanted]}
    sql, params = statements.scan(
        table, strata.columns, strata.table_name, order, strata.row_filter
    )
    with (
        registered(cursor, {"wanted": limits}),
        watched(cursor, on_progress, "scanning for the lowest ranks"),
    ):
        rows = cursor.execute(sql, params).fetchnumpy()
    found = Chosen(rows["ordinal"], rows["stratum"], rows["rank"])
    return found.where(np.argsort(found.ranks))
