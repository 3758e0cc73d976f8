"""The data with which the runs of a schedule begin: an attachment, or an import of a URI.

A run repeats the request of such a job, with the date of the run in its URI.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from application.access import Caller
from application.attaching import check_connections, name_of_uris
from application.job_submission import Submission, require_ref_to_move, submit
from contract.requests.automation import ScheduleSourceRequest
from domain_errors import located
from import_engine.sources import uris
from service.service import Service
from service.tables.attached_files import TableToAttach, usable_connections
from storage.accounts.datasets import DatasetRecord
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import ATTACHMENT, IMPORT
from storage.jobs.schedules import ScheduleSource
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction

LOC = ("body", "source")
DATE = re.compile(
    r"\{(?P<word>today|yesterday)(?:(?P<sign>[+-])(?P<days>[0-9]{1,5}))?(?::(?P<format>[^{}]+))?\}"
)
_FORMAT = re.compile(r"(?:%[Ymdj]|[A-Za-z0-9_=./-])+")
_ISO = "%Y-%m-%d"


def dated(uri: str, now: datetime) -> str:
    """A URI with the dates of a time in place of ``{yesterday}`` and the like.

    Raises
    ------
    InvalidValue
        It has a brace that begins no date.

    Examples
    --------
    >>> noon = datetime(2026, 3, 1, 12)
    >>> dated("s3://lake/day={yesterday}/", noon), dated("s3://lake/{today-31:%Y/%m}/", noon)
    ('s3://lake/day=2026-02-28/', 's3://lake/2026/01/')
    """

    def date_of(match: re.Match[str]) -> str:
        days = int(match["days"] or 0) * (-1 if match["sign"] == "-" else 1)
        days -= match["word"] == "yesterday"
        form = match["format"] or _ISO
        if not _FORMAT.fullmatch(form):
            raise _not_dated(uri)
        try:
            return f"{now + timedelta(days=days):{form}}"
        except OverflowError:
            raise _not_dated(uri) from None

    filled = DATE.sub(date_of, uri)
    if "{" in filled or "}" in filled:
        raise _not_dated(uri)
    return filled


def _not_dated(uri: str) -> InvalidValue:
    return InvalidValue(
        'The URI "{uri}" has a brace that begins no date. Write {examples}.',
        loc=(*LOC, "uri"),
        uri=uri,
        examples="{yesterday}, {today-7} or parts such as {yesterday:%Y/%m/%d}",
    )


def source_of_schedule(
    by: Caller, dataset_id: int, ref: str, asked: ScheduleSourceRequest, now: datetime
) -> ScheduleSource:
    """The source of a schedule, whose request was checked; ``ref`` is that of its draws.

    Raises
    ------
    Conflict
        The job is no attachment and no import of a URI, it is of another dataset or ref, or
        several tables have one URI.
    InvalidValue, InvalidUri, UriNotAllowed, Forbidden, InvalidRequest
        A URI isn't valid, or the user may not read it.
    """
    loc = (*LOC, "job_id")
    job = by.job(asked.job_id)
    if job.kind not in (IMPORT, ATTACHMENT) or (job.kind is IMPORT and _uri_of(job) is None):
        raise Conflict(
            "A run can begin only with an attachment, or with the import of a URI.", loc=loc
        )
    if job.dataset_id != dataset_id or job.run_parameters["ref"] != ref:
        raise Conflict(
            'The runs read the ref "{ref}" of their dataset, so they begin with an attachment or '
            "an import to it.",
            loc=loc,
            ref=ref,
        )
    source = ScheduleSource(job.id, list(asked.uri), asked.profile, job.run_parameters)
    _check(by.service, source, lambda tables: check_connections(by.service, by.user, tables), now)
    return source


def _uri_of(job: JobRecord) -> str | None:
    uri: str | None = job.run_parameters.get("uri")
    return uri


def _check(
    service: Service,
    source: ScheduleSource,
    check_tables: Callable[[Sequence[TableToAttach]], object],
    now: datetime,
) -> None:
    with located((*LOC, "uri"), always=True):
        parameters = parameters_of_run(service, source, now)
        if "attach" in parameters:
            check_tables(list(map(TableToAttach.from_json, parameters["attach"])))


def parameters_of_run(service: Service, source: ScheduleSource, now: datetime) -> dict[str, Any]:
    """The run parameters of the first job of a run that begins at a time.

    Of a Delta or Iceberg table a run attaches the newest version, whatever the attachment's was.

    Raises
    ------
    InvalidValue, Conflict, InvalidUri, UriNotAllowed
        The source's URI isn't valid, or not allowed any more.
    """
    parameters = dict(source.parameters)
    uri = [dated(each, now) for each in source.uri]
    if "attach" in parameters:
        tables = [
            replace(TableToAttach.from_json(each), version=None) for each in parameters["attach"]
        ]
        if uri and len(tables) > 1:
            raise Conflict(
                "The attachment has {tables} tables. Leave the URI out, or begin with an "
                "attachment of one table.",
                tables=len(tables),
            )
        if uri:
            tables = [replace(tables[0], uris=tuple(uri))]
        name = name_of_uris([each for table in tables for each in table.uris])
        parameters["attach"] = [table.to_json() for table in tables]
    else:
        if len(uri) > 1:
            raise Conflict("An import reads one URI.")
        checked = uris.allowed_uri(
            uri[0] if uri else parameters["uri"], service.settings.allowed_prefixes
        )
        name = checked.name
        parameters["uri"] = str(checked)
    before = parameters["file_name"]
    if parameters["commit_message"] in (f"Attach {before}", f"Import {before}"):
        word, _, _ = parameters["commit_message"].partition(" ")
        parameters["commit_message"] = f"{word} {name}"
    return {**parameters, "file_name": name}


def submit_data(
    service: Service, by: Submission, dataset: DatasetRecord, source: ScheduleSource, now: datetime
) -> JobRecord:
    """Submit the first job of a run, as the user of a schedule.

    Raises
    ------
    DomainError
        As for a request of the user.
    """
    parameters = parameters_of_run(service, source, now)
    ref = parameters["ref"]
    kind = ATTACHMENT if "attach" in parameters else IMPORT
    new = by.new_job(service, kind, dataset, None, parameters, math.inf)
    if kind is IMPORT:
        return submit(service, by, new, partial(require_ref_to_move, ref))
    tables = list(map(TableToAttach.from_json, parameters["attach"]))

    def settle(tx: Transaction, new: NewJob) -> NewJob:
        usable_connections(service, tx, by.user, tables)
        return require_ref_to_move(ref, tx, new)

    return submit(service, by, new, settle)
