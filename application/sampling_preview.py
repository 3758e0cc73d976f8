"""Previews of a draw: a plan that draws nothing, and small draws that return their rows.

Neither creates a job or a commit. Used by the sampling routes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from application.output_refs import earlier_job
from application.sampling_submission import SamplingRequest, digest_of, ref_of, rule_of
from job_runner.sampling_parameters import engine_rounds, settle_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable, open_table
from job_runner.tables.profiles import cached_profile
from parquet_tables.progress import ignore_progress
from parquet_tables.rows import read_page
from sampling_engine import Round, check_rounds, draw_sample, draw_warnings, plan_draw
from storage.errors import Conflict, InvalidValue

MAX_AT_ONCE = 10_000


def plan(service: Service, dataset_id: int, request: SamplingRequest) -> dict[str, Any]:
    """Plan the job of a request, as JSON; writes nothing. A name in use is reported, not refused.

    Raises
    ------
    DomainError
        The job would be refused for another reason.
    """
    source, rounds, _ = _checked(service, dataset_id, request)
    output = _output(service, dataset_id, request, source)
    planned = plan_draw(
        service.parquet, source.files, rounds, counts_dir=service.directory.counts_dir
    )
    return {
        "dataset_id": dataset_id,
        "commit_id": source.commit_id,
        "table_key": source.key,
        "source_rows": source.files.row_count,
        "total_rows": sum(one.rows_planned for one in planned),
        "rounds": [one.as_json() for one in planned],
        "warnings": draw_warnings(rounds),
        # Never computed for a plan: a profile reads the whole table.
        "hints": (cached_profile(service, source.files) or {}).get("hints"),
        **output,
    }


def _output(
    service: Service, dataset_id: int, request: SamplingRequest, source: OpenTable
) -> dict[str, Any]:
    """The ref that the sample would get, and whether this or another draw has it."""
    named = ref_of(request)
    earlier, taken = None, False
    if named is not None:
        digest = digest_of(request, source)
        try:
            with service.database.read() as tx:
                earlier = earlier_job(tx, dataset_id, named, digest)
        except Conflict:
            taken = True
    return {
        "output_ref": named,
        "output_ref_taken": taken,
        "earlier_job_id": None if earlier is None else earlier.id,
    }


def draw_at_once(service: Service, dataset_id: int, request: SamplingRequest) -> dict[str, Any]:
    """Draw one round and return its rows, as JSON.

    Raises
    ------
    InvalidValue
        It would draw more than 10,000 rows, which needs a job.
    DomainError
        A job would be refused, too.
    """
    began = time.perf_counter()
    source, rounds, settled = _checked(service, dataset_id, request)
    counts_dir = service.directory.counts_dir
    (planned,) = plan_draw(service.parquet, source.files, rounds, counts_dir=counts_dir)
    if planned.rows_planned > MAX_AT_ONCE:
        raise InvalidValue(
            "This draws {rows} rows; without a job at most {maximum}. Submit a job.",
            loc=("rounds", 0, "parameters"),
            rows=planned.rows_planned,
            maximum=MAX_AT_ONCE,
        )
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        sample = draw_sample(
            service.parquet,
            source.files,
            rounds,
            table_key=source.key,
            destination=Path(folder) / "sample.parquet",
            on_progress=ignore_progress,
            counts_dir=counts_dir,
        )
        with service.parquet.cursor() as cursor:
            rows = read_page(cursor, sample.table, sample.table.columns, 0, MAX_AT_ONCE)
    (result,) = sample.rounds
    account = result.as_json()
    return {
        "dataset_id": dataset_id,
        "commit_id": source.commit_id,
        "table_key": source.key,
        "data": rows,
        "columns": [column.name for column in sample.table.columns],
        "strata_counts": account.pop("strata", account.pop("clusters", [])),
        "metadata": {
            **account,
            "parameters": settled[0]["parameters"],
            "source_rows": source.files.row_count,
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        },
    }


def _checked(
    service: Service, dataset_id: int, request: SamplingRequest
) -> tuple[OpenTable, tuple[Round, ...], list[dict[str, Any]]]:
    source = open_table(service, dataset_id, request.source_ref, request.table_key)
    settled = settle_rounds(request.rounds)
    rule = rule_of(service, dataset_id, source, request)
    rounds = engine_rounds(settled, source.files, rule)
    check_rounds(source.files, rounds)
    return source, rounds, settled
