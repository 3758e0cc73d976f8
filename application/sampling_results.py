"""Results that are computed from a finished draw: reserves, and the explanation of a row.

Nothing is stored: a draw is a function of its parameters. Recent results are cached in memory.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from job_runner.sampling_parameters import recorded_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable, open_source
from parquet_tables.rows import read_page
from sampling_engine import Round, explain_row, reserves
from storage.errors import InvalidValue, NotFound
from storage.jobs.jobs import Job


def next_rows(service: Service, job: Job, round_number: int, limit: int) -> dict[str, Any]:
    """The rows that a round would have drawn next, as JSON.

    Raises
    ------
    NotFound, DomainError
        The job has no such round, or its method has no next row.
    """
    source, rounds = _source(service, job)
    if round_number > len(rounds):
        raise NotFound(
            "The job has {count} rounds, no round {number}.", count=len(rounds), number=round_number
        )

    def draw() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
            table = reserves(
                service.parquet,
                source.files,
                rounds,
                round_number,
                limit,
                table_key=source.key,
                destination=Path(folder) / "reserves.parquet",
                counts_dir=service.directory.counts_dir,
            )
            with service.parquet.cursor() as cursor:
                rows = read_page(cursor, table, table.columns, 0, table.row_count)
        return {
            "job_id": job.id,
            "round_number": round_number,
            "data": rows,
            "columns": [column.name for column in table.columns],
        }

    return service.results.reserves.get((job.id, round_number, limit), draw)


def why_row(service: Service, job: Job, logical_row_id: str) -> dict[str, Any]:
    """Why a row was drawn, or why not, round by round, as JSON.

    Raises
    ------
    InvalidValue, NotFound
        The row id is invalid, or the table has no such row.
    """
    source, rounds = _source(service, job)
    key, _, number = logical_row_id.rpartition(":")
    if key != source.key or not (number.isascii() and number.isdigit()):
        raise InvalidValue(
            '"{row_id}" isn\'t a row of this draw. A row id looks like "{key}:17".',
            loc=("path", "logical_row_id"),
            row_id=logical_row_id,
            key=source.key,
        )
    if len(number) > 18 or int(number) >= source.files.file_rows:
        raise NotFound(
            "The table has no row {row_id}; the last is {last}.",
            row_id=logical_row_id,
            last=source.files.file_rows - 1,
        )
    ordinal, counts_dir = int(number), service.directory.counts_dir
    explained = service.results.explained.get(
        (job.id, ordinal),
        lambda: explain_row(service.parquet, source.files, rounds, ordinal, counts_dir=counts_dir),
    )
    return {
        "job_id": job.id,
        "logical_row_id": logical_row_id,
        "drawn": explained.drawn,
        "round_number": explained.round_number,
        "inclusion_probability": explained.inclusion_probability,
        "design_weight": explained.design_weight,
        "rounds": [asdict(verdict) for verdict in explained.verdicts],
    }


def _source(service: Service, job: Job) -> tuple[OpenTable, tuple[Round, ...]]:
    source = open_source(service, job)
    return source, recorded_rounds(job.run_parameters, source.files)
