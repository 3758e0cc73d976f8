"""``jobsvc size``, ``bands`` and ``more-rows``: the rows that a precision needs.

The design options are those of ``jobsvc sample``; each answer ends with its command, ready to run.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import click

from command_line.connection import ApiClient
from command_line.contract_options import reader_of, with_request
from command_line.methods import DRAW_PARAMETERS
from command_line.options import (
    FILTER,
    JOB,
    REF,
    TABLE,
    WholeNumber,
    body_of,
    field_option,
    job_id_prefix,
    number,
    number_pairs,
    printed,
    with_options,
)
from command_line.output import (
    Printed,
    figure_text,
    group_name,
    print_line,
    print_lines,
    print_table,
)
from command_line.sampled_rows import PLANNED_FIGURES, figure_options, figures_of
from command_line.sampling import (
    ACCEPT,
    EARLIER_ROWS,
    KEYED_ORDER,
    METHOD,
    draw_parts,
    option_of,
)
from contract.declarations import declared
from contract.fields import ValuesKind
from contract.requests.draw import OrderRequest
from contract.requests.estimate import MoreRowsRequest, StatisticRequest
from contract.requests.goal import GoalRequest, JudgeGoalRequest
from contract.requests.programmes import ProgrammeGoalRequest
from contract.words import GoalKind

STRATA_SHOWN = 40
GOALS_SHOWN = 40

MARGINS: tuple[GoalKind, ...] = get_args(GoalKind)
PRECISION = (*MARGINS, "confidence")
"""Fields of a goal that say how precise a figure is to be."""


def print_size(found: dict[str, Any], dataset: str, request: dict[str, Any]) -> None:
    """Print the answer of a size or of bands."""
    clusters = f" in {found['clusters']:,} clusters" if found["clusters"] is not None else ""
    print_line(f"Draw {found['sample_size']:,} of {found['eligible_rows']:,} rows{clusters}.")
    if materiality := found.get("materiality"):
        _print_materiality(materiality)
    if programme := found.get("programme"):
        _print_programme(programme)
    rows = [
        (
            _figure(goal),
            group_name(goal["group"]),
            figure_text(goal["true_value" if goal.get("estimate") is None else "estimate"], ""),
            f"±{figure_text(goal['margin_of_error'], '')}",
            "" if goal["reached_cv"] is None else f"{goal['reached_cv']:.2%}",
        )
        for goal in found["goals"][:GOALS_SHOWN]
    ]
    if rows:
        is_true = all(goal.get("estimate") is None for goal in found["goals"])
        value = "true value" if is_true else "value"
        print_table(("figure", "group", value, "margin", "cv"), rows)
    if len(found["goals"]) > GOALS_SHOWN:
        print_line(f"… and {len(found['goals']) - GOALS_SHOWN:,} more; see --json.")
    if found["strata"]:
        _print_strata(found)
    if found["judge"] is not None:
        _print_judge(found["judge"], found["sample_size"])
    if found["cost"] is not None:
        print_line(f"Cost: {found['cost']:,.10g}.")
    if found["homogeneity"] is not None:
        print_line(f"Homogeneity of the clusters: {found['homogeneity']:.3f}.")
    print_lines(found["notes"])
    print_line("Draw them with:")
    print_line(f"  {sample_command(dataset, found['round'], request)}")
    if found["judge"] is not None:
        print_line("With the judge, draw them with:")
        print_line(f"  {sample_command(dataset, found['judge']['round'], request)}")


def _print_judge(found: dict[str, Any], alone: int) -> None:
    """Print the labels that people need alone, and with the judge."""
    limits = ""
    if found["with_judge_low"] is not None:
        limits = f"{found['with_judge_low']:,} to {found['with_judge_high']:,}"
    rows = [
        ("people alone", f"{alone:,}", ""),
        (f"with the judge, ρ = {found['correlation']:.3g}", f"{found['with_judge']:,}", limits),
    ]
    print_table(("", "labels", "at 95 %" if limits else ""), rows)


def _print_strata(found: dict[str, Any]) -> None:
    shown = [
        (
            stratum["label"],
            stratum["row_count"],
            stratum["sample_size"],
            figure_text(stratum["standard_deviation"], ""),
        )
        for stratum in found["strata"][:STRATA_SHOWN]
    ]
    print_table(("group", "rows", "draw", "SD"), shown)
    if found["strata_count"] > STRATA_SHOWN:
        print_line(f"… and {found['strata_count'] - STRATA_SHOWN:,} more; see --json.")


def _print_programme(found: dict[str, Any]) -> None:
    """Print the arithmetic of a size by an audit programme."""
    amounts = ("book_value", "tolerable", "expected", "interval")
    rows = [
        ("programme", f"{found['title']}, SHA-256 {found['sha256'][:12]}"),
        ("rule", " § ".join(filter(None, (found["rule"], found["paragraph"])))),
        ("formula", found["formula"]),
        ("size", f"{found['unrounded']:,.2f} by the formula"),
        ("z or factor", f"{found['factor']:.6g}"),
        *(
            (name.replace("_", " "), f"{Decimal(found[name]):,f}")
            for name in amounts
            if found[name] is not None
        ),
    ]
    print_table(("", ""), rows)
    if found["strata"]:
        strata = [
            (each["label"], each["rows"], each["sample_size"], figure_text(each["deviation"], ""))
            for each in found["strata"]
        ]
        print_table(("group", "rows", "draw", "guessed SD"), strata)
    if found["periods"]:
        periods = [
            (
                each["name"] or "planned",
                each["rows"],
                f"{Decimal(each['book_value']):,f}",
                each["sample_size"],
                figure_text(each["deviation"], ""),
            )
            for each in found["periods"]
        ]
        print_table(("period", "rows", "book value", "sample", "SD"), periods)
    print_line(found["statement"])


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
    if goal["statistic"] == "recall":
        return "recall by guess"
    if goal["column"] is None:
        return "share of one half" if goal.get("estimate") is None else "share by guess"
    value = "" if goal["statistic"] != "proportion" else f" = {goal['value']}"
    name = "share" if goal["statistic"] == "proportion" else goal["statistic"]
    return f"{name} of {goal['column']}{value}"


def sample_command(dataset: str, round_: dict[str, Any], source: dict[str, Any]) -> str:
    """The command that draws a round, from the version and table of a source."""
    from application.request_code.texts import command_of  # loads the sampling engine

    goal = round_.get("goal") or {}
    is_audit = "materiality" in goal  # an evaluation is compared with it
    step = {name: value for name, value in round_.items() if name != "goal" or is_audit}
    body = {
        "rounds": [step],
        "source_ref": source.get("source_ref"),
        "table_key": source.get("table_key"),
        **({"amount_column": name} if (name := source.get("amount_column")) else {}),
    }
    return command_of("/api/sampling/datasets/0/jobs", body, dataset) or ""


def _later_periods(
    _context: click.Context, _option: click.Parameter, given: tuple[tuple[int, float, float], ...]
) -> list[dict[str, float]] | None:
    names = ("rows", "book_value", "deviation")
    return [dict(zip(names, each, strict=True)) for each in given] or None


SIZE_OPTIONS = ("size", "fraction", "per_stratum", "interval", "start", "clusters")
"""Options that the answer gives."""


@click.command()
@click.argument("dataset")
@figure_options(PLANNED_FIGURES)
@with_request(
    GoalRequest,
    only=(*PRECISION, "by", "materiality", "expected", "likelihood"),
    within="goal",
)
@with_request(
    ProgrammeGoalRequest, only=("name", "book_column", "deviation", "always"), within="programme"
)
@field_option(
    "--stratum-deviation",
    "programme.deviations",
    callback=number_pairs,
    multiple=True,
    metavar="GROUP=NUMBER",
    help="Of --programme: the guessed standard deviation of a group.",
)
@field_option(
    "--earlier",
    "programme.earlier",
    type=job_id_prefix,
    multiple=True,
    metavar="JOB",
    help="Of --programme: the examined sample of an earlier period.",
)
@field_option(
    "--later",
    "programme.later",
    type=(WholeNumber(min=1), number, number),
    callback=_later_periods,
    multiple=True,
    metavar="ROWS BOOK-VALUE DEVIATION",
    help="Of --programme: a later period, as it is expected.",
)
@ACCEPT
@click.option("--wilson", is_flag=True, help="Plan shares by Wilson's interval.")
@with_request(JudgeGoalRequest, within="goal.judge")
@field_option(
    "--recall",
    "goal.statistic",
    flag_value="recall",
    help="Plan a recall: with --allocation recall, --flagged and guessed rates.",
)
@METHOD
@with_options([option_of(one) for name, one in DRAW_PARAMETERS.items() if name not in SIZE_OPTIONS])
@field_option(
    "--optimal",
    "allocation",
    "optimal",
    flag_value="optimal",
    help="Stratified: the sizes of least cost.",
)
@field_option(
    "--cost",
    callback=number_pairs,
    multiple=True,
    metavar="GROUP=COST",
    help="Optimal: what a row costs.",
)
@field_option("--budget", type=number, help="Optimal: the best precision for a cost.")
@FILTER
@EARLIER_ROWS
@with_options([*KEYED_ORDER, with_request(OrderRequest, only=("start",), within="order")])
@field_option(
    "--pilot",
    "pilot.job_id",
    type=job_id_prefix,
    metavar="JOB",
    help="Columns that the table lacks are those of this sample and its uploaded values.",
)
@field_option(
    "--values",
    "pilot.values",
    type=reader_of(ValuesKind()),
    metavar="NUMBER|latest|findings",
    help="With --pilot: another upload of its values than the latest.",
)
@REF
@TABLE
@printed()
def size(client: ApiClient, dataset: str, wilson: bool, **options: Any) -> Printed:
    """Show how many rows a precision or a materiality needs.

    Prints the command that draws them.

    Without a figure the margin is that of a share of one half.

    \b
    jobsvc size sales --margin 3%
    jobsvc size sales --mean amount --relative-margin 2% --by region
    jobsvc size sales --total amount --cv 1% --method stratified --strata region --optimal
    jobsvc size sales --mean amount --margin 5 --method cluster --cluster shop
    jobsvc size sales --mean minutes --margin 2 --pilot 917f045a
    jobsvc size chats --recall --margin 5% --method stratified --strata band --allocation recall \
      --rate-column score --flagged high
    jobsvc size chats --share is_bad=true --margin 1% --pilot 917f045a --judge score
    jobsvc size chats --margin 3% --judge-correlation 0.8
    jobsvc size ledger --materiality 3% --accept 0,1
    jobsvc size ledger --programme eu-cohesion --amount-column amount --deviation 518 \
      --expected 1%
    jobsvc size ledger --materiality 50,000 --expected 10,000 --method monetary_unit --book amount
    """
    if options["start"] is not None and not (options["keyed"] or options["key"]):
        raise click.UsageError("--start requires --key or --keyed.")
    figures = figures_of(options)
    design, goal, body = draw_parts(options)
    if wilson:
        goal["interval"] = "wilson"
    path = f"/api/sampling/datasets/{client.dataset_id(dataset)}/size"
    if "programme" in body:
        if figures or wilson:
            raise click.UsageError("--programme can't be combined with a figure or --wilson.")
        programme = {**body.pop("programme"), **goal}
        request = {"design": design, **body, "programme": programme}
        amounts = {"amount_column": programme["book_column"]} if "book_column" in programme else {}
        found = client.post(path, request)
        return Printed(found, lambda found: print_size(found, dataset, {**request, **amounts}))
    goals = [{**figure, **goal} for figure in figures] or [goal]
    request = {"design": design, **body}
    request |= {"goal": goals[0]} if len(goals) == 1 else {"goals": goals}
    found = client.post(path, request)
    return Printed(found, lambda found: print_size(found, dataset, request))


def _rule(_context: click.Context, _option: click.Parameter, name: str) -> str:
    return name.replace("-", "_")


@click.command()
@click.argument("dataset")
@click.argument("column")
@field_option("--bands", type=WholeNumber(min=2), default=5, show_default=True)
@field_option(
    "--rule",
    type=click.Choice(("cumulative-root", "geometric")),
    callback=_rule,
    default="cumulative-root",
    show_default=True,
)
@field_option("--take-all/--no-take-all", default=True, help="Take the largest values whole.")
@field_option("--size", "sample_size", type=WholeNumber(min=1), help="Rows to draw.")
@click.option("--mean", is_flag=True, help="The precision is of the mean, not of the total.")
@with_request(GoalRequest, only=PRECISION, within="goal")
@FILTER
@EARLIER_ROWS
@with_options([*KEYED_ORDER, with_request(OrderRequest, only=("start",), within="order")])
@REF
@TABLE
@printed()
def bands(
    client: ApiClient, dataset: str, column: str, mean: bool, keyed: bool, **chosen: Any
) -> Printed:
    """Suggest size bands of a number as strata.

    Prints the rows to draw of each band, and the command that draws them.

    \b
    jobsvc bands ledger amount --bands 5 --size 300
    jobsvc bands ledger amount --rule geometric --relative-margin 2%
    """
    request = {"column": column, **body_of(chosen)}
    goal = request.pop("goal", {})
    if keyed:
        request.setdefault("order", {})
    if bool(goal.keys() & set(MARGINS)) == ("sample_size" in request):
        raise click.UsageError("Give --size, or one of --margin, --relative-margin and --cv.")
    if "sample_size" not in request:
        statistic = "mean" if mean else "total"
        request["goal"] = {**goal, "statistic": statistic, "column": column}
    path = f"/api/sampling/datasets/{client.dataset_id(dataset)}/strata"
    found = client.post(path, request)
    return Printed(found, lambda found: print_size(found, dataset, request))


@click.command("more-rows")
@JOB
@figure_options(PLANNED_FIGURES)
@with_request(GoalRequest, only=MARGINS)
@with_request(
    MoreRowsRequest,
    without=(*MARGINS, "basis", *(own.name for own in declared(StatisticRequest))),
)
@field_option(
    "--true-variance",
    "basis",
    flag_value="frame",
    help="By the true variance of the source.",
)
@field_option(
    "--values",
    "values",
    type=reader_of(ValuesKind()),
    metavar="NUMBER|latest",
    help="Read columns of an upload of values of the sample.",
)
@printed()
def more_rows(client: ApiClient, job_id: str, **chosen: Any) -> Printed:
    """Show how many more rows a sample needs for a precision.

    \b
    jobsvc more-rows 917f045a --mean amount --relative-margin 2%
    jobsvc more-rows 917f045a --share status=disputed --margin 3% --by region
    jobsvc more-rows 917f045a --mean minutes --margin 2 --values latest
    """
    figures = figures_of(chosen)
    if len(figures) != 1:
        raise click.UsageError("Name one figure: --mean, --total or --share.")
    path = f"/api/sampling/jobs/{job_id}/more-rows"
    found = client.post(path, {**figures[0], **body_of(chosen)})
    job = client.get(f"/api/jobs/{found['job_id']}")
    return Printed(found, lambda found: _print_more_rows(found, job))


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
            group_name(group["group"]),
            figure_text(group["estimate"], ""),
            f"±{figure_text(group['margin_of_error'], '')}",
            group["size"],
            group["more"],
        )
        for group in found["groups"][:GOALS_SHOWN]
    ]
    print_table(("group", "figure", "margin", "needs", "more"), rows)
    print_lines(found["notes"])
    if found["round"] is not None:
        if found["includes_sample"]:
            print_line("The same seed draws the rows of the sample again, and the new ones:")
        else:
            print_line("A new sample, which needn't include the rows of this one:")
        print_line(
            f"  {sample_command(str(job['dataset_id']), found['round'], job['run_parameters'])}"
        )
