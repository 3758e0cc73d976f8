"""The runs of a schedule on its page, and a figure of their samples as a picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from flask import request

from application.schedules.figures import schedule_figures
from application.schedules.figures_sheet import figures_section
from contract.fields import NOT_GIVEN
from contract.requests.pooling import ScheduleFiguresRequest
from contract.words import POOLINGS, StatisticName
from domain_errors import DomainError
from presentation.content import Section
from storage.jobs.schedule_runs import list_runs
from storage.jobs.schedules import Schedule
from web_ui.job_texts import problem_text
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
    asked = _figures_request(chosen)
    if asked is not None:
        try:
            return {**values, "figures": section_of(chosen, asked)}
        except DomainError as error:
            return {**values, "figures_problem": problem_text(error)}
    return values


def section_of(chosen: Schedule, asked: ScheduleFiguresRequest) -> Section:
    """The figure of each run, as the page and its workbook show it."""
    return figures_section(asdict(schedule_figures(caller(), chosen.id, asked)))


def _figures_request(chosen: Schedule) -> ScheduleFiguresRequest | None:
    """The figure in the page's address; None for no figure."""
    given = request.args
    if given.get("statistic") not in RUN_STATISTICS:
        return None
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
