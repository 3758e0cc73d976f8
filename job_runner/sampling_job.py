"""The run type ``sampling``: rounds become a commit with the drawn rows.

Owns: a draw's acceptance and its handler. Invariant: commit, parameters and seeds are fixed before
the job starts, so running it again gives the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from job_runner.context import JobContext
from job_runner.open_tables import SAMPLE, open_table
from job_runner.sampling_parameters import engine_rounds, settle_rounds
from job_runner.service import Service
from parquet_tables.progress import share_of
from sampling_engine import DrawnSample, check_rounds, draw_sample
from storage.database import Transaction
from storage.datasets import Dataset
from storage.errors import Conflict
from storage.jobs import NewJob, insert_job
from storage.manifests import StoredTable
from storage.publishing import NewCommit, Outcome
from storage.refs import list_ref_names, parse_ref_name
from storage.users import User

DRAW_SHARE = 0.95
"""How much of the progress bar drawing takes; the rest is hashing and syncing the file."""

FEWEST_DIGITS = 8


@dataclass(frozen=True)
class SamplingRequest:
    """What a user asks for. ``rounds`` is the API's JSON, checked for shape."""

    rounds: Sequence[dict[str, Any]]
    source_ref: str = "main"
    table_key: str | None = None
    output_name: str | None = None
    commit_message: str | None = None


def submit_sampling(
    service: Service, user: User, dataset: Dataset, request: SamplingRequest
) -> str:
    """Check whatever can be checked, fix the source and the seeds, accept the job.

    Returns
    -------
    str
        The job's id.

    Raises
    ------
    DomainError
        The ref, the table, a column or a size can't be; or the output's name is taken.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    rounds = settle_rounds(request.rounds)
    check_rounds(source.files, engine_rounds(rounds))
    job_id = service.new_id()
    with service.database.write() as tx:
        output_ref = _output_ref(tx, dataset.id, job_id, request.output_name)
        insert_job(
            tx,
            NewJob(
                id=job_id,
                run_type="sampling",
                dataset_id=dataset.id,
                user_id=user.id,
                source_commit_id=source.commit_id,
                run_parameters={
                    "source_ref": request.source_ref,
                    "table_key": source.key,
                    "rounds": rounds,
                    "output_ref": output_ref,
                    "commit_message": request.commit_message
                    or f"Sample of {request.source_ref}, table {source.key}",
                },
            ),
            service.clock,
        )
    service.wake_runner()
    return job_id


def run_sampling(context: JobContext) -> Outcome:
    """Draw the rounds, store the sample, and ask for its ref to be made."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    began = time.perf_counter()
    assert job.source_commit_id is not None  # noqa: S101 - submit_sampling fixed it
    source = open_table(service, job.dataset_id, job.source_commit_id, parameters["table_key"])
    sample = draw_sample(
        service.parquet,
        source.files,
        engine_rounds(parameters["rounds"]),
        table_key=source.key,
        destination=context.scratch / "sample.parquet",
        report=share_of(context.report, 0.0, DRAW_SHARE),
        counts_dir=service.directory.counts_dir,
    )
    context.report(DRAW_SHARE, "storing the sample")
    files = tuple(service.data_files.adopt(file.path, file.rows) for file in sample.table.files)
    summary = _summary(sample, source.files.row_count)
    summary["execution_time_seconds"] = round(time.perf_counter() - began, 3)
    return Outcome(
        summary=summary,
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=[StoredTable(SAMPLE, sample.table.columns, files)],
            parent_id=job.source_commit_id,
            new_ref=True,
        ),
    )


def _summary(sample: DrawnSample, source_rows: int) -> dict[str, Any]:
    rounds = [result.as_json() for result in sample.rounds]
    return {
        "total_sampled": sample.rows_sampled,
        "rounds_completed": len(rounds),
        "source_rows": source_rows,
        "residual_rows": source_rows - sample.rows_sampled,
        "methods_used": list(dict.fromkeys(result.method for result in sample.rounds)),
        "rounds": rounds,
        "renamed_columns": sample.renamed_columns,
    }


def _output_ref(tx: Transaction, dataset_id: int, job_id: str, output_name: str | None) -> str:
    """The ref that the sample will have: named by the user, else by the job's first digits."""
    taken = list_ref_names(tx, dataset_id)
    if output_name is not None:
        name = parse_ref_name(f"smpl-{output_name}", loc=("output_name",))
        if name in taken:
            raise Conflict(
                f'There is a ref "{name}" already. Choose another output_name.',
                loc=("output_name",),
            )
        return name
    digits = FEWEST_DIGITS
    while (name := f"smpl-{job_id[:digits]}") in taken:
        digits += 1
    return name
