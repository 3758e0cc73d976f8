"""``jobsvc jobs``, ``watch``, ``cancel``, ``retry``, ``log`` and ``fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from jobsvc_client.arguments import quoted_list

from command_line.connection import ApiClient
from command_line.options import (
    JOB,
    LIMIT,
    OUTPUT,
    body_of,
    field_option,
    job_id_prefix,
    printed,
    with_client,
)
from command_line.output import (
    SUFFIXES,
    CommandFailed,
    one_line,
    page_of,
    print_line,
    utc_text,
)
from contract.jobs import RUN_TYPES, STATUSES, shown_state

ID_DIGITS = 8
"""Digits of a job's id in a list; every command accepts this prefix."""


def _state(job: dict[str, Any]) -> str:
    return shown_state(job["status"], job["error_code"])


_print_jobs = page_of(
    "jobs",
    {
        "job": lambda job: job["id"][:ID_DIGITS],
        "kind": "job_kind",
        "status": _state,
        "name": "output_name",
        "purpose": lambda job: one_line(job["purpose"] or ""),
        "dataset": "dataset_name",
        "user": "user_soeid",
        "created": "created_at",
        "message": lambda job: job["error_message"] or job["progress_message"],
    },
)


def _print_job(job: dict[str, Any]) -> None:
    summary, seconds = job["output_summary"] or {}, job["duration_seconds"]
    facts = {
        "job": job["id"],
        "kind": job["job_kind"],
        "state": _state(job),
        "name": job["output_name"],
        "purpose": job["purpose"],
        "queue position": job["queue_position"],
        "progress": f"{job['progress']:.0f} %" if job["status"] == "running" else None,
        "message": job["error_message"] or job["progress_message"],
        "dataset": f"{job['dataset_name']} (id {job['dataset_id']})",
        "source": job["source_commit_id"] and f"commit {job['source_commit_id'][:12]}",
        "user": job["user_soeid"],
        "created": utc_text(job["created_at"]),
        "started": utc_text(job["started_at"]),
        "duration": None if seconds is None else f"{seconds:,.1f} s",
        "retry of": job["retry_of"],
        "ref": summary.get("output_ref"),
        "commit": summary.get("output_commit_id"),
    }
    for name, value in facts.items():
        if value not in (None, ""):
            print_line(f"{name:<19} {value}")
    print_line("Parameters and result: --json")


def _print(found: dict[str, Any]) -> None:
    (_print_jobs if "jobs" in found else _print_job)(found)


@click.command()
@click.argument("job_id", type=job_id_prefix, required=False)
@field_option("--status", type=click.Choice(STATUSES))
@field_option("--run-type", type=click.Choice(RUN_TYPES))
@click.option("--dataset", help="Name or id.")
@field_option(
    "--unresolved", is_flag=True, help="Only failures that nobody has retried or dismissed."
)
@LIMIT
@printed(_print)
def jobs(client: ApiClient, job_id: str | None, dataset: str | None, **chosen: Any) -> Any:
    """List jobs, newest first, or show one job in full.

    \b
    jobsvc jobs --unresolved
    jobsvc jobs 917f045a
    """
    if job_id is not None:
        return client.get(f"/api/jobs/{job_id}")
    dataset_id = None if dataset is None else client.dataset_id(dataset)
    return client.get("/api/jobs", dataset_id=dataset_id, **body_of(chosen))


def _print_end(job: dict[str, Any]) -> None:
    ref = (job["output_summary"] or {}).get("output_ref")
    created = f", ref {ref}" if ref else ""
    seconds = job["duration_seconds"]
    print_line(f"Job {job['id']} ({job['job_kind']}) completed in {seconds:,.1f} s{created}.")


@click.command()
@JOB
@printed(_print_end)
def watch(client: ApiClient, job_id: str) -> Any:
    """Follow a job to its end.

    The exit code is that of the job. Ctrl-C stops the command, not the job.

    \b
    jobsvc watch 917f045a
    """
    return client.finished_job(job_id, "Job")


@click.command()
@JOB
@printed("Job {id} ({job_kind}): {error_message}")
def cancel(client: ApiClient, job_id: str) -> Any:
    """Cancel a waiting or running job.

    \b
    jobsvc cancel 917f045a
    """
    return client.post(f"/api/jobs/{job_id}/cancel")


@click.command()
@JOB
@click.option("--undo", is_flag=True, help="List it as unresolved again.")
@with_client
def dismiss(client: ApiClient, job_id: str, undo: bool) -> None:
    """Mark a failed job as done with.

    It isn't listed as unresolved any more.

    \b
    jobsvc dismiss 917f045a
    jobsvc dismiss 917f045a --undo
    """
    job = client.patch(f"/api/jobs/{job_id}", {"dismissed": not undo})
    print_line(f"Job {job['id']} is {'unresolved again' if undo else 'dismissed'}.")


@click.command()
@JOB
@printed(_print_end)
def retry(client: ApiClient, job_id: str) -> Any:
    """Retry a failed job as a new job, and wait for its end.

    The new job has the same source, parameters and seeds.

    \b
    jobsvc retry 917f045a
    """
    return client.run_job(f"/api/jobs/{job_id}/retry", None, "Job")


@click.command()
@JOB
@printed({"at": lambda entry: utc_text(entry["at"], 23), "message": "message"})
def log(client: ApiClient, job_id: str) -> Any:
    """Print the log of a job.

    \b
    jobsvc log 917f045a
    """
    return client.all_of(f"/api/jobs/{job_id}/logs", "logs")


@click.command()
@JOB
@OUTPUT
@click.option(
    "--residual", is_flag=True, help="The remaining rows of a draw, if the job stored them."
)
@field_option(
    "--as-of", "as_of", help="The drawn rows as they are in this ref or commit, by their keys."
)
@field_option(
    "--key",
    "key",
    multiple=True,
    help="A column that identifies a row, with --as-of; repeatable [default: the row key].",
)
@with_client
def fetch(
    client: ApiClient, job_id: str, output: Path | None, residual: bool, **chosen: Any
) -> None:
    """Write the rows of a completed job to a file.

    The job is a draw, a query or a row diff. With --as-of, each drawn row has its values then and
    now, and whether it changed.

    \b
    jobsvc fetch 917f045a --output sample.csv
    jobsvc fetch 917f045a --as-of main --output now.csv
    """
    if output is None:
        raise click.UsageError("Name the file with --output.")
    query = body_of(chosen)
    if "key" in query:
        query["key"] = quoted_list(query["key"])
    if residual and query:
        raise click.UsageError("--residual can't be combined with --as-of or --key.")
    if "key" in query and "as_of" not in query:
        raise click.UsageError("--key requires --as-of.")
    job = client.get(f"/api/jobs/{job_id}")
    path = _rows_path(job, residual)
    if query:
        if job["run_type"] != "sampling":
            raise CommandFailed("Job {id} isn't a draw, so it has no drawn rows.", id=job["id"])
        path = f"/api/sampling/jobs/{job['id']}/rows"
        found = client.get(path, limit=1, **query)["metadata"]
        print_line(
            f"As of {found['as_of']} by {', '.join(found['key'])}: {found['unchanged']:,} "
            f"unchanged, {found['changed']:,} changed, {found['removed']:,} removed, "
            f"{found['added']:,} added."
        )
    client.save(path, output, format=SUFFIXES[output.suffix], **query)
    print_line(f"Rows written to {output}")


def _rows_path(job: dict[str, Any], residual: bool) -> str:
    """Return the API path of a job's rows."""
    if job["run_type"] == "sampling":
        return f"/api/sampling/jobs/{job['id']}/{'residual' if residual else 'data'}"
    if residual:
        raise CommandFailed("Job {id} isn't a draw, so it has no residual.", id=job["id"])
    if {"sql", "keys"} & job["run_parameters"].keys():
        return f"/api/exploration/jobs/{job['id']}/result"
    raise CommandFailed(
        "Job {id} has no rows: it isn't a draw, a query or a row diff.", id=job["id"]
    )
