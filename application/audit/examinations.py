"""How far samples are examined: for lists, one statement whatever the number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.access import Caller
from application.audit.stages import stage_rule
from contract.declarations import Help
from contract.requests.jobs import SamplesRequest
from contract.words import ListedReviewState
from estimation_engine.audit import stage_one_decision
from lazy_dataclasses import dataclass
from storage.audit.progress import SampleProgress, progress_of
from storage.jobs.jobs import JobRecord
from storage.jobs.lists import JobFilters, list_jobs
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class Examination:
    """How far a sample is examined."""

    items: Annotated[
        int,
        Help(
            "Rows to examine now: drawn ones, or those of stage 1. A replaced row and its "
            "replacement count as one."
        ),
    ]
    examined: Annotated[int, Help("Of these, those with a finding or an answer.")]
    exceptions: int
    review_state: ListedReviewState

    @property
    def open(self) -> Annotated[int, Help("Rows without a finding or an answer.")]:
        """Rows without a finding or an answer."""
        return max(self.items - self.examined, 0)


@dataclass(frozen=True)
class ListedSample:
    """A sample in a list."""

    job_id: str
    name: Annotated[str, Help("Its name; of a sample without one the first digits of its job.")]
    purpose: str | None
    dataset_id: int
    dataset_name: str
    user_soeid: Annotated[str, Help("Who drew it.")]
    drawn_at: str | None
    rows: Annotated[int, Help("Drawn rows.")]
    examination: Annotated[
        Examination | None, Help("Null: it has no finding, and wasn't drawn for a materiality.")
    ]


def list_samples(by: Caller, query: SamplesRequest) -> tuple[list[ListedSample], int]:
    """Return a page of the samples that the caller can see, and their total."""
    filters = JobFilters(
        dataset_id=query.dataset_id,
        user_soeid=query.user_soeid,
        run_type="sampling",
        statuses=("completed",),
        review_state=query.review_state,
    )
    page = {"offset": query.offset, "limit": query.limit}
    with by.service.database.read() as tx:
        jobs, total = list_jobs(tx, by.user, filters, order=query.order, **page)
        found = examinations_of(tx, jobs)
    return [_listed(job, found.get(job.id)) for job in jobs], total


def _listed(job: JobRecord, examination: Examination | None) -> ListedSample:
    return ListedSample(
        job.id,
        job.shown_name,
        job.purpose,
        job.dataset_id,
        job.dataset_name,
        job.user_soeid,
        job.completed_at,
        (job.output_summary or {}).get("total_sampled", 0),
        examination,
    )


def examinations_of(tx: Transaction, jobs: Sequence[JobRecord]) -> dict[str, Examination]:
    """Return how far samples are examined, by job id; without those that nobody is to examine."""
    found = progress_of(tx, [job.id for job in jobs])
    return {
        job.id: examination_of(job, found[job.id])
        for job in jobs
        if job.id in found and job.status == "completed" and found[job.id].has_begun
    }


def examination_of(job: JobRecord, progress: SampleProgress) -> Examination:
    """How far a sample is, by its counts."""
    items = _drawn_to_examine(job, progress)
    examined = progress.examined - progress.replaced  # a replaced row has a finding
    return Examination(items, examined, progress.exceptions, progress.review_state)


def _drawn_to_examine(job: JobRecord, progress: SampleProgress) -> int:
    """The drawn rows to examine, by the rule of two stages if the sample was planned so.

    No row of stage 2 has a finding before all of stage 1 have one, so the counts say which stage
    the findings are of.
    """
    rule = stage_rule(job, progress.drawn)
    if rule is None:
        return progress.drawn
    examined = progress.examined - progress.replaced
    found = progress.exceptions + progress.not_examinable
    asks = examined == rule.first and stage_one_decision(rule, found) == "continue"
    return progress.drawn if asks or examined > rule.first else rule.first
