"""``jobsvc classification``: precision, recall and missed rows of a model or rule."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import JOB, body_of, printed
from command_line.output import print_line
from contract.requests.classification import ClassificationRequest
from presentation.terminal import block_lines


def _print_classification(found: dict[str, Any]) -> None:
    from application.estimation.classification_sheet import classification_section  # loads engines

    for block in classification_section(found, "Evaluation of a model").blocks:
        print_line("\n".join(block_lines(block)))
        print_line()


@click.command()
@JOB
@with_request(ClassificationRequest)
@printed(_print_classification)
def classification(client: ApiClient, job_id: str, **fields: Any) -> Any:
    """Estimate precision, recall and missed rows of a model or rule.

    \b
    jobsvc classification 917f045a --truth is_bad --flagged judge
    jobsvc classification 917f045a --truth is_bad --flagged score --threshold 0.5
    """
    return client.post(f"/api/sampling/jobs/{job_id}/classification", body_of(fields))
