"""Divide a table among the parts of a method: one Parquet file for each, checked when written.

A part has the rows in the table's order. Of each row the number of its part is in memory, one byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from parquet_tables.progress import MonotonicProgress, ProgressCallback, progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import MAX_RUN_LENGTH, Statement, empty_statement, file_scans
from parquet_tables.tables import Column, DataFile, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import RowsMissing
from sampling_engine.methods.divided_round import NO_PART, DividedRound, Parts, WrittenParts
from sampling_engine.methods.method import Round
from sampling_engine.results import DrawnSample, RoundResult
from sampling_engine.rounds import account_of, prepare_round
from sampling_engine.sample_table import SAMPLE_COLUMNS, names_in_sample

PART_COLUMNS = {
    "_logical_row_id": SAMPLE_COLUMNS["_logical_row_id"],
    "_sampling_round": SAMPLE_COLUMNS["_sampling_round"],
    "_part": "VARCHAR",
}
"""The columns that a part has after the table's own."""
CHECKED_ROWS = 1 << 20


def divide_table(
    state: DrawState,
    round_spec: Round,
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback,
) -> DrawnSample:
    """Write each part beside ``destination``, and read the parts again to check them.

    Returns
    -------
    DrawnSample
        Its table has the files of all parts.

    Raises
    ------
    RowsMissing
        The written parts don't have each eligible row exactly once.
    """
    on_progress = MonotonicProgress(on_progress)
    draw = prepare_round(state, round_spec, progress_part(on_progress, 0.0, 0.35))
    assert isinstance(draw, DividedRound)  # noqa: S101 - as a method with tables declares
    table, names, parts = state.table, round_spec.method.tables, draw.parts
    selected = table.select(round_spec.selection.columns)
    shown = [column for column in table.columns if column in selected]
    own_names = [column.name for column in table.columns]
    new_names = dict(zip(own_names, names_in_sample(own_names, PART_COLUMNS), strict=True))
    columns = (
        *(Column(new_names[column.name], column.type) for column in shown),
        *(Column(name, type_) for name, type_ in PART_COLUMNS.items()),
    )
    writing = progress_part(on_progress, 0.35, 0.8)
    files = []
    for number, name in enumerate(names):
        files.append(
            write_parquet(
                state.cursor,
                *_rows_of(table, shown, new_names, parts, number, name, table_key),
                destination.with_stem(f"{destination.stem}-{number}"),
                on_progress=progress_part(writing, number / len(names), (number + 1) / len(names)),
                message=f"writing the part {name}",
            )
        )
    checking = progress_part(on_progress, 0.8, 0.85)
    missing, repeated = _faults(state.cursor, files, parts, checking)
    if missing or repeated:
        raise RowsMissing(count=missing or repeated)
    tables = {name: TableFiles(columns, (file,)) for name, file in zip(names, files, strict=True)}
    kept = {old: new for old, new in new_names.items() if table.column(old) in shown}
    written = WrittenParts(tables, kept, missing, repeated, destination.parent)
    own = draw.account(state, written, progress_part(on_progress, 0.85, 1.0))
    prepared = replace(draw.prepared, own=own)
    result = RoundResult(
        **vars(account_of(prepared, prepared.eligible, None)),
        rows_sampled=sum(file.rows for file in files),
        order_version=round_spec.order_version,
        run_by="scan",
        output_name=round_spec.output_name,
    )
    renamed = {old: new for old, new in kept.items() if old != new}
    ordinals = np.flatnonzero(parts != NO_PART)
    return DrawnSample(
        TableFiles(columns, tuple(files)), (result,), ordinals, renamed, None, tables
    )


def _rows_of(
    table: TableFiles,
    shown: Sequence[Column],
    new_names: dict[str, str],
    parts: Parts,
    number: int,
    name: str,
    table_key: str,
) -> Statement:
    """The rows of a part; bit strings select them, since a join would lose the rows' order."""
    own = [
        f"f.{quote_identifier(column.name)} AS {quote_identifier(new_names[column.name])}"
        for column in shown
    ]
    branches: list[str] = []
    bound: list[object] = []
    for first in range(0, table.file_rows, MAX_RUN_LENGTH):
        for scan in file_scans(table, first, min(first + MAX_RUN_LENGTH, table.file_rows)):
            begin, end = scan.ordinals
            conditions, params = scan.conditions()
            conditions.append(f"get_bit(?::BLOB::BIT, CAST({scan.ordinal} - ? AS INTEGER)) = 1")
            bits = np.packbits(parts[begin:end] == number).tobytes()
            selected = [
                *own,
                f"CAST(? AS VARCHAR) || ':' || CAST({scan.ordinal} AS VARCHAR) AS _logical_row_id",
                "CAST(1 AS INTEGER) AS _sampling_round",
                "CAST(? AS VARCHAR) AS _part",
            ]
            branches.append(
                f"SELECT {', '.join(selected)} FROM {scan.source} WHERE {' AND '.join(conditions)}"
            )
            bound += [table_key, scan.starts, name, scan.paths, *params]
            bound += [bits, scan.starts, begin]
    if not branches:
        columns = [Column(new_names[column.name], column.type) for column in shown]
        return empty_statement([*columns, *(Column(*each) for each in PART_COLUMNS.items())]), []
    return " UNION ALL ".join(branches), bound


def _faults(
    cursor: duckdb.DuckDBPyConnection,
    files: Sequence[DataFile],
    parts: Parts,
    on_progress: ProgressCallback,
) -> tuple[int, int]:
    """Eligible rows that no written file has, and rows that are written too often."""
    times = np.zeros(len(parts), dtype=np.int8)
    repeated = 0
    for number, file in enumerate(files):
        on_progress(number / len(files), "checking the parts")
        for ordinals in _written_ordinals(cursor, file):
            once = np.unique(ordinals)
            repeated += len(ordinals) - len(once) + int((times[once] > 0).sum())
            repeated += int((parts[once] != number).sum())
            times[once] = 1
    missing = int(((parts != NO_PART) & (times == 0)).sum())
    return missing, repeated


def _written_ordinals(
    cursor: duckdb.DuckDBPyConnection, file: DataFile
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The ordinals in a written file, piece by piece."""
    sql = (
        "SELECT CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT) AS ordinal FROM "
        "read_parquet(?, file_row_number = true) AS f "
        "WHERE f.file_row_number >= ? AND f.file_row_number < ?"
    )
    for first in range(0, file.rows, CHECKED_ROWS):
        found = cursor.execute(sql, [str(file.path), first, first + CHECKED_ROWS]).fetchnumpy()
        yield np.asarray(found["ordinal"], dtype=np.int64)
