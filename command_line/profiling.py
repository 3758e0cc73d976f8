"""``jobsvc profile``: statistics of a table's columns, and hints for a sampling design."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, BATCH, with_target
from command_line.output import print_json, print_line, print_table, progress_bar

USES = (("strata", "strata"), ("sizes", "a size measure"), ("clusters", "clusters"))


def print_hints(hints: dict[str, Any], limit: int = 5) -> None:
    """Print which columns would serve for what, the best ``limit`` of each, a line each."""
    for kind, use in USES:
        for hint in hints[kind][:limit]:
            print_line(f"{hint['column']} would serve as {use}: {hint['reason']}")


MAX_WIDTH = 24


@click.command()
@click.argument("dataset")
@click.option("--ref", help="Ref or commit [default: main].")
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
    """Show statistics of the columns of a dataset, given by name or id.

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
        with progress_bar("Profiling") as on_progress:
            client.finished_job(accepted["job_id"], on_progress)
        found = client.get(f"/api/profiling/jobs/{accepted['job_id']}/result")
    if as_json:
        print_json(found)
        return
    _print_result(found)


def _print_result(found: dict[str, Any]) -> None:
    print_line(f"Table {found['table_key']}: {found['rows']:,} rows.")
    print_table(
        ("column", "type", "missing", "distinct", "minimum", "maximum", "mean", "alerts"),
        [_line(column) for column in found["columns"]],
    )
    for column in found["columns"]:
        for alert in column.get("alerts", []):
            severity = alert["severity"].capitalize()
            print_line(f"{severity}: {column['name']}: {alert['sentence']}")
    for alert in found.get("alerts", []):
        print_line(f"{alert['severity'].capitalize()}: {alert['sentence']}")
    print_hints(found["hints"])
    estimated = found.get("estimated_columns")
    if estimated:
        print_line(f"Estimated, because of the time limit: {', '.join(estimated)}.")


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
    """Format a figure; ``~`` marks an estimate.

    Counts are grouped by thousands; values of the table, which may be years or ids, aren't.
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
