"""Exclude the rows that earlier runs of a schedule drew.

A key finds the drawn rows in the newest version, where they may have other positions. The other
rows are a commit: the version's files with a deletion vector, as in a residual. So a run draws from
a commit like any other draw, and is replayed and certified like it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from application.audit.state import ordinal_of
from application.sampling import ExcludedRows
from contract.declarations import Help
from domain_errors import counted
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.rows import rows_statement, write_ordinals
from parquet_tables.tables import Int64s, TableFiles, UnknownColumn
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.keyed_rows import InvalidKey, key_of, rows_with_keys
from service.service import Service
from service.tables.open_tables import (
    SAMPLE,
    OpenTable,
    open_commit,
    open_source,
    open_table,
    output_of,
)
from storage.accounts.users import User
from storage.audit.findings import list_replacements
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, draws_of
from storage.sqlite.clock import timestamp
from storage.versions.manifests import Manifest, insert_commit

FIELD = "exclude_drawn_by"


class EarlierRunUnfinished(Conflict):
    """An earlier run hasn't ended, so its rows aren't known."""

    template = (
        "Job {job_id} of the schedule hasn't ended, so its rows can't be excluded yet. Wait until "
        "it has."
    )


class NoRowsLeft(Conflict):
    """The earlier samples have all rows of the table."""

    template = "The earlier samples have all {rows} of the table, so no row is left to draw."


@dataclass(frozen=True)
class ExcludedSample:
    """An earlier sample of a schedule."""

    job_id: str
    name: str
    rows: Annotated[int, Help("Drawn rows.")]


@dataclass(frozen=True)
class ExclusionFacts:
    """The rows that a run would exclude now."""

    key: list[str]
    commit_id: Annotated[str, Help("The version that a run would read now.")]
    table_key: str
    source_rows: Annotated[int, Help("Rows of the table.")]
    excluded_rows: Annotated[
        int, Help("Rows that the samples have; rows that left the table don't count.")
    ]
    remaining_rows: Annotated[int, Help("Rows that a run would draw from.")]
    samples: Annotated[list[ExcludedSample], Help("Oldest first.")]


@dataclass(frozen=True)
class EarlierRows:
    """The rows of a version that earlier samples have.

    Parameters
    ----------
    draws : tuple of Job
        The draws of the samples, oldest first.
    ordinals : array of int64
        The rows, sorted and distinct.
    """

    source: OpenTable
    key: tuple[str, ...]
    draws: tuple[JobRecord, ...]
    ordinals: Int64s

    @property
    def job_ids(self) -> list[str]:
        """The ids of the draws."""
        return [job.id for job in self.draws]

    @property
    def remaining(self) -> int:
        """Rows of the version that no earlier sample has."""
        return self.source.files.row_count - len(self.ordinals)

    def facts(self) -> ExclusionFacts:
        """What the API says of it."""
        samples = [
            ExcludedSample(
                job.id, job.output_name or "", (job.output_summary or {})["total_sampled"]
            )
            for job in self.draws
        ]
        return ExclusionFacts(
            list(self.key),
            self.source.commit_id,
            self.source.key,
            self.source.files.row_count,
            len(self.ordinals),
            self.remaining,
            samples,
        )


def drawn_rows(
    service: Service, schedule: Schedule, on_progress: ProgressCallback = ignore_progress
) -> EarlierRows:
    """Find the rows of the newest version that the samples of a schedule have.

    Rows that replaced drawn ones count, too. A deleted sample doesn't count.

    Raises
    ------
    Conflict
        The schedule excludes no rows; or :class:`EarlierRunUnfinished`.
    InvalidKey, UnknownColumn
        The key isn't unique or has no value in the table, or the table or a sample lacks a column.
    DomainError
        The ref, the table or a file can't be read.
    """
    if not schedule.exclude_drawn_by:
        raise Conflict("The schedule doesn't exclude the rows of earlier runs.")
    with service.database.read() as tx:
        draws = draws_of(tx, schedule)
    for job in draws:
        if job.status != "completed":
            raise EarlierRunUnfinished(job_id=job.id)
    return find_drawn(
        service,
        schedule.dataset_id,
        schedule.request,
        schedule.exclude_drawn_by,
        draws,
        on_progress,
    )


def find_drawn(
    service: Service,
    dataset_id: int,
    request: dict[str, Any],
    key: Sequence[str],
    draws: tuple[JobRecord, ...],
    on_progress: ProgressCallback = ignore_progress,
) -> EarlierRows:
    """Find the rows of completed draws in the version that a request names; as :func:`drawn_rows`.

    It reads the key's columns of all rows.
    """
    source = open_table(service, dataset_id, request["source_ref"], request["table_key"])
    label = f"{request['source_ref']} ({source.commit_id[:8]})"
    keyed = key_of(source.files, label, key, FIELD)
    with (
        tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder,
        service.parquet.cursor(source.files) as cursor,
    ):
        keyed.require_complete(cursor)
        keyed.require_unique(cursor, on_progress)
        samples = [
            table
            for place, job in enumerate(draws)
            for table in _rows_of(service, job, keyed.names, Path(folder) / f"{place}.parquet")
        ]
        ordinals = rows_with_keys(cursor, keyed, samples, on_progress)
    return EarlierRows(source, keyed.names, draws, ordinals)


def _rows_of(service: Service, job: JobRecord, key: Sequence[str], path: Path) -> list[TableFiles]:
    """The rows of a sample, and the rows that replaced some of them, with the key's columns."""
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    for name in key:
        try:
            sample.column(name)
        except UnknownColumn:
            raise InvalidKey(
                'The sample {sample} has no column "{column}", so its rows can\'t be excluded by '
                "it. Choose another key, or delete the sample.",
                loc=(FIELD,),
                sample=job.output_name,
                column=name,
            ) from None
    with service.database.read() as tx:
        replaced = list_replacements(tx, job.id)
    if not replaced:
        return [sample]
    source = open_source(service, job).files
    columns = tuple(source.column(name) for name in key)
    ordinals = np.array([ordinal_of(each.replacement_id) for each in replaced], dtype=np.int64)
    with service.parquet.cursor(source) as cursor:
        file = write_parquet(cursor, *rows_statement(source, columns, ordinals), path)
    return [sample, TableFiles(columns, (file,))]


def exclude(service: Service, user: User, schedule: Schedule, drawn: EarlierRows) -> ExcludedRows:
    """Make the commit of the rows that no earlier sample has.

    No ref names it: its draw needs it. A prune removes it if the draw isn't submitted.

    Raises
    ------
    NoRowsLeft
        There are none.
    """
    source = drawn.source
    if not drawn.remaining and len(drawn.ordinals):
        raise NoRowsLeft(rows=counted(source.files.row_count, "row"))
    remaining_id = source.commit_id
    if len(drawn.ordinals):
        remaining_id = _stored_rest(service, user, schedule, drawn)
    return ExcludedRows(
        remaining_id, source.commit_id, drawn.key, tuple(drawn.job_ids), len(drawn.ordinals)
    )


def _stored_rest(service: Service, user: User, schedule: Schedule, drawn: EarlierRows) -> str:
    source = drawn.source
    with service.database.read() as tx:
        stored = open_commit(tx, schedule.dataset_id, source.commit_id).manifest.table(source.key)
    ordinals = np.concatenate([source.files.deletion_vector, drawn.ordinals])
    with (
        tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder,
        service.data_files.hold() as adopt,
    ):
        with service.parquet.cursor() as cursor:
            written = write_ordinals(cursor, ordinals, Path(folder) / "deletion_vector.parquet")
        vector = adopt(Path(folder) / "deletion_vector.parquet", written.rows)
        manifest = Manifest(
            dataset_id=schedule.dataset_id,
            parent_id=source.commit_id,
            author=user.soeid,
            message=f"{schedule.request['source_ref']} without the "
            f"{counted(len(drawn.ordinals), 'row')} of earlier samples of {schedule.name}",
            created_at=timestamp(service.clock()),
            tables=(replace(stored, deletion_vector=vector),),
        )
        with service.database.write(sync="first") as tx:
            return insert_commit(tx, user.id, manifest).id
