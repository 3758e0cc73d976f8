"""``jobsvc schedule``: draws and profiles that the server repeats."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import JOB, YES, option_names, printed, with_client
from command_line.output import confirm, print_items, print_line, utc_text
from domain_errors import counted, render
from storage.jobs.schedules import MISFIRES

SCHEDULE = click.argument("schedule_id", metavar="ID", type=click.IntRange(1))
ZONE = click.option("--zone", default="UTC", show_default=True, help="IANA time zone.")
EXCLUDE = click.option(
    "--exclude-drawn-by",
    metavar="COLUMN",
    multiple=True,
    help="A column of a key, by which a run excludes the rows that earlier runs drew; repeat it "
    "for a key of several columns.",
)
MINUTES = 16
"""Characters of a time up to its minutes."""


@click.group()
def schedule() -> None:
    """Repeat draws and profiles at times of a cron expression."""


def _problem(one: dict[str, Any]) -> str:
    """Why the latest run wasn't submitted, with the options of this group."""
    if one["problem"] is None:
        return ""
    names, problem = option_names(click.get_current_context()), one["problem_template"]
    return render(problem["template"], problem["parameters"], lambda field: names.get(field, field))


def _print_schedules(found: list[dict[str, Any]]) -> None:
    print_items(
        found,
        {
            "id": lambda one: str(one["id"]),
            "name": "name",
            "times": lambda one: f"{one['explanation']} ({one['zone']})",
            "next run": lambda one: (
                utc_text(one["next_runs"][0], MINUTES) if one["next_runs"] else "paused"
            ),
            "last job": lambda one: (one["last_job_id"] or "")[:8],
            "user": "user_soeid",
            "excludes rows by": lambda one: ", ".join(one["exclude_drawn_by"]),
            "problem": _problem,
        },
    )


@schedule.command("list")
@click.argument("dataset")
@printed(_print_schedules)
def list_schedules(client: ApiClient, dataset: str) -> Any:
    """List the schedules of a dataset."""
    return client.all_of("/api/schedules", "schedules", dataset_id=client.dataset_id(dataset))


@schedule.command("add")
@JOB
@click.argument("name")
@click.argument("cron")
@ZONE
@click.option(
    "--misfire",
    type=click.Choice(MISFIRES),
    default="run",
    show_default=True,
    help="At a time at which the server didn't run: run once late, or skip it.",
)
@EXCLUDE
@with_client
def add_schedule(client: ApiClient, **body: Any) -> None:
    """Repeat the request of a draw or a profile, with new seeds on the newest data.

    CRON has five fields: minute, hour, day of the month, month, day of the week.

    \b
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --zone Europe/Berlin
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --exclude-drawn-by document_no
    """
    _print_schedules([client.post("/api/schedules", body)])


@schedule.command("preview")
@click.argument("cron")
@ZONE
@with_client
def preview(client: ApiClient, cron: str, zone: str) -> None:
    """Show the next times of a cron expression.

    \b
    jobsvc schedule preview "30 2 * * *" --zone Europe/Berlin
    """
    found = client.get("/api/schedules/preview", cron=cron, zone=zone)
    print_line(f"{found['explanation']} ({zone})")
    for at in found["next_runs"]:
        print_line(utc_text(at, MINUTES))


def _print_exclusion(found: dict[str, Any]) -> None:
    print_line(
        f"{found['excluded_rows']:,} of {counted(found['source_rows'], 'row')} are excluded by "
        f"{', '.join(found['key'])}; {found['remaining_rows']:,} remain."
    )
    print_items(found["samples"], {"sample": "name", "job": "job_id", "rows": "rows"})


@schedule.command("exclusion")
@SCHEDULE
@printed(_print_exclusion)
def exclusion(client: ApiClient, schedule_id: int) -> Any:
    """Show the rows of earlier runs that the next run excludes."""
    return client.get(f"/api/schedules/{schedule_id}/exclusion")


@schedule.command("change")
@SCHEDULE
@click.option("--cron", help="Five fields, as for add.")
@click.option("--zone", help="IANA time zone.")
@click.option("--misfire", type=click.Choice(MISFIRES), help="What is done with a missed run.")
@EXCLUDE
@click.option("--exclude-nothing", is_flag=True, help="Let runs draw the rows of earlier runs.")
@with_client
def change_schedule(
    client: ApiClient,
    schedule_id: int,
    exclude_drawn_by: tuple[str, ...],
    exclude_nothing: bool,
    **changes: Any,
) -> None:
    """Change times or the excluded rows; what isn't named stays.

    \b
    jobsvc schedule change 2 --cron "0 6 1 * *"
    jobsvc schedule change 2 --exclude-drawn-by document_no
    """
    if exclude_drawn_by and exclude_nothing:
        raise click.UsageError("Give either --exclude-drawn-by or --exclude-nothing.")
    body = {name: value for name, value in changes.items() if value is not None}
    if exclude_drawn_by or exclude_nothing:
        body["exclude_drawn_by"] = list(exclude_drawn_by)
    if not body:
        raise click.UsageError("Name what changes: give at least one option.")
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", body)])


@schedule.command("pause")
@SCHEDULE
@with_client
def pause(client: ApiClient, schedule_id: int) -> None:
    """Pause a schedule."""
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", {"paused": True})])


@schedule.command("resume")
@SCHEDULE
@with_client
def resume(client: ApiClient, schedule_id: int) -> None:
    """Resume a schedule; what the pause has missed isn't run."""
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", {"paused": False})])


@schedule.command("run")
@SCHEDULE
@with_client
def run_now(client: ApiClient, schedule_id: int) -> None:
    """Submit a job of a schedule now; its next times stay."""
    job_id = client.post(f"/api/schedules/{schedule_id}/run")["job_id"]
    print_line(f"Job {job_id} was submitted. See jobsvc watch {job_id[:8]}.")


@schedule.command("remove")
@SCHEDULE
@YES
@with_client
def remove_schedule(client: ApiClient, schedule_id: int, yes: bool) -> None:
    """Remove a schedule; its jobs and samples stay."""
    if not yes:
        confirm(f"Remove the schedule {schedule_id}?")
    client.delete(f"/api/schedules/{schedule_id}")
    print_line(f"Schedule {schedule_id} was removed.")
