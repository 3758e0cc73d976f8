"""Store the representativeness checks of samples, at most one for each job.

A check can be computed again, so it isn't synced before the commit returns.
"""

from __future__ import annotations

import json
from typing import Any

from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import first, run


def store_comparison(
    tx: Transaction, job_id: str, brief: dict[str, Any], whole: dict[str, Any], clock: Clock
) -> None:
    """Insert or replace a job's comparison; do nothing if the job was deleted."""
    run(
        tx,
        "store_comparison",
        job_id=job_id,
        made_at=timestamp(clock()),
        brief=json.dumps(brief, ensure_ascii=False),
        whole=json.dumps(whole, ensure_ascii=False),
    )


def get_comparison(tx: Transaction, job_id: str) -> dict[str, Any] | None:
    """Return a job's whole comparison with ``made_at``; None if there is none yet."""
    row = first(tx, "comparison_of_job", job_id=job_id)
    return None if row is None else {**json.loads(row["whole"]), "made_at": row["made_at"]}
