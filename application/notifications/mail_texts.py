"""The texts of e-mails: what happened to which job, and where to see it.

A text has names, a status and an error code, but no rows and no error message, which may quote
values. Of the reason why a run wasn't submitted it has the sentence without values. Names are
people's: each is on one line and has no invisible characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

from application.samples.facts import screen_text
from domain_errors import counted
from lazy_dataclasses import dataclass
from storage.accounts.datasets import get_dataset
from storage.accounts.users import User
from storage.audit.findings import review_of
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.schedules import Problem, Schedule, get_schedule
from storage.notifications.receivers import DueDelivery
from storage.sqlite.database import Transaction

MAX_NAME = 100
REVIEW_STEPS = {
    "submitted": "review requested",
    "returned": "findings returned",
    "signed_off": "findings signed off",
    "approved": "findings approved",
}

QUOTED = ("column", "dataset", "job_id", "key", "keys", "name", "ref", "rows", "sample", "table")
"""Parameters of a reason that aren't values of rows; others but numbers become an ellipsis."""


@dataclass(frozen=True)
class MailText:
    """The subject and the lines of an e-mail."""

    subject: str
    lines: tuple[str, ...]


def one_line(text: str) -> str:
    """A name on one line, without invisible characters, and cut.

    >>> one_line("a\\r\\nBcc: b\\u202e c")
    'a Bcc: b c'
    """
    visible = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(visible.split())
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"


def mail_text(
    tx: Transaction, due: DueDelivery, user: User, link: Callable[[str], str]
) -> MailText:
    """Write the text of a delivery.

    Parameters
    ----------
    user : User
        The receiver's user.
    link : callable
        Returns the URL of a page, or an empty text: the mail has no link.

    Raises
    ------
    NotFound
        The user can't read the dataset.
    """
    if due.dataset_id is None:
        subject, page = "Test message", page_of(due.payload)
        rows = {"Result": "E-mails of jobsvc reach this address."}
    else:
        dataset = one_line(get_dataset(tx, due.dataset_id, user).name)
        event = _event(tx, due)
        subject, page = f"{event.what} of {dataset}: {event.result}", page_of(due.payload)
        rows = {"Dataset": dataset, "Result": f"{event.result}{event.more}", **event.facts}
    if url := link(page):
        rows["Open"] = url
    width = max(map(len, rows)) + 2
    return MailText(
        f"[jobsvc] {subject}",
        (
            *(f"{f'{label}:':<{width}}{value}" for label, value in rows.items()),
            "",
            f"Sent to {user.soeid}, who has set this address in jobsvc, under My account.",
        ),
    )


@dataclass(frozen=True)
class _Event:
    """What happened to what; ``more`` follows the result."""

    what: str
    result: str
    more: str
    facts: Mapping[str, str]


def _event(tx: Transaction, due: DueDelivery) -> _Event:
    data = json.loads(due.payload)["data"]
    found, job_id = _schedule(tx, data.get("schedule_id")), data["job_id"]
    schedule = None if found is None else one_line(found.name)
    facts = {} if schedule is None else {"Schedule": schedule}
    if job_id is None:
        what = "A schedule" if schedule is None else f"Schedule {schedule}"
        problem = None if found is None else found.problem
        if problem is not None and problem.code == data["error_code"]:
            facts["Reason"] = _without_values(problem)
        more = f" ({data['error_code']})"
        return _Event(what, "a run was not submitted", more, facts)
    job = _job(tx, job_id)
    what, facts = _title(job), {**facts, "Job": job_id}
    if "action" in data:
        result = REVIEW_STEPS[data["action"]]
        return _Event(what, result, _reviewer(tx, due, job_id), facts)
    if data["status"] == "failed":
        return _Event(what, "failed", f" ({data['error_code']})", facts)
    rows = None if job is None else (job.output_summary or {}).get("total_sampled")
    return _Event(what, "completed", "" if rows is None else f", {counted(rows, 'row')}", facts)


def page_of(payload: str) -> str:
    """Return the page that shows the event of a payload.

    >>> page_of('{"data": {"job_id": "0f2b", "dataset_id": 3, "action": "returned"}}')
    '/jobs/0f2b?tab=findings'
    """
    data = json.loads(payload)["data"]
    if "dataset_id" not in data:
        return "/account"
    if data["job_id"] is None:
        return f"/datasets/{data['dataset_id']}?tab=schedules"
    return f"/jobs/{data['job_id']}{'?tab=findings' if 'action' in data else ''}"


def _reviewer(tx: Transaction, due: DueDelivery, job_id: str) -> str:
    at = json.loads(due.payload)["timestamp"]
    by = [each.user_soeid for each in review_of(tx, job_id).entries if each.at == at]
    return f" by {one_line(by[0])}" if by else ""


def _title(job: JobRecord | None) -> str:
    """What a job made, with its name."""
    if job is None:
        return "A job"
    noun = job.kind.noun.capitalize()
    name = job.output_name or job.run_parameters.get("file_name")
    return f"{noun} {one_line(str(name))}" if name else noun


def _job(tx: Transaction, job_id: str) -> JobRecord | None:
    """The job of an event; None if it was pruned."""
    with suppress(NotFound):
        return get_job(tx, job_id, with_position=False)
    return None


def _schedule(tx: Transaction, schedule_id: int | None) -> Schedule | None:
    """A schedule; None if it was deleted."""
    if schedule_id is not None:
        with suppress(NotFound):
            return get_schedule(tx, schedule_id)
    return None


def _without_values(problem: Problem) -> str:
    """The sentence of a problem with its names and numbers, but no values of rows.

    >>> values = {"keys": "id", "examples": 'id "K. Meier"'}
    >>> _without_values(Problem("invalid_key", "The key {keys} repeats {examples}.", values))
    'The key id repeats ….'
    """
    shown = {
        name: value if isinstance(value, int) else one_line(str(value)) if name in QUOTED else "…"
        for name, value in problem.parameters.items()
    }
    return screen_text(problem.template, shown)
