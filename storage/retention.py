"""Retention rules: select the rows that a prune may delete, without deleting them.

Retained: commits that a ref reaches or recently reached, or that an open job needs; the output of a
retained job; jobs whose commit is retained. ``storage.pruning`` checks again when it deletes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from storage.database import Transaction
from storage.prune_report import PruneReport
from storage.rows import first, run


@dataclass(frozen=True)
class Cutoffs:
    """The times before which objects may be deleted; None: never.

    Parameters
    ----------
    now : str
        Expiry of tokens and sign-in links.
    jobs, logs, uploads, counts : str or None
        End of a job; time of a log entry; end of an upload's job; last use of cached counts.
    unreachable : str or None
        Time when a ref last reached a commit, or when a dataset was removed.
    keys : str
        Creation of an idempotency key.
    orphans : str
        Last write of a file that belongs to no object.
    """

    now: str
    jobs: str | None
    logs: str | None
    unreachable: str | None
    uploads: str | None
    counts: str | None
    keys: str
    orphans: str


@dataclass(frozen=True)
class PrunableRows:
    """Row numbers of the rows to delete, newest first, so that children precede parents."""

    datasets: list[int]
    commits: list[int]
    jobs: list[int]


def find_rows(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> PrunableRows:
    """Return the rows that may be deleted, and add them to the report."""
    datasets, commits, jobs = [], [], []
    if cutoffs.unreachable is not None:
        before = {"unreachable_before": cutoffs.unreachable}
        datasets = report.add_rows("datasets", run(tx, "prunable_datasets", **before))
        unreachable = run(
            tx,
            "unreachable_commits",
            datasets=json.dumps(datasets),
            jobs_before=cutoffs.jobs,
            **before,
        )
        commits = report.add_rows("commits", unreachable)
    if cutoffs.jobs is not None or datasets:
        prunable = run(
            tx,
            "prunable_jobs",
            jobs_before=cutoffs.jobs,
            datasets=json.dumps(datasets),
            commits=json.dumps(commits),
        )
        jobs = report.add_rows("jobs", prunable)
        report.add_counts("log_entries", first(tx, "count_log_of_jobs", jobs=json.dumps(jobs)))
    if cutoffs.logs is not None:
        old = first(tx, "count_old_log_entries", logs_before=cutoffs.logs, jobs=json.dumps(jobs))
        report.add_counts("log_entries", old)
    count_expired(tx, cutoffs, report)
    return PrunableRows(datasets, commits, jobs)


def count_expired(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> None:
    """Add the expired tokens, sign-in links and idempotency keys to the report."""
    report.add_counts("tokens", first(tx, "count_expired_tokens", now=cutoffs.now))
    report.add_counts("sign_in_links", first(tx, "count_expired_links", now=cutoffs.now))
    report.add_counts("idempotency_keys", first(tx, "count_expired_keys", since=cutoffs.keys))
