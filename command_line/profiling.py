"""Hints for the design of a sample, as commands print them: suggestions, never more.

``jobsvc profile``: what the columns of a table hold.
"""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, BATCH, with_target
from command_line.output import print_json, print_table, progress_bar, say

USES = (("strata", "strata"), ("sizes", "a size measure"), ("clusters", "clusters"))


def tell_hints(hints: dict[str, Any], most: int = 5) -> None:
    """Print which columns would serve for what, the best ``most`` of each, a line each."""
    for kind, use in USES:
        for hint in hints[kind][:most]:
            say(f"{hint['column']} would serve as {use}: {hint['reason']}")


MAX_WIDTH = 24


@click.command()
@click.argument("dataset")
@click.option("--ref", help="Ref or commit to look at [default: main].")
@click.option("--table", help="Table key [default: primary, or the only one].")
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@BATCH
@AS_JSON
@with_target
def profile(
    target: Target,
    dataset: str,
    ref: str | None,
    table: str | None,
    columns: tuple[str, ...],
    batch: bool,
    as_json: bool,
) -> None:
    """Tell what the columns of a dataset, given by name or id, hold.

    \b
    jobsvc profile flights
    jobsvc profile flights --column dep_delay --column carrier --json
    """
    body: dict[str, Any] = {"columns": list(columns)}
    if ref is not None:
        body["source_ref"] = ref
    if table is not None:
        body["table_key"] = table
    if batch:
        body["priority"] = "batch"
    with connected(target, "jobsvc profile") as client:
        path = f"/api/profiling/datasets/{client.dataset_id(dataset)}/jobs"
        accepted = client.post(path, body)
        with progress_bar("Profiling") as told:
            client.finished_job(accepted["job_id"], told)
        found = client.get(f"/api/profiling/jobs/{accepted['job_id']}/result")
    if as_json:
        print_json(found)
        return
    _tell(found)


def _tell(found: dict[str, Any]) -> None:
    say(f"Table {found['table_key']}: {found['rows']:,} rows.")
    print_table(
        ("column", "type", "nulls", "distinct", "least", "largest", "mean", "alerts"),
        [_line(column) for column in found["columns"]],
    )
    for column in found["columns"]:
        for alert in column.get("alerts", []):
            severity = alert["severity"].capitalize()
            say(f"{severity}: {column['name']}: {alert['sentence']}")
    for alert in found.get("alerts", []):
        say(f"{alert['severity'].capitalize()}: {alert['sentence']}")
    tell_hints(found["hints"])
    left = found.get("estimated_columns")
    if left:
        say(f"Estimated, since the time was up: {', '.join(left)}.")


def _line(column: dict[str, Any]) -> tuple[Any, ...]:
    number = column.get("number") or {}
    return (
        column["name"],
        column["type"][:MAX_WIDTH],
        _figure(column["nulls"], grouped=True),
        _figure(column.get("distinct"), grouped=True),
        _figure(column.get("minimum")),
        _figure(column.get("maximum")),
        _figure(number.get("mean")),
        ", ".join(alert["code"] for alert in column.get("alerts", [])),
    )


def _figure(figure: dict[str, Any] | None, *, grouped: bool = False) -> str:
    """A figure's value; one that isn't exact with a sign before it.

    Counts are grouped by thousands. Values of the table are not: they may be years or ids.
    """
    if figure is None or figure["value"] is None:
        return ""
    value = figure["value"]
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int):
        text = f"{value:,}" if grouped else str(value)
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)[:MAX_WIDTH]
    return text if figure["accuracy"]["kind"] == "exact" else f"~{text}"
