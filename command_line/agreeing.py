"""``jobsvc agreement``: how far two readers of a sample agree."""

from __future__ import annotations

from typing import Any

import click

from application.review.agreement_sheet import agreement_section
from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import JOB, body_of, printed
from command_line.output import print_line
from contract.requests.agreement import AgreementRequest
from presentation.terminal import block_lines


def _print_agreement(found: dict[str, Any]) -> None:
    for block in agreement_section(found).blocks:
        lines = list(block_lines(block))
        if lines:
            print_line("\n".join(lines))
            print_line()


@click.command()
@JOB
@with_request(AgreementRequest)
@printed(_print_agreement)
def agreement(client: ApiClient, job_id: str, **options: Any) -> Any:
    """Show how far the two readings of a sample's rows agree.

    Shows for each question the share of equal answers, Cohen's κ and Krippendorff's α, and who said
    what.

    \b
    jobsvc agreement 917f045a
    jobsvc agreement 917f045a --confidence 90%
    """
    return client.get(f"/api/sampling/jobs/{job_id}/agreement", **body_of(options))
