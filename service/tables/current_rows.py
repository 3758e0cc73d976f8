"""The rows of a sample as they are in another version, found by their keys.

A row of the answer is a drawn row with its values then and now, or another row that a sampled key
has by now. Used by the API and the pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np

from contract.declarations import Help
from contract.requests.tables import CurrentRowsRequest
from domain_errors import counted
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import page_statement
from parquet_tables.tables import Column, Int64s, TableFiles
from profiling_engine.comparison.rows_again import read_again
from sampling_engine.sample_table import names_in_sample
from service.service import Service
from service.tables.chosen_keys import choose_row_key, key_of_order
from service.tables.drawn_rows import ROW_ID
from service.tables.open_tables import (
    OpenTable,
    choose_key,
    named_by,
    open_commit,
    open_sample,
    open_source,
    open_table,
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
    NoRowKey, InvalidKey, UnknownColumn, KeyMissing
        The table has no row key, the columns are none, or a drawn row has no value in one.
    InvalidValue
        The sample has more than ``MAX_ROWS`` rows.
    """
    sample = open_sample(service, job).files
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
    with service.scratch_folder() as folder:
        found = read_again(
            service.parquet,
            source.files,
            later.files,
            key,
            _drawn_ordinals(service, sample),
            _columns_of(sample, source.files),
            service.directory.counts_dir,
            folder,
            KEY,
        )
        state = ReadAgain(
            request.as_of,
            later.commit_id,
            later.key,
            found.keys,
            found.unchanged,
            found.changed,
            found.removed,
            found.added,
        )
        # Counts of filters are cached by this name: of this sample, this version and this key.
        shown = f"{later.key} of {job.id} by {', '.join(found.keys)}"
        yield state, OpenTable(later.commit_id, shown, found.table)


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
        key = key_of_order(given)
        if key is not None:
            return list(key.columns)
    return None


def _drawn_ordinals(service: Service, sample: TableFiles) -> Int64s:
    """The numbers of the drawn rows in the source, in the order of the sample."""
    rows, params = page_statement(sample, [sample.column(ROW_ID)])
    number = f"CAST(split_part(t.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT)"
    with service.parquet.cursor(sample) as cursor:
        sql = f"SELECT {number} AS number FROM ({rows}) AS t"
        found = cursor.execute(sql, params).fetchnumpy()
    ordinals = np.asarray(found["number"], dtype=np.int64)
    # A row that several units of money drew is in the sample once for each of them.
    _, first = np.unique(ordinals, return_index=True)
    return ordinals[np.sort(first)]


def _columns_of(sample: TableFiles, source: TableFiles) -> tuple[Column, ...]:
    """The columns of the source that the sample has."""
    drawn = {folded(column.name) for column in sample.columns}
    names = names_in_sample([column.name for column in source.columns])
    return tuple(
        column for column, name in zip(source.columns, names, strict=True) if folded(name) in drawn
    )
