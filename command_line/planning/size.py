"""``jobsvc size``: how many rows a precision needs, and from which groups.

The design options are those of ``jobsvc sample``; the answer ends with its command, ready to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import click

from command_line.connection import Target, connected
from command_line.options import AS_JSON, REF, TABLE, field_option, job_body, with_target
from command_line.output import print_result
from command_line.planning.answers import GOAL_OPTIONS, print_size, with_options
from command_line.sampled_rows import share_goal
from command_line.sampling import ACCEPT, DRAW_PARAMETERS, draw_body, errors, number, option_of
from sampling_engine import DEFAULT_METHOD, METHODS

Likelihood = Literal["poisson", "binomial", "hypergeometric"]
SIZE_OPTIONS = ("size", "fraction", "per_stratum", "interval", "start", "clusters")
"""Options that the answer gives."""
PRECISION_OPTIONS = (
    *("margin", "relative_margin", "cv", "confidence"),
    *("materiality", "expected", "likelihood", "accept"),
)
"""Options of the precision or materiality that a goal asks for."""


@click.command()
@click.argument("dataset")
@field_option(
    "--mean",
    "statistic",
    "mean",
    multiple=True,
    metavar="COLUMN",
    help="The mean of a column; repeatable.",
)
@field_option(
    "--total", "statistic", "total", multiple=True, metavar="COLUMN", help="The total; repeatable."
)
@field_option(
    "--share",
    "statistic",
    "share",
    type=share_goal,
    multiple=True,
    metavar="COLUMN=VALUE",
    help="A share; repeatable.",
)
@with_options(GOAL_OPTIONS)
@field_option(
    "--materiality",
    "materiality",
    type=errors,
    help="Of an audit: the tolerable errors, such as 3% or, of book amounts, 50,000.",
)
@field_option(
    "--expected", "expected", type=errors, help="Of an audit: the expected errors [default: 0]."
)
@field_option(
    "--likelihood",
    "likelihood",
    type=click.Choice(get_args(Likelihood)),
    help="Of an audit [default: hypergeometric for rows, poisson for money].",
)
@ACCEPT
@field_option("--by", "by", multiple=True, metavar="COLUMN", help="Each group reaches the goal.")
@click.option("--wilson", is_flag=True, help="Plan shares by Wilson's interval.")
@click.option(
    "--method",
    type=click.Choice([method.name for method in METHODS]),
    default=DEFAULT_METHOD,
    show_default=True,
)
@with_options([option_of(one) for name, one in DRAW_PARAMETERS.items() if name not in SIZE_OPTIONS])
@click.option("--optimal", is_flag=True, help="Stratified: the sizes of least cost.")
@field_option(
    "--cost", "cost", multiple=True, metavar="GROUP=COST", help="Optimal: what a row costs."
)
@field_option("--budget", "budget", type=number, help="Optimal: the best precision for a cost.")
@field_option("--filter", "filters", "expression", help='Draw only from rows such as "age > 18".')
@REF
@TABLE
@AS_JSON
@with_target
def size(
    target: Target,
    dataset: str,
    mean: tuple[str, ...],
    total: tuple[str, ...],
    share: tuple[dict[str, Any], ...],
    by: tuple[str, ...],
    wilson: bool,
    optimal: bool,
    cost: tuple[str, ...],
    budget: float | None,
    ref: str | None,
    table: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show how many rows a precision or a materiality needs.

    Prints the command that draws them.

    Without a figure the margin is that of a share of one half.

    \b
    jobsvc size sales --margin 3%
    jobsvc size sales --mean amount --relative-margin 2% --by region
    jobsvc size sales --total amount --cv 1% --method stratified --strata region --optimal
    jobsvc size sales --mean amount --margin 5 --method cluster --cluster shop
    jobsvc size ledger --materiality 3% --accept 0,1
    jobsvc size ledger --materiality 50,000 --expected 10,000 --method monetary_unit --book amount
    """
    precision = {name: options.pop(name) for name in PRECISION_OPTIONS}
    goals = _goals(precision, _figures(mean, total, share, "wilson" if wilson else "t"), by)
    request = job_body(
        ref,
        table,
        design=_design(options),
        allocation="optimal" if optimal else None,
        cost=_costs(cost) or None,
        budget=budget,
    )
    request |= {"goal": goals[0]} if len(goals) == 1 else {"goals": goals}
    with connected(target) as client:
        dataset_id = client.dataset_id(dataset)
        found = client.post(f"/api/sampling/datasets/{dataset_id}/size", request)
    source = {"ref": ref, "table": table}
    print_result(found, as_json, lambda found: print_size(found, dataset, source))


def _design(chosen: dict[str, Any]) -> dict[str, Any]:
    """The round of the design options."""
    nothing: dict[str, Any] = {
        **{name: () if name == "size" else None for name in SIZE_OPTIONS},
        "columns": (),
        "order_by": None,
        "order_desc": False,
        "amount_column": None,
        "ref": None,
        "table": None,
        "residual": False,
        "body": None,
        "draw_version": None,
        "engine": None,
    }
    body = draw_body(**nothing, **chosen)
    design: dict[str, Any] = body["rounds"][0]
    return design


def _costs(given: Sequence[str]) -> dict[str, float]:
    costs = {}
    for text in given:
        label, equals, value = text.rpartition("=")
        if not equals or not label:
            raise click.BadParameter(f'"{text}" is no GROUP=COST.', param_hint="--cost")
        costs[label.strip()] = number(value)
    return costs


def _figures(
    mean: Sequence[str], total: Sequence[str], share: Sequence[dict[str, Any]], interval: str
) -> list[dict[str, Any]]:
    """The figures that the options name."""
    return [
        *({"statistic": "mean", "column": name} for name in mean),
        *({"statistic": "total", "column": name} for name in total),
        *({**goal, "interval": interval} for goal in share),
    ]


def _goals(
    precision: Mapping[str, Any], figures: Sequence[dict[str, Any]], by: Sequence[str]
) -> list[dict[str, Any]]:
    """A goal for each figure, or one without a figure."""
    common = {key: value for key, value in precision.items() if value is not None}
    if figures and by:
        common["by"] = list(by)
    return [{**figure, **common} for figure in figures] or [common]
