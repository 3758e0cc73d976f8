"""``jobsvc findings``, ``replace``, ``evaluate``, ``working-paper``: the audit of a sample."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from application.audit.kinds import KINDS, PARAMETERS, TOLERABLE, default_kind
from command_line.connection import ApiClient, Target, connected
from command_line.options import AS_JSON, JOB, Command, field_option, printed, with_target
from command_line.output import (
    Columns,
    CommandFailed,
    output_file,
    print_items,
    print_line,
    print_result,
    print_table,
)
from command_line.sampling import number

ROW_ID = "_logical_row_id"
OF_FINDING = ("outcome", "audit_value", "note")
"""Columns of a file of findings, next to the one that names the row."""
MAX_FINDINGS = 1000
"""Findings of one request; the API's limit."""
OUTCOMES = ("ok", "exception", "not_applicable", "not_examinable")
ITEMS: Columns = {
    "row": "_logical_row_id",
    "finding": lambda each: (each["finding"] or {}).get("outcome") or "-",
    "audit value": lambda each: (each["finding"] or {}).get("audit_value") or "",
    "note": lambda each: (each["finding"] or {}).get("note") or "",
    "by": lambda each: (each["finding"] or {}).get("user_soeid") or "",
    "replaced by": lambda each: each["replaced_by"] or "",
}
OPTIONS = (
    field_option(
        "--kind",
        "kind",
        type=click.Choice(list(KINDS)),
        help="[default: monetary_unit for samples by monetary units, else attributes].",
    ),
    field_option("--tolerable", "tolerable", type=number, help=TOLERABLE),
    field_option(
        "--confidence", "confidence", type=float, default=0.95, show_default=True, help="Below 1."
    ),
    *(
        field_option(
            each.option,
            each.name,
            each.name,
            type=click.Choice(list(each.choices)) if each.choices else str,
            metavar=None if each.choices else "COLUMN",
            help=each.help.replace("`", ""),
        )
        for each in PARAMETERS.values()
    ),
)


def evaluation_options(command: Command) -> Command:
    """Add the options of an evaluation to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@JOB
@click.argument("row", required=False)
@click.argument("outcome", required=False, type=click.Choice(OUTCOMES))
@field_option("--audit-value", "audit_value", metavar="AMOUNT", help="The value found right.")
@field_option("--note", "note", help="What was found.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Enter the findings of a CSV file: a column _logical_row_id, or a column of the table "
    "that tells its rows apart; outcome; and, if needed, audit_value and note.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Items to skip.")
@AS_JSON
@with_target
def findings(
    target: Target,
    job_id: str,
    row: str | None,
    outcome: str | None,
    audit_value: str | None,
    note: str | None,
    file: Path | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List the rows of a sample with their findings, or enter the OUTCOME of a ROW or of a file.

    \b
    jobsvc findings 917f045a
    jobsvc findings 917f045a primary:17 ok
    jobsvc findings 917f045a primary:42 exception --audit-value 120.50 --note "wrong price"
    jobsvc findings 917f045a --file findings.csv
    """
    path = f"/api/sampling/jobs/{job_id}/findings"
    if (row is None) != (outcome is None):
        raise click.UsageError("Give a ROW and its OUTCOME, or neither to list the findings.")
    if row is None and (audit_value or note):
        raise click.UsageError("--audit-value and --note need a ROW and its OUTCOME.")
    if row is not None and file is not None:
        raise click.UsageError("Give a ROW and its OUTCOME, or --file.")
    with connected(target) as client:
        if file is not None:
            found = _enter_file(client, path, file)
            print_result(found, as_json, lambda found: _print_counts(found["counts"]))
            return
        if row is None:
            found = client.get(path, limit=limit, offset=offset)
            print_result(found, as_json, _print_items)
            return
        given = {"audit_value": audit_value, "note": note}
        body = {name: value for name, value in given.items() if value is not None}
        answer = client.post(path, {"_logical_row_id": row, "outcome": outcome, **body})
    print_result(answer, as_json, lambda found: _print_counts(found["counts"]))


def _enter_file(client: ApiClient, path: str, file: Path) -> dict[str, Any]:
    """Enter the findings of a file, 1,000 a request; return the last response.

    The file is read and its rows are found before anything is entered.
    """
    key, lines = _read_file(file)
    if key != ROW_ID:
        row_ids = _row_ids(client, path, key)
        unknown = [line[key] for line in lines if line[key] not in row_ids]
        if unknown:
            raise CommandFailed(
                'No row of the sample, or more than one, has the {key} "{value}".',
                key=key,
                value=unknown[0],
            )
        lines = [{**line, ROW_ID: row_ids[line[key]]} for line in lines]
    entries = [
        {name: line[name] for name in (ROW_ID, *OF_FINDING) if line.get(name)} for line in lines
    ]
    found: dict[str, Any] = {}
    for start in range(0, len(entries), MAX_FINDINGS):
        found = client.post(path, {"findings": entries[start : start + MAX_FINDINGS]})
    return found


def _read_file(file: Path) -> tuple[str, list[dict[str, str]]]:
    """The column that names the rows, and the lines that have an outcome."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        delimiter = max(",;\t", key=opened.readline().count)
        opened.seek(0)
        lines = csv.DictReader(opened, delimiter=delimiter)
        names = lines.fieldnames or ()
        keys = [name for name in names if name not in OF_FINDING]
        if not keys or "outcome" not in names:
            raise CommandFailed(
                "{file} needs a column outcome and a column that names the row: {row_id}, or one "
                "of the table's.",
                file=file.name,
                row_id=ROW_ID,
            )
        found = [line for line in lines if line["outcome"]]
    if not found:
        raise CommandFailed("{file} has no line with an outcome.", file=file.name)
    return ROW_ID if ROW_ID in keys else keys[0], found


def _row_ids(client: ApiClient, path: str, key: str) -> dict[str, str]:
    """The ids of a sample's rows by those values of a column that only one of them has."""
    by_value: dict[str, list[str]] = {}
    for item in client.all_of(path, "items"):
        if key not in item["data"]:
            raise CommandFailed('The table has no column "{key}".', key=key)
        by_value.setdefault(str(item["data"][key]), []).append(item[ROW_ID])
    return {value: ids[0] for value, ids in by_value.items() if len(ids) == 1}


def _print_items(found: dict[str, Any]) -> None:
    print_items(found["items"], ITEMS)
    _print_counts(found["counts"])


def _print_counts(counts: dict[str, int]) -> None:
    print_line(
        f"{counts['items'] - counts['open']:,} of {counts['items']:,} rows have a finding; "
        f"exceptions: {counts['exception']:,}."
    )


@click.command()
@JOB
@click.argument("row")
@field_option("--reason", "reason", required=True, help="Why the row is not applicable.")
@printed(
    lambda found: print_line(
        f"Row {found['_logical_row_id']} was replaced by {found['replacement_id']}."
    )
)
def replace(client: ApiClient, job_id: str, row: str, reason: str) -> Any:
    """Replace a ROW of a sample by the next row of the order, with a reason.

    \b
    jobsvc replace 917f045a primary:17 --reason "not a purchase"
    """
    path = f"/api/sampling/jobs/{job_id}/replacements"
    return client.post(path, {"_logical_row_id": row, "reason": reason})


@click.command()
@JOB
@evaluation_options
@AS_JSON
@with_target
def evaluate(target: Target, job_id: str, as_json: bool, **given: Any) -> None:
    """Evaluate a sample by its findings: limits, arithmetic and conclusion.

    \b
    jobsvc evaluate 917f045a --tolerable 5%
    jobsvc evaluate 917f045a --tolerable 50,000 --confidence 0.9
    jobsvc evaluate 917f045a --kind variables --book amount --estimator ratio --sides two
    jobsvc evaluate 917f045a --kind sequential --tolerable 5%
    """
    body = {name: value for name, value in given.items() if value is not None}
    with connected(target) as client:
        if "kind" not in body:
            body["kind"] = default_kind(client.get(f"/api/jobs/{job_id}")["run_parameters"])
        found = client.post(f"/api/sampling/jobs/{job_id}/evaluation", body)
    print_result(found, as_json, _print_evaluation)


def _print_evaluation(found: dict[str, Any]) -> None:
    match found["kind"], found.get("measure"):
        case ("attributes" | "variables", _):
            rows = [[each["name"], each["formula"], each["value"]] for each in found["arithmetic"]]
            print_table(["line", "formula", "value"], rows)
            if found["kind"] == "variables":
                _print_directions(found, ("errors", "projected", "upper_limit"))
        case ("monetary_unit", _):
            _print_directions(
                found, ("basic_precision", "projected", "incremental_allowance", "upper_limit")
            )
        case (_, "amount"):
            print_line(
                f"{found['exceptions']:,} misstatements in {found['examined']:,} rows: M is "
                f"{found['statistic']:,.6g}, and errors are tolerable from "
                f"{found['threshold']:,.6g} on. Upper limit: {found['upper_limit']}. Decision: "
                f"{found['decision']}."
            )
        case _:
            print_line(
                f"{found['exceptions']:,} exceptions in {found['examined']:,} rows: "
                f"{found['least']:,} to {found['most']:,} of {found['population']:,} rows can have "
                f"one. Decision: {found['decision']}."
            )
    for note in found.get("notes", ()):
        print_line(note)
    if found.get("conclusion"):
        print_line(found["conclusion"]["sentence"])


def _print_directions(found: dict[str, Any], names: Sequence[str]) -> None:
    """A line for each figure, overstatements beside understatements."""
    rows = [
        [name.replace("_", " "), found["overstatement"][name], found["understatement"][name]]
        for name in names
    ]
    print_table(["figure", "overstatement", "understatement"], rows)


@click.command(name="working-paper")
@JOB
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that ends with .html or .xlsx.",
)
@evaluation_options
@with_target
def working_paper(target: Target, job_id: str, output: Path, **given: Any) -> None:
    """Write the working paper of a sample: design, items, findings, evaluation, review.

    \b
    jobsvc working-paper 917f045a --output paper.html --tolerable 5%
    """
    kind = output.suffix.lower().removeprefix(".")
    if kind not in ("html", "xlsx"):
        raise click.BadParameter(
            "The name of the file ends with .html or .xlsx.", param_hint="--output"
        )
    query = {name: value for name, value in given.items() if value is not None}
    path = f"/api/sampling/jobs/{job_id}/working-paper"
    with connected(target) as client, output_file(output) as file:
        if file is not None:
            client.download(path, file, format=kind, **query)
    print_line(f"Working paper written to {output}")
