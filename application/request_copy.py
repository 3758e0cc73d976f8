"""A job's request, so that it asks for the same again.

Owns: what of a job's parameters is a request, and the commits in it. Invariant: whoever sends it,
whenever, gets the same rows: refs may have moved on since, so that each is given by the commit that
the job read, and a draw names the version of its rule. Called by pages that show a request.
"""

from __future__ import annotations

from typing import Any

from job_runner.sampling_parameters import DrawRule
from job_runner.tables.open_tables import source_of
from storage.jobs.jobs import Job

NOT_ASKED = ("request_digest", "output_ref", "source_draw")
"""What the service itself put among the parameters."""


def same_request(job: Job) -> dict[str, Any]:
    """The body of a request for the same job; an import's also takes the file.

    Raises
    ------
    Pruned
        The commit that it read isn't there any more.
    """
    asked = asked_for(job)
    if job.run_type == "import":
        return asked
    asked["source_ref"] = source_of(job)
    if job.run_type == "sampling":
        asked["draw_version"] = DrawRule.recorded(job.run_parameters).draw_version
    if (other := asked.get("compare_to")) is not None:
        asked["compare_to"] = {"ref": other["commit_id"], "table_key": other["table_key"]}
    return asked


def asked_for(job: Job) -> dict[str, Any]:
    """What was asked for, as the job's parameters have it: a ref stays a ref."""
    return {name: value for name, value in job.run_parameters.items() if name not in NOT_ASKED}
