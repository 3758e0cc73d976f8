"""The auditor's conclusion on a sample in own words, which the working paper shows."""

from __future__ import annotations

from application.access import Caller
from application.audit.findings import require_entries
from storage.audit.findings import AuditConclusion, conclusion_of, enter_conclusion
from storage.jobs.jobs import Job

MAX_CONCLUSION = 10_000


def conclude(by: Caller, job: Job, text: str) -> AuditConclusion | None:
    """Enter the conclusion; an empty text withdraws it.

    Raises
    ------
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        require_entries(tx, job)
        enter_conclusion(tx, job.id, by.user.id, text, by.service.clock)
        by.audit(
            tx, "conclusion_entered", dataset_id=job.dataset_id, about=("job", job.id), text=text
        )
        return conclusion_of(tx, job.id)
