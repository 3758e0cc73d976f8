"""What waits for a user: rows to read, findings to submit and to review, failed jobs.

Each kind is declared once, in ``KINDS``. The counts are those that triggers keep, so the work grows
with what waits, and not with the number of samples.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Annotated, TypeVar

from application.access import Caller
from application.audit.combined_issuing import may_issue
from application.audit.engagements import missing_for_seal
from application.audit.examinations import Examination, examination_of
from application.audit.review import REVIEWING, ROLES
from application.audit.sealing import may_take
from application.review.queue import count_waiting, waiting_queues
from application.review.readings import review_progress
from contract.declarations import Help
from contract.words import InboxKind, MemberRole
from domain_errors import DomainError, Sentence
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.audit.combined_papers import (
    EngagementPaper,
    engagement_papers,
    engagements_with_papers,
)
from storage.audit.engagements import (
    EngagementSample,
    approved_engagements,
    get_engagement,
    list_engagement_samples,
)
from storage.audit.findings import review_of
from storage.audit.papers import newest_paper
from storage.audit.progress import SampleProgress, WaitingFor, waiting_samples
from storage.audit.reviewing import queued_jobs
from storage.jobs.jobs import JobRecord, jobs_by_seq
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction
from storage.sqlite.queries import NEWEST

logger = logging.getLogger("jobsvc.inbox")
MOST = 50
"""Entries of a kind."""
MANY = 100
"""What waits isn't counted beyond this number."""
COUNTED_S = 60
"""How long a count holds without a commit: a reservation of a row ends by the clock alone."""


@dataclass(frozen=True)
class KindOfEntry:
    """A kind of entry.

    Parameters
    ----------
    title : str
        Of the entries of this kind.
    sentence : str
        A template with ``count`` and the names of what waits.
    url : str
        The page on which it is done, with the id of the job or the engagement.
    """

    title: str
    sentence: str
    url: str

    def url_of(self, place: str | int) -> str:
        """The page of a job or an engagement."""
        return self.url.replace("{id}", str(place))


KINDS: Mapping[InboxKind, KindOfEntry] = {
    "findings_returned": KindOfEntry(
        "Findings returned",
        "The findings of the sample {sample} were returned.",
        "/jobs/{id}?tab=findings",
    ),
    "rows_to_examine": KindOfEntry(
        "Rows to examine",
        "{count} {count|row has|rows have} no finding in the sample {sample}.",
        "/jobs/{id}?tab=findings",
    ),
    "rows_to_answer": KindOfEntry(
        "Rows to answer",
        "{count} {count|row waits|rows wait} for you in the sample {sample}.",
        "/review/{id}",
    ),
    "rows_to_decide": KindOfEntry(
        "Rows to decide",
        "{count} {count|difference waits|differences wait} for your decision in the sample "
        "{sample}.",
        "/review/{id}?task=decide",
    ),
    "findings_to_submit": KindOfEntry(
        "Findings to submit",
        "All rows of the sample {sample} have a finding: submit them for review.",
        "/jobs/{id}?tab=findings",
    ),
    "findings_to_review": KindOfEntry(
        "Findings to review",
        "The findings of the sample {sample} were submitted for review: {count} {count|row|rows}.",
        "/jobs/{id}?tab=evaluation",
    ),
    "findings_to_approve": KindOfEntry(
        "Findings to approve",
        "The findings of the sample {sample} were signed off and wait for your approval.",
        "/jobs/{id}?tab=evaluation",
    ),
    "papers_to_issue": KindOfEntry(
        "Papers to issue",
        "The findings of the sample {sample} are approved: issue the working paper.",
        "/jobs/{id}?tab=paper",
    ),
    "combined_papers_to_issue": KindOfEntry(
        "Papers on several samples to issue",
        "The findings of {sample} are approved: issue their paper together again.",
        "/evaluate-together?{id}",
    ),
    "engagements_to_seal": KindOfEntry(
        "Engagements to seal",
        "The engagement {engagement} lacks nothing: seal it.",
        "/engagements/{id}",
    ),
    "failed_jobs": KindOfEntry(
        "Failed jobs",
        "{count} failed {count|job|jobs} to retry or dismiss.",
        "/jobs?unresolved=true",
    ),
}
"""In the order in which they are shown."""
OTHER_EVALUATION = (
    "The newest paper of the sample {sample} has another evaluation than the one that was signed "
    "off: issue the working paper again."
)
"""Of a paper to issue."""
TO_CORRECT = KindOfEntry(
    "Findings to correct",
    "The findings of the sample {sample} were {step}: correct them, then submit them for review. "
    "Reason: {reason}",
    "/jobs/{id}?tab=findings",
)
"""Of findings that were returned or reopened, with the reason of that step."""


@dataclass(frozen=True)
class InboxEntry:
    """Something that waits for the caller."""

    kind: InboxKind
    title: Annotated[str, Help("Of the kind, in English.")]
    text: Annotated[str, Help("A sentence, in English.")]
    count: Annotated[int, Help("Rows, findings, jobs, or samples of an engagement.")]
    url: Annotated[str, Help("The page on which it is done.")]
    job_id: Annotated[str | None, Help("The sample.")] = None
    sample: Annotated[str | None, Help("Its name.")] = None
    engagement_id: int | None = None
    since: Annotated[str | None, Help("When the step of the review was taken.")] = None


@dataclass(frozen=True)
class Inbox:
    """What waits for the caller."""

    entries: Annotated[
        Sequence[InboxEntry],
        Help("By kind; of a kind the newest sample first, at most 50 entries."),
    ]
    jobs_in_progress: Annotated[int, Help("The caller's own pending and running jobs.")]


def inbox(by: Caller) -> Inbox:
    """Return what waits for the caller."""
    with by.service.database.read() as tx:
        user = by.user_in(tx)
        entries = [*_of_engagements(tx, user, MOST), *_failed_jobs(tx, user)]
        for kind, what in _REVIEWED.items():
            entries += _of_kind(kind, _with_jobs(tx, waiting_samples(tx, user, *what, MOST)))
        entries = [_with_reason(tx, entry) for entry in entries]
        running = JobFilters(user_id=user.id, statuses=("pending", "running"))
        _, in_progress = list_jobs(tx, user, running, offset=0, limit=1)
    entries += [*_queues(by), *_own_samples(by)]
    places = list(KINDS)
    return Inbox(sorted(entries, key=lambda entry: places.index(entry.kind)), in_progress)


def waiting_count(by: Caller) -> int:
    """Count the entries of the caller's inbox, those beyond the limit of a kind too, to ``MANY``.

    The count is kept until the next commit, at most for ``COUNTED_S``. An unexpected failure is
    logged and kept as 0, so that it neither hides a page nor fills the log.
    """
    moment = int(by.access.monotonic() // COUNTED_S)
    key = (by.user.id, by.service.database.version, moment)
    return by.access.waiting_counts.get(key, lambda: _count_or_log(by))


def _count_or_log(by: Caller) -> int:
    try:
        return _count(by)
    except DomainError:
        raise
    except Exception:
        logger.exception("what waits for a user could not be counted")
        return 0


def _count(by: Caller) -> int:
    """Count as the lists do, but read jobs only where the counts of a sample don't suffice."""
    with by.service.database.read() as tx:
        user = by.user_in(tx)
        count = len(_failed_jobs(tx, user))
        for what in _REVIEWED.values():
            count += len(waiting_samples(tx, user, *what, MANY - count))
    for counter in (_count_own_samples, count_waiting, _count_of_engagements):
        if count < MANY:
            count += counter(by, MANY - count)
    return min(count, MANY)


def _count_of_engagements(by: Caller, most: int) -> int:
    with by.service.database.read() as tx:
        return len(list(islice(_of_engagements(tx, by.user_in(tx), most), most)))


def _count_own_samples(by: Caller, most: int) -> int:
    """Count the entries of :func:`_own_samples`: one of each sample with rows and without a queue.

    A sample with a queue has one if its findings were returned or nothing of the queue is lacking.
    """
    count = 0
    for progress, has_queue in _each(_own_page(by, most), lambda found: found[0].job_seq):
        if progress.review_state == "returned":
            count += 1
        elif not has_queue:
            count += progress.drawn > 0
        else:
            with by.service.database.read() as tx:
                (sample,) = _with_jobs(tx, [progress])
            count += sum(1 for _ in _next_steps(by, sample, has_queue=True))
        if count >= most:
            break
    return count


@dataclass(frozen=True)
class _WaitingSample:
    """A sample that waits for the caller."""

    job: JobRecord
    progress: SampleProgress
    found: Examination

    def entry(self, kind: InboxKind, count: int, reason: str = "") -> InboxEntry:
        name = self.job.shown_name
        found = _entry(kind, count, self.job.id, name, self.progress.last_at)
        if not reason:
            return found
        step = self.progress.last_action
        text = Sentence(TO_CORRECT.sentence, sample=name, step=step, reason=reason)
        return replace(found, text=text)


def _entry(
    kind: InboxKind, count: int, job_id: str, sample: str, since: str | None = None
) -> InboxEntry:
    declared = KINDS[kind]
    text = Sentence(declared.sentence, count=count, sample=sample)
    url = declared.url_of(job_id)
    return InboxEntry(kind, declared.title, text, count, url, job_id, sample, since=since)


def _with_jobs(tx: Transaction, found: Sequence[SampleProgress]) -> list[_WaitingSample]:
    jobs = jobs_by_seq(tx, [each.job_seq for each in found])
    return [
        _WaitingSample(job, progress, examination_of(job, progress))
        for job, progress in zip(jobs, found, strict=True)
    ]


_REVIEWED: Mapping[InboxKind, tuple[WaitingFor, Sequence[MemberRole]]] = {
    "findings_to_review": ("review", ROLES["signed_off"]),
    "findings_to_approve": ("approval", ROLES["approved"]),
    "papers_to_issue": ("paper", REVIEWING),
}
"""Kinds of samples: for what they wait, and for whom in an engagement."""


def _of_kind(kind: InboxKind, samples: Sequence[_WaitingSample]) -> list[InboxEntry]:
    return [each.entry(kind, each.found.items) for each in samples]


def _with_reason(tx: Transaction, entry: InboxEntry) -> InboxEntry:
    """Say of a paper to issue that the newest one has another evaluation."""
    if entry.kind != "papers_to_issue" or entry.job_id is None:
        return entry
    paper = newest_paper(tx, entry.job_id)
    if paper is None or not paper.has_other_evaluation:
        return entry
    return replace(entry, text=Sentence(OTHER_EVALUATION, sample=entry.sample))


_T = TypeVar("_T")


def _each(page: Callable[[int], Sequence[_T]], place: Callable[[_T], int]) -> Iterator[_T]:
    """All entries of pages before a place, of which a later filter leaves some out."""
    before = NEWEST
    while found := page(before):
        yield from found
        before = place(found[-1])


def _own_page(by: Caller, most: int) -> Callable[[int], list[tuple[SampleProgress, bool]]]:
    """The samples before a place whose findings aren't submitted, and whether they have a queue."""

    def page(before: int) -> list[tuple[SampleProgress, bool]]:
        with by.service.database.read() as tx:
            found = waiting_samples(tx, by.user, "examination", ROLES["submitted"], most, before)
            queued = queued_jobs(tx, [each.job_id for each in found])
        return [(each, each.job_id in queued) for each in found]

    return page


def _own_samples(by: Caller) -> Iterator[InboxEntry]:
    """What comes next in the samples whose findings aren't submitted."""

    def page(before: int) -> list[tuple[_WaitingSample, bool]]:
        found = _own_page(by, MOST)(before)
        with by.service.database.read() as tx:
            samples = _with_jobs(tx, [progress for progress, _ in found])
        return [(sample, queued) for sample, (_, queued) in zip(samples, found, strict=True)]

    entries = Counter[InboxKind]()
    for sample, has_queue in _each(page, lambda found: found[0].progress.job_seq):
        for entry in _next_steps(by, sample, has_queue=has_queue):
            entries[entry.kind] += 1
            if entries[entry.kind] <= MOST:
                yield entry


def _next_steps(by: Caller, sample: _WaitingSample, *, has_queue: bool) -> Iterator[InboxEntry]:
    """What comes next in a sample whose findings aren't submitted.

    The rows of a sample with a queue are among those of the queues.
    """
    found = sample.found
    reason = ""
    if sample.progress.last_action in ("returned", "reopened"):
        with by.service.database.read() as tx:
            reason = review_of(tx, sample.job.id).entries[-1].note
    if found.review_state == "returned":
        yield sample.entry("findings_returned", found.items, reason)
    elif found.open and not has_queue:
        yield sample.entry("rows_to_examine", found.open)
    elif not found.open and found.items:
        if has_queue:
            with by.reading():
                if not review_progress(by.service, sample.job).is_complete:
                    return
        yield sample.entry("findings_to_submit", found.items, reason)


def _queues(by: Caller) -> Iterator[InboxEntry]:
    for queue in waiting_queues(by, MOST):
        if queue.open:
            yield _entry("rows_to_answer", queue.open, queue.job_id, queue.sample)
        if queue.to_decide:
            yield _entry("rows_to_decide", queue.to_decide, queue.job_id, queue.sample)


_Parts = tuple[Sequence[EngagementSample], Sequence[EngagementPaper]]
"""The samples of an engagement, and the papers on several of them."""


def _of_engagements(tx: Transaction, user: User, most: int) -> Iterator[InboxEntry]:
    """At most so many entries of each kind; the parts of an engagement are read once."""

    @cache
    def parts(engagement_id: int) -> _Parts:
        samples = list_engagement_samples(tx, engagement_id)
        return samples, engagement_papers(tx, engagement_id, samples)

    yield from islice(_combined_papers(tx, user, parts), most)
    yield from islice(_engagements(tx, user, parts), most)


def _combined_papers(
    tx: Transaction, user: User, parts: Callable[[int], _Parts]
) -> Iterator[InboxEntry]:
    """The papers on several samples that a reviewer or partner issues anew since the approval."""
    declared = KINDS["combined_papers_to_issue"]

    def page(before: int) -> list[int]:
        return engagements_with_papers(tx, user, REVIEWING, MOST, before)

    for engagement_id in _each(page, int):
        for paper in parts(engagement_id)[1]:
            is_due = paper.lacks and paper.is_ready
            if is_due and may_issue(tx, user, paper.jobs, paper.datasets):
                yield InboxEntry(
                    "combined_papers_to_issue",
                    declared.title,
                    Sentence(declared.sentence, sample=paper.title),
                    len(paper.jobs),
                    declared.url_of(paper.query),
                    sample=paper.title,
                    engagement_id=engagement_id,
                )


def _engagements(
    tx: Transaction, user: User, parts: Callable[[int], _Parts]
) -> Iterator[InboxEntry]:
    """The engagements that a partner can seal."""
    declared = KINDS["engagements_to_seal"]

    def page(before: int) -> list[int]:
        return approved_engagements(tx, user, ROLES["approved"], MOST, before)

    for engagement_id in _each(page, int):
        samples, papers = parts(engagement_id)
        engagement = get_engagement(tx, engagement_id)
        if not missing_for_seal(samples, papers) and may_take(tx, user, engagement, "seal"):
            yield InboxEntry(
                "engagements_to_seal",
                declared.title,
                Sentence(declared.sentence, engagement=engagement.title),
                sum(not each.is_deleted for each in samples),
                declared.url_of(engagement_id),
                engagement_id=engagement_id,
            )


def _failed_jobs(tx: Transaction, user: User) -> list[InboxEntry]:
    """The failures that an administrator, or who submitted the jobs, retries or dismisses."""
    if user.role_name == "viewer":
        return []
    own = None if user.is_admin else user.id
    _, count = list_jobs(tx, user, JobFilters(user_id=own, unresolved=True), offset=0, limit=1)
    if not count:
        return []
    declared = KINDS["failed_jobs"]
    url = declared.url if own is None else f"{declared.url}&user_id={own}"
    text = Sentence(declared.sentence, count=count)
    return [InboxEntry("failed_jobs", declared.title, text, count, url)]
