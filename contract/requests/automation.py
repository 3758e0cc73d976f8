"""Requests of schedules, webhooks, e-mail addresses and connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request, Title
from contract.fields import (
    NOT_GIVEN,
    Choice,
    ColumnName,
    Count,
    Flag,
    Items,
    Name,
    NotGiven,
    OneOrMore,
    Part,
    Text,
)
from contract.requests.accounts import MAX_EMAIL_LENGTH
from contract.requests.attaching import MAX_FILES
from contract.requests.pages import PageRequest
from contract.requests.reviewing import QuestionsRequest
from contract.requests.submitting import MAX_URI_LENGTH
from contract.words import EVENTS, Event, Misfire

USUAL_EMAIL_EVENTS = tuple(event for event in EVENTS if event != "job.completed")
"""Events that an e-mail address receives unless its user chooses others."""
EXCLUDE = (
    "The columns of a key, by which a run excludes the rows that earlier runs drew. Without a "
    "column it excludes none."
)
_CRON_TEXT = Text(1, 100)
_CRON = Help("Minute, hour, day of the month, month, day of the week: `0 6 * * 1` is Monday at 6.")
_ZONE_TEXT = Text(1, 64)
_ZONE = Help("An IANA time zone, such as Europe/Berlin.")
_MISFIRE = Help("At a time at which the server didn't run: `run` once late, or `skip` it.")
_KEY = Items(ColumnName(), most=20)
_EVENTS = Items(Choice.of(Event), least=1, most=len(EVENTS))
_URI = Text(1, MAX_URI_LENGTH)
_PREFIX = Help(
    "The URI of a folder, under the setting `connection_prefixes`: `s3://`, `gs://`, `az://` or "
    "`file://`."
)
_CREDENTIALS = Help(
    "How the names of variables in the server's environment begin: `LAKE` for "
    "`LAKE_AWS_ACCESS_KEY_ID` and so on. Empty for the server's own. Never a key."
)
_NAMES = Items(Text(1, 100), most=1000)
_USABLE_BY = Help("The names of users and groups that may attach its files; admins always may.")


class SchedulesRequest(PageRequest):
    """The schedules of a dataset."""

    dataset_id: Annotated[int, Count()]


class CronRequest(Request):
    """A cron expression."""

    cron: Annotated[str, _CRON_TEXT, _CRON, Option(None)]
    zone: Annotated[str, _ZONE_TEXT, _ZONE] = "UTC"


class ScheduleSourceRequest(Request):
    """The data with which each run of a schedule begins."""

    job_id: Annotated[
        str,
        Text(1, 64),
        Title("Attachment or import"),
        Option("--begin-with"),
        Help("An attachment, or an import of a URI, whose request each run repeats first."),
    ]
    uri: Annotated[
        Sequence[str],
        OneOrMore(Text(1, MAX_URI_LENGTH), MAX_FILES),
        Title("URI of each run"),
        Help(
            "In place of the URI of that job, with the date of the run: `{yesterday}`, "
            "`{today-7}`, or parts of it, as in `{yesterday:%Y/%m/%d}`."
        ),
    ] = ()
    profile: Annotated[
        bool, Flag(), Title("Profile the new version"), Help("Profile the new version, too.")
    ] = False


def asks_in_one_way(given: Mapping[str, Any]) -> None:
    """Questions are stated, or those of the sample."""
    if given.get("questions") is not None and given.get("same_questions"):
        raise RefusedField("same_questions", "Give either `questions` or `same_questions`.")


class ScheduleRequest(CronRequest):
    """A schedule to create."""

    rules = (asks_in_one_way,)

    job_id: Annotated[
        str, Text(1, 64), Help("A draw or a profile, whose request is repeated."), Option(None)
    ]
    name: Annotated[
        str, Name(most=64), Help("Samples are named by it and their time."), Option(None)
    ]
    misfire: Annotated[Misfire, Choice.of(Misfire), _MISFIRE] = "run"
    exclude_drawn_by: Annotated[tuple[str, ...], _KEY, Help(EXCLUDE)] = ()
    source: Annotated[
        ScheduleSourceRequest | None, Part(ScheduleSourceRequest), Help("The data it begins with.")
    ] = None
    questions: Annotated[
        QuestionsRequest | None,
        Part(QuestionsRequest),
        Help("What reviewers are asked about each sample that a run draws."),
    ] = None
    same_questions: Annotated[
        bool,
        Flag(),
        Title("Ask the same questions"),
        Help(
            "Each sample asks what the scheduled draw's own sample asks now, with its hidden and "
            "shown columns, second readings and reviewers."
        ),
    ] = False


class ScheduleChangeRequest(Request):
    """Other times, another key or other questions of a schedule; or its switch."""

    cron: Annotated[str | None, _CRON_TEXT, _CRON] = None
    zone: Annotated[str | None, _ZONE_TEXT, _ZONE] = None
    misfire: Annotated[Misfire | None, Choice.of(Misfire), _MISFIRE] = None
    enabled: Annotated[bool | None, Flag(), Help("False pauses it."), Option(None)] = None
    exclude_drawn_by: Annotated[tuple[str, ...] | None, _KEY, Help(EXCLUDE)] = None
    source: Annotated[
        ScheduleSourceRequest | NotGiven | None,
        Part(ScheduleSourceRequest),
        Help("Other data to begin with; null for none."),
    ] = NOT_GIVEN
    questions: Annotated[
        QuestionsRequest | NotGiven | None,
        Part(QuestionsRequest),
        Help("Other questions of later samples; null for none."),
    ] = NOT_GIVEN


class ScheduleRunsRequest(PageRequest):
    """A page of the runs of a schedule."""


class WebhookRequest(Request):
    """A webhook to create."""

    url: Annotated[
        str, _URI, Help("The receiver: a URI under the setting `webhook_prefixes`."), Option(None)
    ]
    events: Annotated[tuple[Event, ...], _EVENTS, Help("Its events."), Option("--event")] = EVENTS
    dataset_id: Annotated[
        int | None,
        Count(),
        Help("Send events of all jobs of this dataset, instead of your own in all datasets."),
        Option(None),
    ] = None


def only_enables(given: Mapping[str, Any]) -> None:
    """Only the answer of its receiver disables a webhook."""
    if given.get("enabled") is False:
        raise RefusedField("enabled", "A webhook can't be disabled: delete it instead.")


class WebhookChangeRequest(Request):
    """The switch of a webhook."""

    rules = (only_enables,)

    enabled: Annotated[bool, Flag(), Help("True after the receiver has answered 410.")]


class EmailRequest(Request):
    """An e-mail address and its events."""

    address: Annotated[
        str,
        Text(1, MAX_EMAIL_LENGTH),
        Help("Of a domain of the setting `email_domains`."),
        Option(None),
    ]
    events: Annotated[tuple[Event, ...], _EVENTS, Help("Its events."), Option("--event")] = (
        USUAL_EMAIL_EVENTS
    )


class ConnectionRequest(Request):
    """A connection to create."""

    name: Annotated[str, Name(most=64)]
    prefix: Annotated[str, _URI, _PREFIX]
    credentials: Annotated[str, Text(0, 63), _CREDENTIALS] = ""
    usable_by: Annotated[tuple[str, ...], _NAMES, _USABLE_BY] = ()


class ConnectionChangeRequest(Request):
    """What changes of a connection."""

    prefix: Annotated[str | None, _URI, _PREFIX] = None
    credentials: Annotated[str | None, Text(0, 63), _CREDENTIALS] = None
    usable_by: Annotated[tuple[str, ...] | None, _NAMES, _USABLE_BY] = None
