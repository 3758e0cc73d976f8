"""The tab "Estimates" of a sample: figures of the population, with their margins of error."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.audit.items import drawn_book_column
from application.estimation.backtest import KnownFigure, backtest_of
from application.estimation.contrasts import ContrastEstimate
from application.estimation.estimates import EstimatesAnswer, estimates_of
from application.estimation.estimates_sheet import (
    CORRECTED,
    JUDGED,
    MARGIN_DIGITS,
    coefficients_text,
    contrast_figure,
    contrast_name,
    contrasts_table,
    corrected_table,
    estimates_section,
    estimates_table,
    figure,
    group_names,
    has_corrected,
    judge_picture,
    judge_table,
    side_name,
    truth_judgement,
)
from application.estimation.figures import (
    CorrectedFigure,
    FigureEstimate,
    JudgeFigures,
    PlainEstimate,
)
from application.estimation.known_totals import census_of
from application.estimation.more_rows import PrecisionGoal, more_rows
from application.estimation.uploaded_values import uploads_of
from application.estimation.value_sources import (
    EstimatedColumn,
    ValueSource,
    entries_source,
    estimated_columns,
    source_named,
    value_source,
)
from contract.answers import answer_fields
from contract.fields import DEFAULT_CONFIDENCE, NOT_GIVEN, USUAL_CONFIDENCES
from contract.group_texts import read_two_groups
from contract.numbers import TwoReadings, number_of
from contract.requests.estimate import (
    DEFAULT_QUANTILE,
    MINIMUM_DEGREES,
    BacktestRequest,
    BetweenRequest,
    ContrastRequest,
    EstimatesRequest,
    IntervalRequest,
    StatisticRequest,
    VarianceRequest,
)
from contract.words import LONELY, STATISTICS, GoalKind
from domain_errors import DomainError, InvalidRequest
from parquet_tables.exports import MEDIA_TYPES
from presentation.charts import Interval, IntervalChart, axis_of
from presentation.content import Judgement, Section, Table, formula_safe
from presentation.xlsx import write_sections
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from web_ui.contract_forms import read_form
from web_ui.job_texts import problem_text
from web_ui.numbers import chosen_level, confidence_choice
from web_ui.pages.request_code import code_at
from web_ui.pages.weighting import (
    chosen_calibration,
    chosen_nonresponse,
    known_totals_table,
    response_table,
    shown_fields,
    weighting_choices,
    weighting_form,
    weights_view,
)
from web_ui.shell import audit_sample, blueprint, caller, service

Values = dict[str, Any]

DESIGN_TABLES = {
    "format=csv": "Weights of each row (CSV)",
    "format=csv&replicates=jackknife": "With jackknife weights (CSV)",
    "format=csv&replicates=bootstrap": "With bootstrap weights (CSV)",
    "format=json": "Facts (JSON)",
}
PROGRAMS = {"r": "R (survey)", "stata": "Stata", "sas": "SAS", "python": "Python"}
VIEWS = {
    "figures": "Figures",
    "backtest": "Back-test",
    "values": "Values from a file",
    "weights": "Weights",
}
BY_ITSELF = ("confidence", "book_column", "true_values")
"""Fields of the request that the page shows in a way of its own."""
OTHER_CELLS = ("group", "uncalibrated", "corrected", "judge")
"""Fields of an estimate that a line of a file has in a way of its own."""
CONTRAST_SIDE = ("name", "estimate", "standard_error", "ci_low", "ci_high", "n")
"""Columns of either figure in a file of contrasts."""
MAX_MARGIN = 1e300
MAX_DRAWN = 40
"""Groups in the picture; the table has all."""


def estimates_tab(found: JobRecord) -> Values:
    """Show the chosen view: figures, a back-test, or values from a file."""
    view = request.args.get("view")
    values: Values = {"views": VIEWS, "view": view if view in VIEWS else "figures"}
    match values["view"]:
        case "backtest":
            return values | _backtest(found)
        case "values":
            return values | _uploads(found)
        case "weights":
            return values | weights_view(found)
        case _:
            return values | _figures(found)


def _figures(found: JobRecord) -> Values:
    """Estimate what the URL asks for."""
    chosen = figure_choices()
    values: Values = {
        "chosen": chosen,
        "statistics": STATISTICS,
        "confidences": USUAL_CONFIDENCES,
        "lonely_choices": LONELY,
        "uploads": uploads_of(service(), found),
        "entries": entries_source(service(), found),
        "table_columns": estimated_columns(service(), found),
        "drawn_book": drawn_book_column(found),
        "further_fields": shown_fields(EstimatesRequest, request.args, BY_ITSELF),
        **weighting_form(request.args),
    }
    try:
        with caller().reading():
            values["columns"] = estimated_columns(service(), found, chosen_source(found, chosen))
            if lacks_column(chosen):
                chosen |= first_choice(values["columns"])
            asked = estimates_asked(chosen)
            census = census_of(caller(), found, asked.calibrate)
            answer = estimates_of(service(), found, asked, census)
        audit_sample(found, "estimates")
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}
    estimates = answer.estimates
    inside = [held for each in estimates if (held := each.holds_truth) is not None]
    return {
        **values,
        **code_at(f"/api/sampling/jobs/{found.id}/estimates", asked.stated()),
        "answer": answer,
        "single": _texts(estimates[0]) if len(estimates) == 1 and not chosen["by"] else None,
        "table": estimates_table(answer, "Estimates"),
        "corrected": corrected_table(answer, CORRECTED) if has_corrected(answer) else None,
        "title": figure_title(chosen),
        "assumptions": answer.notes[len(answer.warnings) :],
        "few_degrees": any(each.df < MINIMUM_DEGREES for each in estimates),
        "minimum_degrees": MINIMUM_DEGREES,
        "picture": _picture(figure_title(chosen), estimates, chosen),
        "inside": (sum(inside), len(inside)),
        "max_drawn": MAX_DRAWN,
        "design_links": _design_links(answer.design.method),
        **_needed(found, chosen),
        "known_totals": known_totals_table(answer.calibration),
        "judge_picture": judge_picture(answer, figure_title(chosen)),
        "judge_table": judge_table(answer, JUDGED),
        "response": response_table(answer.nonresponse),
        **_contrasts(answer),
    }


def _contrasts(answer: EstimatesAnswer) -> Values:
    """The table and the pictures of contrasts; nothing without any."""
    drawn = [
        each
        for each in answer.contrasts
        if each.ci_low is not None and each.ci_high is not None and each.estimate is not None
    ][: MAX_DRAWN // 2]
    if not answer.contrasts:
        return {}
    sides = [
        Interval(
            ", ".join([*group_names(each.group), side_name(side)]),
            side.estimate,
            side.ci_low,
            side.ci_high,
            figure_text(side.estimate, each.statistic),
        )
        for each in drawn
        for side in (each.first, each.second)
        if side.ci_low is not None and side.ci_high is not None and side.estimate is not None
    ]
    changes = [
        Interval(
            ", ".join(group_names(each.group)) or contrast_name(each),
            float(each.estimate or 0.0),
            float(each.ci_low or 0.0),
            float(each.ci_high or 0.0),
            str(contrast_figure(each, each.estimate)),
            each.true_value,
        )
        for each in drawn
    ]
    table = contrasts_table(answer, "Contrasts")
    if not sides or not changes:
        return {"contrast_table": table}
    first, measure = drawn[0], drawn[0].measure
    reference = 1.0 if measure == "ratio" else 0.0
    return {
        "contrast_table": table,
        "contrast_pictures": (
            IntervalChart(
                "Both figures", sides, [figure_text(end, first.statistic) for end in axis_of(sides)]
            ),
            IntervalChart(
                measure.capitalize(),
                changes,
                [str(contrast_figure(first, end)) for end in axis_of(changes, reference)],
                reference=reference,
            ),
        ),
    }


def _backtest(found: JobRecord) -> Values:
    """Every known figure: a line with its distance from the truth in margins."""
    chosen = figure_choices()
    values: Values = {"chosen": chosen, "confidences": USUAL_CONFIDENCES, "lonely_choices": LONELY}
    try:
        asked = BacktestRequest(confidence=chosen_level(chosen), lonely_stratum=chosen["lonely"])
        with caller().reading():
            answer = backtest_of(service(), found, asked)
        audit_sample(found, "estimates")
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}
    figures = answer.figures
    names = [
        figure_title({**vars(each), "value": "" if each.value is None else str(each.value)})
        for each in figures
    ]
    header = ("Figure", "Estimate", "From", "To", "True value", "Interval", "Rows")
    rows = [
        (
            name,
            *(
                figure(end, each.statistic)
                for end in (each.estimate, each.ci_low, each.ci_high, each.true_value)
            ),
            Judgement("Exact", "") if each.exact else truth_judgement(each),
            each.n,
        )
        for name, each in zip(names, figures, strict=True)
    ]
    return {
        **values,
        "answer": answer,
        "table": Table("Back-test", header, rows),
        "picture": _backtest_picture(figures, names),
        "max_drawn": MAX_DRAWN,
    }


def _backtest_picture(figures: Sequence[KnownFigure], names: list[str]) -> IntervalChart | None:
    """Each interval with its distance from the true value, in half widths; None without any."""
    drawn = []
    for name, each in zip(names, figures, strict=True):
        value, low, high, truth = each.estimate, each.ci_low, each.ci_high, each.true_value
        if each.covers is None or value is None or low is None or high is None or truth is None:
            continue
        half = (high - low) / 2 or 1.0
        text = str(figure(value, each.statistic))
        value, first, last = ((end - truth) / half for end in (value, low, high))
        drawn.append(Interval(name, value, first, last, text, 0.0))
    drawn = drawn[:MAX_DRAWN]
    if not drawn:
        return None
    ticks = [f"{end:+.1f} margins" for end in axis_of(drawn)]
    return IntervalChart("Distance from the true value", drawn, ticks)


def _uploads(found: JobRecord) -> Values:
    dataset = caller().dataset(found.dataset_id, "read")
    return {
        "uploads": uploads_of(service(), found),
        "keys": [each.name for each in estimated_columns(service(), found)],
        "may_upload": caller().may(dataset, "write"),
    }


def _design_links(method: str) -> dict[str, str]:
    """The downloads of a design; rounds that aren't one sample have code for their replicates."""
    replicates = "&replicates=bootstrap" if method == "rounds" else ""
    code = {f"format={key}{replicates}": f"Code for {name}" for key, name in PROGRAMS.items()}
    return code | DESIGN_TABLES


def _needed(found: JobRecord, chosen: Values) -> Values:
    """How many rows the margin of the URL needs; nothing without one."""
    if not chosen["goal"]:
        return {}
    try:
        with caller().reading():
            goal = PrecisionGoal(estimates_asked(chosen), _goal(chosen), chosen["basis"])
            return {"needed": more_rows(service(), found, goal)}
    except DomainError as error:
        return {"needed_problem": problem_text(error)}


def _goal(chosen: Values) -> dict[GoalKind, float]:
    """``3%`` is of the figure itself, or percentage points of a share; a number is in its units."""
    text = chosen["goal"]
    is_share = chosen["statistic"] == "proportion"
    try:
        number = number_of(text)
    except TwoReadings:
        raise
    except InvalidRequest:
        number = Decimal(0)
    if not 0 < number < MAX_MARGIN:
        raise InvalidRequest("Write a margin above 0, such as 5 or 3%.")
    if is_share and number >= 1 and not text.endswith("%"):
        number = number.scaleb(-2)
    is_relative = text.endswith("%") and not is_share
    return {"relative_margin" if is_relative else "margin": float(number)}


@blueprint.get("/jobs/<job_id>/estimates.csv")
def estimates_file(job_id: str) -> AnyResponse:
    """Download the estimates of the tab as CSV that Excel reads as UTF-8, without formulas."""
    found, answer, chosen = _downloaded(job_id)
    if "contrasts" in request.args:
        return _contrasts_file(found, answer)
    estimates = answer.estimates
    groups = list(estimates[0].group) if estimates else chosen["by"]
    names = [own.name for own in answer_fields(FigureEstimate) if own.name not in OTHER_CELLS]
    is_weighted = answer.calibration is not None or answer.nonresponse is not None
    plain = [own.name for own in answer_fields(PlainEstimate)] if is_weighted else []
    of_readers = [own.name for own in answer_fields(CorrectedFigure)]
    of_readers = of_readers if has_corrected(answer) else []
    headings = [*groups, *names, *(f"uncalibrated_{name}" for name in plain)]
    headings += [f"corrected_{name}" for name in of_readers]
    headings += judge_cells(estimates[0].judge) if estimates else ()
    lines = [headings]
    for each in estimates:
        cells = [*each.group.values(), *(getattr(each, name) for name in names)]
        cells += [getattr(each.uncalibrated, name) for name in plain]
        cells += [getattr(each.corrected, name, None) for name in of_readers]
        lines.append([*cells, *judge_cells(each.judge).values()])
    return csv_file(lines, f"estimates-{found.id[:8]}.csv")


def judge_cells(found: JudgeFigures | None) -> dict[str, Any]:
    """The cells of a judge by their headings, whose people alone are ``uncalibrated``."""
    if found is None:
        return {}
    cells: dict[str, Any] = {"correlation": found.correlation, "n_eff": found.n_eff}
    for alone in found.judge_alone:
        for name in ("estimate", "bias", "bias_low", "bias_high"):
            cells[f"judge_{alone.column}_{name}"] = getattr(alone, name)
        cells[f"judge_{alone.column}_coefficients"] = coefficients_text(found, alone.column)
    return cells


def _contrasts_file(found: JobRecord, answer: EstimatesAnswer) -> AnyResponse:
    """The contrasts as CSV; the names and estimates of both figures are columns of their own."""
    names = [
        own.name
        for own in answer_fields(ContrastEstimate)
        if own.name not in ("group", "first", "second")
    ]
    sides = [f"{side}_{name}" for side in ("first", "second") for name in CONTRAST_SIDE]
    groups = list(answer.contrasts[0].group) if answer.contrasts else []
    lines: list[list[Any]] = [[*groups, *sides, *names]]
    for each in answer.contrasts:
        cells = [*each.group.values()]
        cells += [
            getattr(side, name) for side in (each.first, each.second) for name in CONTRAST_SIDE
        ]
        lines.append([*cells, *(getattr(each, name) for name in names)])
    return csv_file(lines, f"contrasts-{found.id[:8]}.csv")


@blueprint.get("/jobs/<job_id>/estimates.xlsx")
def estimates_sheet(job_id: str) -> AnyResponse:
    """Download the estimates of the tab as an Excel workbook."""
    found, answer, chosen = _downloaded(job_id)
    section = estimates_section(answer, figure_title(chosen))
    return workbook_file(section, f"estimates-{found.id[:8]}.xlsx")


def _downloaded(job_id: str) -> tuple[JobRecord, EstimatesAnswer, Values]:
    """The sample, its estimates and the choices of the URL."""
    found = caller().job(job_id)
    if found.run_type != "sampling" or found.status != "completed":
        raise NotFound("The job has no sample.")
    chosen = figure_choices()
    with caller().reading():
        if lacks_column(chosen):
            columns = estimated_columns(service(), found, chosen_source(found, chosen))
            chosen |= first_choice(columns)
        asked = estimates_asked(chosen)
        census = census_of(caller(), found, asked.calibrate)
        answer = estimates_of(service(), found, asked, census)
    audit_sample(found, "estimates")
    return found, answer, chosen


def file_of(content: bytes, kind: str, name: str) -> AnyResponse:
    """The response that saves a file under a name."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, mimetype=kind, headers=headers)


def csv_file(lines: Iterable[Iterable[Any]], name: str) -> AnyResponse:
    """The response that saves lines as CSV that Excel reads as UTF-8, without formulas."""
    text = io.StringIO()
    csv.writer(text).writerows(map(cell_for_file, line) for line in lines)
    return file_of(codecs.BOM_UTF8 + text.getvalue().encode(), "text/csv", name)


def workbook_file(section: Section, name: str) -> AnyResponse:
    """The response that saves a section as an Excel workbook."""
    content = io.BytesIO()
    write_sections([section], content)
    return file_of(content.getvalue(), MEDIA_TYPES["xlsx"], name)


def cell_for_file(cell: Any) -> Any:
    """A cell of a CSV file, which no spreadsheet runs as a formula."""
    return formula_safe(cell) if isinstance(cell, str) else cell


def figure_choices() -> Values:
    """The choices of the URL, with defaults for those that are missing or no choice."""
    given = request.args
    statistic = given.get("statistic")
    return {
        "statistic": statistic if statistic in STATISTICS else None,
        "column": given.get("column") or None,
        "value": given.get("value", "").strip(),
        "denominator": given.get("denominator") or None,
        "q": _share(given.get("q", "")),
        "by": [name for name in given.getlist("by") if name],
        "filters": (given.get("filters") or given.get("where", "")).strip(),
        "goal": given.get("goal", "").strip()[:50],
        "basis": "frame" if given.get("basis") == "frame" else "sample",
        **confidence_choice(given, DEFAULT_CONFIDENCE),
        "true_values": "true_values" in given,
        **weighting_choices(given),
        "values": source_named(given.get("values", "")),
        "book": given.get("book") or None,
        "lonely": given["lonely"] if given.get("lonely") in LONELY else "fail",
        "all_intervals": given.get("minimum_degrees") == "0",
        "groups": given.get("contrast", "").strip(),
        "other": given.get("contrast_column") or None,
        "measure": "ratio" if given.get("contrast_measure") == "ratio" else "difference",
    }


def chosen_source(found: JobRecord, chosen: Values) -> ValueSource | None:
    """Where the chosen values of a sample come from."""
    return value_source(service(), found, chosen["values"], chosen["book"])


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        return 0.5
    return share if 0 < share < 1 else 0.5


def lacks_column(chosen: Values) -> bool:
    """Whether there is no figure to estimate yet."""
    return chosen["statistic"] is None or (chosen["statistic"] == "mean" and not chosen["column"])


def first_choice(columns: Sequence[EstimatedColumn]) -> Values:
    """The mean of a number, at best one with decimals; without one the number of rows."""
    numbers = [each for each in columns if each.is_number]
    if not numbers:
        return {"statistic": "count", "column": None}
    best = max(numbers, key=lambda each: each.has_decimals)
    return {"statistic": "mean", "column": best.name}


def estimates_asked(chosen: Values) -> EstimatesRequest:
    """The choices as a request."""
    name = chosen["statistic"]
    is_share = name == "proportion" and chosen["column"]
    figure = StatisticRequest(
        statistic=name,
        column=chosen["column"] if name != "count" else None,
        denominator=chosen["denominator"] if name == "ratio" else None,
        value=(chosen["value"] or None) if is_share else NOT_GIVEN,
        q=chosen["q"] if name == "quantile" else DEFAULT_QUANTILE,
    )
    return EstimatesRequest(
        statistics=(figure,),
        by=tuple(chosen["by"]),
        filters={"expression": chosen["filters"]} if chosen["filters"] else None,
        confidence=chosen_level(chosen),
        interval=IntervalRequest(minimum_degrees=0 if chosen["all_intervals"] else MINIMUM_DEGREES),
        variance=VarianceRequest(lonely_stratum=chosen["lonely"]),
        true_values=chosen["true_values"],
        calibrate=chosen_calibration(chosen),
        nonresponse=chosen_nonresponse(chosen, request.args),
        contrast=_contrast(chosen),
        values=chosen["values"],
        book_column=chosen["book"],
        **read_form(EstimatesRequest, request.args, BY_ITSELF),
    )


def _contrast(chosen: Values) -> ContrastRequest | None:
    """The contrast of two groups, or else with another column."""
    measure = chosen["measure"]
    if chosen["groups"] and chosen["other"]:
        raise InvalidRequest("Compare two groups or compare with a column, not both.")
    if chosen["groups"]:
        between = BetweenRequest(**read_two_groups(chosen["groups"]))
        return ContrastRequest(between=between, measure=measure)
    return ContrastRequest(column=chosen["other"], measure=measure) if chosen["other"] else None


def figure_title(chosen: Mapping[str, Any]) -> str:
    """The name of a chosen figure."""
    column = chosen["column"]
    match chosen["statistic"]:
        case "proportion":
            return f"Share of {column} {chosen['value'] or 'missing'}"
        case "ratio":
            return f"{column} by {chosen['denominator']}"
        case "quantile":
            return f"{100 * chosen['q']:g} % quantile of {column}"
        case "count":
            return "Number of rows"
        case name:
            return f"{STATISTICS[name]} of {column}"


def figure_text(value: float | None, statistic: str, digits: int = 6) -> str:
    """A figure for people; a dash without one."""
    return "–" if value is None else str(figure(value, statistic, digits))


def margin_text(value: float | None, statistic: str) -> str:
    """A margin of error for people; that of a share is in percentage points."""
    text = figure_text(value, statistic, MARGIN_DIGITS)
    is_share = statistic == "proportion" and text.endswith(" %")
    return f"{text.removesuffix(' %')} percentage points" if is_share else text


def _texts(each: FigureEstimate) -> Values:
    """The only estimate, in words."""
    name, plain, width = each.statistic, each.uncalibrated, each.margin
    before = None if plain is None else plain.margin
    change = f"{round(100 * (width / before - 1)):+} %" if width is not None and before else None
    return {
        "estimate": figure_text(each.estimate, name),
        "margin": margin_text(width, name),
        "has_interval": width is not None,
        "low": figure_text(each.ci_low, name),
        "high": figure_text(each.ci_high, name),
        "error": figure_text(each.standard_error, name),
        "n": each.n,
        "missing": each.n_missing,
        "truth": figure_text(each.true_value, name),
        "verdict": truth_judgement(each),
        "plain": None if plain is None else figure_text(plain.estimate, name),
        "plain_margin": margin_text(before, name),
        "change": change,
    }


def _picture(
    title: str, estimates: Sequence[FigureEstimate], chosen: Values
) -> IntervalChart | None:
    """The intervals of the groups; None without any."""
    name = chosen["statistic"]
    lines = [
        Interval(
            ", ".join(group_names(each.group))
            or (each.column if chosen["other"] and each.column else "All rows"),
            each.estimate,
            each.ci_low,
            each.ci_high,
            figure_text(each.estimate, name),
            each.true_value,
        )
        for each in estimates
        if each.ci_low is not None and each.ci_high is not None and each.estimate is not None
    ][:MAX_DRAWN]
    if not lines:
        return None
    return IntervalChart(title, lines, [figure_text(end, name) for end in axis_of(lines)])
