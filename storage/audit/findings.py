"""Findings and answers about the rows of a sample, replacements of rows, and the review of both.

Guarantees that an entry never changes, that nobody gives two readings of a row, and that nothing is
entered while the review is submitted or signed off: the state is read in the entry's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any

from contract.answers import Hidden, Named
from contract.declarations import Help
from contract.requests.findings import FindingRequest
from contract.words import (
    READINGS,
    Outcome,
    Reading,
    ReviewAction,
    ReviewState,
    state_after,
)
from domain_errors import Loc
from lazy_dataclasses import dataclass
from storage.audit.engagements import require_not_closed
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord, get_job
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import (
    Records,
    all_rows,
    first,
    json_text,
    json_tuple,
    number,
    only,
    run,
    statement,
)


class FindingsLocked(Conflict):
    """The findings are submitted or signed off."""

    code = "findings_locked"


class SampleDeleted(Conflict):
    """The sample was deleted."""

    code = "sample_deleted"


class FindingChanged(Conflict):
    """Another entry about the row was made meanwhile."""

    code = "finding_changed"


class RowDecided(Conflict):
    """A decision about the row was made, so its readings can't be corrected."""

    code = "row_decided"


class OwnReading(Conflict):
    """The person gave another reading of the row."""

    code = "own_reading"


class RowReplaced(Conflict):
    """Another row was examined in the place of the row."""

    code = "row_replaced"


class ReviewChanged(Conflict):
    """Another step of the review was taken meanwhile."""

    code = "review_changed"


@dataclass(frozen=True)
class Finding:
    """An entry about a row; ``entries`` counts those about the row, if it is the newest one.

    ``from_job_id`` is the sample that it was carried over from, when this one was drawn.
    """

    id: int
    job_id: Hidden[str]
    row_id: str
    outcome: Annotated[Outcome | None, Help("Null: the entry has answers.")]
    audit_value: str | None
    note: str
    deviations: Annotated[tuple[str, ...], Help("Tested attributes from which the row deviates.")]
    cause: str | None
    cause_text: str
    user_id: Hidden[int]
    at: str
    user_soeid: str
    entries: Hidden[int]
    from_job_id: Annotated[
        str | None,
        Help("The sample that the entry was carried over from, when this one was drawn."),
    ]
    reading: Annotated[
        Reading,
        Help(
            "Of a row counts the newest decision, else the newest first reading. A second reading "
            "doesn't count by itself."
        ),
    ]
    answers: Annotated[Mapping[str, Any], Help("To the sample's own questions, by their names.")]


@dataclass(frozen=True)
class NewestFinding(Finding):
    """The newest entry of a reading of a row; ``readers`` are all who gave this reading."""

    entries: Annotated[int, Help("The number of entries about the row; the newest one counts.")]
    readers: Hidden[frozenset[int]]


@dataclass(frozen=True)
class RowReadings:
    """The newest entries about a row, by reading."""

    row_id: str
    first: NewestFinding | None = None
    second: NewestFinding | None = None
    decision: NewestFinding | None = None

    @property
    def counting(self) -> NewestFinding | None:
        """The entry that counts; None if there is only a second reading."""
        return self.decision or self.first

    @property
    def given(self) -> list[NewestFinding]:
        """The entries that there are."""
        return [each for each in (self.first, self.second, self.decision) if each is not None]

    def of(self, reading: Reading) -> NewestFinding | None:
        """The newest entry of a reading."""
        found: NewestFinding | None = getattr(self, reading)
        return found


@dataclass(frozen=True)
class NewEntry:
    """A finding or answers to enter about a row; :class:`FindingRequest` has the first fields."""

    row_id: str
    outcome: Outcome | None
    audit_value: str | None = None
    note: str = ""
    previous_id: int | None = None
    deviations: tuple[str, ...] = ()
    cause: str | None = None
    cause_text: str = ""
    reading: Reading = "first"
    answers: Mapping[str, Any] = field(default_factory=dict)


_NEWEST = Records(
    NewestFinding,
    deviations=json_tuple,
    answers=json.loads,
    readers=lambda text: frozenset(json.loads(text)),
)
_FINDINGS = Records(Finding, deviations=json_tuple, answers=json.loads)


@dataclass(frozen=True)
class Continued:
    """The sample that a new one continues, and the rows of the new one.

    Of a sample with entries ``in_order`` says whether one of both samples is the first rows of the
    other, ``is_repeat`` whether the new one is the same sample, drawn again by the same plan.
    """

    job_id: str
    name: str
    row_ids: Sequence[str]
    in_order: bool = False
    is_repeat: bool = False


@dataclass(frozen=True)
class Replacement:
    """A row of a sample and the row that replaced it."""

    id: Hidden[int]
    job_id: str
    row_id: str
    replacement_id: Annotated[
        str, Named("replacement_row_id"), Help("The row that joined the sample.")
    ]
    reason: str
    user_id: Hidden[int]
    at: str
    user_soeid: str


_REPLACEMENTS = Records(Replacement)


@dataclass(frozen=True)
class ReviewEntry:
    """A step of a review."""

    id: int
    job_id: Hidden[str]
    action: ReviewAction
    note: str
    user_id: Hidden[int]
    at: str
    evaluation: Annotated[
        Mapping[str, Any],
        Help(
            "Of a sign-off: parameters and conclusion of the evaluation that was reviewed; else {}."
        ),
    ]
    user_soeid: str


_REVIEW_ENTRIES = Records(ReviewEntry, evaluation=json.loads)


@dataclass(frozen=True)
class Review:
    """The steps of a review."""

    entries: Annotated[tuple[ReviewEntry, ...], Help("Oldest first.")]

    @property
    def state(
        self,
    ) -> Annotated[ReviewState, Help("`open`, `submitted`, `signed_off` or `approved`.")]:
        return state_after(self.entries[-1].action if self.entries else None)

    @property
    def sign_off(self) -> ReviewEntry | None:
        """The sign-off in force; None while the findings aren't signed off or approved."""
        if self.state not in ("signed_off", "approved"):
            return None
        return next(each for each in reversed(self.entries) if each.action == "signed_off")

    @property
    def newest_id(self) -> int:
        """The id of the newest step; 0 if there is none."""
        return self.entries[-1].id if self.entries else 0

    def require_newest(self, seen_id: int) -> None:
        """Raise ReviewChanged if there is a newer step than the one that was seen."""
        if self.newest_id != seen_id:
            raise ReviewChanged(
                "Another step of the review was taken meanwhile, so the findings may have changed. "
                "Read them again, then take your step."
            )


def enter_findings(
    tx: Transaction,
    job_id: str,
    user_id: int,
    new: Sequence[FindingRequest | NewEntry],
    clock: Clock,
    field: str | None = None,
) -> list[int]:
    """Enter findings or answers and return their ids. A finding is a first reading.

    ``field`` is that of the request's body that has the entries, for errors; None of a file's.

    Raises
    ------
    FindingsLocked, FindingChanged
        The review is submitted or signed off; or a reading of a row has a newer entry than
        ``previous_id``.
    RowDecided, OwnReading
        A row has a decision; or the user gave another reading of it.
    """
    require_open(tx, job_id)
    at = timestamp(clock())
    entries = [NewEntry(**vars(each)) for each in new]
    locs: list[Loc] = [("body", field, place) if field else () for place in range(len(entries))]
    return [
        _enter(tx, job_id, user_id, entry, at, loc)
        for entry, loc in zip(entries, locs, strict=True)
    ]


def _enter(tx: Transaction, job_id: str, user_id: int, new: NewEntry, at: str, loc: Loc) -> int:
    now = readings_of_row(tx, job_id, new.row_id)
    newest = now.of(new.reading)
    if new.previous_id is not None and (newest.id if newest else 0) != new.previous_id:
        raise FindingChanged(
            "Another entry about row {row_id} was made meanwhile. Read it, and enter yours "
            "again if it is still right.",
            loc=loc and (*loc, "previous_id"),
            row_id=new.row_id,
        )
    if problem := reading_problem(now, new.reading, user_id, loc and (*loc, "row_id")):
        raise problem
    stored = {"deviations": json_text(new.deviations), "answers": json_text(dict(new.answers))}
    entry = {**vars(new), **stored}
    return number(tx, "insert_finding", job_id=job_id, user_id=user_id, at=at, **entry)


def reading_problem(
    now: RowReadings, reading: Reading, user_id: int, loc: Loc = ()
) -> Conflict | None:
    """Why a user can't give a reading of a row, as its entries are now; None if the user can."""
    if reading != "decision" and now.decision is not None:
        return RowDecided(
            "Row {row_id} had two readings that differed, and was decided. Its readings can't be "
            "corrected any more.",
            loc=loc,
            row_id=now.row_id,
        )
    others = (now.of(each) for each in READINGS if each != reading)
    if any(each is not None and user_id in each.readers for each in others):
        return OwnReading(
            "You gave another reading of row {row_id}. Each reading is by another person.",
            loc=loc,
            row_id=now.row_id,
        )
    return None


def carry_over(tx: Transaction, job_id: str, continued: Continued) -> dict[str, Any] | None:
    """Copy the questions and shown columns of the continued sample, and its entries.

    Entries keep their authors and times.

    The tested attributes, the attachments of these rows, and the facts of the working paper come
    along with entries.

    Returns
    -------
    dict or None
        What the summary of the new sample states: the continued sample, the rows with a finding,
        the last copied entry. None if there is no entry.
    """
    samples = {"job_id": job_id, "from_job_id": continued.job_id}
    run(tx, "carry_questions", **samples)
    run(tx, "carry_shown_columns", **samples)
    run(tx, "carry_findings", **samples, rows=json.dumps(list(continued.row_ids))).fetchall()
    copied = only(tx, "count_findings", job_id=job_id)
    if copied["last_id"] is None:
        return None
    run(tx, "carry_attributes", **samples)
    run(tx, "carry_attachments", **samples)
    run(tx, "carry_paper_facts", **samples)
    return {
        "job_id": continued.job_id,
        "name": continued.name,
        "findings": copied["rows"],
        "last_finding_id": copied["last_id"],
        "in_order": continued.in_order,
        "is_repeat": continued.is_repeat,
    }


def examined_samples(tx: Transaction, job: JobRecord) -> list[JobRecord]:
    """Return the other samples of a job's table that have findings, newest draw first."""
    return _others(tx, job, "examined_samples")


def samples_beside(tx: Transaction, job: JobRecord, limit: int) -> list[JobRecord]:
    """Return the newest other samples of a job's table."""
    return _others(tx, job, "samples_of_table", limit=limit)


def asked_samples(tx: Transaction, job: JobRecord) -> list[JobRecord]:
    """Return the other samples of a job's table with questions but no finding, newest first."""
    return _others(tx, job, "asked_samples")


def _others(tx: Transaction, job: JobRecord, statement: str, **limits: int) -> list[JobRecord]:
    table = {"dataset_id": job.dataset_id, "table_key": job.run_parameters["table_key"]}
    rows = all_rows(tx, statement, **table, **limits, job_id=job.id)
    return [get_job(tx, row["id"], with_position=False) for row in rows]


def newest_readings(
    tx: Transaction, job_id: str, after_id: int = 0, last_id: int | None = None
) -> dict[str, RowReadings]:
    """Return the newest entry of each reading, by row id, of rows with an entry after one's id.

    With ``last_id`` they are the newest up to this entry.
    """
    rows = "true" if not after_id else _WITH_ENTRY_AFTER
    if last_id is not None:
        rows = f"{rows} AND id <= :last_id"
    return _readings(tx, rows, job_id=job_id, after_id=after_id, last_id=last_id)


def readings_of_row(tx: Transaction, job_id: str, row_id: str) -> RowReadings:
    """Return the newest entry of each reading of a row."""
    found = _readings(tx, _OF_ROW, job_id=job_id, row_id=row_id)
    return found.get(row_id) or RowReadings(row_id)


def _readings(tx: Transaction, rows: str, **params: Any) -> dict[str, RowReadings]:
    """The newest entries about the rows that a condition selects."""
    found: dict[str, RowReadings] = {}
    for entry in map(_NEWEST.of, tx.execute(statement("newest_readings", rows=rows), params)):
        row = found.get(entry.row_id) or RowReadings(entry.row_id)
        found[entry.row_id] = RowReadings(**{**vars(row), entry.reading: entry})
    return found


_OF_ROW = "row_id = :row_id"
_WITH_ENTRY_AFTER = (
    "row_id IN (SELECT row_id FROM findings NOT INDEXED WHERE id > :after_id AND job_id = :job_id)"
)


def newest_entry_id(tx: Transaction) -> int:
    """Return the id of the newest entry about a row of any sample; 0 without one."""
    return number(tx, "newest_entry_id")


def newest_findings(tx: Transaction, job_id: str) -> dict[str, NewestFinding]:
    """Return the entry that counts about each row, by row id, oldest first."""
    return counting_findings(newest_readings(tx, job_id))


def counting_findings(readings: Mapping[str, RowReadings]) -> dict[str, NewestFinding]:
    """Return the entry that counts of each row's readings, by row id, oldest first."""
    counting = (each.counting for each in readings.values())
    entries = sorted((each for each in counting if each is not None), key=lambda each: each.id)
    return {entry.row_id: entry for entry in entries}


def list_own_entries(
    tx: Transaction, job_id: str, user_id: int, offset: int, limit: int
) -> tuple[list[Finding], int]:
    """Return a page of a user's newest entries about rows, newest first, and their number."""
    return _FINDINGS.page(tx, "list_own_entries", offset, limit, job_id=job_id, user_id=user_id)


def findings_of_ids(tx: Transaction, job_id: str, ids: Sequence[int]) -> dict[int, Finding]:
    """Return entries of a sample by their ids."""
    entries = _FINDINGS.all(tx, "findings_of_ids", job_id=job_id, ids=json.dumps(list(ids)))
    return {finding.id: finding for finding in entries}


def list_findings(
    tx: Transaction, job_id: str, row_id: str | None, offset: int, limit: int
) -> tuple[list[Finding], int]:
    """Return a page of the entries of a sample or of a row, newest first, and their number."""
    rows = {"rows": "true" if row_id is None else _OF_ROW}
    return _FINDINGS.page(tx, "list_findings", offset, limit, rows, job_id=job_id, row_id=row_id)


def enter_replacement(
    tx: Transaction,
    job_id: str,
    user_id: int,
    row_id: str,
    replacement_id: str,
    reason: str,
    clock: Clock,
) -> bool:
    """Enter a replacement; False if the row has one by now, or another row has this one.

    Raises
    ------
    FindingsLocked
        The review is submitted or signed off.
    """
    require_open(tx, job_id)
    rows = {"row_id": row_id, "replacement_id": replacement_id, "reason": reason}
    entry = {"job_id": job_id, "user_id": user_id, "at": timestamp(clock())}
    return first(tx, "insert_replacement", **rows, **entry) is not None


def list_replacements(tx: Transaction, job_id: str) -> list[Replacement]:
    """Return the replacements of a sample, oldest first."""
    return _REPLACEMENTS.all(tx, "list_replacements", job_id=job_id)


def require_open(tx: Transaction, job_id: str) -> None:
    """Require that entries about a sample can be made.

    Raises
    ------
    EngagementClosed
        The sample is in a sealed or archived engagement.
    FindingsLocked
        The review is submitted, signed off or approved.
    """
    require_not_closed(tx, job_id)
    state = review_of(tx, job_id).state
    if state == "submitted":
        raise FindingsLocked(
            "The findings are submitted for review. Withdraw them to enter or change findings."
        )
    if state == "signed_off":
        raise FindingsLocked(
            "The findings are signed off. The person who signed them off, or an owner of the "
            "dataset who didn't prepare them, can reopen them."
        )
    if state == "approved":
        raise FindingsLocked(
            "The findings are approved. A partner of the engagement who didn't prepare them can "
            "reopen them."
        )


def review_of(tx: Transaction, job_id: str) -> Review:
    """Return the review of a sample."""
    return Review(tuple(_REVIEW_ENTRIES.all(tx, "list_reviews", job_id=job_id)))


def enter_review(
    tx: Transaction,
    job_id: str,
    user_id: int,
    action: ReviewAction,
    note: str,
    clock: Clock,
    evaluation: Mapping[str, Any] | None = None,
) -> None:
    """Enter a step of a review; the caller has checked that it may follow."""
    step = {"action": action, "note": note, "evaluation": json.dumps(evaluation or {})}
    entry = {"job_id": job_id, "user_id": user_id, "at": timestamp(clock())}
    number(tx, "insert_review", **step, **entry)


def attributes_of(tx: Transaction, job_id: str) -> tuple[str, ...]:
    """Return the attributes that the rows of a sample are tested for."""
    return tuple(row["name"] for row in all_rows(tx, "tested_attributes", job_id=job_id))


def set_attributes(tx: Transaction, job_id: str, names: Sequence[str], user_id: int) -> None:
    """Choose the attributes of a sample; the caller has checked that it has no finding."""
    run(tx, "delete_tested_attributes", job_id=job_id)
    given = {"names": json.dumps(list(names)), "user_id": user_id}
    run(tx, "insert_tested_attributes", job_id=job_id, **given)


def chosen_columns_of(tx: Transaction, job_id: str) -> tuple[str, ...]:
    """Return the columns that were chosen to be shown of each row; none for the default."""
    row = first(tx, "shown_columns", job_id=job_id)
    return () if row is None else json_tuple(row["names"])


def set_chosen_columns(tx: Transaction, job_id: str, names: Sequence[str]) -> None:
    """Choose the columns that the findings show of each row; none for the default."""
    if names:
        run(tx, "put_shown_columns", job_id=job_id, names=json_text(list(names)))
    else:
        run(tx, "delete_shown_columns", job_id=job_id)


@dataclass(frozen=True)
class AuditConclusion:
    """An auditor's conclusion in own words."""

    id: int
    job_id: str
    text: str
    user_id: int
    at: str
    user_soeid: str


_CONCLUSIONS = Records(AuditConclusion)


def enter_conclusion(tx: Transaction, job_id: str, user_id: int, text: str, clock: Clock) -> None:
    """Enter the auditor's conclusion on a sample.

    Raises
    ------
    FindingsLocked
        The review is submitted or signed off.
    """
    require_open(tx, job_id)
    run(tx, "insert_conclusion", job_id=job_id, text=text, user_id=user_id, at=timestamp(clock()))


def conclusion_of(tx: Transaction, job_id: str) -> AuditConclusion | None:
    """Return the conclusion that counts; None if there is none, or its text is empty."""
    conclusion = _CONCLUSIONS.first(tx, "newest_conclusion", job_id=job_id)
    return conclusion if conclusion is not None and conclusion.text else None


def preparers_of(tx: Transaction, job_id: str) -> dict[int, str]:
    """Return the users who prepared the findings or the paper: their names by their ids."""
    return {row["id"]: row["soeid"] for row in all_rows(tx, "preparers", job_id=job_id)}


def signed_off_jobs(tx: Transaction, dataset_id: int) -> list[str]:
    """Return the ids of the jobs whose samples are signed off and weren't pruned."""
    return [row["id"] for row in all_rows(tx, "signed_off_jobs", dataset_id=dataset_id)]
