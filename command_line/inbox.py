"""``jobsvc inbox`` and ``samples``: what waits, and how far samples are examined."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import LIMIT, OFFSET, body_of, field_option, printed
from command_line.output import Columns, one_line, page_of, print_items, print_line
from contract.words import LISTED_REVIEW_STATES
from domain_errors import counted

ENTRY: Columns = {
    "what": "title",
    "sample": lambda each: (each["job_id"] or "")[:8],
    "": "text",
}


def _print_inbox(found: dict[str, Any]) -> None:
    if found["entries"]:
        print_items(found["entries"], ENTRY)
    else:
        print_line("Nothing waits for you.")
    if found["jobs_in_progress"]:
        print_line(f"{counted(found['jobs_in_progress'], 'job')} of yours in progress.")


@click.command()
@printed(_print_inbox)
def inbox(client: ApiClient) -> Any:
    """List what waits for you: rows to examine, findings to review, failed jobs.

    \b
    jobsvc inbox
    """
    return client.get("/api/inbox")


def _examination(name: str) -> Any:
    return lambda each: "" if each["examination"] is None else each["examination"][name]


def _examined(sample: dict[str, Any]) -> str:
    found = sample["examination"]
    return "" if found is None else f"{found['examined']:,} of {found['items']:,}"


def _state(sample: dict[str, Any]) -> str:
    found = sample["examination"]
    return "" if found is None else LISTED_REVIEW_STATES[found["review_state"]]


_print_samples = page_of(
    "samples",
    {
        "job": lambda each: each["job_id"][:8],
        "sample": "name",
        "dataset": "dataset_name",
        "rows": "rows",
        "examined": _examined,
        "exceptions": _examination("exceptions"),
        "review": _state,
        "by": "user_soeid",
        "purpose": lambda each: one_line(each["purpose"] or ""),
    },
)


@click.command()
@click.argument("dataset", required=False)
@field_option("--user", "user_soeid", help="Who drew them.")
@field_option(
    "--review",
    "review_state",
    type=click.Choice(list(LISTED_REVIEW_STATES)),
    help="Only those that are examined, by the state of their review.",
)
@LIMIT
@OFFSET
@printed(_print_samples)
def samples(client: ApiClient, dataset: str | None, **chosen: Any) -> Any:
    """List samples, of a DATASET or of all, with how far they are examined and reviewed.

    \b
    jobsvc samples
    jobsvc samples payables --review submitted
    """
    dataset_id = None if dataset is None else client.dataset_id(dataset)
    return client.get("/api/samples", dataset_id=dataset_id, **body_of(chosen))
