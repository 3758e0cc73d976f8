"""The representativeness checks of samples, once they are there.

Owns: the table ``comparisons``. Invariant: a job has one at the most, and it goes with its job; it
can always be made again, so nothing waits for the disk. ``storage.jobs`` shows the brief form.
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
    """Keep a job's comparison in place of an earlier one; nothing happens if the job has gone."""
    run(
        tx,
        "store_comparison",
        job_id=job_id,
        made_at=timestamp(clock()),
        brief=json.dumps(brief, ensure_ascii=False),
        whole=json.dumps(whole, ensure_ascii=False),
    )


def get_comparison(tx: Transaction, job_id: str) -> dict[str, Any] | None:
    """The whole of a job's comparison, with ``made_at``; None when there is none yet."""
    row = first(tx, "comparison_of_job", job_id=job_id)
    return None if row is None else {**json.loads(row["whole"]), "made_at": row["made_at"]}
