"""``jobsvc jobs``: list jobs, or show one."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, job_id_prefix, with_target
from command_line.output import print_json, print_line, print_table, utc_text
from storage.jobs.jobs import RUN_TYPES, STATUSES

ID_DIGITS = 8
"""Digits of a job's id in a list; every command accepts this prefix."""


@click.command()
@click.argument("job_id", type=job_id_prefix, required=False)
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--run-type", type=click.Choice(RUN_TYPES))
@click.option("--dataset", help="Name or id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@AS_JSON
@with_target
def jobs(
    target: Target,
    job_id: str | None,
    status: str | None,
    run_type: str | None,
    dataset: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first, or show one job in full.

    \b
    jobsvc jobs --status failed
    jobsvc jobs 917f045a
    """
    with connected(target, "jobsvc jobs") as client:
        if job_id is not None:
            _show(client.get(f"/api/jobs/{job_id}"), as_json)
            return
        page = client.get(
            "/api/jobs",
            status=status,
            run_type=run_type,
            dataset_id=None if dataset is None else client.dataset_id(dataset),
            limit=limit,
        )
    if as_json:
        print_json(page)
        return
    print_table(
        ("job", "type", "status", "dataset", "user", "created", "message"),
        [
            (
                job["id"][:ID_DIGITS],
                job["run_type"],
                state(job),
                job["dataset_name"],
                job["user_soeid"],
                utc_text(job["created_at"]),
                job["error_message"] or job["progress_message"],
            )
            for job in page["jobs"]
        ],
    )
    print_line(f"{len(page['jobs']):,} of {page['total']:,} jobs.")


def state(job: dict[str, Any]) -> str:
    """Return a job's status; a cancelled job has its own."""
    return "cancelled" if job["error_code"] == "cancelled" else str(job["status"])


def _show(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    summary = job["output_summary"] or {}
    of = f"commit {job['source_commit_id'][:12]}" if job["source_commit_id"] else None
    seconds = job["duration_seconds"]
    fields = {
        "job": job["id"],
        "type": job["run_type"],
        "state": state(job),
        "queue position": job["queue_position"],
        "progress": f"{job['progress']:.0f} %" if job["status"] == "running" else None,
        "message": job["error_message"] or job["progress_message"],
        "dataset": f"{job['dataset_name']} (id {job['dataset_id']})",
        "source": of,
        "user": job["user_soeid"],
        "created": utc_text(job["created_at"]),
        "started": utc_text(job["started_at"]),
        "duration": None if seconds is None else f"{seconds:,.1f} s",
        "retry of": job["retry_of"],
        "ref": summary.get("output_ref"),
        "commit": summary.get("output_commit_id"),
    }
    for name, value in fields.items():
        if value not in (None, ""):
            print_line(f"{name:<19} {value}")
    print_line("Parameters and result: --json")
