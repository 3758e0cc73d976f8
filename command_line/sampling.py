"""``jobsvc sample`` and ``jobsvc plan``: draw a sample, or show its sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient, Target, connected
from command_line.exploring import print_hints
from command_line.options import (
    AS_JSON,
    BATCH,
    OUTPUT,
    draw_body,
    job_body,
    with_draw,
    with_target,
)
from command_line.output import CommandFailed, output_file, print_line, print_result, print_table

GROUPS_SHOWN = 40


@click.command()
@click.argument("dataset")
@with_draw
@click.option("--name", help="Name the sample's ref smpl-NAME.")
@OUTPUT
@BATCH
@AS_JSON
@with_target
def sample(
    target: Target,
    dataset: str,
    name: str | None,
    output: Path | None,
    batch: bool,
    as_json: bool,
    **draw: Any,
) -> None:
    """Draw a sample of a dataset, given by name or id.

    \b
    jobsvc sample sales --size 1000 --seed 42 --output sample.csv
    jobsvc sample sales --method stratified --strata region --strata product --size 500
    jobsvc sample sales --method weighted --weight amount --size 60 --filter "amount > 0"
    jobsvc sample sales --body rounds.json --name q1
    """
    body = {**draw_body(**draw), **job_body(name=name, batch=batch)}
    with connected(target) as client:
        with output_file(output) as file:
            dataset_id = client.dataset_id(dataset)
            job = draw_sample(client, dataset_id, body)
            if file is not None:
                client.download_rows(job["id"], rows_of_draw(job["id"]), file)
        job = with_comparison(client, job)
    print_result(job, as_json, print_sample)
    if output is not None and not as_json:
        print_line(f"Rows written to {output}")


@click.command()
@click.argument("dataset")
@with_draw
@AS_JSON
@with_target
def plan(target: Target, dataset: str, as_json: bool, **draw: Any) -> None:
    """Show the result sizes of a draw without drawing.

    \b
    jobsvc plan sales --method stratified --strata region --size 500
    """
    with connected(target) as client:
        path = f"/api/sampling/datasets/{client.dataset_id(dataset)}/plan"
        planned = client.post(path, draw_body(**draw))
    print_result(planned, as_json, _print_plan)


def _print_plan(planned: dict[str, Any]) -> None:
    print_line(
        f"Would draw {planned['total_rows']:,} of {planned['source_rows']:,} rows of commit "
        f"{planned['commit_id'][:12]}."
    )
    for round_ in planned["rounds"]:
        print_line(
            f"Round {round_['round_number']}: {round_['method']}, "
            f"{round_['eligible_rows']:,} eligible rows."
        )
        _print_groups(round_, ("rows", "allocated"))
    _print_warnings(planned)
    if planned["hints"] is not None:
        print_line("Suggestions from the table's profile:")
        print_hints(planned["hints"], 2)


def draw_sample(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Submit a sampling job, wait for its end, and return it."""
    return client.run_job(f"/api/sampling/datasets/{dataset_id}/jobs", body, "Drawing")


def rows_of_draw(job_id: str) -> str:
    """Return the API path of the drawn rows."""
    return f"/api/sampling/jobs/{job_id}/data"


def with_comparison(client: ApiClient, job: dict[str, Any]) -> dict[str, Any]:
    """Return the job with its comparison in the summary, if that is available in time."""
    try:
        client.get(f"/api/sampling/jobs/{job['id']}/comparison")
    except CommandFailed:
        return job  # the draw succeeded even if its comparison fails
    return client.get(f"/api/jobs/{job['id']}")


def print_sample(job: dict[str, Any]) -> None:
    """Print the drawn rows by round and stratum, and the comparison's verdict."""
    summary = job["output_summary"]
    print_line(
        f"Drew {summary['total_sampled']:,} of {summary['source_rows']:,} rows: job {job['id']}, "
        f"ref {summary['output_ref']}, commit {summary['output_commit_id'][:12]}."
    )
    for round_ in summary["rounds"]:
        seed = f"seed {round_['seed']!r}"
        if round_["effective_seed"] != str(round_["seed"]):
            seed += f", effective seed {round_['effective_seed']!r}"
        print_line(f"Round {round_['round_number']}: {round_['method']}, {seed}.")
        _print_groups(round_, ("rows", "allocated", "sampled"))
    _print_warnings(summary)
    if "comparison" in summary:
        print_line(summary["comparison"]["verdict"])


def _print_groups(round_: dict[str, Any], figures: tuple[str, ...]) -> None:
    """Print a round's strata or clusters, and its warnings."""
    groups = round_.get("strata") or round_.get("clusters") or []
    if groups:
        columns = list(groups[0]["key"])
        rows = [
            (
                # Values of the table, such as years, aren't grouped.
                *("NULL" if value is None else str(value) for value in group["key"].values()),
                *(group[figure] for figure in figures),
            )
            for group in groups[:GROUPS_SHOWN]
        ]
        headings = ["drawn" if figure == "sampled" else figure for figure in figures]
        print_table((*columns, *headings), rows)
        if len(groups) > GROUPS_SHOWN:
            print_line(f"… and {len(groups) - GROUPS_SHOWN:,} more; see --json.")
    _print_warnings(round_)


def _print_warnings(result: dict[str, Any]) -> None:
    for warning in result["warnings"]:
        print_line(f"Warning: {warning}")
