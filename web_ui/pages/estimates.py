"""The tab "Estimates" of a sample: figures of the population, with their margins of error."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.access import RowSource
from application.audit.finding_values import has_findings
from application.audit.items import drawn_book_column
from application.estimation.backtest import backtest_of, holds_truth
from application.estimation.calibrating import MAX_COLUMNS, CalibrationRequest
from application.estimation.confidence_levels import DEFAULT_CONFIDENCE, USUAL_CONFIDENCES
from application.estimation.estimates import (
    EstimateRequest,
    estimates_of,
    settings_of,
)
from application.estimation.more_rows import MoreRowsRequest, more_rows
from application.estimation.sample_columns import estimated_columns, value_of_text
from application.estimation.uploaded_values import uploads_of
from application.estimation.value_sources import FINDINGS, TABLE, ValueSource, value_source
from application.estimation.workbook import estimates_workbook
from contract.numbers import TwoReadings, number_of
from domain_errors import DomainError, InvalidRequest
from parquet_tables.exports import formula_safe
from service.tables.open_tables import SAMPLE, output_of
from storage.errors import NotFound
from storage.jobs.jobs import Job
from web_ui.charts.intervals import Interval, axis_of, interval_picture
from web_ui.job_texts import problem_text
from web_ui.numbers import chosen_level, confidence_choice, percent_digits
from web_ui.pages.request_code import code_at
from web_ui.shell import blueprint, caller, service, signed_in

Values = dict[str, Any]

STATISTICS = {
    "mean": "Mean",
    "total": "Total",
    "proportion": "Share of a value",
    "count": "Number of rows",
    "ratio": "Ratio of two totals",
    "quantile": "Quantile",
}
LONELY = {
    "fail": "refuse",
    "adjust": "compare with the overall mean",
    "average": "use the mean variance of the other groups",
}
CALIBRATIONS = {
    "difference": "Difference",
    "ratio": "Ratio",
    "regression": "Regression",
    "poststratify": "Post-stratification",
    "rake": "Raking",
}
DESIGN_TABLES = {
    "format=csv": "Weights of each row (CSV)",
    "format=csv&replicates=jackknife": "With jackknife weights (CSV)",
    "format=csv&replicates=bootstrap": "With bootstrap weights (CSV)",
    "format=json": "Facts (JSON)",
}
PROGRAMS = {"r": "R (survey)", "stata": "Stata", "sas": "SAS", "python": "Python"}
VIEWS = {"figures": "Figures", "backtest": "Back-test", "values": "Values from a file"}
MAX_MARGIN = 1e300
MAX_DRAWN = 40
"""Groups in the picture; the table has all."""
MAX_KNOWN = 4
"""Columns of known totals that the page offers; the API takes more."""


def estimates_tab(found: Job) -> Values:
    """Show the chosen view: figures, a back-test, or values from a file."""
    view = request.args.get("view")
    values: Values = {"views": VIEWS, "view": view if view in VIEWS else "figures"}
    match values["view"]:
        case "backtest":
            return values | _backtest(found)
        case "values":
            return values | _uploads(found)
        case _:
            return values | _figures(found)


def _figures(found: Job) -> Values:
    """Estimate what the URL asks for."""
    chosen = _chosen()
    values: Values = {
        "chosen": chosen,
        "statistics": STATISTICS,
        "confidences": USUAL_CONFIDENCES,
        "lonely_choices": LONELY,
        "calibrations": CALIBRATIONS,
        "uploads": uploads_of(service(), found),
        "has_findings": has_findings(service(), found),
        "table_columns": estimated_columns(service(), found),
        "drawn_book": drawn_book_column(found),
        "max_known": MAX_KNOWN,
    }
    try:
        with caller().reading():
            values["columns"] = estimated_columns(service(), found, _source(found, chosen))
            if _lacks_column(chosen):
                chosen |= _first_choice(values["columns"])
            answer = estimates_of(service(), found, _request(found, chosen))
        _audit(found)
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}
    shown = [_shown(each, chosen["statistic"]) for each in answer["estimates"]]
    known = [each for each in shown if each["inside"] is not None]
    minimum_degrees = settings_of({}).minimum_degrees
    return {
        **values,
        **_code(found, chosen),
        "answer": answer,
        "shown": shown,
        "title": _title(chosen),
        "assumptions": answer["notes"][len(answer["warnings"]) :],
        "few_degrees": any(each["df"] < minimum_degrees for each in answer["estimates"]),
        "minimum_degrees": minimum_degrees,
        "picture": _picture(_title(chosen), answer["estimates"], chosen),
        "inside": (sum(each["inside"] for each in known), len(known)),
        "max_drawn": MAX_DRAWN,
        "design_links": _design_links(answer["design"]["method"]),
        **_needed(found, chosen),
        "known_totals": [
            _known_total(each) for each in (answer["calibration"] or {}).get("totals", [])
        ],
    }


def _known_total(each: Values) -> Values:
    group = each["group"]
    name = each["column"] or "Rows"
    if group is not None:
        name = ", ".join("Missing" if one is None else str(one) for one in group.values())
    return {
        "name": name,
        "n": each["n"],
        "known": figure(each["known"], "total"),
        "estimated": figure(each["estimated"], "total"),
    }


def _backtest(found: Job) -> Values:
    """Every known figure: a line with its distance from the truth in margins."""
    chosen = _chosen()
    values: Values = {"chosen": chosen, "confidences": USUAL_CONFIDENCES, "lonely_choices": LONELY}
    try:
        given = {
            "confidence": chosen_level(chosen),
            "variance": {"lonely_stratum": chosen["lonely"]},
        }
        with caller().reading():
            answer = backtest_of(service(), found, settings_of(given))
        _audit(found)
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}
    lines = [
        _shown(each, each["statistic"])
        | {"name": _title(each | {"value": _value_text(each)}), "exact": each["exact"]}
        for each in answer["figures"]
    ]
    return {
        **values,
        "answer": answer,
        "shown": lines,
        "picture": _backtest_picture(answer["figures"], lines),
        "max_drawn": MAX_DRAWN,
    }


def _value_text(each: Values) -> str:
    return "" if each["value"] is None else str(each["value"])


def _backtest_picture(figures: list[Values], lines: list[Values]) -> Any:
    """Each interval with its distance from the true value, in half widths."""
    drawn = []
    for each, line in zip(figures, lines, strict=True):
        low, high, truth = each["ci_low"], each["ci_high"], each["true_value"]
        if each["covers"] is None:
            continue
        half = (high - low) / 2 or 1.0
        value, first, last = ((end - truth) / half for end in (each["estimate"], low, high))
        drawn.append(Interval(line["name"], value, first, last, line["estimate"], 0.0))
    drawn = drawn[:MAX_DRAWN]
    ticks = [f"{end:+.1f} margins" for end in axis_of(drawn)] if drawn else []
    return interval_picture("Distance from the true value", drawn, ticks)


def _uploads(found: Job) -> Values:
    dataset = caller().dataset(found.dataset_id, "read")
    return {
        "uploads": uploads_of(service(), found),
        "keys": [each["name"] for each in estimated_columns(service(), found)],
        "may_upload": caller().may(dataset, "write"),
    }


def _design_links(method: str) -> dict[str, str]:
    """The downloads of a design; rounds that aren't one sample have code for their replicates."""
    replicates = "&replicates=bootstrap" if method == "rounds" else ""
    code = {f"format={key}{replicates}": f"Code for {name}" for key, name in PROGRAMS.items()}
    return code | DESIGN_TABLES


def _needed(found: Job, chosen: Values) -> Values:
    """How many rows the margin of the URL needs; nothing without one."""
    if not chosen["goal"]:
        return {}
    try:
        with caller().reading():
            request = MoreRowsRequest(_request(found, chosen), _goal(chosen), chosen["basis"])
            return {"needed": more_rows(service(), found, request)}
    except DomainError as error:
        return {"needed_problem": problem_text(error)}


def _goal(chosen: Values) -> dict[str, float]:
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
@signed_in
def estimates_file(job_id: str) -> AnyResponse:
    """Download the estimates of the tab as CSV that Excel reads as UTF-8, without formulas."""
    found, answer, chosen = _downloaded(job_id)
    text = io.StringIO()
    lines = csv.writer(text)
    estimates = answer["estimates"]
    groups = list(estimates[0]["group"]) if estimates else chosen["by"]
    names = [name for name in (estimates or [{}])[0] if name not in ("group", "uncalibrated")]
    plain = list(estimates[0]["uncalibrated"]) if estimates and answer["calibration"] else []
    headings = [*groups, *names, *(f"uncalibrated_{name}" for name in plain)]
    lines.writerow(map(_safe, headings))
    for each in estimates:
        cells = [*each["group"].values(), *(each[name] for name in names)]
        cells += [each["uncalibrated"][name] for name in plain]
        lines.writerow(map(_safe, cells))
    content = codecs.BOM_UTF8 + text.getvalue().encode()
    return _file(content, "text/csv", f"estimates-{found.id[:8]}.csv")


@blueprint.get("/jobs/<job_id>/estimates.xlsx")
@signed_in
def estimates_sheet(job_id: str) -> AnyResponse:
    """Download the estimates of the tab as an Excel workbook."""
    found, answer, chosen = _downloaded(job_id)
    title = _title(chosen)
    content = estimates_workbook(answer, title, lambda _: title)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _file(content, kind, f"estimates-{found.id[:8]}.xlsx")


def _downloaded(job_id: str) -> tuple[Job, Values, Values]:
    """The sample, its estimates and the choices of the URL."""
    found = caller().job(job_id)
    if found.run_type != "sampling" or found.status != "completed":
        raise NotFound("The job has no sample.")
    chosen = _chosen()
    with caller().reading():
        if _lacks_column(chosen):
            columns = estimated_columns(service(), found, _source(found, chosen))
            chosen |= _first_choice(columns)
        answer = estimates_of(service(), found, _request(found, chosen))
    _audit(found)
    return found, answer, chosen


def _file(content: bytes, kind: str, name: str) -> AnyResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, mimetype=kind, headers=headers)


def _safe(cell: Any) -> Any:
    return formula_safe(cell) if isinstance(cell, str) else cell


def _audit(found: Job) -> None:
    caller().audit_view(
        RowSource(found.dataset_id, output_of(found), SAMPLE, found.id), "estimates"
    )


def _chosen() -> Values:
    """The choices of the URL, with defaults for those that are missing or no choice."""
    given = request.args
    statistic = given.get("statistic")
    confidence = given.get("confidence", "").strip() or percent_digits(DEFAULT_CONFIDENCE)
    return {
        "statistic": statistic if statistic in STATISTICS else None,
        "column": given.get("column") or None,
        "value": given.get("value", "").strip(),
        "denominator": given.get("denominator") or None,
        "q": _share(given.get("q", "")),
        "by": [name for name in given.getlist("by") if name],
        "where": given.get("where", "").strip(),
        "goal": given.get("goal", "").strip()[:50],
        "basis": "frame" if given.get("basis") == "frame" else "sample",
        **confidence_choice(confidence),
        "true_values": "true_values" in given,
        "calibrate": given.get("calibrate") if given.get("calibrate") in CALIBRATIONS else None,
        "known": [name for name in given.getlist("known") if name],
        "values": _values_of(given.get("values", "")),
        "book": given.get("book") or None,
        "lonely": given["lonely"] if given.get("lonely") in LONELY else "fail",
        "all_intervals": given.get("minimum_degrees") == "0",
    }


def _source(found: Job, chosen: Values) -> ValueSource | None:
    return value_source(service(), found, chosen["values"], chosen["book"])


def _values_of(text: str) -> str | int:
    """The number of an upload, or the findings; the table for anything else."""
    if text == FINDINGS:
        return text
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else TABLE


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        return 0.5
    return share if 0 < share < 1 else 0.5


def _lacks_column(chosen: Values) -> bool:
    """Whether there is no figure to estimate yet."""
    return chosen["statistic"] is None or (chosen["statistic"] == "mean" and not chosen["column"])


def _first_choice(columns: list[Values]) -> Values:
    """The mean of a number, at best one with decimals; without one the number of rows."""
    numbers = [each for each in columns if each["is_number"]]
    if not numbers:
        return {"statistic": "count", "column": None}
    best = max(numbers, key=lambda each: bool(each["has_decimals"]))
    return {"statistic": "mean", "column": best["name"]}


def _body(found: Job, chosen: Values) -> Values:
    """The choices as the body of a request to the API."""
    name = chosen["statistic"]
    given: Values = {"statistic": name}
    if name != "count":
        given["column"] = chosen["column"]
    if name == "proportion" and chosen["column"]:
        source, text = _source(found, chosen), chosen["value"]
        given["value"] = value_of_text(service(), found, chosen["column"], text, source)
    if name == "ratio":
        given["denominator"] = chosen["denominator"]
    if name == "quantile":
        given["q"] = chosen["q"]
    calibration = _calibration(chosen)
    return {
        "statistics": [given],
        "by": chosen["by"],
        "where": {"expression": chosen["where"]} if chosen["where"] else None,
        "confidence": chosen_level(chosen),
        "interval": {"minimum_degrees": 0} if chosen["all_intervals"] else None,
        "variance": {"lonely_stratum": chosen["lonely"]},
        "true_values": chosen["true_values"],
        "calibrate": calibration and asdict(calibration),
        "values": chosen["values"],
        "book_column": chosen["book"],
    }


def _request(found: Job, chosen: Values) -> EstimateRequest:
    body = _body(found, chosen)
    return EstimateRequest(
        body["statistics"],
        body["by"],
        body["where"],
        settings_of(body),
        body["true_values"],
        _calibration(chosen),
        body["values"],
        body["book_column"],
    )


def _code(found: Job, chosen: Values) -> Values:
    """The request of the choices as code."""
    body = {name: value for name, value in _body(found, chosen).items() if value is not None}
    code = code_at(f"/api/sampling/jobs/{found.id}/estimates", body)
    return {"code": code, "request_body": body}


def _calibration(chosen: Values) -> CalibrationRequest | None:
    """The chosen calibration; none until a column is chosen."""
    method, known = chosen["calibrate"], chosen["known"]
    if not method or not known:
        return None
    # A method of one column leaves the choices of another method out.
    return CalibrationRequest(method, known[: MAX_COLUMNS[method]])


def _title(chosen: Values) -> str:
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


def figure(value: float | None, statistic: str) -> str:
    """A figure for people: a share in percent, a large number without decimals."""
    if value is None:
        return "–"
    if statistic == "proportion":
        return f"{100 * value:.2f} %"
    return f"{value:,.0f}" if abs(value) >= 100_000 else f"{value:,.6g}"


def margin_text(value: float | None, statistic: str) -> str:
    """A margin with three digits, as more say nothing."""
    if value is None or statistic == "proportion":
        return figure(value, statistic)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _shown(each: Values, name: str) -> Values:
    """One line of the table, in words."""
    plain = each["uncalibrated"]
    margin = _margin(each)
    before = None if plain is None else _margin(plain)
    change = None
    if margin is not None and before:
        change = f"{100 * (margin / before - 1):+.0f} %"
    return {
        "group": list(each["group"].values()),
        "estimate": figure(each["estimate"], name),
        "margin": margin_text(margin, name),
        "has_interval": margin is not None,
        "low": figure(each["ci_low"], name),
        "high": figure(each["ci_high"], name),
        "error": figure(each["standard_error"], name),
        "n": each["n"],
        "missing": each["n_missing"],
        "effect": "–" if each["design_effect"] is None else f"{each['design_effect']:.2f}",
        "truth": figure(each["true_value"], name),
        "inside": holds_truth(each),
        "plain": None if plain is None else figure(plain["estimate"], name),
        "plain_margin": None if plain is None else margin_text(before, name),
        "change": change,
    }


def _margin(each: Values) -> float | None:
    low, high = each["ci_low"], each["ci_high"]
    return None if low is None or high is None else float(high - low) / 2


def _picture(title: str, estimates: list[Values], chosen: Values) -> Any:
    name = chosen["statistic"]
    lines = [
        Interval(
            ", ".join("Missing" if one is None else str(one) for one in each["group"].values())
            or "All rows",
            each["estimate"],
            each["ci_low"],
            each["ci_high"],
            figure(each["estimate"], name),
            each["true_value"],
        )
        for each in estimates
        if each["ci_low"] is not None and each["estimate"] is not None
    ][:MAX_DRAWN]
    ticks = [figure(end, name) for end in axis_of(lines)] if lines else []
    return interval_picture(title, lines, ticks)
