"""``jobsvc watch``, ``cancel``, ``retry``, ``log`` and ``fetch``: commands for one job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, JOB, OUTPUT, with_target
from command_line.output import print_json, print_line, print_table, progress_bar, utc_text
from command_line.output_file import SUFFIXES, output_file

PAGE = 1000


@click.command()
@JOB
@AS_JSON
@with_target
def watch(target: Target, job_id: str, as_json: bool) -> None:
    """Follow a job to its end.

    The exit code is that of the job. Ctrl-C stops the command, not the job.

    \b
    jobsvc watch 917f045a
    """
    with connected(target, "jobsvc watch") as client:
        _print_result(_wait_for_end(client, job_id), as_json)


@click.command()
@JOB
@AS_JSON
@with_target
def cancel(target: Target, job_id: str, as_json: bool) -> None:
    """Cancel a waiting or running job.

    \b
    jobsvc cancel 917f045a
    """
    with connected(target, "jobsvc cancel") as client:
        job = client.post(f"/api/jobs/{job_id}/cancel")
    if as_json:
        print_json(job)
        return
    print_line(f"Job {job['id']} ({job['run_type']}): {job['error_message']}")


@click.command()
@JOB
@AS_JSON
@with_target
def retry(target: Target, job_id: str, as_json: bool) -> None:
    """Retry a failed job as a new job, and wait for its end.

    The new job has the same source, parameters and seeds.

    \b
    jobsvc retry 917f045a
    """
    with connected(target, "jobsvc retry") as client:
        accepted = client.post(f"/api/jobs/{job_id}/retry")
        _print_result(_wait_for_end(client, accepted["job_id"]), as_json)


@click.command()
@JOB
@AS_JSON
@with_target
def log(target: Target, job_id: str, as_json: bool) -> None:
    """Print the log of a job.

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
    print_table(
        ("at", "message"), [(utc_text(entry["at"], 23), entry["message"]) for entry in entries]
    )


@click.command()
@JOB
@OUTPUT
@click.option(
    "--residual", is_flag=True, help="The remaining rows of a draw, if the job stored them."
)
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
    print_line(f"Rows written to {output}")


def _wait_for_end(client: ApiClient, job_id: str) -> dict[str, Any]:
    with progress_bar("Job") as on_progress:
        return client.finished_job(job_id, on_progress)


def _print_result(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    ref = (job["output_summary"] or {}).get("output_ref")
    created = f", ref {ref}" if ref else ""
    seconds = job["duration_seconds"]
    print_line(f"Job {job['id']} ({job['run_type']}) completed in {seconds:,.1f} s{created}.")


def _rows_path(job: dict[str, Any], residual: bool) -> str:
    """Return the API path of a job's rows.

    Raises
    ------
    CommandFailed
        The job has no rows.
    """
    if job["run_type"] == "sampling":
        return f"/api/sampling/jobs/{job['id']}/{'residual' if residual else 'data'}"
    if residual:
        raise CommandFailed(f"Job {job['id']} isn't a draw, so it has no residual.")
    if "sql" in job["run_parameters"]:
        return f"/api/exploration/jobs/{job['id']}/result"
    raise CommandFailed(f"Job {job['id']} is neither a draw nor a query, so it has no rows.")
