"""``jobsvc profile``, ``explore`` and ``sql``: what a table holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.options import (
    BATCH,
    NAME,
    NEW_FILE,
    OUTPUT,
    PURPOSE,
    REF,
    TABLE,
    body_of,
    field_option,
    limit_option,
    printed,
)
from command_line.output import (
    Printed,
    output_file,
    print_line,
    print_lines,
    print_rows,
    print_table,
)
from domain_errors import counted

USES = (("strata", "strata"), ("sizes", "a size measure"), ("clusters", "clusters"))
MAX_WIDTH = 24
MAX_ROWS_SHOWN = 1000
COMMENTS = ("-- ", "--\t", "--\n")
"""How an SQL comment begins that no option can be."""


def _print_profile(found: dict[str, Any]) -> None:
    print_line(f"Table {found['table_key']}: {found['rows']:,} rows.")
    print_table(
        ("column", "type", "missing", "distinct", "minimum", "maximum", "mean", "alerts"),
        [_profile_cells(column) for column in found["columns"]],
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


def print_hints(hints: dict[str, Any], limit: int = 5) -> None:
    """Print which columns would serve for what, the best ``limit`` of each, a line each."""
    for kind, use in USES:
        for hint in hints[kind][:limit]:
            print_line(f"{hint['column']} would serve as {use}: {hint['reason']}")


def _profile_cells(column: dict[str, Any]) -> tuple[Any, ...]:
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


@click.command()
@click.argument("dataset")
@REF
@TABLE
@field_option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@BATCH
@printed(_print_profile)
def profile(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Show statistics of the columns of a dataset.

    It is given by name or id.

    \b
    jobsvc profile payables
    jobsvc profile payables --column amount --column company --json
    """
    path = f"/api/profiling/datasets/{client.dataset_id(dataset)}/jobs"
    job = client.run_job(path, body_of(chosen), "Profiling")
    return client.get(f"/api/profiling/jobs/{job['id']}/result")


@click.command()
@click.argument("dataset")
@REF
@TABLE
@field_option("--compare", "compare_to.source_ref", help="Ref or commit to compare with.")
@field_option(
    "--compare-table",
    "compare_to.table_key",
    help="Its table key [default: primary, or the only one].",
)
@field_option(
    "--output",
    formerly="--html",
    type=NEW_FILE,
    help="Write the report to this file as one self-contained page.",
)
@BATCH
@printed()
def explore(client: ApiClient, dataset: str, output: Path | None, **chosen: Any) -> Printed:
    """Create a report of a table, as a page of its own.

    \b
    jobsvc explore payables --output payables.html
    jobsvc explore payables --compare smpl-q1 --output both.html
    """
    body = body_of(chosen)
    if "compare_to" in body and "source_ref" not in body["compare_to"]:
        raise click.UsageError("--compare-table requires --compare.")
    with output_file(output) as file:
        path = f"/api/exploration/datasets/{client.dataset_id(dataset)}/jobs"
        result = result_path(client.run_job(path, body, "Exploring"))
        if file is not None:
            client.download(result, file, format="html", download="true")
    return Printed(client.get(result), _print_report, output, "Report")


def _print_report(found: dict[str, Any]) -> None:
    overview, alerts = found["overview"], found["overview"]["alerts"]
    print_line(
        f"Table {overview['table_key']}: {overview['rows']:,} rows, {overview['columns']:,} "
        f"columns, {overview['size_bytes']:,} bytes; commit {overview['commit_id'][:12]}."
    )
    print_line(
        f"Alerts: {counted(alerts['warning'], 'warning')}, "
        f"{counted(alerts['notice'], 'notice')}, {alerts['info']:,} for information."
    )
    if found["comparison"] is not None:
        print_line(found["comparison"]["verdict"])
    table = found["profile"]
    for part in (table, *table["columns"]):
        of = f"{part['name']}: " if "name" in part else ""
        for alert in part.get("alerts", []):
            if alert["severity"] == "warning":
                print_line(f"Warning: {of}{alert['sentence']}")


class StatementCommand(click.Command):
    """A command whose statement may begin with an SQL comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Begin such a statement with a blank; no option has one after its hyphens."""
        return super().parse_args(ctx, [f" {arg}" if arg[:3] in COMMENTS else arg for arg in args])


@click.command("sql", cls=StatementCommand)
@click.argument("dataset")
@click.argument("statement")
@field_option("--ref", "source_ref", help="Ref or commit whose tables are read [default: main].")
@field_option(
    "--with",
    "with_tables",
    multiple=True,
    help="Another table to read: uploads, findings, answers, or a ref or commit; repeatable.",
)
@limit_option(100, MAX_ROWS_SHOWN, help="Rows to show; --output and --name write all rows.")
@OUTPUT
@NAME
@PURPOSE
@BATCH
@printed()
def sql_command(
    client: ApiClient, dataset: str, statement: str, limit: int, output: Path | None, **chosen: Any
) -> Printed:
    """Run one SELECT on the tables of a dataset.

    It is given by name or id.

    A table's name is its key; the only table of a file is "primary", or data for short. With the
    STATEMENT "-" it is read from standard input. With --output or --name the query runs as a job.

    \b
    jobsvc sql payables "SELECT company, sum(amount) FROM data GROUP BY company"
    jobsvc sql payables "SELECT * FROM data WHERE amount > 9000" --output large.parquet
    jobsvc sql payables - --ref smpl-q1 --name q1-sums < sums.sql
    jobsvc sql payables - --ref smpl-q1 --with findings --with main < exceptions.sql
    """
    sql = sys.stdin.read() if statement == "-" else statement
    body: dict[str, Any] = {"sql": sql, **body_of(chosen)}
    base = f"/api/exploration/datasets/{client.dataset_id(dataset)}"
    if output is None and "output_name" not in body:
        query: dict[str, Any] = {"sql": sql, "limit": limit}
        query |= {name: body[name] for name in ("source_ref", "with_tables") if name in body}
        return Printed(client.post(f"{base}/query", query), _print_rows)
    return Printed(run_exploration(client, base, body, "Querying", output), print_query_job, output)


def run_exploration(
    client: ApiClient, base: str, body: dict[str, Any], label: str, output: Path | None
) -> dict[str, Any]:
    """Run a query or a comparison as a job, and write its rows to a file if one is named."""
    with output_file(output) as file:
        job = client.run_job(f"{base}/jobs", body, label)
        if file is not None:
            client.download_rows(job["id"], result_path(job), file)
    return job


def result_path(job: dict[str, Any]) -> str:
    """The path of the rows of a query or a comparison."""
    return f"/api/exploration/jobs/{job['id']}/result"


def _print_rows(found: dict[str, Any]) -> None:
    print_rows(found["columns"], found["data"], found["types"])
    print_lines(found["notes"], err=True)
    if found["has_more"]:
        print_line(
            f"These are the first {len(found['data']):,} rows; --limit shows up to "
            f"{MAX_ROWS_SHOWN:,}, --output writes all.",
            err=True,
        )


def print_query_job(job: dict[str, Any]) -> None:
    """Print the table that a query made."""
    summary = job["output_summary"]
    ref = f", ref {summary['output_ref']}" if summary["output_ref"] else ""
    print_line(
        f"{summary['rows']:,} rows, {len(summary['columns']):,} columns: job {job['id']}{ref}, "
        f"commit {summary['output_commit_id'][:12]}."
    )
    print_lines(summary["notes"], err=True)
