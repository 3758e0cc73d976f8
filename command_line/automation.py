"""``jobsvc webhook``, ``email`` and ``schedule``: what the server does without a request."""

from __future__ import annotations

import time
from typing import Any

import click
from jobsvc_client.arguments import given

from command_line.connection import ApiClient
from command_line.contract_options import body_of, with_request
from command_line.options import (
    JOB,
    LIMIT,
    OFFSET,
    YES,
    option_names,
    printed,
    with_client,
)
from command_line.output import CommandFailed, confirm, print_items, print_line, table_of, utc_text
from contract.requests.automation import (
    CronRequest,
    EmailRequest,
    ScheduleChangeRequest,
    ScheduleRequest,
    WebhookRequest,
)
from domain_errors import counted, render

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


print_deliveries = table_of(
    {
        "id": "id",
        "event": "event",
        "created": "created_at",
        "state": "state",
        "attempts": lambda delivery: str(delivery["attempts"]),
        "status": lambda delivery: str(delivery["response_status"] or ""),
        "problem": "problem",
        "next attempt": "next_attempt_at",
    }
)


WEBHOOK = click.argument("webhook_id", metavar="ID", type=click.IntRange(1))


@click.group()
def webhook() -> None:
    """Create, test and remove webhooks, and list their messages."""


@webhook.command("list")
@printed(
    table_of(
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
)
def list_webhooks(client: ApiClient) -> Any:
    """List your webhooks; all, if you are an admin."""
    return client.all_of("/api/webhooks", "webhooks")


@webhook.command("add")
@click.argument("url")
@click.option("--dataset", metavar="NAME", help="Send events of all jobs of this dataset.")
@with_request(WebhookRequest)
@with_client
def add_webhook(client: ApiClient, url: str, dataset: str | None, **values: Any) -> None:
    """Create a webhook under the setting webhook_prefixes, and print its secret.

    The secret signs the messages. It isn't shown again.

    \b
    jobsvc webhook add https://hooks.example.org/jobsvc
    jobsvc webhook add https://hooks.example.org/jobsvc --dataset ledger --event job.failed
    """
    dataset_id = None if dataset is None else client.dataset_id(dataset)
    body = given(url=url, dataset_id=dataset_id) | body_of(WebhookRequest, values)
    made = client.post("/api/webhooks", body)
    print_line(f"Webhook {made['id']} was created. Its secret, shown only once:")
    print_line(made["secret"])


@webhook.command("remove")
@WEBHOOK
@YES
@with_client
def remove_webhook(client: ApiClient, webhook_id: int, yes: bool) -> None:
    """Remove a webhook; messages that wait aren't sent."""
    confirm(f"Remove the webhook {webhook_id}? Messages that wait aren't sent.", yes)
    client.delete(f"/api/webhooks/{webhook_id}")
    print_line(f"Webhook {webhook_id} was removed.")


@webhook.command("enable")
@WEBHOOK
@with_client
def enable_webhook(client: ApiClient, webhook_id: int) -> None:
    """Enable a webhook that was disabled since its receiver answered 410."""
    client.patch(f"/api/webhooks/{webhook_id}", {"enabled": True})
    print_line(f"Webhook {webhook_id} is enabled. It receives new events.")


@webhook.command("test")
@WEBHOOK
@with_client
def test_webhook(client: ApiClient, webhook_id: int) -> None:
    """Send a test message, and wait for the attempt."""
    send_test(client, f"/api/webhooks/{webhook_id}")


@webhook.command("deliveries")
@WEBHOOK
@LIMIT
@OFFSET
@printed(print_deliveries)
def list_webhook_deliveries(client: ApiClient, webhook_id: int, **page: int) -> Any:
    """List the messages of a webhook, newest first."""
    return client.get(f"/api/webhooks/{webhook_id}/deliveries", **page)["deliveries"]


@webhook.command("send-again")
@WEBHOOK
@click.argument("delivery_id", metavar="DELIVERY", type=click.IntRange(1))
@with_client
def send_to_webhook_again(client: ApiClient, webhook_id: int, delivery_id: int) -> None:
    """Send a message again, with the same id."""
    client.post(f"/api/webhooks/{webhook_id}/deliveries/{delivery_id}/send-again", {})
    print_line(f"Delivery {delivery_id} is sent again.")


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
@with_client
def set_email(client: ApiClient, address: str, **values: Any) -> None:
    """Set your e-mail address and its events.

    \b
    jobsvc email set an12345@bank.example
    jobsvc email set an12345@bank.example --event schedule.failed --event review.requested
    """
    _print_email(client.put(EMAIL, {"address": address, **body_of(EmailRequest, values)}))


@email.command("remove")
@YES
@with_client
def remove_email(client: ApiClient, yes: bool) -> None:
    """Remove your e-mail address; messages that wait aren't sent."""
    confirm("Remove your e-mail address? Messages that wait aren't sent.", yes)
    client.delete(EMAIL)
    print_line("Your e-mail address was removed.")


@email.command("test")
@with_client
def test_email(client: ApiClient) -> None:
    """Send a test message, and wait for the attempt."""
    send_test(client, EMAIL)


@email.command("deliveries")
@LIMIT
@OFFSET
@printed(print_deliveries)
def list_email_deliveries(client: ApiClient, **page: int) -> Any:
    """List the messages to your e-mail address, newest first."""
    return client.get(f"{EMAIL}/deliveries", **page)["deliveries"]


@email.command("send-again")
@click.argument("delivery_id", metavar="DELIVERY", type=click.IntRange(1))
@with_client
def send_email_again(client: ApiClient, delivery_id: int) -> None:
    """Send a message again."""
    client.post(f"{EMAIL}/deliveries/{delivery_id}/send-again", {})
    print_line(f"Delivery {delivery_id} is sent again.")


SCHEDULE = click.argument("schedule_id", metavar="ID", type=click.IntRange(1))
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


_print_schedules = table_of(
    {
        "id": "id",
        "name": "name",
        "times": lambda one: f"{one['explanation']} ({one['zone']})",
        "next run": lambda one: (
            utc_text(one["next_runs"][0], MINUTES) if one["next_runs"] else "paused"
        ),
        "last job": lambda one: (one["last_job_id"] or "")[:8],
        "user": "user_soeid",
        "excludes rows by": "exclude_drawn_by",
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
@with_request(ScheduleRequest)
@with_client
def add_schedule(client: ApiClient, **values: Any) -> None:
    """Repeat the request of a draw or a profile, with new seeds on the newest data.

    CRON has five fields: minute, hour, day of the month, month, day of the week.

    \b
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --zone Europe/Berlin
    jobsvc schedule add 3f2b7a52 weekly "0 6 * * MON" --exclude-drawn-by document_no
    """
    body = body_of(ScheduleRequest, values)
    _print_schedules([client.post("/api/schedules", body | values)])


@schedule.command("preview")
@click.argument("cron")
@with_request(CronRequest)
@with_client
def preview(client: ApiClient, cron: str, zone: str | None) -> None:
    """Show the next times of a cron expression.

    \b
    jobsvc schedule preview "30 2 * * *" --zone Europe/Berlin
    """
    found = client.get("/api/schedules/preview", **given(cron=cron, zone=zone))
    print_line(f"{found['explanation']} ({zone or 'UTC'})")
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
@with_request(ScheduleChangeRequest)
@click.option("--exclude-nothing", is_flag=True, help="Let runs draw the rows of earlier runs.")
@with_client
def change_schedule(
    client: ApiClient, schedule_id: int, exclude_nothing: bool, **values: Any
) -> None:
    """Change times or the excluded rows; what isn't named stays.

    \b
    jobsvc schedule change 2 --cron "0 6 1 * *"
    jobsvc schedule change 2 --exclude-drawn-by document_no
    """
    body = body_of(ScheduleChangeRequest, values)
    if exclude_nothing and body.setdefault("exclude_drawn_by", []):
        raise click.UsageError("Give either --exclude-drawn-by or --exclude-nothing.")
    if not body:
        raise click.UsageError("Name what changes: give at least one option.")
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", body)])


@schedule.command("pause")
@SCHEDULE
@with_client
def pause(client: ApiClient, schedule_id: int) -> None:
    """Pause a schedule."""
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", {"enabled": False})])


@schedule.command("resume")
@SCHEDULE
@with_client
def resume(client: ApiClient, schedule_id: int) -> None:
    """Resume a schedule; what the pause has missed isn't run."""
    _print_schedules([client.patch(f"/api/schedules/{schedule_id}", {"enabled": True})])


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
    confirm(f"Remove the schedule {schedule_id}?", yes)
    client.delete(f"/api/schedules/{schedule_id}")
    print_line(f"Schedule {schedule_id} was removed.")
