"""A copy of a job's request that gives the same rows again.

Refs may have moved since, so the copy names the commit that the job read, and a draw names the
version of its rule. Used by pages that show a request.
"""

from __future__ import annotations

from typing import Any

from job_runner.sampling_parameters import DrawRule
from job_runner.tables.open_tables import source_of
from storage.jobs.jobs import Job

ADDED = ("request_digest", "output_ref", "source_draw")
"""Parameters that the service added to the request."""


def same_request(job: Job) -> dict[str, Any]:
    """The body of a request for the same job, without the file of an import.

    Raises
    ------
    Pruned
        The commit that the job read was pruned.
    """
    request = original_request(job)
    if job.run_type == "import":
        return request
    request["source_ref"] = source_of(job)
    if job.run_type == "sampling":
        request["draw_version"] = DrawRule.recorded(job.run_parameters).draw_version
    if (other := request.get("compare_to")) is not None:
        request["compare_to"] = {"ref": other["commit_id"], "table_key": other["table_key"]}
    return request


def original_request(job: Job) -> dict[str, Any]:
    """The request as it was submitted: a ref stays a ref."""
    return {name: value for name, value in job.run_parameters.items() if name not in ADDED}
