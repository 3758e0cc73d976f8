"""``jobsvc sample`` and ``jobsvc plan``: draw, fetch, or only tell what would be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.draw_options import draw_body, told_in_options, with_draw
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, BATCH, OUTPUT, with_target
from command_line.output import print_json, print_table, progress_bar, say
from command_line.output_file import output_file
from command_line.profiling import tell_hints

GROUPS_SHOWN = 40


@click.command()
@click.argument("dataset")
@with_draw
@click.option("--name", help="The sample's ref will be smpl-NAME.")
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
    body = draw_body(**draw)
    if name is not None:
        body["output_name"] = name
    if batch:
        body["priority"] = "batch"
    with connected(target, "jobsvc sample") as client:
        with output_file(output) as file:
            dataset_id = client.dataset_id(dataset)
            with told_in_options(draw["body"]):
                job = draw_sample(client, dataset_id, body)
            if file is not None:
                client.download_rows(job["id"], rows_of_draw(job["id"]), file)
        job = with_comparison(client, job)
    if as_json:
        print_json(job)
        return
    tell(job)
    if output is not None:
        say(f"Rows written to {output}")


@click.command()
@click.argument("dataset")
@with_draw
@AS_JSON
@with_target
def plan(target: Target, dataset: str, as_json: bool, **draw: Any) -> None:
    """Tell what a draw would give, and draw nothing.

    \b
    jobsvc plan sales --method stratified --strata region --size 500
    """
    with connected(target, "jobsvc plan") as client:
        dataset_id = client.dataset_id(dataset)
        with told_in_options(draw["body"]):
            planned = client.post(f"/api/sampling/datasets/{dataset_id}/plan", draw_body(**draw))
    if as_json:
        print_json(planned)
        return
    say(
        f"Would draw {planned['total_rows']:,} of {planned['source_rows']:,} rows of commit "
        f"{planned['commit_id'][:12]}."
    )
    for one in planned["rounds"]:
        say(
            f"Round {one['round_number']}: {one['method']}, {one['eligible_rows']:,} eligible rows."
        )
        _tell_groups(one, ("rows", "allocated"))
    _tell_warnings(planned)
    if planned["hints"] is not None:
        say("By the table's profile, for a design of your own:")
        tell_hints(planned["hints"], 2)


def draw_sample(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Make a sampling job, wait for its end, and return it."""
    accepted = client.post(f"/api/sampling/datasets/{dataset_id}/jobs", body)
    with progress_bar("Drawing") as told:
        return client.finished_job(accepted["job_id"], told)


def rows_of_draw(job_id: str) -> str:
    """Where the drawn rows are."""
    return f"/api/sampling/jobs/{job_id}/data"


def with_comparison(client: ApiClient, job: dict[str, Any]) -> dict[str, Any]:
    """The job with its comparison in the summary; as it was if that takes too long."""
    try:
        client.get(f"/api/sampling/jobs/{job['id']}/comparison")
    except CommandFailed:
        return job  # the draw is done, whatever becomes of its comparison
    return client.get(f"/api/jobs/{job['id']}")


def tell(job: dict[str, Any]) -> None:
    """Print what was drawn, stratum by stratum where there are strata, and how it compares."""
    summary = job["output_summary"]
    say(
        f"Drew {summary['total_sampled']:,} of {summary['source_rows']:,} rows: job {job['id']}, "
        f"ref {summary['output_ref']}, commit {summary['output_commit_id'][:12]}."
    )
    for one in summary["rounds"]:
        seed = f"seed {one['seed']!r}"
        if one["effective_seed"] != str(one["seed"]):
            seed += f", effective seed {one['effective_seed']!r}"
        say(f"Round {one['round_number']}: {one['method']}, {seed}.")
        _tell_groups(one, ("rows", "allocated", "sampled"))
    _tell_warnings(summary)
    if "comparison" in summary:
        say(summary["comparison"]["verdict"])


def _tell_groups(one: dict[str, Any], figures: tuple[str, ...]) -> None:
    """A round's strata or clusters as a table, and its warnings."""
    groups = one.get("strata") or one.get("clusters") or []
    if groups:
        columns = list(groups[0]["key"])
        rows = [
            (
                # Values of the table, such as years, are no counts: their digits aren't grouped.
                *("NULL" if value is None else str(value) for value in group["key"].values()),
                *(group[figure] for figure in figures),
            )
            for group in groups[:GROUPS_SHOWN]
        ]
        headings = ["drawn" if figure == "sampled" else figure for figure in figures]
        print_table((*columns, *headings), rows)
        if len(groups) > GROUPS_SHOWN:
            say(f"… and {len(groups) - GROUPS_SHOWN:,} more; see --json.")
    _tell_warnings(one)


def _tell_warnings(told: dict[str, Any]) -> None:
    for warning in told["warnings"]:
        say(f"Warning: {warning}")
