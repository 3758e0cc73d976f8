"""The options of a goal, and the printed answer: a table, and the command that draws the sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from command_line.options import Command, field_option
from command_line.output import print_line, print_table
from command_line.sampling import CONFIDENCE, number

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


def with_options(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Add options to a command."""

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


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
                stratum["rows"],
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
    from application.request_code import command_of  # loads the sampling engine

    goal = round_.get("goal") or {}
    is_audit = "materiality" in goal  # an evaluation is compared with it
    step = {name: value for name, value in round_.items() if name != "goal" or is_audit}
    body = {"rounds": [step], "source_ref": source["ref"], "table_key": source["table"]}
    return command_of("/api/sampling/datasets/0/jobs", body, dataset) or ""
