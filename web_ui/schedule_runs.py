"""The runs of a schedule on its page, and a figure of their samples as a picture."""

from __future__ import annotations

from typing import Any, cast

from flask import request

from application.schedules.figures import (
    PooledFigure,
    RunFigure,
    ScheduleFigures,
    schedule_figures,
)
from contract.fields import NOT_GIVEN
from contract.requests.pooling import ScheduleFiguresRequest
from contract.words import POOLINGS, StatisticName
from domain_errors import DomainError
from presentation.charts import TrendChart, TrendPoint
from storage.jobs.schedule_runs import list_runs
from storage.jobs.schedules import Schedule
from web_ui.job_texts import problem_text
from web_ui.numbers import rounded_text
from web_ui.shell import ListQuery, caller, service

Values = dict[str, Any]
RUNS_SHOWN = 10
RUN_STATES = {
    "running": ("Running", ""),
    "kept_apart": ("Kept apart", "warn"),
    "completed": ("Completed", "good"),
    "failed": ("Failed", "bad"),
}
RUN_STATISTICS = ("proportion", "mean", "total", "count")

MAX_POINTS = 40
"""The newest runs that a picture has."""


def figure_and_limits(one: RunFigure | PooledFigure, *, is_share: bool) -> str:
    """A figure with its interval, as a text."""

    def shown(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.2%}" if is_share else rounded_text(value)

    if one.ci_low is None or one.ci_high is None:
        return f"{shown(one.estimate)}, no interval"
    return f"{shown(one.estimate)} ({shown(one.ci_low)} to {shown(one.ci_high)})"


def trend_chart(found: ScheduleFigures) -> TrendChart | None:
    """The runs with their intervals over time, and the pooled figure; None without a run."""
    is_share = found.figure.startswith("share")
    points = [
        TrendPoint(
            run.created_at[5:10],
            run.estimate,
            run.ci_low,
            run.ci_high,
            f"{run.name or run.job_id[:8]}: {figure_and_limits(run, is_share=is_share)}",
        )
        for run in found.runs
        if run.estimate is not None
    ][-MAX_POINTS:]
    if not points:
        return None
    pooled = found.pooled
    ends = [end for each in points for end in (each.low, each.high, each.value) if end is not None]
    ticks = [f"{end:.1%}" if is_share else rounded_text(end) for end in (min(ends), max(ends))]
    return TrendChart(
        f"{found.figure} by run",
        points,
        ticks,
        None if pooled is None else pooled.estimate,
    )


def runs_view(chosen: Schedule | None) -> Values:
    """The runs of a schedule, and a figure of their samples if one is chosen."""
    if chosen is None:
        return {}
    query = ListQuery(default_limit=RUNS_SHOWN)
    with service().database.read() as tx:
        runs, total = list_runs(tx, chosen.id, query.offset, query.limit)
    values: Values = {
        "runs_of": chosen,
        "runs": runs,
        "page": query.page(total),
        "run_states": RUN_STATES,
        "poolings": POOLINGS,
        "asked": request.args,
        "run_statistics": RUN_STATISTICS,
    }
    if request.args.get("statistic") in RUN_STATISTICS:
        try:
            found = schedule_figures(caller(), chosen.id, _figures_request())
        except DomainError as error:
            return {**values, "figures_problem": problem_text(error)}
        values |= {"figures": found, "trend": trend_chart(found), "figure_text": figure_and_limits}
    return values


def _figures_request() -> ScheduleFiguresRequest:
    """The figure in the page's address."""
    given = request.args
    findings = given.get("values") == "findings"
    column = given.get("column", "").strip() or ("is_exception" if findings else None)
    value: Any = given.get("value", "").strip() or ("true" if findings else NOT_GIVEN)
    return ScheduleFiguresRequest(
        statistic=cast("StatisticName", given["statistic"]),
        column=column,
        value=value if given["statistic"] == "proportion" else NOT_GIVEN,
        values="findings" if findings else "table",
        pooling="strata" if given.get("pooling") == "strata" else "average",
        book_column=given.get("book_column", "").strip() or None,
    )
