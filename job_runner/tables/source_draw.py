"""The digest of the draw that made a table, for the seeds of later draws.

The digest depends only on the rounds and the number of rows, so it is the same on every server.
docs/SAMPLING.md defines it.
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

    A query's result has the digest of the commit that it read. A prune removes a job only with its
    commit.
    """
    with service.database.read() as tx:
        job = job_with_output(tx, dataset_id, commit_id)
        while job is not None and job.run_type == "exploration":
            job = job_with_output(tx, dataset_id, source_of(job))
    if job is None or job.run_type != "sampling":
        return None
    return digest_of(job.run_parameters, (job.output_summary or {})["source_rows"])


def digest_of(parameters: Mapping[str, Any], source_rows: int) -> str:
    """The digest of a job's ``run_parameters`` and source rows, 16 hexadecimal digits."""
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
