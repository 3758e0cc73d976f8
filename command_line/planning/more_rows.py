"""``jobsvc more-rows``: how many more rows a finished sample needs for a precision."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, JOB, field_option, with_target
from command_line.output import print_line, print_result, print_table
from command_line.planning.answers import (
    GOAL_OPTIONS,
    GOALS_SHOWN,
    number_text,
    sample_command,
    with_options,
)
from command_line.sampled_rows import share_goal


@click.command("more-rows")
@JOB
@click.option("--mean", metavar="COLUMN", help="The mean of a column.")
@click.option("--total", metavar="COLUMN", help="The total.")
@click.option("--share", type=share_goal, metavar="COLUMN=VALUE", help="The share of a value.")
@with_options(GOAL_OPTIONS)
@field_option("--by", "by", multiple=True, metavar="COLUMN", help="Each group reaches the goal.")
@field_option("--where", "where", metavar="FILTER", help="Only rows that match a filter.")
@click.option("--true-variance", is_flag=True, help="By the true variance of the source.")
@AS_JSON
@with_target
def more_rows(
    target: Target,
    job_id: str,
    mean: str | None,
    total: str | None,
    share: dict[str, Any] | None,
    margin: float | None,
    relative_margin: float | None,
    cv: float | None,
    confidence: float,
    by: tuple[str, ...],
    where: str | None,
    true_variance: bool,
    as_json: bool,
) -> None:
    """Show how many more rows a sample needs for a precision.

    \b
    jobsvc more-rows 917f045a --mean amount --relative-margin 2%
    jobsvc more-rows 917f045a --share status=disputed --margin 3% --by region
    """
    figures = [
        *([{"statistic": "mean", "column": mean}] if mean else []),
        *([{"statistic": "total", "column": total}] if total else []),
        *([share] if share else []),
    ]
    if len(figures) != 1:
        raise click.UsageError("Name one figure: --mean, --total or --share.")
    body = {
        **figures[0],
        "margin": margin,
        "relative_margin": relative_margin,
        "cv": cv,
        "confidence": confidence,
        "by": list(by),
        "where": None if where is None else {"expression": where},
        "basis": "frame" if true_variance else "sample",
    }
    with connected(target) as client:
        found = client.post(f"/api/sampling/jobs/{job_id}/more-rows", body)
        job = client.get(f"/api/jobs/{found['job_id']}")
    print_result(found, as_json, lambda found: _print(found, job))


def _print(found: dict[str, Any], job: dict[str, Any]) -> None:
    if found["more_clusters"] is not None:
        print_line(
            f"Draw {found['more_clusters']:,} more clusters, {found['needed_clusters']:,} in all, "
            f"with about {found['needed_rows']:,} rows."
        )
    else:
        print_line(f"Draw {found['more_rows']:,} more rows, {found['needed_rows']:,} in all.")
    rows = [
        (
            ", ".join(f"{name} {value}" for name, value in group["group"].items()) or "all",
            number_text(group["estimate"]),
            f"±{number_text(group['margin_of_error'])}",
            group["size"],
            group["more"],
        )
        for group in found["groups"][:GOALS_SHOWN]
    ]
    print_table(("group", "figure", "margin", "needs", "more"), rows)
    for note in found["notes"]:
        print_line(note)
    if found["round"] is not None:
        parameters = job["run_parameters"]
        source = {"ref": parameters["source_ref"], "table": parameters["table_key"]}
        if found["includes_sample"]:
            print_line("The same seed draws the rows of the sample again, and the new ones:")
        else:
            print_line("A new sample, which needn't include the rows of this one:")
        print_line(f"  {sample_command(str(job['dataset_id']), found['round'], source)}")
