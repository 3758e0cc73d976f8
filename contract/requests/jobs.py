"""Requests about jobs."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Request
from contract.fields import Choice, Count, Flag, Items, Text, Time
from contract.jobs import STATUSES, Order, RunType, Status
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN, JobPriority, SourceRef, TableKey
from contract.words import ListedReviewState


class JobChangeRequest(Request):
    """A change of a job."""

    dismissed: Annotated[bool, Flag(), Help("Whether lists of unresolved failures omit the job.")]


class JobsRequest(PageRequest):
    """Find jobs by filters, which are joined by AND."""

    user_id: Annotated[int | None, Count()] = None
    user_soeid: Annotated[str | None, Text(1, 100)] = None
    dataset_id: Annotated[int | None, Count()] = None
    status: Annotated[
        tuple[Status, ...] | None,
        Items(Choice.of(Status), most=len(STATUSES)),
        Help("One or more, separated by commas or repeated."),
    ] = None
    run_type: Annotated[RunType | None, Choice.of(RunType)] = None
    created_after: Annotated[str | None, Time()] = None
    created_before: Annotated[str | None, Time()] = None
    unresolved: Annotated[
        bool | None,
        Flag(),
        Help("Failures that nobody has retried or dismissed; not the cancelled jobs."),
    ] = None
    order: Annotated[Order, Choice.of(Order)] = "newest"


class SamplesRequest(PageRequest):
    """Find samples by filters, which are joined by AND."""

    dataset_id: Annotated[int | None, Count()] = None
    user_soeid: Annotated[str | None, Text(1, 100), Help("Who drew it.")] = None
    review_state: Annotated[
        ListedReviewState | None,
        Choice.of(ListedReviewState),
        Help("Of samples that are examined, or are to be."),
    ] = None
    order: Annotated[Order, Choice.of(Order)] = "newest"


class ProfilingJobRequest(Request):
    """A profiling job."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    columns: Annotated[tuple[str, ...], Items(Text(1), most=10_000)] = ()
    priority: JobPriority = "interactive"
