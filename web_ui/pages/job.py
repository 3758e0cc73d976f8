"""The page of a job. Each tab has its own URL and shows what the API returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from application.access import RowSource, sample_source
from application.audit.engagements import may_read
from application.audit.findings import named_replacements
from application.audit.review import may_undo_sign_offs, steps_of
from application.audit.sentences import carried_sentence
from application.audit.state import STRATUM, audit_state
from application.certificates.evaluation import evaluation_issues_of
from application.certificates.issuing import issues_of
from application.certificates.ledger import draws_beside
from application.certificates.seeds import seed_evidence
from application.comparing import shown_comparison
from application.identity.bin import binned_since
from application.identity.column_reports import job_changes
from application.identity.lookup import key_column, look_up
from application.lifecycle import cancel, original_request, retry, retryability, same_request
from application.panels.registering import may_be_followed
from application.reconciling import Reconciliations, reconciliations
from application.request_code.forms import ApiRequest
from application.samples.design_sheet import group_table
from application.samples.divisions import division_sentences, part_shares
from application.samples.facts import monetary_facts, relative_facts, step_facts, warnings_of
from application.samples.overview import sample_overview
from application.samples.replacements import next_rows
from application.schedules.registering import repeated_request
from application.table_views import view_page
from contract.requests.reconciling import BalancesRequest
from contract.requests.rows import LookupRequest
from domain_errors import DomainError
from presentation.content import Facts
from service.sampling_parameters import recorded_parts, seeded_rounds
from service.tables.open_tables import (
    RESIDUAL,
    RESULT,
    OpenTable,
    open_sample,
    open_source,
    open_table,
    output_of,
    source_of,
    version_of,
)
from service.tables.row_names import key_of_job
from storage.accounts.datasets import get_dataset
from storage.audit.engagements import engagement_of
from storage.audit.papers import newest_paper
from storage.audit.reviewing import questions_of
from storage.certificates.keys import list_public_keys
from storage.certificates.ledger import draw_entry
from storage.certificates.row_roots import row_root_of
from storage.errors import NotFound, Pruned
from storage.jobs import kinds
from storage.jobs.jobs import JobRecord, get_job, list_log
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.publishing import job_with_output
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction
from storage.versions.bin import is_binned
from storage.versions.refs import has_ref, has_sample_ref
from web_ui.grids import download_links, grid_of
from web_ui.job_texts import advice, problem_text, ref_label
from web_ui.pages.audit_tests import audit_test_values
from web_ui.pages.change import change_tab
from web_ui.pages.classification import classification_tab
from web_ui.pages.estimates import estimates_tab
from web_ui.pages.evaluation import evaluation_tab
from web_ui.pages.findings import findings_tab
from web_ui.pages.jobs import own_job
from web_ui.pages.labels import labels_tab, review_tabs
from web_ui.pages.paper import paper_tab
from web_ui.pages.request_code import code_of
from web_ui.pages.sample_rows import rows_tab
from web_ui.profile_pictures import group_bars, part_bars, small_picture
from web_ui.shell import (
    blueprint,
    caller,
    number_between,
    query_text,
    service,
    show,
    submission,
    to,
    zone,
)

MAX_LOG_ENTRIES = 1000
MAX_BEGINNINGS = 20
"""Newest imports among which the form of a schedule offers those to begin with."""
RESERVES_LIMIT = 10
ROWS_LOOKED_UP = 10
MAX_LEDGERS = 10
"""Tables of an import with a form for balances, and balances of each that are shown."""
FIRST_ROWS, MAX_FIRST_COLUMNS = 8, 30

Values = dict[str, Any]
WITH_RESULT = (kinds.QUERY, kinds.ROW_DIFF, kinds.AUDIT_TEST)
"""The kinds of jobs whose result is a table."""
REVIEW_TABS: dict[str, tuple[str, Callable[[JobRecord], Values]]] = {
    "findings": ("Findings", findings_tab),
    "labels": ("Labels", labels_tab),
}


@blueprint.get("/jobs/<job_id>")
def job(job_id: str) -> AnyResponse:
    """Show one tab of a job; the start of an id redirects to the full id."""
    found = caller().job(job_id)
    if found.id != job_id:
        return to(f"/jobs/{found.id}?{query_text()}".rstrip("?"))
    tabs = _tabs(found)
    tab = request.args.get("tab", "overview")
    if tab not in tabs:
        tab = "overview"
    with service().database.read() as tx:
        retry_state = retryability(service(), tx, found)
        is_named = _is_named(tx, found)
        since = binned_since(service())
        is_deleted = not has_sample_ref(tx, found.dataset_id, found.output_commit_id)
        in_bin = is_deleted and is_binned(tx, found.dataset_id, found.output_commit_id, since)
        dataset = get_dataset(tx, found.dataset_id, caller().user)
        may_undo = may_undo_sign_offs(tx, caller().user, dataset.level, [found.id])
        may_take = steps_of(tx, caller().user, dataset.level, found.id)
        engagement = engagement_of(tx, found.id)
        paper = newest_paper(tx, found.id)
        sees_it = engagement is not None and may_read(tx, caller().user, engagement)
    try:
        values = tabs[tab][1](found)
    except Pruned as error:
        values = {"pruned": problem_text(error)}
    return show(
        "sample.html" if is_sample(found) else "job.html",
        job=found,
        retryability=retry_state,
        is_named=is_named,
        is_deleted=is_deleted,
        in_bin=in_bin,
        tabs={name: title for name, (title, _) in tabs.items()},
        tab=tab,
        advice=advice(found, retry_state),
        may_write=caller().may(dataset, "write"),
        may_be_followed=is_sample(found) and may_be_followed(found),
        may_undo_sign_off=may_undo,
        may_take=may_take,
        engagement=engagement,
        sees_engagement=sees_it,
        is_sealed=engagement is not None and engagement.is_closed,
        newest_paper=paper,
        is_open=found.status in ("pending", "running"),
        now=timestamp(service().clock()),
        **values,
    )


@blueprint.get("/jobs/<job_id>/cancel")
@blueprint.get("/jobs/<job_id>/retry")
def back_to_job(job_id: str) -> AnyResponse:
    """Redirect a GET of a form's URL, for example from the browser's history, to the job."""
    return to(f"/jobs/{caller().job(job_id).id}")


@blueprint.post("/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> AnyResponse:
    """Cancel a job and show it."""
    by, found = caller(), own_job(job_id)
    cancel(by, found)
    return to(f"/jobs/{found.id}")


@blueprint.post("/jobs/<job_id>/retry")
def retry_job(job_id: str) -> AnyResponse:
    """Retry a job and show the new one."""
    found = own_job(job_id)
    by = submission(found.priority, path=f"/jobs/{found.id}/retry")
    return to(f"/jobs/{retry(service(), by, found).id}")


def _is_named(tx: Transaction, found: JobRecord) -> bool:
    """Whether the ref of the job's result still exists."""
    name = (found.output_summary or {}).get("output_ref")
    return name is not None and has_ref(tx, found.dataset_id, name)


def _tabs(found: JobRecord) -> dict[str, tuple[str, Callable[[JobRecord], Values]]]:
    """The titles and views of the job's tabs by name."""
    tabs: dict[str, tuple[str, Callable[[JobRecord], Values]]] = {
        "overview": ("Summary", _overview)
    }
    if is_sample(found):
        tabs["rows"] = ("Rows", rows_tab)
        if found.run_parameters["export_residual"]:
            tabs["residual"] = ("Remaining rows", _residual)
        if not recorded_parts(found.run_parameters):
            tabs["comparison"] = ("Comparison", _comparison)
            tabs["estimates"] = ("Estimates", estimates_tab)
            tabs["model"] = ("Model", classification_tab)
            tabs["change"] = ("Change", change_tab)
            with service().database.read() as tx:
                shown = review_tabs(tx, found)
            tabs |= {name: tab for name, tab in REVIEW_TABS.items() if name in shown}
            tabs["evaluation"] = ("Evaluation", evaluation_tab)
            tabs["paper"] = ("Working paper", paper_tab)
            tabs["reserves"] = ("Replacements", _reserves)
            tabs["certificate"] = ("Certificate", _certificate)
        tabs["why"] = ("Look up a row", _why)
    if found.kind in WITH_RESULT and found.output_commit_id is not None:
        tabs["result"] = ("Rows", _result)
    tabs["request"] = ("Show as code", _request)
    tabs["log"] = ("Log", _log)
    return tabs


def _ledgers(found: JobRecord) -> dict[str, Reconciliations]:
    """The balances that were entered for the tables of an import, by the tables' keys."""
    summary, ledgers = found.output_summary or {}, dict[str, Reconciliations]()
    for table in summary["tables"][:MAX_LEDGERS]:
        asked = BalancesRequest(
            table_key=table["key"], source_ref=summary["output_commit_id"], limit=MAX_LEDGERS
        )
        with suppress(NotFound):  # the version was deleted
            ledgers[table["key"]] = reconciliations(caller(), found.dataset_id, asked)
    return ledgers


def _overview(found: JobRecord) -> Values:
    summary = found.output_summary
    values: Values = {"summary": summary or {}, "has_result": found.kind.has_fields(summary)}
    if found.kind is kinds.AUDIT_TEST:
        values |= audit_test_values(found)
    if not found.kind.reads_commit and values["has_result"]:
        values["column_changes"] = job_changes(caller(), found)
        values["ledgers"] = _ledgers(found)
    if found.run_type == "sampling":
        values["step_facts"] = _step_facts(found)
        values["carried"] = carried_sentence(found.run_parameters, summary)
    if is_sample(found):
        values["awaits_comparison"] = service().settings.compare_samples
        values["overview"] = sample_overview(service(), found)
        values["source_label"] = _source_label(found)
        values["group_bars"] = group_bars
        values["warnings_of"] = warnings_of
        rounds = zip(found.run_parameters["rounds"], values["summary"]["rounds"], strict=True)
        values["step_groups"] = [group_table(given, result) for given, result in rounds]
        values["first_rows"] = _first_rows(found)
        values["division"] = values["summary"]["rounds"][0].get("division")
        values["part_bars"], values["part_shares"] = part_bars, part_shares
        values["division_sentences"] = division_sentences
    return values


def _source_label(found: JobRecord) -> str:
    """The version, or the audit test, that a sample was drawn from, as people name it."""
    name = str(found.run_parameters["source_ref"])
    with suppress(Pruned), service().database.read() as tx:
        version = version_of(found)
        made = job_with_output(tx, found.dataset_id, version)
        if made is not None and made.kind is kinds.AUDIT_TEST:
            return f"audit test {made.shown_name}"
        if name == version:
            return f"version {name[:12]}"
    return f"version {ref_label(name)}"


def _step_facts(found: JobRecord) -> list[Facts]:
    """The facts of each step of a sampling job."""
    seeded = seeded_rounds(found.run_parameters)
    rounds = found.run_parameters["rounds"]
    results = (found.output_summary or {}).get("rounds") or [{}] * len(rounds)
    return [
        Facts(
            "Design",
            [
                *step_facts(given, seeds),
                *relative_facts(found.run_parameters, place),
                *monetary_facts(result),
            ],
        )
        for place, (given, seeds, result) in enumerate(zip(rounds, seeded, results, strict=True))
    ]


def _first_rows(found: JobRecord) -> Values | None:
    """The first rows of a sample; None if they can't be read."""
    try:
        with caller().reading():
            table = open_sample(service(), found)
            shown = table.files.columns[:MAX_FIRST_COLUMNS]
            rows = view_page(service(), table, None, shown, 0, FIRST_ROWS)
    except DomainError:
        return None
    caller().audit_view(sample_source(found))
    return {"columns": shown, "rows": rows, "all_columns": len(table.files.columns)}


def is_sample(found: JobRecord) -> bool:
    """Whether a job's page is that of a finished sample."""
    return found.kind is kinds.SAMPLE and kinds.SAMPLE.has_fields(found.output_summary)


def _comparison(found: JobRecord) -> Values:
    try:
        return {"found": shown_comparison(caller(), found), "picture": small_picture}
    except DomainError as error:
        return {"found": None, "problem": problem_text(error)}


def _residual(found: JobRecord) -> Values:
    return _grid(found, RESIDUAL, f"/api/sampling/jobs/{found.id}/residual")


def _result(found: JobRecord) -> Values:
    return _grid(found, RESULT, f"/api/exploration/jobs/{found.id}/result")


def _grid(found: JobRecord, key: str, path: str) -> Values:
    with caller().reading():
        table = open_table(service(), found.dataset_id, output_of(found), key)
        grid = grid_of(table, RowSource(found.dataset_id, table.commit_id, key, found.id))
    return {"grid": grid, "downloads": download_links(path)}


def _reserves(found: JobRecord) -> Values:
    rounds = len(found.run_parameters["rounds"])
    number = number_between("round", 1, rounds, 1)
    limit = number_between("limit", 1, 1000, RESERVES_LIMIT)
    values: Values = {"rounds": rounds, "round": number, "limit": limit}
    source = RowSource(
        found.dataset_id, source_of(found), found.run_parameters["table_key"], found.id
    )
    try:
        with caller().reading():
            values["types"] = _types(open_source(service(), found))
            reserves = next_rows(service(), found, number, limit)
            values["reserves"] = reserves
            has_groups = any(row[STRATUM] is not None for row in reserves.data)
            values["shown"] = [name for name in reserves.columns if has_groups or name != STRATUM]
            replacements = named_replacements(
                service(), found, audit_state(service(), found).replacements
            )
            values["used"] = {each.replacement_id: each for each in replacements}
        caller().audit_view(source, "reserves")
    except DomainError as error:
        values["problem"] = problem_text(error)
    return values


def _types(table: OpenTable) -> dict[str, str]:
    """The types of a table's columns by name."""
    return {column.name: column.type for column in table.files.columns}


def _why(found: JobRecord) -> Values:
    """The rows with a value of a column, or the row with an id, also of an older link's ``row``."""
    column = request.args.get("column") or None
    value = (request.args.get("value") or request.args.get("row") or "").strip()
    key = found.run_parameters["table_key"]
    values: Values = {"column": column, "value": value, "example": f"{key}:17"}
    try:
        with caller().reading():
            table = open_source(service(), found)
            values["columns"], values["types"] = table.files.columns, _types(table)
            values["row_key"] = key_of_job(service(), found)
            if not ("column" in request.args or value or values["row_key"]):
                values["column"] = key_column(service(), found.dataset_id, table)
            if value:
                asked = LookupRequest(column=column, value=value, limit=ROWS_LOOKED_UP)
                values["found"] = look_up(service(), found, asked)
        if value:
            source = RowSource(found.dataset_id, source_of(found), key, found.id)
            caller().audit_view(source, "rows looked up")
    except DomainError as error:
        values["problem"] = problem_text(error)
    return values


def _certificate(found: JobRecord) -> Values:
    with service().database.read() as tx:
        entry = draw_entry(tx, found.dataset_id, found.id)
        key = list_public_keys(tx)[0]
        table = (found.source_commit_id or "", found.run_parameters["table_key"])
        has_row_root = row_root_of(tx, found.dataset_id, *table) is not None
    return {
        "entry": entry,
        "has_row_root": has_row_root,
        "summary_rows": (found.output_summary or {})["total_sampled"],
        "key": key,
        "issues": issues_of(service(), found),
        "evaluations": evaluation_issues_of(service(), found),
        "beside": draws_beside(service(), found),
        "seed_sentence": seed_evidence(service(), found),
    }


def _request(found: JobRecord) -> Values:
    """The request as JSON and as code; only the original one as JSON if its data was pruned."""
    values: Values = {"zone_name": None, "key_column": None, "beginnings": []}
    if _can_repeat(found):
        values["zone_name"] = zone().key
        values["beginnings"] = _beginnings(found)
        if found.run_type == "sampling":
            values["key_column"] = _key_column(found)
            with service().database.read() as tx:
                asked = questions_of(tx, found.id).questions
            values["own_questions"] = [question.name for question in asked]
    try:
        body = same_request(found)
    except Pruned as error:
        original = _json(original_request(found))
        return {**values, "parameters": original, "problem": problem_text(error)}
    described = None if found.kind is kinds.ATTACHMENT else _api_request(found, body)
    return {**values, "parameters": _json(body), "code": described and code_of(described)}


def _beginnings(found: JobRecord) -> list[JobRecord]:
    """The attachments and imports of URIs with which the runs of a schedule may begin."""
    filters = JobFilters(dataset_id=found.dataset_id, run_type="import", statuses=("completed",))
    with service().database.read() as tx:
        jobs, _ = list_jobs(tx, caller().user, filters, offset=0, limit=MAX_BEGINNINGS)
        listed = [get_job(tx, each.id, with_position=False) for each in jobs]
    ref = found.run_parameters["source_ref"]
    return [
        each
        for each in listed
        if each.run_parameters["ref"] == ref
        and ("attach" in each.run_parameters or "uri" in each.run_parameters)
    ]


def _key_column(found: JobRecord) -> str | None:
    """A column that identifies a row of the sampled table; None if the table can't be read."""
    with suppress(DomainError), caller().reading():
        return key_column(service(), found.dataset_id, open_source(service(), found))
    return None


def _can_repeat(found: JobRecord) -> bool:
    """Whether the user can schedule the request of a job."""
    with suppress(DomainError):
        repeated_request(found)
        return caller().may(caller().dataset(found.dataset_id, "read"), "write")
    return False


def _api_request(found: JobRecord, body: Values) -> ApiRequest:
    """The request of a job; that of an import is a form with a file, or the URI of one."""
    if found.kind is not kinds.IMPORT:
        return ApiRequest(found.kind.request_path(found.dataset_id, found.run_parameters), body)
    path = f"/api/datasets/{found.dataset_id}/refs/{quote(body['ref'], safe='')}/import"
    sent = {
        name: body[name]
        for name in ("uri", "options", "commit_message", "require_columns", "row_key")
        if body.get(name)
    }
    return ApiRequest(path, sent, None if "uri" in sent else body["file_name"])


def _json(body: Values) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def _log(found: JobRecord) -> Values:
    with service().database.read() as tx:
        entries, total = list_log(tx, found.id, 0, MAX_LOG_ENTRIES)
    return {"entries": entries, "entry_count": total}
