"""The rows of a sample as they are in another version, found by their keys.

Only rows of the sampled keys are read: the digests of the keys name them. A row of the answer is a
drawn row with its values then and now, or another row that a sampled key has by now.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
import numpy as np

from contract.declarations import Help
from contract.requests.tables import CurrentRowsRequest
from domain_errors import counted
from parquet_tables.database import registered
from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.row_keys.digests import (
    EXAMPLES,
    NO_KEY,
    KeyDigests,
    KeyMissing,
    RowKey,
    rows_of_keys,
)
from parquet_tables.rows import page_statement, rows_statement
from parquet_tables.tables import Column, Int64s, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.row_diff import (
    ADDED,
    BASE_ROW,
    CHANGE,
    CHANGED,
    OTHER_ROW,
    REMOVED,
    UNCHANGED,
    DiffedRows,
    diff_rows,
    resolve_keys,
)
from sampling_engine.sample_table import names_in_sample
from service.service import Service
from service.tables.chosen_keys import choose_row_key
from service.tables.drawn_rows import ROW_ID
from service.tables.open_tables import (
    SAMPLE,
    OpenTable,
    choose_key,
    named_by,
    open_commit,
    open_source,
    open_table,
    output_of,
)
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord

MAX_ROWS = 200_000
"""Drawn rows of a sample that can be read again at once."""
KEY = ("query", "key")


@dataclass(frozen=True)
class ReadAgain:
    """How the rows of a sample stand in another version."""

    as_of: str
    commit_id: str
    table_key: str
    key: Annotated[tuple[str, ...], Help("The columns that identified the rows.")]
    unchanged: int
    changed: int
    removed: Annotated[int, Help("Drawn rows that the version doesn't have.")]
    added: Annotated[int, Help("Further rows of a sampled key, which the source didn't have.")]


@contextmanager
def current_rows(
    service: Service, job: JobRecord, request: CurrentRowsRequest
) -> Iterator[tuple[ReadAgain, OpenTable]]:
    """The drawn rows of a sample in another version, as a table that the block can read.

    Raises
    ------
    NotFound
        There is no such version or table.
    InvalidKey, UnknownColumn, KeyMissing
        The table has no row key, the columns are none, or a drawn row has no value in one.
    InvalidValue
        The sample has more than ``MAX_ROWS`` rows.
    """
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    if sample.row_count > MAX_ROWS:
        raise InvalidValue(
            "The sample has {rows}. At most {maximum} can be read again: compare its ref with the "
            "version by a row diff.",
            rows=counted(sample.row_count, "row"),
            maximum=MAX_ROWS,
        )
    source, later = open_source(service, job), _later(service, job, request)
    names = list(request.key) or _drawn_by(job)
    key = choose_row_key(service, job.dataset_id, (source,), names, "number", KEY)
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as name:
        folder = Path(name)
        read = _read(service, key, sample, source.files, later.files, folder)
        tables = read.tables
        found = diff_rows(
            service.parquet,
            *tables,
            resolve_keys(*tables, key.columns),
            folder,
            duplicates="number",
            with_unchanged=True,
        )
        with service.parquet.cursor() as cursor:
            table, counts = _listed(cursor, found, read, folder / "rows.parquet")
        kinds = (counts.get(kind, 0) for kind in (UNCHANGED, CHANGED, REMOVED, ADDED))
        # Counts of filters are cached by this name: of this sample, this version and this key.
        shown = f"{later.key} of {job.id} by {', '.join(found.keys)}"
        yield (
            ReadAgain(request.as_of, later.commit_id, later.key, found.keys, *kinds),
            OpenTable(later.commit_id, shown, table),
        )


@dataclass(frozen=True)
class _ReadRows:
    """The rows of the sampled keys in the source and in the version, as two tables.

    Parameters
    ----------
    before, now : array of int64
        Their ordinals; the first ``drawn`` of ``before`` are the drawn rows.
    """

    tables: tuple[TableFiles, TableFiles]
    before: Int64s
    now: Int64s
    drawn: int


def _read(
    service: Service,
    key: RowKey,
    sample: TableFiles,
    source: TableFiles,
    later: TableFiles,
    folder: Path,
) -> _ReadRows:
    """Find the rows of the sampled keys by their digests, and write them to files."""
    with service.parquet.cursor(sample, source, later) as cursor:
        drawn = _drawn_ordinals(cursor, sample)
        counts_dir = service.directory.counts_dir
        keyed, keyed_now = (
            KeyDigests(cursor, table, key, counts_dir, loc=KEY) for table in (source, later)
        )
        digests = keyed.of(drawn)
        _require_keys(key.name, drawn[digests == NO_KEY])
        same, now = rows_of_keys(keyed, digests), rows_of_keys(keyed_now, digests)
        # The drawn rows first, in the order of the sample; then others of their keys.
        before = np.concatenate([drawn, same[~np.isin(same, drawn)]])
        columns = _columns_of(sample, source, keyed.columns)
        columns_now = _columns_now(source, later, columns)
        return _ReadRows(
            (
                _written(cursor, source, columns, before, folder / "before.parquet"),
                _written(cursor, later, columns_now, now, folder / "now.parquet"),
            ),
            before,
            now,
            len(drawn),
        )


def _later(service: Service, job: JobRecord, request: CurrentRowsRequest) -> OpenTable:
    """The requested table of the version: by default the one that has the key of the source."""
    with named_by("query", "as_of"), service.database.read() as tx:
        commit = open_commit(tx, job.dataset_id, request.as_of)
    own = job.run_parameters["table_key"]
    key = request.table_key
    if key is None and any(table.key == own for table in commit.manifest.tables):
        key = own
    with named_by("query", "table_key"):
        return open_table(service, job.dataset_id, commit.id, choose_key(commit, key))


def _drawn_by(job: JobRecord) -> list[str] | None:
    """The key in whose order the rows were drawn; None without one."""
    for given in job.run_parameters["rounds"]:
        if given.get("order"):
            return list(given["order"]["key"])
    return None


def _drawn_ordinals(cursor: duckdb.DuckDBPyConnection, sample: TableFiles) -> Int64s:
    """The numbers of the drawn rows in the source, in the order of the sample."""
    rows, params = page_statement(sample, [sample.column(ROW_ID)])
    number = f"CAST(split_part(t.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT)"
    found = cursor.execute(f"SELECT {number} AS number FROM ({rows}) AS t", params).fetchnumpy()
    ordinals = np.asarray(found["number"], dtype=np.int64)
    # A row that several units of money drew is in the sample once for each of them.
    _, first = np.unique(ordinals, return_index=True)
    return ordinals[np.sort(first)]


def _require_keys(key: str, missing: Int64s) -> None:
    if len(missing):
        raise KeyMissing(
            "The key {key} is missing in {rows} of the sample, such as {examples}, counted from 0. "
            "Choose columns with a value in every row.",
            key=key,
            rows=counted(len(missing), "row"),
            examples=", ".join(f"row {row}" for row in missing[:EXAMPLES].tolist()),
            loc=KEY,
        )


def _columns_of(
    sample: TableFiles, source: TableFiles, key: Sequence[Column]
) -> tuple[Column, ...]:
    """The columns of the source that the sample has, and those of the key."""
    drawn = {folded(column.name) for column in sample.columns}
    names = names_in_sample([column.name for column in source.columns])
    return tuple(
        column
        for column, name in zip(source.columns, names, strict=True)
        if column in key or folded(name) in drawn
    )


def _columns_now(
    source: TableFiles, later: TableFiles, columns: Sequence[Column]
) -> tuple[Column, ...]:
    """The columns of the version, without those of the source that the sample lacks."""
    kept = {folded(column.name) for column in columns}
    left_out = {folded(column.name) for column in source.columns} - kept
    return tuple(column for column in later.columns if folded(column.name) not in left_out)


def _written(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: tuple[Column, ...],
    ordinals: Int64s,
    path: Path,
) -> TableFiles:
    file = write_parquet(cursor, *rows_statement(table, columns, ordinals), path)
    return TableFiles(columns, (file,))


def _listed(
    cursor: duckdb.DuckDBPyConnection, found: DiffedRows, read: _ReadRows, path: Path
) -> tuple[TableFiles, dict[str, int]]:
    """Write the rows of the sample and the further ones of its keys, and count them by kind.

    Row numbers become those in the source and in the version. Rows of other keys that have the
    digest of a sampled one are left out.
    """
    change, base, other = (quote_identifier(name) for name in (CHANGE, BASE_ROW, OTHER_ROW))
    keys = ", ".join(f"t.{quote_identifier(name)}" for name in found.keys)
    is_drawn = f"t.{base} < {read.drawn:d}"
    files = [str(file.path) for file in found.files]
    sql = (
        f"SELECT t.* REPLACE (b.ordinal AS {base}, o.ordinal AS {other}) "
        "FROM (SELECT t.*, row_number() OVER () AS place FROM read_parquet(?) AS t) AS t "
        f"LEFT JOIN rows_before AS b ON b.place = t.{base} "
        f"LEFT JOIN rows_now AS o ON o.place = t.{other} "
        f"WHERE {is_drawn} OR (t.{change} = {quote_text(ADDED)} AND ({keys}) IN "
        f"(SELECT ({keys}) FROM read_parquet(?) AS t WHERE {is_drawn})) ORDER BY t.place"
    )
    named = ", ".join(f"r.{quote_identifier(column.name)}" for column in found.columns)
    places = {
        name: {"place": np.arange(len(ordinals), dtype=np.int64), "ordinal": ordinals}
        for name, ordinals in (("rows_before", read.before), ("rows_now", read.now))
    }
    with registered(cursor, places):
        file = write_parquet(cursor, f"SELECT {named} FROM ({sql}) AS r", [files, files], path)
    counts = cursor.execute(
        f"SELECT t.{change}, count(*) FROM read_parquet(?) AS t GROUP BY ALL", [str(path)]
    ).fetchall()
    return TableFiles(found.columns, (file,)), dict(counts)
