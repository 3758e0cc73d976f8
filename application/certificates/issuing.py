"""Issue certificates of samples, on demand; each is signed when it is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.certificates.statement import statement_of
from contract.declarations import Help
from lazy_dataclasses import dataclass
from service.service import Service
from storage.audit.findings import Replacement, list_replacements
from storage.certificates.canonical_json import canonical_json
from storage.certificates.certificates import Issue, get_payload, insert_certificate, list_issues
from storage.certificates.envelopes import sign_payload
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.sqlite.clock import timestamp

MAX_ATTEMPTS = 5
"""Attempts of an issue while others replace rows."""


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate, and when it was superseded: when the first row was replaced after it."""

    issue: int
    issued_at: str
    replacements: Annotated[int, Help("The replaced rows that it states.")]
    payload_sha256: str
    superseded_at: Annotated[str | None, Help("When the first row was replaced after it.")]


def certificate_of(service: Service, job: JobRecord, issue: int | None) -> dict[str, object]:
    """The signed envelope of a certificate: of an issued one, or of the current one.

    Raises
    ------
    NotFound
        The sample has no certificate of this number.
    """
    number = current_issue(service, job).issue if issue is None else issue
    with service.database.read() as tx:
        payload = get_payload(tx, job.id, number)
    return sign_payload(service.signing_keys.current(), payload)


def current_issue(service: Service, job: JobRecord) -> Issue:
    """The newest certificate of a sample; one is issued if rows were replaced since, or none is."""
    for _ in range(MAX_ATTEMPTS):
        with service.database.read() as tx:
            issues, replaced = list_issues(tx, job.id), list_replacements(tx, job.id)
        if issues and issues[0].replacements == len(replaced):
            return issues[0]
        number, issued_at = len(issues) + 1, timestamp(service.clock())
        statement = statement_of(service, job, number, issued_at, replaced)
        payload = canonical_json(statement)
        with service.database.write() as tx:
            if len(list_issues(tx, job.id)) == len(issues):
                insert_certificate(tx, job.id, number, issued_at, len(replaced), payload)
    raise Conflict("Another user is replacing rows of this sample. Try again.")


def issues_of(service: Service, job: JobRecord) -> list[IssuedCertificate]:
    """The issued certificates of a sample, newest first."""
    with service.database.read() as tx:
        issues, replaced = list_issues(tx, job.id), list_replacements(tx, job.id)
    return [
        IssuedCertificate(**vars(each), superseded_at=_next_time(replaced[each.replacements :]))
        for each in issues
    ]


def _next_time(later: Sequence[Replacement]) -> str | None:
    return later[0].at if later else None
