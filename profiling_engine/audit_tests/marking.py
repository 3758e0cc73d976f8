"""A tested table with a column that says of each row whether the test found it.

A draw by this column has the found rows as a stratum, like any stratified draw: its certificate,
estimates and evaluation need no rule of their own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.requests.audit_tests import FOUND, NOT_FOUND
from lazy_dataclasses import dataclass
from parquet_tables.columns import DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.names import settle_names
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.rows import Statement, empty_statement, file_scans
from parquet_tables.tables import Column, Int64s, TableFiles
from parquet_tables.writing import write_parquet

MARK = "found"
FILE_ROWS = 1 << 24
"""Rows of one file."""


@dataclass(frozen=True)
class MarkedRows:
    """A table with marks as Parquet files; ``mark`` is the name of the column of marks, the last.

    It is ``found``, with a number if the table has a column of this name.
    """

    files: tuple[DataFile, ...]
    columns: tuple[Column, ...]
    mark: str


def mark_rows(
    database: ParquetDatabase,
    table: TableFiles,
    found: Int64s,
    folder: Path,
    *,
    file_rows: int = FILE_ROWS,
    on_progress: ProgressCallback = ignore_progress,
) -> MarkedRows:
    """Write all rows of a table in their order, each with its mark.

    Parameters
    ----------
    found : array of int64
        The ordinals of the found rows, sorted and distinct.
    folder : Path
        An existing folder for the files.
    """
    names, _ = settle_names([*(column.name for column in table.columns), MARK])
    database.require_free(sum(file.size_bytes for file in table.files))
    files: list[DataFile] = []
    with database.cursor(table) as cursor:
        for start in range(0, max(table.file_rows, 1), file_rows):
            stop = min(start + file_rows, table.file_rows)
            sql, params = _marked(table, names[-1], found, start, stop)
            path = folder / f"marked-{len(files)}.parquet"
            files.append(
                write_parquet(
                    cursor, sql, params, path, on_progress=on_progress, message="marking rows"
                )
            )
    columns = (*table.columns, Column(names[-1], "VARCHAR"))
    return MarkedRows(tuple(files), columns, names[-1])


def _marked(table: TableFiles, mark: str, found: Int64s, start: int, stop: int) -> Statement:
    """The rows with the ordinals ``start`` to ``stop``, in their order, with their marks."""
    cells = ", ".join(f"f.{quote_identifier(column.name)}" for column in table.columns)
    is_found = f"CASE WHEN %s THEN {quote_text(FOUND)} ELSE {quote_text(NOT_FOUND)} END"
    named = f"AS {quote_identifier(mark)}"
    branches: list[str] = []
    params: list[object] = []
    for scan in file_scans(table, start, stop):
        begin, end = scan.ordinals
        bits = np.zeros(end - begin, dtype=np.bool_)
        lower, upper = np.searchsorted(found, (begin, end))
        bits[found[lower:upper] - begin] = True
        bit = f"get_bit(?::BLOB::BIT, CAST({scan.ordinal} - ? AS INTEGER)) = 1"
        conditions, bound = scan.conditions(table.deletion_vector)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        branches.append(f"SELECT {cells}, {is_found % bit} {named} FROM {scan.source}{where}")
        params += [np.packbits(bits).tobytes(), scan.starts, begin, scan.paths, *bound]
    if not branches:
        return empty_statement([*table.columns, Column(mark, "VARCHAR")]), []
    return "\nUNION ALL\n".join(branches), params
