"""The replacement rows of a round: the next rows of its order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    ignore_progress,
    progress_part,
)
from parquet_tables.rows import RowSet
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine.checks import check_rounds
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import InvalidSize, NoReserves, UnknownRound
from sampling_engine.methods.method import Round
from sampling_engine.methods.parameters import MAX_SIZE
from sampling_engine.rounds import replay
from sampling_engine.sample_table import reserve_rows
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import Strata
from sampling_engine.selection.walk_and_scan import Chosen


def reserves(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    round_number: int,
    limit: int,
    *,
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback = ignore_progress,
    counts_dir: Path | None = None,
) -> TableFiles:
    """Write the next rows of a round's order after those that it drew.

    Parameters
    ----------
    limit : int
        Rows for each stratum, or for each drawn cluster; 1 or more.

    Returns
    -------
    TableFiles
        One file: the table's columns, ``_logical_row_id``, ``_stratum`` and ``_reserve_order``
        (from 1 in each stratum); in order of stratum, then of the reserve.

    Raises
    ------
    UnknownRound, InvalidSize
        ``round_number`` or ``limit`` is out of range.
    NoReserves
        The round is systematic, or draws whole clusters.
    """
    check_rounds(table, rounds)
    _check_request(rounds, round_number, limit)
    on_progress = MonotonicProgress(on_progress)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        finished = list(replay(state, rounds, progress_part(on_progress, 0.0, 0.8)))
        draw = finished[round_number - 1].draw
        rows = draw.next_rows(state, limit, progress_part(on_progress, 0.8, 0.9))
        step = progress_part(on_progress, 0.9, 1.0)
        return _write(state, draw.prepared.strata, rows, table_key, destination, step)


def _check_request(rounds: Sequence[Round], round_number: int, limit: int) -> None:
    if not 1 <= round_number <= len(rounds):
        raise UnknownRound(
            "There is no round {round_number}; the draw has {rounds}.",
            round_number=round_number,
            rounds=len(rounds),
            loc=("round_number",),
        )
    if not 1 <= limit <= MAX_SIZE:
        raise InvalidSize("`limit` is 1 or more.", loc=("limit",))
    if (reason := rounds[round_number - 1].method.no_reserves) is not None:
        raise NoReserves(reason)


def _write(
    state: DrawState,
    strata: Strata,
    rows: Chosen,
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback,
) -> TableFiles:
    places = _places(rows.strata)
    chosen = {"ordinal": rows.ordinals, "selection_order": places, "stratum": rows.strata}
    state.cursor.register("chosen", chosen)
    statement = reserve_rows(
        state.table,
        table_key,
        strata.table_name,
        strata.columns,
        RowSet.of("chosen", rows.ordinals),
    )
    message = "writing the reserves"
    file = write_parquet(
        state.cursor, *statement, destination, on_progress=on_progress, message=message
    )
    return TableFiles(read_columns(state.cursor, destination), (file,))


def _places(strata: Int64s) -> Int64s:
    """Each row's place in its stratum, from 1, in the order given."""
    by_stratum = np.argsort(strata, kind="stable")
    grouped = strata[by_stratum]
    places = np.empty(len(strata), dtype=np.int64)
    first = np.searchsorted(grouped, grouped, side="left")
    places[by_stratum] = np.arange(1, len(strata) + 1) - first
    return places
