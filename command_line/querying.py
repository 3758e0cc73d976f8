"""``jobsvc sql``: run a SELECT on a dataset's tables and show, write or store its rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.options import AS_JSON, BATCH, OUTPUT, with_target
from command_line.output import print_json, print_line, print_table, progress_bar
from command_line.output_file import output_file

MAX_SHOWN = 1000
MAX_CELL_WIDTH = 60


@click.command("sql")
@click.argument("dataset")
@click.argument("statement")
@click.option("--ref", help="Ref or commit whose tables are read [default: main].")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_SHOWN),
    default=100,
    show_default=True,
    help="Rows to show; --output and --name write all rows.",
)
@OUTPUT
@click.option("--name", help="Store the result as the ref expl-NAME.")
@BATCH
@AS_JSON
@with_target
def sql_command(
    target: Target,
    dataset: str,
    statement: str,
    ref: str | None,
    limit: int,
    output: Path | None,
    name: str | None,
    batch: bool,
    as_json: bool,
) -> None:
    """Run one SELECT on the tables of a dataset, given by name or id.

    A table's name is its key; the only table of a file is "primary", or data for short. With the
    STATEMENT "-" it is read from standard input. With --output or --name the query runs as a job.

    \b
    jobsvc sql flights "SELECT origin, count(*) FROM data GROUP BY origin"
    jobsvc sql flights "SELECT * FROM data WHERE dep_delay > 60" --output late.parquet
    jobsvc sql flights - --ref smpl-q1 --name q1-means < means.sql
    """
    body = {"sql": sys.stdin.read() if statement == "-" else statement}
    if ref is not None:
        body["source_ref"] = ref
    with connected(target, "jobsvc sql") as client:
        dataset_id = client.dataset_id(dataset)
        if output is None and name is None:
            _show(client, dataset_id, {**body, "limit": limit}, as_json=as_json)
            return
        if name is not None:
            body["output_name"] = name
        if batch:
            body["priority"] = "batch"
        with output_file(output) as file:
            job = _run(client, dataset_id, body)
            if file is not None:
                client.download_rows(job["id"], f"/api/exploration/jobs/{job['id']}/result", file)
    if as_json:
        print_json(job)
        return
    _print_result(job)
    if output is not None:
        print_line(f"Rows written to {output}")


def _show(client: ApiClient, dataset_id: int, body: dict[str, Any], *, as_json: bool) -> None:
    found = client.post(f"/api/exploration/datasets/{dataset_id}/query", body)
    if as_json:
        print_json(found)
        return
    rows = [[_cell(row[column]) for column in found["columns"]] for row in found["data"]]
    print_table(found["columns"], rows, grouped=False)
    for note in found["notes"]:
        print_line(note, err=True)
    if found["has_more"]:
        print_line(
            f"These are the first {len(rows):,} rows; --limit shows up to {MAX_SHOWN:,}, "
            "--output writes all.",
            err=True,
        )


def _cell(value: Any) -> Any:
    """Put a value on one line of limited width."""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split("\n"))
    return line if len(line) <= MAX_CELL_WIDTH else f"{line[: MAX_CELL_WIDTH - 1]}…"


def _run(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    accepted = client.post(f"/api/exploration/datasets/{dataset_id}/jobs", body)
    with progress_bar("Querying") as on_progress:
        return client.finished_job(accepted["job_id"], on_progress)


def _print_result(job: dict[str, Any]) -> None:
    summary = job["output_summary"]
    ref = f", ref {summary['output_ref']}" if summary["output_ref"] else ""
    print_line(
        f"{summary['rows']:,} rows, {len(summary['columns']):,} columns: job {job['id']}{ref}, "
        f"commit {summary['output_commit_id'][:12]}."
    )
    for note in summary["notes"]:
        print_line(note, err=True)
