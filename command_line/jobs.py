"""``jobsvc jobs``: what ran, what runs."""

from __future__ import annotations

from uuid import UUID

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, with_target
from command_line.output import print_json, print_table
from storage.jobs import RUN_TYPES, STATUSES


@click.command()
@click.argument("job_id", type=click.UUID, required=False)
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--run-type", type=click.Choice(RUN_TYPES))
@click.option("--dataset", help="Name or id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@AS_JSON
@with_target
def jobs(
    target: Target,
    job_id: UUID | None,
    status: str | None,
    run_type: str | None,
    dataset: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first, or show one in full.

    \b
    jobsvc jobs --status failed
    jobsvc jobs 917f045a-ec63-47a1-b192-35149508f452
    """
    with connected(target, "jobsvc jobs") as client:
        if job_id is not None:
            print_json(client.get(f"/api/jobs/{job_id}"))
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
                job["id"],
                job["run_type"],
                job["status"],
                job["dataset_name"],
                job["user_soeid"],
                job["created_at"][:19],
                job["error_message"] or job["progress_message"],
            )
            for job in page["jobs"]
        ],
    )
    click.echo(f"{len(page['jobs']):,} of {page['total']:,} jobs.")
