"""``jobsvc reserves`` and ``why``: the rows in line of a sample."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, JOB, field_option, with_target
from command_line.output import print_line, print_result, print_rows


@click.command()
@JOB
@field_option(
    "--step",
    "round",
    "step",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="The step of the design.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Rows of each group.",
)
@AS_JSON
@with_target
def reserves(target: Target, job_id: str, step: int, limit: int, as_json: bool) -> None:
    """Show the next rows in line of a sample: replacements for rows that can't be examined.

    \b
    jobsvc reserves 917f045a --limit 3
    """
    with connected(target) as client:
        path = f"/api/sampling/jobs/{job_id}/reserves"
        found = client.get(path, round=step, limit=limit)
    print_result(found, as_json, lambda rows: print_rows(rows["columns"], rows["data"]))


@click.command()
@JOB
@click.argument("value")
@field_option("--column", "column", help="The column that has the VALUE [default: the row's id].")
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True)
@AS_JSON
@with_target
def why(
    target: Target, job_id: str, value: str, column: str | None, limit: int, as_json: bool
) -> None:
    """Look up rows of a sample's source, by id or by a column's VALUE: drawn, or nth in line.

    \b
    jobsvc why 917f045a primary:17
    jobsvc why 917f045a INV-2025-0017 --column invoice
    """
    with connected(target) as client:
        path = f"/api/sampling/jobs/{job_id}/lookup"
        found = client.get(path, column=column, value=value, limit=limit)
    print_result(found, as_json, _print_verdicts)


def _print_verdicts(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        print_line(f"{row['logical_row_id']}: {'drawn' if row['drawn'] else 'not drawn'}")
        for verdict in row["rounds"]:
            group = f" ({verdict['group']})" if verdict["group"] else ""
            print_line(f"  step {verdict['round_number']}{group}: {verdict['reason']}")
        if row["drawn"]:
            print_line(
                f"  selection probability {row['inclusion_probability']:.6g}, "
                f"weight {row['design_weight']:.6g}"
            )
    if not found["rows"]:
        print_line("No row of the source has this value.")
    if found["has_more"]:
        print_line("More rows have this value; --limit shows up to 50.", err=True)
