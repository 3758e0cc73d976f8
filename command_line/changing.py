"""``jobsvc change``: the change of figures between two samples, and the values that changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
from jobsvc_client.arguments import quoted_list

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import JOB, NEW_FILE, body_of, printed
from command_line.output import (
    Printed,
    figure_text,
    print_line,
    print_lines,
    print_table,
    written,
)
from command_line.sampled_rows import figure_name, figure_options, figures_of, group_texts
from contract.declarations import declared
from contract.numbers import percent_digits
from contract.requests.change import ChangedValuesRequest, ChangeRequest
from domain_errors import counted

CHANGED_SHOWN = 100
LISTS = ("key", "columns")
OF_VALUES = {own.name for own in declared(ChangedValuesRequest)}
OF_FIGURES = {own.name for own in declared(ChangeRequest)}


@click.command()
@JOB
@click.argument("other")
@figure_options(("mean", "total", "share", "ratio"))
@click.option("--count", is_flag=True, help="The number of rows.")
@with_request(ChangeRequest)
@with_request(ChangedValuesRequest, only=("columns",))
@click.option("--rows", is_flag=True, help="List the values that differ, in place of figures.")
@click.option("--output", type=NEW_FILE, help="With --rows: a CSV file for all of them.")
@printed()
def change(
    client: ApiClient,
    job_id: str,
    other: str,
    count: bool,
    rows: bool,
    output: Path | None,
    **figures: Any,
) -> Printed:
    """Estimate the change of figures from a sample to the sample OTHER.

    Rows in both samples are matched by the key of their rows.

    \b
    jobsvc change 917f045a 5e0c2b11 --mean amount --by region
    jobsvc change 917f045a 5e0c2b11 --rows --output changed.csv
    """
    path = f"/api/sampling/jobs/{job_id}"
    statistics = [*figures_of(figures), *([{"statistic": "count"}] if count else [])]
    body = {"with_job": other, **body_of(figures)}
    if rows:
        if statistics or not body.keys() <= OF_VALUES:
            raise click.UsageError("--rows can't be combined with figures and their options.")
        query = {**body, **{name: quoted_list(body[name]) for name in LISTS if name in body}}
        if output is not None:
            client.save(f"{path}/changed-values", output, **query, format="csv")
            return written(output, "Changed values")
        return Printed(
            client.get(f"{path}/changed-values", **query, limit=CHANGED_SHOWN), _print_values
        )
    if output is not None:
        raise click.UsageError("--output goes with --rows.")
    if not body.keys() <= OF_FIGURES:
        raise click.UsageError("--column goes with --rows.")
    if not statistics:
        raise click.UsageError("Name a figure, such as --mean COLUMN or --count; or --rows.")
    found = client.post(f"{path}/change", {"statistics": statistics, **body})
    return Printed(found, partial(_print_change, groups=body.get("by", ())))


def _print_change(found: dict[str, Any], groups: list[str]) -> None:
    headings = ["figure", *groups, "first", "second", "change", "from", "to", "standard error"]
    rows = []
    for each in found["figures"]:
        waves = (
            figure_text(None if each[side] is None else each[side]["estimate"])
            for side in ("first", "second")
        )
        numbers = (
            figure_text(each["change"][name])
            for name in ("estimate", "ci_low", "ci_high", "standard_error")
        )
        p_value = each["change"]["p_value"]
        p_text = "-" if p_value is None else f"{p_value:.4f}"
        rows.append([figure_name(each), *group_texts(each), *waves, *numbers, p_text])
    print_table([*headings, "p value"], rows)
    print_line(
        f"{counted(found['common_rows'], 'row')} in both samples, {found['only_first']:,} in the "
        f"first alone, {found['only_second']:,} in the second alone."
    )
    print_line(f"{percent_digits(found['confidence'])} % confidence intervals.")
    print_lines(found["notes"])


def _print_values(found: dict[str, Any]) -> None:
    names = list(found["data"][0]["key"]) if found["data"] else []
    print_table(
        [*names, "column", "old", "new"],
        [
            [
                *each["key"].values(),
                each["column"],
                *("missing" if each[side] is None else each[side] for side in ("old", "new")),
            ]
            for each in found["data"]
        ],
        grouped=False,
    )
    print_line(
        f"{counted(found['total'], 'value')} of {counted(found['changed_rows'], 'row')} changed, "
        f"of {counted(found['common_rows'], 'row')} in both samples."
    )
    if found["total"] > len(found["data"]):
        print_line(f"The first {len(found['data'])} are shown; --output writes all to a file.")
    if found["not_compared"]:
        print_line(f"In one sample alone: {', '.join(found['not_compared'])}.")
