"""``jobsvc webhook``, ``email`` and ``schedule``: what the server does without a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import (
    JOB,
    LIMIT,
    OFFSET,
    body_of,
    deleting,
    option_names,
    printed,
    with_client,
    with_options,
)
from command_line.output import (
    Columns,
    CommandFailed,
    Printed,
    print_items,
    print_line,
    table_of,
    utc_text,
)
from command_line.sampled_rows import figure_options, figures_of
from contract.declarations import declared
from contract.requests.automation import (
    CronRequest,
    EmailRequest,
    ScheduleChangeRequest,
    ScheduleRequest,
    WebhookRequest,
)
from contract.requests.estimate import StatisticRequest
from contract.requests.pooling import ScheduleFiguresRequest
from domain_errors import counted, render
from presentation.terminal import block_lines

ATTEMPT_S = 30.0
"""How long a test waits for the attempt."""


def send_test(client: ApiClient, path: str) -> None:
    """Send a test message to the receiver at a path of the API, and wait for the attempt."""
    sent = client.post(f"{path}/test", {})
    end = time.monotonic() + ATTEMPT_S
    while time.monotonic() < end:
        found = client.get(f"{path}/deliveries", limit=20)["deliveries"]
        now = next((one for one in found if one["id"] == sent["id"]), sent)
        if now["problem"] is not None:
            raise CommandFailed("{problem}", problem=now["problem"])
        if now["state"] == "delivered":
            print_line(f"Delivered: status {now['response_status']}.")
            return
        time.sleep(0.1)
    raise CommandFailed("The server has not sent the message yet. List the deliveries later.")


DELIVERIES: Columns = {
    "id": "id",
    "event": "event",
    "created": "created_at",
    "state": "state",
    "attempts": lambda delivery: str(delivery["attempts"]),
    "status": lambda delivery: str(delivery["response_status"] or ""),
    "problem": "problem",
    "next attempt": "next_attempt_at",
}


def add_message_commands(group: click.Group, path: str, *arguments: Callable[[Any], Any]) -> None:
    """Add the commands that send and list the messages to a receiver.

    Its path in the API may have fields of the commands' arguments.
    """

    @group.command("test")
    @with_options(arguments)
    @with_client
    def test(client: ApiClient, **receiver: Any) -> None:
        """Send a test message, and wait for the attempt."""
        send_test(client, path.format_map(receiver))

    @group.command("deliveries")
    @with_options(arguments)
    @LIMIT
    @OFFSET
    @printed(DELIVERIES)
    def deliveries(client: ApiClient, **chosen: Any) -> Any:
        """List the messages, newest first."""
        page = body_of(chosen)
        return client.get(f"{path.format_map(chosen)}/deliveries", **page)["deliveries"]

    @group.command("send-again")
    @with_options(arguments)
    @click.argument("delivery_id", metavar="DELIVERY", type=click.IntRange(1))
    @with_client
    def send_again(client: ApiClient, delivery_id: int, **receiver: Any) -> None:
        """Send a message again, with the same id."""
        client.post(f"{path.format_map(receiver)}/deliveries/{delivery_id}/send-again", {})
        print_line(f"Delivery {delivery_id} is sent again.")


WEBHOOK = click.argument("webhook_id", metavar="ID", type=click.IntRange(1))


@click.group()
def webhook() -> None:
    """Create, test and remove webhooks, and list their messages."""


@webhook.command("list")
@printed(
    {
        "id": "id",
        "url": "url",
        "user": "user_soeid",
        "jobs": lambda one: (
            "own jobs" if one["dataset_id"] is None else f"dataset {one['dataset_id']}"
        ),
        "events": "events",
        "state": lambda one: "disabled" if one["disabled_at"] else "active",
    }
)
def list_webhooks(client: ApiClient) -> Any:
    """List your webhooks; all, if you are an admin."""
    return client.all_of("/api/webhooks", "webhooks")


@webhook.command("add")
@click.argument("url")
@click.option("--dataset", metavar="NAME", help="Send events of all jobs of this dataset.")
@with_request(WebhookRequest)
@printed("Webhook {id} was created. Its secret, shown only once:\n{secret}")
def add_webhook(client: ApiClient, url: str, dataset: str | None, **chosen: Any) -> Any:
    """Create a webhook under the setting webhook_prefixes, and print its secret.

    The secret signs the messages. It isn't shown again.

    \b
    jobsvc webhook add https://hooks.example.org/jobsvc
    jobsvc webhook add https://hooks.example.org/jobsvc --dataset ledger --event job.failed
    """
    body = {"url": url, **body_of(chosen)}
    if dataset is not None:
        body["dataset_id"] = client.dataset_id(dataset)
    return client.post("/api/webhooks", body)


@webhook.command("remove")
@WEBHOOK
@deleting(
    "Remove the webhook {webhook_id}? Messages that wait aren't sent.",
    "Webhook {webhook_id} was removed.",
)
def remove_webhook(client: ApiClient, webhook_id: int) -> str:
    """Remove a webhook; messages that wait aren't sent."""
    return f"/api/webhooks/{webhook_id}"


@webhook.command("enable")
@WEBHOOK
@with_client
def enable_webhook(client: ApiClient, webhook_id: int) -> None:
    """Enable a webhook that was disabled since its receiver answered 410."""
    client.patch(f"/api/webhooks/{webhook_id}", {"enabled": True})
    print_line(f"Webhook {webhook_id} is enabled. It receives new events.")


add_message_commands(webhook, "/api/webhooks/{webhook_id}", WEBHOOK)
EMAIL = "/api/users/me/email"


@click.group()
def email() -> None:
    """Set your e-mail address, choose its messages, and list them."""


def _print_email(found: dict[str, Any]) -> None:
    print_line(f"{found['address']} receives {', '.join(found['events'])}.")


@email.command("show")
@printed(_print_email)
def show_email(client: ApiClient) -> Any:
    """Show your e-mail address and its events."""
    return client.get(EMAIL)


@email.command("set")
@click.argument("address")
@with_request(EmailRequest)
@printed(_print_email)
def set_email(client: ApiClient, address: str, **chosen: Any) -> Any:
    """Set your e-mail address and its events.

    \b
    jobsvc email set an12345@bank.example
    jobsvc email set an12345@bank.example --event schedule.failed --event review.requested
    """
    return client.put(EMAIL, {"address": address, **body_of(chosen)})


@email.command("remove")
@deleting(
    "Remove your e-mail address? Messages that wait aren't sent.",
    "Your e-mail address was removed.",
)
def remove_email(client: ApiClient) -> str:
    """Remove your e-mail address; messages that wait aren't sent."""
    return EMAIL


add_message_commands(email, EMAIL)
SCHEDULE = click.argument("schedule_id", metavar="ID", type=click.IntRange(1))


def _minute(at: str) -> str:
    """A time up to its minute."""
    return utc_text(at, 16)


@click.group()
def schedule() -> None:
    """Repeat draws and profiles at times of a cron expression."""


def _problem(one: dict[str, Any]) -> str:
    """Why the latest run wasn't submitted, with the options of this group."""
    if one["problem"] is None:
        return ""
    names, problem = option_names(click.get_current_context()), one["problem_template"]
    return render(problem["template"], problem["parameters"], lambda field: names.get(field, field))


_print_schedules = table_of(
    {
        "id": "id",
        "name": "name",
        "times": lambda one: f"{one['explanation']} ({one['zone']})",
        "next run": lambda one: _minute(one["next_runs"][0]) if one["next_runs"] else "paused",
        "last job": lambda one: (one["last_job_id"] or "")[:8],
        "user": "user_soeid",
        "excludes rows by": "exclude_drawn_by",
        "asks": lambda one: ", ".join(
            each["name"] for each in (one["request"].get("questions") or {}).get("questions", ())
        ),
        "begins with": lambda one: (
            (", ".join(one["source"]["uri"]) or one["source"]["job_id"][:8])
            if one["source"]
            else ""
        ),
        "problem": _problem,
    }
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
@with_request(ScheduleRequest, without=("questions",))
@printed(_print_schedules)
def add_schedule(client: ApiClient, **values: Any) -> Any:
    """Repeat the request of a draw or a profile, with new seeds on the newest data.

    CRON has five fields: minute, hour, day of the month, month, day of the week.

    \b
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --zone Europe/Berlin
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --exclude-drawn-by document_no
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --same-questions
    jobsvc schedule add 3f2b7a52 nightly "0 3 * * *" --begin-with 917f045a \\
        --uri "s3://audit-lake/ledger/day={yesterday}/" --profile
    """
    body = body_of(values)
    return client.post("/api/schedules", body | values)


@schedule.command("preview")
@click.argument("cron")
@with_request(CronRequest)
@printed()
def preview(client: ApiClient, cron: str, **chosen: Any) -> Printed:
    """Show the next times of a cron expression.

    \b
    jobsvc schedule preview "30 2 * * *" --zone Europe/Berlin
    """
    query = body_of(chosen)
    found = client.get("/api/schedules/preview", cron=cron, **query)
    title = f"{found['explanation']} ({query.get('zone', 'UTC')})"
    return Printed(
        found, lambda found: print_line("\n".join([title, *map(_minute, found["next_runs"])]))
    )


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


_RUNS: Columns = {
    "run": "name",
    "state": "state",
    "data": lambda one: one["data_job_id"][:8],
    "profile": lambda one: (one["profile_job_id"] or "")[:8],
    "draw": lambda one: (one["job_id"] or "")[:8],
    "problem": "problem",
}


@schedule.command("runs")
@SCHEDULE
@LIMIT
@OFFSET
@printed(_RUNS)
def list_runs(client: ApiClient, schedule_id: int, **page: Any) -> Any:
    """List the runs of a schedule that begins with data, newest first: each step with its job."""
    return client.get(f"/api/schedules/{schedule_id}/runs", **body_of(page))["runs"]


def _print_figures(found: dict[str, Any]) -> None:
    from application.schedules.figures_sheet import figure_title, figures_blocks  # loads engines

    print_line(f"{figure_title(found)}, by run:")
    for block in figures_blocks(found):
        print_line("\n".join(block_lines(block)))


@schedule.command("figures")
@SCHEDULE
@figure_options(("mean", "total", "share", "ratio"), is_single=True)
@with_request(ScheduleFiguresRequest, without=tuple(own.name for own in declared(StatisticRequest)))
@printed(_print_figures)
def show_figures(client: ApiClient, schedule_id: int, **chosen: Any) -> Any:
    """Estimate a figure of each run, and of all runs together.

    \b
    jobsvc schedule figures 2 --mean amount
    jobsvc schedule figures 2 --share is_exception=true --values findings --pooling strata
    """
    figures = figures_of(chosen)
    if len(figures) != 1:
        raise click.UsageError("Name one figure: --mean, --total, --share or --ratio.")
    path = f"/api/schedules/{schedule_id}/figures"
    return client.post(path, {**figures[0], **body_of(chosen)})


@schedule.command("change")
@SCHEDULE
@with_request(ScheduleChangeRequest, without=("questions",))
@click.option("--exclude-nothing", is_flag=True, help="Let runs draw the rows of earlier runs.")
@printed(_print_schedules)
def change_schedule(
    client: ApiClient, schedule_id: int, exclude_nothing: bool, **chosen: Any
) -> Any:
    """Change times or the excluded rows; what isn't named stays.

    \b
    jobsvc schedule change 2 --cron "0 6 1 * *"
    jobsvc schedule change 2 --exclude-drawn-by document_no
    """
    body = body_of(chosen)
    if exclude_nothing:
        if "exclude_drawn_by" in body:
            raise click.UsageError("Give either --exclude-drawn-by or --exclude-nothing.")
        body["exclude_drawn_by"] = []
    if not body:
        raise click.UsageError("Name what changes: give at least one option.")
    return client.patch(f"/api/schedules/{schedule_id}", body)


@schedule.command("pause")
@SCHEDULE
@printed(_print_schedules)
def pause(client: ApiClient, schedule_id: int) -> Any:
    """Pause a schedule."""
    return client.patch(f"/api/schedules/{schedule_id}", {"enabled": False})


@schedule.command("resume")
@SCHEDULE
@printed(_print_schedules)
def resume(client: ApiClient, schedule_id: int) -> Any:
    """Resume a schedule; what the pause has missed isn't run."""
    return client.patch(f"/api/schedules/{schedule_id}", {"enabled": True})


@schedule.command("run")
@SCHEDULE
@with_client
def run_now(client: ApiClient, schedule_id: int) -> None:
    """Submit a job of a schedule now; its next times stay."""
    job_id = client.post(f"/api/schedules/{schedule_id}/run")["job_id"]
    print_line(f"Job {job_id} was submitted. See jobsvc watch {job_id[:8]}.")


@schedule.command("remove")
@SCHEDULE
@deleting("Remove the schedule {schedule_id}?", "Schedule {schedule_id} was removed.")
def remove_schedule(client: ApiClient, schedule_id: int) -> str:
    """Remove a schedule; its jobs and samples stay."""
    return f"/api/schedules/{schedule_id}"
