"""``jobsvc size``, ``bands`` and ``more-rows``: the rows that a precision needs.

The design options are those of ``jobsvc sample``; each answer ends with its command, ready to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, get_args

import click
from jobsvc_client.arguments import given

from command_line.connection import Target, connected
from command_line.methods import DRAW_PARAMETERS, METHODS
from command_line.options import (
    AS_JSON,
    JOB,
    REF,
    TABLE,
    WholeNumber,
    errors,
    field_option,
    job_body,
    number,
    with_options,
    with_target,
)
from command_line.output import print_line, print_result, print_table
from command_line.sampled_rows import share_goal
from command_line.sampling import ACCEPT, CONFIDENCE, draw_body, option_of

STRATA_SHOWN = 40
GOALS_SHOWN = 40

GOAL_OPTIONS = (
    field_option(
        "--margin",
        "margin",
        type=number,
        help="The margin of error, such as 5 or, of a share, 3%.",
    ),
    field_option(
        "--relative-margin",
        "relative_margin",
        type=number,
        help="The margin as a share of the figure, such as 5%.",
    ),
    field_option(
        "--cv", "cv", type=number, help="The standard error as a share of the figure, such as 2%."
    ),
    CONFIDENCE,
)


def print_size(found: dict[str, Any], dataset: str, source: dict[str, str | None]) -> None:
    """Print the answer of a size or of bands."""
    clusters = f" in {found['clusters']:,} clusters" if found["clusters"] is not None else ""
    print_line(f"Draw {found['sample_size']:,} of {found['eligible_rows']:,} rows{clusters}.")
    if materiality := found.get("materiality"):
        _print_materiality(materiality)
    rows = [
        (
            _figure(goal),
            ", ".join(f"{name} {value}" for name, value in goal["group"].items()) or "all",
            number_text(goal["true_value"]),
            f"±{number_text(goal['margin_of_error'])}",
            "" if goal["reached_cv"] is None else f"{goal['reached_cv']:.2%}",
        )
        for goal in found["goals"][:GOALS_SHOWN]
    ]
    if rows:
        print_table(("figure", "group", "true value", "margin", "cv"), rows)
    if len(found["goals"]) > GOALS_SHOWN:
        print_line(f"… and {len(found['goals']) - GOALS_SHOWN:,} more; see --json.")
    if found["strata"]:
        shown = [
            (
                stratum["label"],
                stratum["row_count"],
                stratum["sample_size"],
                number_text(stratum["standard_deviation"]),
            )
            for stratum in found["strata"][:STRATA_SHOWN]
        ]
        print_table(("group", "rows", "draw", "SD"), shown)
        if found["strata_count"] > STRATA_SHOWN:
            print_line(f"… and {found['strata_count'] - STRATA_SHOWN:,} more; see --json.")
    if found["cost"] is not None:
        print_line(f"Cost: {found['cost']:,.10g}.")
    if found["homogeneity"] is not None:
        print_line(f"Homogeneity of the clusters: {found['homogeneity']:.3f}.")
    for note in found["notes"]:
        print_line(note)
    print_line("Draw them with:")
    print_line(f"  {sample_command(dataset, found['round'], source)}")


def _print_materiality(found: dict[str, Any]) -> None:
    """Print the arithmetic of a size for a materiality."""
    stages = found["two_stages"]
    is_staged = stages is not None and stages["formula"] == found["formula"]
    errors = "accepted" if is_staged else "expected"
    formula = "" if is_staged else f", {found['formula']}"
    rows = [
        ("materiality", f"{found['materiality']:.4%}"),
        (errors, f"{found['tolerated_errors']:,.6g} in the sample"),
        ("upper limit", f"{found['upper_limit']:.4%}{formula}"),
    ]
    if found["expected"] and found["pass_chance"] is not None:
        rows.append(("chance to pass", f"{found['pass_chance']:.1%}"))
    if found["interval"] is not None:
        total, interval = (f"{Decimal(found[name]):,f}" for name in ("book_total", "interval"))
        rows += [("book total", total), ("interval", interval)]
    if stages:
        title = "two stages" if is_staged else "or two stages"
        rows.append((title, f"{stages['first']:,} and {stages['second']:,}"))
        rows.append((f"{title}: risk", f"{stages['risk']:.4%}"))
    print_table(("", found["likelihood"]), rows)
    if stages:
        hint = "" if is_staged else " Plan them with --accept 0,1."
        print_line(f"Two stages: {stages['rule']}{hint}")


def _figure(goal: dict[str, Any]) -> str:
    if goal["column"] is None:
        return "share of one half"
    value = "" if goal["statistic"] != "proportion" else f" = {goal['value']}"
    name = "share" if goal["statistic"] == "proportion" else goal["statistic"]
    return f"{name} of {goal['column']}{value}"


def number_text(value: float | None) -> str:
    """A figure with six digits."""
    return "" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def sample_command(dataset: str, round_: dict[str, Any], source: dict[str, str | None]) -> str:
    """The command that draws a round."""
    from application.request_code.texts import command_of  # loads the sampling engine

    goal = round_.get("goal") or {}
    is_audit = "materiality" in goal  # an evaluation is compared with it
    step = {name: value for name, value in round_.items() if name != "goal" or is_audit}
    body = {"rounds": [step], "source_ref": source["ref"], "table_key": source["table"]}
    return command_of("/api/sampling/datasets/0/jobs", body, dataset) or ""


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
    type=click.Choice(METHODS),
    default="random",
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


def _costs(texts: Sequence[str]) -> dict[str, float]:
    costs = {}
    for text in texts:
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
    common = given(**precision)
    if figures and by:
        common["by"] = list(by)
    return [{**figure, **common} for figure in figures] or [common]


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
    precision = given(margin=margin, relative_margin=relative_margin, cv=cv)
    if bool(precision) == (rows is not None):
        raise click.UsageError("Give --size, or one of --margin, --relative-margin and --cv.")
    goal = {**precision, "statistic": "mean" if mean else "total", "confidence": confidence}
    request = job_body(
        ref,
        table,
        column=column,
        bands=bands,
        rule=RULES[rule],
        take_all=take_all,
        sample_size=rows,
        goal={**goal, "column": column} if precision else None,
        filters={"expression": expression} if expression else None,
    )
    with connected(target) as client:
        dataset_id = client.dataset_id(dataset)
        found = client.post(f"/api/sampling/datasets/{dataset_id}/strata", request)
    source = {"ref": ref, "table": table}
    print_result(found, as_json, lambda found: print_size(found, dataset, source))


@click.command("more-rows")
@JOB
@click.option("--mean", metavar="COLUMN", help="The mean of a column.")
@click.option("--total", metavar="COLUMN", help="The total.")
@click.option("--share", type=share_goal, metavar="COLUMN=VALUE", help="The share of a value.")
@with_options(GOAL_OPTIONS)
@field_option("--by", "by", multiple=True, metavar="COLUMN", help="Each group reaches the goal.")
@field_option(
    "--filter", "filters", "expression", metavar="FILTER", help="Only rows that match a filter."
)
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
    expression: str | None,
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
        "filters": None if expression is None else {"expression": expression},
        "basis": "frame" if true_variance else "sample",
    }
    with connected(target) as client:
        found = client.post(f"/api/sampling/jobs/{job_id}/more-rows", body)
        job = client.get(f"/api/jobs/{found['job_id']}")
    print_result(found, as_json, lambda found: _print_more_rows(found, job))


def _print_more_rows(found: dict[str, Any], job: dict[str, Any]) -> None:
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
