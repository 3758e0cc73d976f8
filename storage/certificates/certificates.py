"""Issued certificates: their payloads, which never change.

A sample gets a further certificate when rows were replaced after the last one.
"""

from __future__ import annotations

import hashlib

from contract.words import ReviewState
from lazy_dataclasses import dataclass
from storage.errors import NotFound
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, only, required, run


@dataclass(frozen=True)
class Issue:
    """An issued certificate; ``replacements`` counts the replaced rows that it states."""

    issue: int
    issued_at: str
    replacements: int
    payload_sha256: str


def list_issues(tx: Transaction, job_id: str) -> list[Issue]:
    """Return the certificates of a sample, newest first."""
    return Records(Issue).all(tx, "list_certificates", job_id=job_id)


def get_payload(tx: Transaction, job_id: str, issue: int) -> bytes:
    """Return the payload of a certificate; raise NotFound if it wasn't issued."""
    return _payload(
        tx, "certificate_payload", job_id, issue, "The sample has no certificate {issue}."
    )


def _payload(tx: Transaction, statement: str, job_id: str, issue: int, missing: str) -> bytes:
    error = NotFound(missing, loc=("query", "number"), issue=issue)
    return str(required(tx, statement, error, job_id=job_id, issue=issue)["payload"]).encode()


def insert_certificate(
    tx: Transaction, job_id: str, issue: int, issued_at: str, replacements: int, payload: str
) -> None:
    """Insert an issued certificate."""
    run(
        tx,
        "insert_certificate",
        job_id=job_id,
        issue=issue,
        issued_at=issued_at,
        replacements=replacements,
        payload=payload,
        payload_sha256=hashlib.sha256(payload.encode()).hexdigest(),
    )


@dataclass(frozen=True)
class EvaluationIssue:
    """An issued certificate of an evaluation; ``content_sha256`` is without number and time."""

    issue: int
    issued_at: str
    review_state: ReviewState
    content_sha256: str
    payload_sha256: str


Stamp = tuple[object, ...]
"""What changes with everything that a certificate of an evaluation states of its records."""


def evaluation_stamp(
    tx: Transaction, job_id: str, dataset_id: int, commit_id: str, table_key: str
) -> Stamp:
    """Return the stamp of a sample's records, and of the balances of the table it was drawn from.

    Entries never change, so their numbers and newest ids show whether any was added.
    """
    table = {"dataset_id": dataset_id, "commit_id": commit_id, "table_key": table_key}
    return tuple(only(tx, "evaluation_stamp", job_id=job_id, **table))


def list_evaluation_issues(tx: Transaction, job_id: str) -> list[EvaluationIssue]:
    """Return the certificates of a sample's evaluation, newest first."""
    return Records(EvaluationIssue).all(tx, "list_evaluation_certificates", job_id=job_id)


def get_evaluation_payload(tx: Transaction, job_id: str, issue: int) -> bytes:
    """Return the payload of an evaluation's certificate; raise NotFound if it wasn't issued."""
    missing = "The sample has no certificate {issue} of its evaluation."
    return _payload(tx, "evaluation_certificate_payload", job_id, issue, missing)


def insert_evaluation_certificate(
    tx: Transaction, job_id: str, new: EvaluationIssue, payload: str
) -> None:
    """Insert an issued certificate of an evaluation."""
    run(tx, "insert_evaluation_certificate", job_id=job_id, payload=payload, **vars(new))
