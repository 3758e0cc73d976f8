"""What may go, and what that comes to at one moment.

Owns: the rules of a prune. A commit stays as long as a ref reaches it (so all that came before it
stays), a job waits for it, or a ref reached it not long ago; one that never had a ref, as the
result of a query, belongs to its job and stays with it. A job stays as long as its commit
does: it holds the parameters and the seeds of that sample. A removed dataset goes as a whole.
Invariant: looking removes nothing. ``storage.pruning`` holds each thing against these rules once
more, in the transaction that removes it, since refs and jobs may have come meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from storage.database import Transaction
from storage.prune_report import PruneReport
from storage.rows import first, run


@dataclass(frozen=True)
class Cutoffs:
    """The moments before which things may go; None keeps them for ever.

    Parameters
    ----------
    now : str
        Tokens and links that ended before go.
    jobs, logs, uploads, counts : str or None
        When a job ended; when a log's entry was written; when the job of an upload ended; when
        counts were last used.
    unreachable : str or None
        When a ref last reached a commit; when a dataset was removed.
    keys : str
        When an idempotency key was given.
    strays : str
        When a file that belongs to nothing was last written.
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
    """What may go, by SQLite's row numbers; what came later first, so before what it needs."""

    datasets: list[int]
    commits: list[int]
    jobs: list[int]


def find_rows(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> PrunableRows:
    """Find the rows that may go, and fill the report with them."""
    datasets, commits, jobs = [], [], []
    if cutoffs.unreachable is not None:
        before = {"unreachable_before": cutoffs.unreachable}
        datasets = report.add_rows("datasets", run(tx, "prunable_datasets", **before))
        found = run(
            tx,
            "unreachable_commits",
            datasets=json.dumps(datasets),
            jobs_before=cutoffs.jobs,
            **before,
        )
        commits = report.add_rows("commits", found)
    if cutoffs.jobs is not None or datasets:
        found = run(
            tx,
            "prunable_jobs",
            jobs_before=cutoffs.jobs,
            datasets=json.dumps(datasets),
            commits=json.dumps(commits),
        )
        jobs = report.add_rows("jobs", found)
        report.add_counts("log_entries", first(tx, "count_log_of_jobs", jobs=json.dumps(jobs)))
    if cutoffs.logs is not None:
        old = first(tx, "count_old_log_entries", logs_before=cutoffs.logs, jobs=json.dumps(jobs))
        report.add_counts("log_entries", old)
    count_expired(tx, cutoffs, report)
    return PrunableRows(datasets, commits, jobs)


def count_expired(tx: Transaction, cutoffs: Cutoffs, report: PruneReport) -> None:
    """Count the tokens, links and keys that no longer mean anything."""
    report.add_counts("tokens", first(tx, "count_expired_tokens", now=cutoffs.now))
    report.add_counts("sign_in_links", first(tx, "count_expired_links", now=cutoffs.now))
    report.add_counts("idempotency_keys", first(tx, "count_expired_keys", since=cutoffs.keys))
