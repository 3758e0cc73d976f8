"""The draw that made a table, and the digest that stands for it in the seeds of later draws.

Owns: how a commit's draw is found, and the digest's definition, which docs/SAMPLING.md repeats.
Invariant: the digest depends on the rounds and on the number of rows alone, so the same draw has
the same digest on every server. Called when a draw is submitted, planned or made at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from job_runner.sampling_parameters import seeded_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import source_of
from storage.jobs.publishing import job_with_output

DIGEST_DIGITS = 16


def source_draw(service: Service, dataset_id: int, commit_id: str) -> str | None:
    """The digest of the draw that made a commit's tables; None if no draw made them.

    A query's result has the digest of the commit that it read. A prune keeps a job as long as the
    commit that it made, so the draw is known as long as the commit can be drawn from.
    """
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, commit_id)
        while job is not None and job.run_type == "exploration":
            job = job_with_output(tx, dataset_id, source_of(job))
    if job is None or job.run_type != "sampling":
        return None
    return digest_of(job.run_parameters, (job.output_summary or {})["source_rows"])


def digest_of(parameters: Mapping[str, Any], source_rows: int) -> str:
    """The digest of a draw, 16 hexadecimal digits: of its rounds and rows as canonical JSON.

    Parameters
    ----------
    parameters : mapping
        The job's ``run_parameters``.
    source_rows : int
        Rows of the table that it drew from.
    """
    rounds = [
        {
            "effective_seed": seeded["effective_seed"],
            "filters": given.get("filters"),
            "method": given["method"],
            "parameters": {k: v for k, v in given["parameters"].items() if k != "seed"},
        }
        for given, seeded in zip(parameters["rounds"], seeded_rounds(parameters), strict=True)
    ]
    draw = {"rounds": rounds, "source_rows": source_rows}
    text = json.dumps(draw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
