"""``jobsvc watch``, ``cancel``, ``retry``, ``log`` and ``fetch``: what one does with a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, JOB, OUTPUT, with_target
from command_line.output import moment, print_json, print_table, progress_bar, say
from command_line.output_file import SUFFIXES, output_file

PAGE = 1000


@click.command()
@JOB
@AS_JSON
@with_target
def watch(target: Target, job_id: str, as_json: bool) -> None:
    """Follow a job to its end.

    The exit code tells how it ended. Ctrl-C ends the watching, not the job.

    \b
    jobsvc watch 917f045a
    """
    with connected(target, "jobsvc watch") as client:
        _tell(_ended(client, job_id), as_json)


@click.command()
@JOB
@AS_JSON
@with_target
def cancel(target: Target, job_id: str, as_json: bool) -> None:
    """Cancel a job that waits or runs.

    \b
    jobsvc cancel 917f045a
    """
    with connected(target, "jobsvc cancel") as client:
        job = client.post(f"/api/jobs/{job_id}/cancel")
    if as_json:
        print_json(job)
        return
    say(f"Job {job['id']} ({job['run_type']}): {job['error_message']}")


@click.command()
@JOB
@AS_JSON
@with_target
def retry(target: Target, job_id: str, as_json: bool) -> None:
    """Do a failed job again, as a new job, and wait for its end.

    It has the same source, parameters and seeds.

    \b
    jobsvc retry 917f045a
    """
    with connected(target, "jobsvc retry") as client:
        accepted = client.post(f"/api/jobs/{job_id}/retry")
        _tell(_ended(client, accepted["job_id"]), as_json)


@click.command()
@JOB
@AS_JSON
@with_target
def log(target: Target, job_id: str, as_json: bool) -> None:
    """Tell what a job did, step by step, with times.

    \b
    jobsvc log 917f045a
    """
    entries: list[dict[str, Any]] = []
    with connected(target, "jobsvc log") as client:
        while True:
            page = client.get(f"/api/jobs/{job_id}/logs", offset=len(entries), limit=PAGE)
            entries += page["logs"]
            if not page["logs"] or len(entries) >= page["total"]:
                break
    if as_json:
        print_json(entries)
        return
    print_table(("at", "what"), [(moment(entry["at"], 23), entry["message"]) for entry in entries])


@click.command()
@JOB
@OUTPUT
@click.option("--residual", is_flag=True, help="The rows that a draw left, if the job kept them.")
@with_target
def fetch(target: Target, job_id: str, output: Path | None, residual: bool) -> None:
    """Write the rows of a completed draw or query to a file.

    \b
    jobsvc fetch 917f045a --output sample.csv
    """
    if output is None:
        raise click.UsageError("Name the file with --output.")
    with connected(target, "jobsvc fetch") as client, output_file(output) as file:
        job = client.get(f"/api/jobs/{job_id}")
        if file is not None:
            client.download(_rows_path(job, residual), file, format=SUFFIXES[output.suffix])
    say(f"Rows written to {output}")


def _ended(client: ApiClient, job_id: str) -> dict[str, Any]:
    with progress_bar("Job") as told:
        return client.finished_job(job_id, told)


def _tell(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    ref = (job["output_summary"] or {}).get("output_ref")
    made = f", ref {ref}" if ref else ""
    seconds = job["duration_seconds"]
    say(f"Job {job['id']} ({job['run_type']}) completed in {seconds:,.1f} s{made}.")


def _rows_path(job: dict[str, Any], residual: bool) -> str:
    """Where a job's rows are.

    Raises
    ------
    CommandFailed
        Jobs of its kind have none.
    """
    if job["run_type"] == "sampling":
        return f"/api/sampling/jobs/{job['id']}/{'residual' if residual else 'data'}"
    if residual:
        raise CommandFailed(f"Job {job['id']} is no draw, so it has no residual.")
    if "sql" in job["run_parameters"]:
        return f"/api/exploration/jobs/{job['id']}/result"
    raise CommandFailed(f"Job {job['id']} is no draw and no query, so it has no rows.")
