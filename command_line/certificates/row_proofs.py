"""``jobsvc row-root`` and ``jobsvc row-proofs``: prove that rows belong to a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient, Target, connected
from command_line.options import BATCH, JOB, REF, TABLE, job_body, printed, with_target
from command_line.output import output_file, print_line
from domain_errors import counted

PAGE = 1000


def _print_root(job: dict[str, Any]) -> None:
    summary = job["output_summary"]
    print_line(f"{summary['row_root']}  {summary['rows']:,} rows")


@click.command("row-root")
@click.argument("dataset")
@REF
@TABLE
@BATCH
@printed(_print_root)
def row_root(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Hash all rows of a table, so that its rows can be proved.

    The root is recorded in the dataset's ledger. See docs/CERTIFICATE.md.

    \b
    jobsvc row-root payables
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/row-roots"
    return client.run_job(path, job_body(**chosen), "Row root")


@click.command("row-proofs")
@JOB
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write the proofs to this file.",
)
@with_target
def row_proofs(target: Target, job_id: str, output: Path) -> None:
    """Write proofs that a sample's rows belong to their table.

    \b
    jobsvc row-proofs 917f045a --output proofs.json
    """
    path = f"/api/sampling/jobs/{job_id}/row-proofs"
    with connected(target) as client:
        found = client.get(path, limit=PAGE)
        page = found["proofs"]
        while len(page) == PAGE:
            page = client.get(path, limit=PAGE, offset=len(found["proofs"]))["proofs"]
            found["proofs"] += page
    with output_file(output) as file:
        assert file is not None  # noqa: S101 - there is an output
        file.write(json.dumps(found, indent=1).encode())
    print_line(f"Proofs of {counted(len(found['proofs']), 'row')} are in {output}.")
