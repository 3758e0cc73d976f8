"""``jobsvc compare``: what changed between two versions of a table, and the rows that differ."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Literal, get_args

import click

from command_line.connection import ApiClient
from command_line.exploring import result_path, run_exploration
from command_line.options import (
    BATCH,
    NAME,
    OUTPUT,
    PURPOSE,
    TABLE,
    body_of,
    field_option,
    limit_option,
    printed,
)
from command_line.output import (
    Printed,
    exact_sum,
    one_line,
    print_items,
    print_line,
    print_table,
    total_name,
)
from contract.columns import cell_text
from contract.words import Duplicates
from domain_errors import counted, percent_text

MAX_ROWS_SHOWN = 1000
CELL_WIDTH = 40
CELLS_SHOWN = 5
"""Cells of a row that was added or removed."""
_NAMES = re.compile(r'"((?:[^"]|"")*)"')


@click.command()
@click.argument("dataset")
@click.argument("ref1")
@click.argument("ref2")
@field_option(
    "--key",
    "keys",
    multiple=True,
    help="A column that identifies a row, to list the rows that differ; repeatable.",
)
@field_option(
    "--rows",
    "row_diff",
    is_flag=True,
    help="List the rows that differ, by the row key of the table.",
)
@field_option(
    "--duplicates",
    type=click.Choice(get_args(Duplicates)),
    help="Refuse equal keys, or number their rows: those that differ least are partners.",
)
@TABLE
@field_option(
    "--compare-table",
    "compare_to.table_key",
    formerly="--other-table",
    help="Table key in REF2 [default: as in REF1].",
)
@limit_option(20, MAX_ROWS_SHOWN, least=0, help="Rows to show; --output writes all rows.")
@OUTPUT
@NAME
@PURPOSE
@BATCH
@printed()
def compare(
    client: ApiClient,
    dataset: str,
    ref1: str,
    ref2: str,
    limit: int,
    output: Path | None,
    **chosen: Any,
) -> Printed:
    """Show what changed between two versions of a dataset.

    The dataset is given by name or id.

    REF1 and REF2 are refs or commits. With --rows, or with --key, the rows that were added, removed
    or changed are listed, too.

    \b
    jobsvc compare ledger v1 main
    jobsvc compare ledger v1 main --rows --duplicates number
    jobsvc compare ledger v1 main --key document --key line --output changes.xlsx
    """
    body = body_of(chosen)
    lists_rows = not body.keys().isdisjoint(("keys", "row_diff"))
    if not lists_rows and (output or body.keys() & {"output_name", "commit_message", "duplicates"}):
        raise click.UsageError(
            "--output, --name, --purpose and --duplicates require --rows or --key."
        )
    dataset_id, table = client.dataset_id(dataset), body.get("table_key")
    other = {"source_ref": ref2, "table_key": table, **body.pop("compare_to", {})}
    if not lists_rows:
        found = client.get_when_ready(
            f"/api/datasets/{dataset_id}/compare",
            base_ref=ref1,
            base_table=table,
            source_ref=ref2,
            table=other["table_key"],
        )
        return Printed(found, lambda found: _print_comparison(found, dataset, ref1, ref2))
    body |= {"source_ref": ref1, "compare_to": other}
    base = f"/api/exploration/datasets/{dataset_id}"
    job = run_exploration(client, base, body, "Comparing", output)
    rows = client.get(result_path(job), limit=limit)["data"] if limit else []
    return Printed(job, lambda job: _print_row_diff(job, rows), output)


def _print_comparison(found: dict[str, Any], dataset: str, ref1: str, ref2: str) -> None:
    print_line(found["verdict"])
    if any(found[side]["rows_read"] < found[side]["rows"] for side in ("base", "other")):
        rows = " and ".join(f"{found[side]['rows_read']:,}" for side in ("base", "other"))
        print_line(f"The figures of the columns are those of {rows} random rows.")
    totals = sorted(found["control_totals"], key=lambda total: total["is_identifier"])
    if totals:
        print_items(
            totals,
            {
                "sum of": total_name,
                "before": exact_sum("base_sum"),
                "now": exact_sum("other_sum"),
                "difference": exact_sum("difference", sign="+"),
            },
        )
        print_line()
    print_table(
        ("column", "type", "differs", "distance", "p-value", "missing before", "missing now"),
        [
            (
                column["name"],
                column["type"],
                _differs(column, found["changes"]),
                percent_text(column["distance"]),
                f"{min(column['p_value'], column['missing_p_value']):.2g}",
                percent_text(column["base_missing"]),
                percent_text(column["other_missing"]),
            )
            for column in found["columns"]
        ],
    )
    if found["suggested_keys"]:
        keys = " ".join(f"--key {shlex.quote(key)}" for key in found["suggested_keys"][0])
        names = " ".join(shlex.quote(name) for name in (dataset, ref1, ref2))
        print_line(f"List the rows that differ: jobsvc compare {names} {keys}")


def _differs(column: dict[str, Any], changes: dict[str, Any] | None) -> str:
    if column["is_significant"]:
        return "yes"
    if changes is None:
        return "not significantly"
    return "in some values" if column["name"] in changes["changed_columns"] else "no"


def _print_row_diff(job: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    summary = job["output_summary"]
    diff = summary["row_diff"]
    ref = f", ref {summary['output_ref']}" if summary["output_ref"] else ""
    print_line(
        f"Rows by {', '.join(diff['keys'])}: {diff['added']:,} added, {diff['removed']:,} removed, "
        f"{diff['changed']:,} changed in {diff['changed_cells']:,} cells, "
        f"{diff['unchanged']:,} unchanged: job {job['id']}{ref}."
    )
    if (repeated := diff["repeated_keys"]) is not None:
        print_line(
            f"{counted(repeated['keys'], 'key')} with several rows, {repeated['rows_before']:,} "
            f"before and {repeated['rows_now']:,} now, such as {', '.join(repeated['examples'])}: "
            "rows that differ least are partners. A draw of new rows counts them by their numbers."
        )
    changed = [column for column in diff["columns"] if column["changed"]]
    if changed:
        changed.sort(key=lambda column: -column["changed"])
        print_table(
            ("column", "changed rows"), [(column["name"], column["changed"]) for column in changed]
        )
    if rows:
        by_name = {column["name"]: column for column in diff["columns"]}
        lines = [
            (row["_change"], *(_cell(row[key]) for key in diff["keys"]), _changes(row, by_name))
            for row in rows
        ]
        print_table(("change", *diff["keys"], "values"), lines, grouped=False)
    if summary["rows"] > len(rows) > 0:
        print_line(
            f"These are the first {len(rows):,} of {summary['rows']:,} rows; --output writes all.",
            err=True,
        )


def _changes(row: dict[str, Any], columns: dict[str, dict[str, Any]]) -> str:
    """The changed cells of a row, each with both values; else the first cells of the row."""
    if row["_change"] != "changed":
        side: Literal["before", "now"] = "now" if row["_change"] == "added" else "before"
        shown = [name for name, one in columns.items() if one[side] is not None]
        return "; ".join(
            f"{name}: {_value(row, columns[name], side)}" for name in shown[:CELLS_SHOWN]
        )
    names = [name.replace('""', '"') for name in _NAMES.findall(row["_changed_columns"] or "")]
    return "; ".join(
        f"{name}: {_value(row, columns[name], 'before')} → {_value(row, columns[name], 'now')}"
        for name in names
    )


def _value(row: dict[str, Any], column: dict[str, Any], side: Literal["before", "now"]) -> Any:
    """The value of a column before or now, as pages show it."""
    value, type_ = row[column[side]], column["base_type" if side == "before" else "other_type"]
    return _cell(value if value is None else cell_text(value, column["name"], type_))


def _cell(value: Any) -> str:
    """Put a value on one line of limited width."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    return str(one_line(str(value), CELL_WIDTH))
