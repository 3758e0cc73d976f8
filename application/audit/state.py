"""The findings about a sample, and its drawn rows in the order of the draw."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property

from contract.requests.reviewing import QuestionsRequest
from domain_errors import Loc
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.drawn_rows import ROW_ID as ROW_ID
from service.tables.drawn_rows import STRATUM as STRATUM
from service.tables.drawn_rows import drawn_row_ids as drawn_row_ids
from storage.audit.findings import (
    NewestFinding,
    Replacement,
    Review,
    RowReadings,
    attributes_of,
    counting_findings,
    list_replacements,
    newest_findings,
    review_of,
)
from storage.audit.reviewing import NO_QUESTIONS, questions_of
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class AuditState:
    """The findings about a sample."""

    findings: Mapping[str, NewestFinding]
    replacements: tuple[Replacement, ...]
    review: Review
    attributes: tuple[str, ...] = ()
    questions: QuestionsRequest = NO_QUESTIONS

    @cached_property
    def replaced(self) -> dict[str, Replacement]:
        """The replacement of each replaced row."""
        return {each.row_id: each for each in self.replacements}

    @cached_property
    def replacing(self) -> dict[str, Replacement]:
        """The replacement that each replacing row entered by."""
        return {each.replacement_id: each for each in self.replacements}

    def examined_id(self, row_id: str) -> str:
        """The row that is examined in the place of a drawn row."""
        replaced = self.replaced
        while row_id in replaced:
            row_id = replaced[row_id].replacement_id
        return row_id

    def drawn_id(self, row_id: str) -> str:
        """The drawn row that a row is, or that it came in for."""
        return drawn_id_of(self.replacing, row_id)


def audit_state(service: Service, job: JobRecord) -> AuditState:
    """Read the newest findings, the replacements and the review of a sample."""
    with service.database.read() as tx:
        return state_of(tx, job)


def state_of(
    tx: Transaction, job: JobRecord, readings: Mapping[str, RowReadings] | None = None
) -> AuditState:
    """Read the same in a transaction; the readings of the rows may have been read before."""
    return AuditState(
        newest_findings(tx, job.id) if readings is None else counting_findings(readings),
        tuple(list_replacements(tx, job.id)),
        review_of(tx, job.id),
        attributes_of(tx, job.id),
        questions_of(tx, job.id),
    )


def drawn_id_of(replacing: Mapping[str, Replacement], row_id: str) -> str:
    """The drawn row that a row is, or that it came in for."""
    while row_id in replacing:
        row_id = replacing[row_id].row_id
    return row_id


def origin_of(
    drawn: Mapping[str, tuple[int, str | None]], replacing: Mapping[str, Replacement], row_id: str
) -> tuple[int, str | None]:
    """The round and stratum of the drawn row that a row is, or that it came in for."""
    drawn_id = drawn_id_of(replacing, row_id)
    if drawn_id not in drawn:
        raise not_in_sample(row_id, drawn.keys(), ("body", "row_id"))
    return drawn[drawn_id]


def not_in_sample(row_id: str, known: Set[str], loc: Loc) -> NotFound:
    """The error of a row that isn't an item; with the row id that a bare number means."""
    prefix = next(iter(known), "").rpartition(":")[0]
    meant = f"{prefix}:{row_id.strip()}"
    hint = f'Did you mean "{meant}"?' if meant in known else f'A row id looks like "{prefix}:17".'
    return NotFound("Row {row_id} isn't in the sample. {hint}", loc=loc, row_id=row_id, hint=hint)


def ordinal_of(row_id: str) -> int:
    """The row's number in the source."""
    return int(row_id.rpartition(":")[2])
