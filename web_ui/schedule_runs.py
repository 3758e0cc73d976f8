"""The runs of a schedule on its page, and a figure of their samples as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from flask import request

from application.schedules.figures import schedule_figures
from application.schedules.figures_sheet import figures_section
from contract.fields import NOT_GIVEN
from contract.requests.pooling import RUN_VALUES, RunValues, ScheduleFiguresRequest
from contract.words import POOLINGS, StatisticName
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from presentation.content import Section
from presentation.xlsx import write_sections
from storage.audit.reviewing import recorded_questions
from storage.errors import NotFound
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
        "asked": _asked(chosen),
        "asked_figure": request.query_string.decode("ascii"),
        "run_statistics": RUN_STATISTICS,
        "question_links": question_links(chosen),
    }
    asked = _figures_request(chosen)
    if asked is not None:
        try:
            return {**values, "figures": _section_of(chosen, asked)}
        except DomainError as error:
            return {**values, "figures_problem": problem_text(error)}
    return values


def _section_of(chosen: Schedule, asked: ScheduleFiguresRequest) -> Section:
    """The figure of each run, as the page and its workbook show it."""
    return figures_section(asdict(schedule_figures(caller(), chosen.id, asked)))


def runs_workbook(chosen: Schedule) -> bytes:
    """The figure in the page's address as an Excel workbook; NotFound for no figure."""
    asked = _figures_request(chosen)
    if asked is None:
        raise NotFound("The schedule has no such figure.")
    content = io.BytesIO()
    write_sections([_section_of(chosen, asked)], content)
    return content.getvalue()


@dataclass(frozen=True)
class QuestionLink:
    """The figure of a question: its words, and its fields in the page's address."""

    title: str
    figure: Mapping[str, str]


def question_links(chosen: Schedule) -> list[QuestionLink]:
    """The figures of a schedule's questions: shares of yes or of a choice, means of numbers."""
    asked = recorded_questions(chosen.request)
    found = []
    for question in () if asked is None else asked.questions:
        figure = {"values": "answers", "column": question.name}
        if question.type in ("number", "amount"):
            link = QuestionLink(f"{question.name}, mean", {**figure, "statistic": "mean"})
            found.append(link)
        values = ("true",) if question.type == "yes_no" else question.choices
        for value in values:
            title = question.name if question.type == "yes_no" else f"{question.name}: {value}"
            share = {**figure, "statistic": "proportion", "value": value}
            found.append(QuestionLink(title, share))
    return found


def _asked(chosen: Schedule) -> Mapping[str, str]:
    """The fields in the page's address; those of the first question if it names no figure."""
    links = question_links(chosen)
    return links[0].figure if links and "statistic" not in request.args else request.args


def _figures_request(chosen: Schedule) -> ScheduleFiguresRequest | None:
    """The figure in the page's address, else that of the first question; None without either."""
    given = _asked(chosen)
    if given.get("statistic") not in RUN_STATISTICS:
        return None
    values = cast("RunValues", next((v for v in RUN_VALUES if v == given.get("values")), "table"))
    findings = values == "findings"
    column = given.get("column", "").strip() or ("is_exception" if findings else None)
    value: Any = given.get("value", "").strip() or ("true" if findings else NOT_GIVEN)
    return ScheduleFiguresRequest(
        statistic=cast("StatisticName", given["statistic"]),
        column=column,
        value=value if given["statistic"] == "proportion" else NOT_GIVEN,
        values=values,
        pooling="strata" if given.get("pooling") == "strata" else "average",
        book_column=given.get("book_column", "").strip() or None,
    )
