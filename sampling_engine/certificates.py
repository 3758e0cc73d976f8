"""The rounds of a finished draw as a certificate states them, and the data to draw them again.

The draw is replayed, so the facts are those of the engine. docs/CERTIFICATE.md has the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.exports import export_query
from parquet_tables.progress import ignore_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_hashes import row_text
from parquet_tables.row_keys.digests import KeyDigests
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, Int64s, TableFiles
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import DrawWarning
from sampling_engine.methods.method import Reserves, Round
from sampling_engine.results import Floats
from sampling_engine.rounds import FinishedRound, replay
from sampling_engine.spec import RowFilter
from sampling_engine.sql.statements import key_value, not_taken


@dataclass(frozen=True)
class CertifiedRound:
    """A drawn round; the arrays have shape (rows,), in the order of selection.

    ``facts`` depend on the method: those of all rows on which the draw depends.
    """

    round_number: int
    effective_seed: str
    eligible_rows: int
    facts: dict[str, object]
    ordinals: Int64s
    probabilities: Floats
    weights: Floats
    reserves: Reserves | Literal["none"]
    warnings: tuple[DrawWarning, ...]


def certified_rounds(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    counts_dir: Path | None = None,
) -> list[CertifiedRound]:
    """Draw the rounds of a finished draw again, and return what a certificate states of them."""
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        return [_certified(finished) for finished in replay(state, rounds, ignore_progress)]


def _certified(finished: FinishedRound) -> CertifiedRound:
    draw, rows = finished.draw, finished.rows
    spec = draw.prepared.round_spec
    probabilities, weights = draw.probabilities_and_weights(rows)
    return CertifiedRound(
        spec.round_number,
        spec.effective_seed,
        int(draw.prepared.eligible.sum()),
        draw.facts(rows),
        rows.chosen.ordinals,
        probabilities,
        weights,
        spec.method.reserves if spec.method.no_reserves is None else "none",
        tuple(draw.prepared.warnings),
    )


def columns_for_redraw(table: TableFiles, rounds: Sequence[Round]) -> tuple[Column, ...]:
    """The columns whose values a redraw needs, in the table's order.

    Columns that only filters read aren't among them: the data say which rows pass.
    """
    names: list[str] = []
    for spec in rounds:
        names += spec.method.named_columns
        names += spec.order.key.columns if spec.order is not None else ()
    wanted = {table.column(name) for name in names}
    return tuple(column for column in table.columns if column in wanted)


def write_redraw_data(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    path: Path,
    *,
    counts_dir: Path | None = None,
) -> None:
    """Write a CSV file with the data that a redraw needs, a line for each row of the files.

    The columns are the ordinal, whether the table has the row, whether the row passes the filter of
    each round that has one, the texts of rows with one key if a round numbers equal keys, and
    :func:`columns_for_redraw` as texts.
    """
    columns = columns_for_redraw(table, rounds)
    filters = [(each.round_number, each.filter) for each in rounds if each.filter is not None]
    with database.cursor(table) as cursor:
        shared = _rows_of_equal_keys(cursor, table, rounds, counts_dir)
        tables = {"taken": {"ordinal": table.deletion_vector}}
        if shared is not None:
            tables["shared"] = {"ordinal": shared}
        with registered(cursor, tables):
            statement = _rows_statement(table, columns, filters, with_texts=shared is not None)
            export_query(cursor, *statement, path, "csv")


def _rows_of_equal_keys(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    rounds: Sequence[Round],
    counts_dir: Path | None,
) -> Int64s | None:
    """The rows that share a key that numbers them; None if no round numbers equal keys."""
    keys = {
        spec.order.key
        for spec in rounds
        if spec.order is not None
        and spec.order.key.duplicates == "number"
        and spec.method.orders_rows(spec.order.key)
    }
    if not keys:
        return None
    faults = [KeyDigests(cursor, table, key, counts_dir).faults() for key in keys]
    return np.unique(np.concatenate([each.repeated_rows for each in faults]))


def _rows_statement(
    table: TableFiles,
    columns: Sequence[Column],
    filters: Sequence[tuple[int, RowFilter]],
    *,
    with_texts: bool,
) -> Statement:
    """Every row of the files by ordinal: presence, filters passed, and values as text.

    A row is present unless the table ``taken`` has it. ``filters`` are by round number. The text of
    a value is that of a stratum's key. With ``with_texts`` the rows of the table ``shared`` have
    the text of the whole row, too.
    """
    passes, params = [], []
    for number, row_filter in filters:
        condition, bound = row_filter.condition("f")
        passes.append(f"coalesce(({condition}), false) AS p{number:d}")
        params += bound
    texts = [
        f"CAST({key_value(column)} AS VARCHAR) AS c{place}" for place, column in enumerate(columns)
    ]
    whole = []
    if with_texts:
        is_shared = "f.file_row_number + ? IN (SELECT ordinal FROM shared)"
        whole = [f"CASE WHEN {is_shared} THEN {row_text(table.columns)} END AS row_text"]
    selected = ", ".join(["f.file_row_number + ? AS ordinal", *passes, *whole, *texts])
    branches: list[str] = []
    all_params: list[object] = []
    for file, start in table.with_starts():
        branches.append(f"SELECT {selected} FROM read_parquet(?, file_row_number = true) AS f")
        all_params += [start, *params, *[start] * len(whole), str(file.path)]
    if not branches:
        empty = [f"false AS p{number:d}" for number, _ in filters]
        empty += ["CAST(NULL AS VARCHAR) AS row_text"] * len(whole)
        empty += [f"CAST(NULL AS VARCHAR) AS c{place}" for place in range(len(columns))]
        branches = [f"SELECT {', '.join(['0 AS ordinal', *empty])} WHERE false"]
    shown = ["t.ordinal", f"{not_taken('t')} AS present"]
    shown += [f't.p{number:d} AS "pass_{number:d}"' for number, _ in filters]
    shown += ['t.row_text AS "row"'] * len(whole)
    shown += [
        f"t.c{place} AS {quote_identifier(column.name)}" for place, column in enumerate(columns)
    ]
    return (
        f"SELECT {', '.join(shown)} FROM ({' UNION ALL '.join(branches)}) AS t ORDER BY t.ordinal",
        all_params,
    )
