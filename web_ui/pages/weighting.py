"""How a sample is weighted, as the forms of its tab choose it; and the view of its weights."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

from flask import request, send_file
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from application.access import sample_source
from application.estimation.calibrating import MAX_COLUMNS, CalibrationFacts
from application.estimation.estimates_sheet import figure, group_names
from application.estimation.known_totals import census_of
from application.estimation.nonresponse import NonresponseFacts
from application.estimation.uploaded_values import uploads_of
from application.estimation.value_sources import (
    entries_source,
    estimated_columns,
    source_named,
    value_source,
)
from application.estimation.weights import (
    FileFormat,
    WeightsCodebook,
    codebook_markdown,
    weights_codebook,
    write_weights,
)
from contract.declarations import Request
from contract.known_totals import read_known_totals
from contract.requests.estimate import CalibrateRequest
from contract.requests.weighting import CensusRequest, KnownTotalRequest, NonresponseRequest
from contract.requests.weights import WeightsRequest
from contract.words import CALIBRATIONS, NONRESPONSE
from domain_errors import DomainError
from presentation.content import Estimated, Percent, Table
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from web_ui.contract_forms import FormField, form_fields, read_form
from web_ui.job_texts import problem_text
from web_ui.pages.request_code import code_at
from web_ui.shell import access, audit_sample, blueprint, caller, service

Values = dict[str, Any]

MAX_KNOWN = 4
"""Columns of known totals that the page offers; the API takes more."""
MAX_TOTALS_TEXT = 20_000
WEIGHTS_KINDS: Mapping[str, FileFormat] = {
    "csv": "csv",
    "parquet": "parquet",
    "dta": "dta",
    "sav": "sav",
}
FILES = {
    "csv": "CSV",
    "parquet": "Parquet",
    "dta": "Stata",
    "sav": "SPSS",
    "md": "Codebook",
}
OCTETS = "application/octet-stream"
PROGRAMS = {"r": "R (survey)", "stata": "Stata", "sas": "SAS", "python": "Python"}


def weighting_choices(given: MultiDict[str, str]) -> Values:
    """The choices of calibration and nonresponse in a URL."""
    calibrate, nonresponse = given.get("calibrate"), given.get("nonresponse")
    return {
        "calibrate": calibrate if calibrate in CALIBRATIONS else None,
        "known": [name for name in given.getlist("known") if name],
        "totals": given.get("totals", "").strip()[:MAX_TOTALS_TEXT],
        "census_ref": given.get("census_ref", "").strip(),
        "census_dataset": given.get("census_dataset", "").strip(),
        "census_rows": given.get("census_rows", "").strip(),
        "nonresponse": nonresponse if nonresponse in NONRESPONSE else None,
        "response": [name for name in given.getlist("response_column") if name],
        "responded": given.get("responded") or None,
    }


def weighting_form(given: MultiDict[str, str]) -> Values:
    """What the fields of calibration and nonresponse need besides the choices."""
    return {
        "calibrations": CALIBRATIONS,
        "nonresponses": NONRESPONSE,
        "max_known": MAX_KNOWN,
        "response_fields": form_fields(NonresponseRequest, given, ("method", "responded")),
    }


def chosen_calibration(chosen: Values) -> CalibrateRequest | None:
    """The chosen calibration; none until a column is chosen."""
    method, known = chosen["calibrate"], chosen["known"]
    if not method or not known:
        return None
    totals: tuple[KnownTotalRequest, ...] | None = None
    census = None
    if chosen["totals"]:
        entries = read_known_totals(chosen["totals"])
        totals = tuple(KnownTotalRequest(**entry) for entry in entries)
    elif chosen["census_ref"] or chosen["census_dataset"] or chosen["census_rows"]:
        number = chosen["census_dataset"]
        census = CensusRequest(
            dataset_id=int(number) if number.isascii() and number.isdecimal() else None,
            source_ref=chosen["census_ref"] or "main",
            rows_column=chosen["census_rows"] or None,
        )
    # A method of one column leaves the choices of another method out.
    columns = tuple(known[: MAX_COLUMNS[method]])
    return CalibrateRequest(method=method, columns=columns, totals=totals, census=census)


def chosen_nonresponse(chosen: Values, given: MultiDict[str, str]) -> NonresponseRequest | None:
    """The chosen way to make up for nonresponse; None without one."""
    method = chosen["nonresponse"]
    if method is None:
        return None
    return NonresponseRequest(
        method=method,
        columns=tuple(chosen["response"]) if method != "known_totals" else (),
        responded=chosen["responded"],
        **read_form(NonresponseRequest, given, ("method", "responded")),
    )


def known_totals_table(calibration: CalibrationFacts | None) -> Table | None:
    """The totals that a calibration reproduces; None without any."""
    if not calibration or not calibration.totals:
        return None
    rows = []
    for total in calibration.totals:
        name = total.column or "Rows"
        if total.group is not None:
            name = ", ".join(group_names(total.group))
        amounts = (figure(amount, "total") for amount in (total.known, total.estimated))
        rows.append((name, *amounts, total.n))
    known = {"table": "In the table", "request": "Given", "census": "In the census"}
    header = ("Total of", known[calibration.source], "By the sample alone", "Rows")
    return Table("Known totals", header, rows)


def response_table(facts: NonresponseFacts | None) -> Table | None:
    """The response rates by class; None without classes."""
    if facts is None or not facts.classes:
        return None
    header = ("Class", "Rows", "Respondents", "Rate", "Weighted rate", "Factor", "Merged into")
    rows = [
        (
            ", ".join(group_names(each.group)) or "All rows",
            each.n,
            each.respondents,
            Percent(each.rate),
            Percent(each.weighted_rate),
            None if each.factor is None else Estimated(each.factor, 4),
            None if each.merged_into is None else ", ".join(group_names(each.merged_into)),
        )
        for each in facts.classes
    ]
    return Table("Response", header, rows)


def weights_view(found: JobRecord) -> Values:
    """The codebook of the weights that the URL chooses, with links to the files."""
    given = request.args
    chosen = _choices(given)
    values: Values = {
        "chosen": chosen,
        "uploads": uploads_of(service(), found),
        "entries": entries_source(service(), found),
        "further_fields": shown_fields(WeightsRequest, given, ("format",)),
        **weighting_form(given),
    }
    try:
        with caller().reading():
            source = value_source(service(), found, chosen["values"])
            values["columns"] = estimated_columns(service(), found, source)
            asked = weights_asked(chosen, given)
            census = census_of(caller(), found, asked.calibrate)
            codebook = weights_codebook(service(), found, asked, census)
        audit_sample(found, "weights")
    except DomainError as error:
        return {**values, "problem": problem_text(error)}
    body = {**asked.stated(), "format": "csv"}
    return {
        **values,
        **code_at(f"/api/sampling/jobs/{found.id}/weights", body),
        "codebook": codebook,
        "columns_table": _columns_table(codebook),
        "known_totals": known_totals_table(codebook.calibration),
        "response": response_table(codebook.nonresponse),
        "files": FILES,
        "programs": {title: codebook.programs[key] for key, title in PROGRAMS.items()},
    }


def _choices(given: MultiDict[str, str]) -> Values:
    return {
        **weighting_choices(given),
        "values": source_named(given.get("values", "")),
        "columns": given.get("columns", "").strip(),
    }


def weights_asked(chosen: Values, given: MultiDict[str, str]) -> WeightsRequest:
    """The choices as a request."""
    return WeightsRequest(
        columns=_named(chosen["columns"]),
        calibrate=chosen_calibration(chosen),
        nonresponse=chosen_nonresponse(chosen, given),
        values=chosen["values"],
        **read_form(WeightsRequest, given, ("format",)),
    )


def _named(text: str) -> tuple[str, ...]:
    """Names with a comma between them; one that has a comma is in double quotes."""
    lines = csv.reader([text], skipinitialspace=True)
    return tuple(name for line in lines for name in map(str.strip, line) if name)


def shown_fields(
    request_type: type[Request], given: MultiDict[str, str], without: tuple[str, ...]
) -> list[FormField]:
    """The further fields of a form, without those that the choices so far leave idle."""
    idle = set(without)
    if given.get("replicates") != "bootstrap":
        idle |= {"replicate_count", "replicate_seed"}
    if given.get("nonresponse") not in NONRESPONSE:
        idle.add("only_respondents")
    return form_fields(request_type, given, tuple(idle))


def _columns_table(codebook: WeightsCodebook) -> Table:
    rows = [(each.name, each.short_name, each.label, each.type) for each in codebook.columns]
    if codebook.replicates is not None:
        kind = f"Replicate weights, {codebook.replicates.kind}"
        name = codebook.replicate_columns or ""
        rows.append((name, name, kind, "DOUBLE"))
    return Table("Columns", ("Column", "In Stata and SPSS", "Is", "Type"), rows)


@blueprint.get("/jobs/<job_id>/weights.<kind>")
def weights_file(job_id: str, kind: str) -> AnyResponse:
    """Download the weights that the view chooses, or their codebook."""
    found = caller().job(job_id)
    if found.run_type != "sampling" or found.status != "completed" or kind not in FILES:
        raise NotFound("The job has no such file.")
    asked = weights_asked(_choices(request.args), request.args)
    census = census_of(caller(), found, asked.calibrate)
    name = f"weights-{found.id[:8]}.{kind}"
    if kind == "md":
        with caller().reading():
            text = codebook_markdown(weights_codebook(service(), found, asked, census))
        audit_sample(found, "weights")
        return _file(text.encode(), "text/markdown", name)
    written = WEIGHTS_KINDS[kind]
    downloads = access().work_limits.downloads
    with downloads.piece(caller().user.id), service().scratch_file(f"weights.{kind}") as path:
        write_weights(service(), found, asked, census, path, written)
        file = path.open("rb")  # read while it is sent, after its name is gone
    caller().audit_read("rows_downloaded", sample_source(found), format=kind, columns="weights")
    answer = send_file(file, OCTETS, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _file(content: bytes, kind: str, name: str) -> AnyResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return AnyResponse(content, content_type=kind, headers=headers)
