"""``jobsvc explore``: a report of a table, as HTML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, BATCH, with_target
from command_line.output import print_json, print_line, progress_bar
from command_line.output_file import output_file


@click.command()
@click.argument("dataset")
@click.option("--ref", help="Ref or commit [default: main].")
@click.option("--table", help="Table key [default: primary, or the only one].")
@click.option("--compare", help="Ref or commit to compare with.")
@click.option("--compare-table", help="Its table key [default: primary, or the only one].")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this file as one self-contained page.",
)
@BATCH
@AS_JSON
@with_target
def explore(
    target: Target,
    dataset: str,
    ref: str | None,
    table: str | None,
    compare: str | None,
    compare_table: str | None,
    html: Path | None,
    batch: bool,
    as_json: bool,
) -> None:
    """Create a report of a table of a dataset, given by name or id.

    \b
    jobsvc explore flights --html flights.html
    jobsvc explore flights --compare smpl-q1 --compare-table sample --html both.html
    """
    if compare_table is not None and compare is None:
        raise click.UsageError("--compare-table requires --compare.")
    body: dict[str, Any] = {}
    if ref is not None:
        body["source_ref"] = ref
    if table is not None:
        body["table_key"] = table
    if compare is not None:
        body["compare_to"] = {"ref": compare, "table_key": compare_table}
    if batch:
        body["priority"] = "batch"
    with connected(target, "jobsvc explore") as client, output_file(html) as file:
        path = f"/api/exploration/datasets/{client.dataset_id(dataset)}/jobs"
        accepted = client.post(path, body)
        with progress_bar("Exploring") as on_progress:
            client.finished_job(accepted["job_id"], on_progress)
        result = f"/api/exploration/jobs/{accepted['job_id']}/result"
        if file is not None:
            client.download(result, file, format="html", download="true")
        found = client.get(result)
    if as_json:
        print_json(found)
        return
    _print_result(found)
    if html is not None:
        print_line(f"Report written to {html}")


def _print_result(found: dict[str, Any]) -> None:
    overview, alerts = found["overview"], found["overview"]["alerts"]
    print_line(
        f"Table {overview['table_key']}: {overview['rows']:,} rows, {overview['columns']:,} "
        f"columns, {overview['size_bytes']:,} bytes; commit {overview['commit_id'][:12]}."
    )
    print_line(
        f"Alerts: {alerts['warning']:,} warnings, {alerts['notice']:,} notices, "
        f"{alerts['info']:,} for information."
    )
    if found["comparison"] is not None:
        print_line(found["comparison"]["verdict"])
    profile = found["profile"]
    for part in (profile, *profile["columns"]):
        of = f"{part['name']}: " if "name" in part else ""
        for alert in part.get("alerts", []):
            if alert["severity"] == "warning":
                print_line(f"Warning: {of}{alert['sentence']}")
