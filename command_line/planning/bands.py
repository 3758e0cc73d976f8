"""``jobsvc bands``: bands of a number, with the rows to draw of each."""

from __future__ import annotations

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, REF, TABLE, field_option, job_body, with_target
from command_line.output import print_result
from command_line.planning.answers import GOAL_OPTIONS, print_size, with_options
from command_line.sampling import WholeNumber

RULES = {"cumulative-root": "cumulative_root", "geometric": "geometric"}


@click.command()
@click.argument("dataset")
@click.argument("column")
@field_option("--bands", "bands", type=WholeNumber(min=2), default=5, show_default=True)
@click.option(
    "--rule", type=click.Choice(list(RULES)), default="cumulative-root", show_default=True
)
@click.option("--take-all/--no-take-all", default=True, help="Take the largest values whole.")
@field_option("--size", "sample_size", "rows", type=WholeNumber(min=1), help="Rows to draw.")
@click.option("--mean", is_flag=True, help="The precision is of the mean, not of the total.")
@with_options(GOAL_OPTIONS)
@field_option("--filter", "filters", "expression", help='Only rows such as "amount > 0".')
@REF
@TABLE
@AS_JSON
@with_target
def bands(
    target: Target,
    dataset: str,
    column: str,
    bands: int,
    rule: str,
    take_all: bool,
    rows: int | None,
    mean: bool,
    margin: float | None,
    relative_margin: float | None,
    cv: float | None,
    confidence: float,
    expression: str | None,
    ref: str | None,
    table: str | None,
    as_json: bool,
) -> None:
    """Suggest size bands of a number as strata.

    Prints the rows to draw of each band, and the command that draws them.

    \b
    jobsvc bands ledger amount --bands 5 --size 300
    jobsvc bands ledger amount --rule geometric --relative-margin 2%
    """
    precision = {"margin": margin, "relative_margin": relative_margin, "cv": cv}
    given = {key: value for key, value in precision.items() if value is not None}
    if bool(given) == (rows is not None):
        raise click.UsageError("Give --size, or one of --margin, --relative-margin and --cv.")
    goal = {**given, "statistic": "mean" if mean else "total", "confidence": confidence}
    request = job_body(
        ref,
        table,
        column=column,
        bands=bands,
        rule=RULES[rule],
        take_all=take_all,
        sample_size=rows,
        goal={**goal, "column": column} if given else None,
        filters={"expression": expression} if expression else None,
    )
    with connected(target) as client:
        dataset_id = client.dataset_id(dataset)
        found = client.post(f"/api/sampling/datasets/{dataset_id}/strata", request)
    source = {"ref": ref, "table": table}
    print_result(found, as_json, lambda found: print_size(found, dataset, source))
