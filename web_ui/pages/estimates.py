"""The tab "Estimates" of a sample: figures of the population, with their margins of error."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.access import RowSource
from application.estimation.estimates import EstimateRequest, estimates_of, settings_of
from application.estimation.sample_columns import estimated_columns, value_of_text
from domain_errors import DomainError
from job_runner.tables.open_tables import SAMPLE, output_of
from parquet_tables.exports import formula_safe
from storage.errors import NotFound
from storage.jobs.jobs import Job
from web_ui.charts.intervals import Interval, axis_of, interval_picture
from web_ui.job_texts import problem_text
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
CONFIDENCES = (80, 90, 95, 99)
LONELY = {
    "fail": "refuse",
    "adjust": "compare with the overall mean",
    "average": "use the mean variance of the other groups",
}
DESIGN_TABLES = {
    "format=csv": "Weights of each row (CSV)",
    "format=csv&replicates=jackknife": "With jackknife weights (CSV)",
    "format=csv&replicates=bootstrap": "With bootstrap weights (CSV)",
    "format=json": "Facts (JSON)",
}
PROGRAMS = {"r": "R (survey)", "stata": "Stata", "sas": "SAS", "python": "Python"}
MAX_DRAWN = 40
"""Groups in the picture; the table has all."""


def estimates_tab(found: Job) -> Values:
    """Estimate what the URL asks for."""
    chosen = _chosen()
    values: Values = {
        "chosen": chosen,
        "statistics": STATISTICS,
        "confidences": CONFIDENCES,
        "lonely_choices": LONELY,
    }
    try:
        with caller().reading():
            values["columns"] = estimated_columns(service(), found)
            if chosen["statistic"] is None:
                chosen |= _first_choice(values["columns"])
            answer = estimates_of(service(), found, _request(found, chosen))
        _audit(found)
    except DomainError as error:
        return {**values, "problem": problem_text(error), "problem_code": error.code}
    shown = [_shown(each, chosen) for each in answer["estimates"]]
    known = [each for each in shown if each["inside"] is not None]
    return {
        **values,
        "answer": answer,
        "shown": shown,
        "title": _title(chosen),
        "picture": _picture(_title(chosen), answer["estimates"], chosen),
        "inside": (sum(each["inside"] for each in known), len(known)),
        "max_drawn": MAX_DRAWN,
        "design_links": _design_links(answer["design"]["method"]),
    }


def _design_links(method: str) -> dict[str, str]:
    """The downloads of a design; rounds that aren't one sample have code for their replicates."""
    replicates = "&replicates=bootstrap" if method == "rounds" else ""
    code = {f"format={key}{replicates}": f"Code for {name}" for key, name in PROGRAMS.items()}
    return code | DESIGN_TABLES


@blueprint.get("/jobs/<job_id>/estimates.csv")
@signed_in
def estimates_file(job_id: str) -> AnyResponse:
    """Download the estimates of the tab as CSV that Excel reads as UTF-8, without formulas."""
    found = caller().job(job_id)
    if found.run_type != "sampling" or found.status != "completed":
        raise NotFound("The job has no sample.")
    chosen = _chosen()
    with caller().reading():
        if chosen["statistic"] is None:
            chosen |= _first_choice(estimated_columns(service(), found))
        answer = estimates_of(service(), found, _request(found, chosen))
    _audit(found)
    text = io.StringIO()
    lines = csv.writer(text)
    estimates = answer["estimates"]
    groups = estimates[0]["group"] if estimates else chosen["by"]
    names = [name for name in (estimates[0] if estimates else ()) if name != "group"]
    lines.writerow(map(_safe, [*groups, *names]))
    for each in estimates:
        cells = [*each["group"].values(), *(each[name] for name in names)]
        lines.writerow(map(_safe, cells))
    return Response(
        codecs.BOM_UTF8 + text.getvalue().encode(),
        mimetype="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="estimates-{found.id[:8]}.csv"',
            "Cache-Control": "no-store",
        },
    )


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
    confidence = given.get("confidence", "95")
    return {
        "statistic": statistic if statistic in STATISTICS else None,
        "column": given.get("column") or None,
        "value": given.get("value", "").strip(),
        "denominator": given.get("denominator") or None,
        "q": _share(given.get("q", "")),
        "by": [name for name in given.getlist("by") if name],
        "where": given.get("where", "").strip(),
        "confidence": int(confidence) if confidence in map(str, CONFIDENCES) else 95,
        "true_values": "true_values" in given,
        "lonely": given["lonely"] if given.get("lonely") in LONELY else "fail",
    }


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        return 0.5
    return share if 0 < share < 1 else 0.5


def _first_choice(columns: list[Values]) -> Values:
    """The mean of a number, at best one with decimals; without one the number of rows."""
    numbers = [each for each in columns if each["is_number"]]
    if not numbers:
        return {"statistic": "count", "column": None}
    best = max(numbers, key=lambda each: bool(each["has_decimals"]))
    return {"statistic": "mean", "column": best["name"]}


def _request(found: Job, chosen: Values) -> EstimateRequest:
    name = chosen["statistic"]
    given: Values = {"statistic": name}
    if name != "count":
        given["column"] = chosen["column"]
    if name == "proportion" and chosen["column"]:
        given["value"] = value_of_text(service(), found, chosen["column"], chosen["value"])
    if name == "ratio":
        given["denominator"] = chosen["denominator"]
    if name == "quantile":
        given["q"] = chosen["q"]
    return EstimateRequest(
        [given],
        chosen["by"],
        {"expression": chosen["where"]} if chosen["where"] else None,
        settings_of(
            {
                "confidence": chosen["confidence"] / 100,
                "variance": {"lonely_stratum": chosen["lonely"]},
            }
        ),
        chosen["true_values"],
    )


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


def _shown(each: Values, chosen: Values) -> Values:
    """One line of the table, in words."""
    name = chosen["statistic"]
    low, high, truth = each["ci_low"], each["ci_high"], each["true_value"]
    margin = None if low is None else (high - low) / 2
    slack = 1e-9 * max(abs(truth or 0), 1e-300)
    inside = None
    if truth is not None and low is not None:
        inside = low - slack <= truth <= high + slack
    return {
        "group": list(each["group"].values()),
        "estimate": figure(each["estimate"], name),
        "margin": margin_text(margin, name),
        "low": figure(low, name),
        "high": figure(high, name),
        "error": figure(each["standard_error"], name),
        "n": each["n"],
        "missing": each["n_missing"],
        "effect": "–" if each["design_effect"] is None else f"{each['design_effect']:.2f}",
        "truth": figure(truth, name),
        "inside": inside,
    }


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
