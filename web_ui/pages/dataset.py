"""The page of a dataset. The tab, the version, the table and the grid are in the URL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from application.access import RowSource
from application.attaching import newer_version
from application.audit.examinations import examinations_of
from application.audit.review import may_undo_sign_offs
from application.certificates.ledger import ledger_page
from application.identity.column_reports import job_changes
from application.identity.row_keys import likely_row_key, row_key_state
from application.panels.registering import may_be_followed
from application.schedules.registering import excluded_next, readable_schedule
from application.schedules.times import explained, upcoming
from contract.requests.pages import PageRequest
from contract.words import LISTED_REVIEW_STATES
from domain_errors import DomainError
from import_engine.sources.connections import SourceChanged
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES
from parquet_tables.names import folded
from parquet_tables.quoting import shown_identifier
from sampling_engine import METHOD_CLASSES
from service.sampling_parameters import stated_rounds
from service.sql_queries import DATA, FUNCTIONS
from service.tables.open_tables import PRIMARY, OpenTable, open_commit, open_table
from service.tables.reports import ProfileJson, cached_profile, profile_of
from storage.accounts.datasets import DatasetRecord, list_group_permissions, list_permissions
from storage.accounts.groups import list_groups
from storage.audit.findings import signed_off_jobs
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord, outcomes_of
from storage.jobs.kinds import PROFILE, values_read
from storage.jobs.lists import JobFilters, list_jobs
from storage.jobs.panels import PanelRecord, list_panels, waves_of
from storage.jobs.publishing import job_with_output
from storage.jobs.schedules import Schedule, list_schedules
from storage.sqlite.clock import timestamp
from storage.versions.manifests import Commit, StoredTable, history
from storage.versions.refs import MAIN, Ref, has_ref, list_refs, name_of_commit
from storage.versions.row_keys import DeclaredKey, row_key_of
from web_ui.grids import download_links, grid_of
from web_ui.job_texts import problem_text
from web_ui.numbers import exact_seed
from web_ui.pages.audit_tests import tests_view
from web_ui.pages.data_contracts import contract_view
from web_ui.pages.estimates import file_of
from web_ui.pages.request_code import code_at
from web_ui.pages.sql_tables import MAX_SQL_COLUMNS, further_tables, sql_columns
from web_ui.profile_pictures import column_picture
from web_ui.schedule_runs import runs_view, runs_workbook
from web_ui.shell import (
    ListQuery,
    blueprint,
    caller,
    has_vendor,
    service,
    show,
    zone,
)

Values = dict[str, Any]
View = Callable[[Values], Values]
MAIN_TABS = ("data", "draws", "tests", "sql", "history")
PROFILE_BUDGET_S = 10.0
PROFILE_COLUMNS = 50
"""Columns on a page of the profile."""
QUICK_CELLS = 1_000_000
"""A table with at most this number of values is profiled before the page is sent."""
MAX_GROUP_OPTIONS = 500
KEYED_VERSIONS = 10
"""Versions on a page of the row key's states."""
COLUMNS_NAMED = 100
KEY_STATES = {
    "holds": ("Holds", "good"),
    "fails": ("Doesn’t hold", "bad"),
    "not_checked": ("Not checked yet", ""),
    "not_possible": ("Not possible", "warn"),
}
"""Titles and colours of the states of a row key."""


@blueprint.get("/datasets/<int:dataset_id>")
def dataset(dataset_id: int) -> Response:
    """Show one tab of a dataset."""
    return _page(dataset_id, request.args.get("tab", "data"))


@blueprint.get("/datasets/<int:dataset_id>/schedules/<int:schedule_id>/figures.xlsx")
def runs_sheet(dataset_id: int, schedule_id: int) -> AnyResponse:
    """Download the figure of each run of a schedule as an Excel workbook."""
    chosen = readable_schedule(caller(), schedule_id)
    if chosen.dataset_id != dataset_id:
        raise NotFound("The dataset has no such schedule.")
    return file_of(runs_workbook(chosen), MEDIA_TYPES["xlsx"], f"runs-of-{chosen.id}.xlsx")


@blueprint.get("/datasets/<int:dataset_id>/sql")
def sql_tab(dataset_id: int) -> Response:
    """Show the SQL tab. The query is in the URL's fragment, which no browser sends."""
    return _page(dataset_id, "sql")


RUNS_SHOWN = 3


def _page(dataset_id: int, tab: str) -> Response:
    found = caller().dataset(dataset_id, "read")
    ref = request.args.get("ref", MAIN)
    with service().database.read() as tx:
        refs, ref_count = list_refs(tx, dataset_id)
        commit = open_commit(tx, dataset_id, ref) if _has_commit(refs, ref) else None
    tables = commit.manifest.tables if commit else ()
    names = {key: one.name for one in tables for key in (one.name, one.key)}
    requested = request.args.get("table", "")
    table_key = next((names[key] for key in (requested, PRIMARY, *names) if key in names), None)
    tabs = _tabs(found, commit)
    if tab not in tabs:
        tab = next(iter(tabs))
    context: Values = {"dataset": found, "ref": ref, "commit": commit, "table_key": table_key}
    status, unreadable = 200, None
    try:
        content = tabs[tab][1](context)
    except SourceChanged as error:
        # A file is gone or has changed; what the version was, and a newer one, can still be shown.
        status, unreadable, tab = 409, error.message, "overview"
        content = tabs[tab][1](context)
    return show(
        "dataset.html",
        status,
        unreadable=unreadable,
        refs=refs,
        ref_count=ref_count,
        tabs={name: title for name, (title, _) in tabs.items()},
        tab=tab,
        main_tabs=MAIN_TABS,
        lacks_table=commit and requested not in ("", *names),
        may_write=caller().may(found, "write"),
        may_manage=caller().may(found, "admin"),
        tab_link=partial(_tab_link, f"/datasets/{dataset_id}"),
        **context,
        **content,
    )


def _has_commit(refs: list[Ref], ref: str) -> bool:
    """Whether a ref or commit id names a commit; main of an empty dataset does not."""
    return all(one.commit_id is not None for one in refs if one.name == ref)


def _tabs(found: DatasetRecord, commit: Commit | None) -> dict[str, tuple[str, View]]:
    """The titles and views of the dataset's tabs by name."""
    tabs: dict[str, tuple[str, View]] = {}
    if commit is not None:
        tabs["data"] = ("Data", _data)
    tabs["draws"] = ("Samples", _draws)
    if commit is not None:
        tabs["sql"] = ("SQL", _sql)
        tabs["tests"] = ("Tests", tests_view)
        tabs["history"] = ("History", _history)
        tabs["profile"] = ("Profile", _profile)
        tabs["key"] = ("Row key", _row_key)
    tabs["contract"] = ("Data contract", contract_view)
    tabs["panels"] = ("Panels", _panels)
    tabs["schedules"] = ("Schedules", _schedules)
    tabs["ledger"] = ("Ledger", _ledger)
    tabs["overview"] = ("Tables and versions", _overview)
    tabs["access"] = ("Access", _access)
    if caller().may(found, "write"):
        tabs["settings"] = ("Settings", _settings)
    return tabs


def _tab_link(path: str, tab: str) -> str:
    query = {name: request.args[name] for name in ("ref", "table") if request.args.get(name)}
    if tab == "sql":
        path += "/sql"
    elif tab != "data":
        query["tab"] = tab
    return f"{path}?{urlencode(query)}" if query else path


def _overview(context: Values) -> Values:
    commit: Commit | None = context["commit"]
    with service().database.read() as tx:
        quota = service().quotas.of_dataset(tx, context["dataset"].id)
    if commit is None:
        return {"tables": [], "columns": [], "quota": quota}
    table = commit.manifest.table(context["table_key"])
    newer, unknown = None, None
    if caller().may(context["dataset"], "write"):
        try:
            newer = newer_version(service(), caller().user, table)
        except DomainError as error:
            unknown = error.message
    again = {"table": table.name, "ref": context["ref"], "attach": 1}
    return {
        "tables": commit.manifest.tables,
        "columns": table.columns,
        "quota": quota,
        "newer": newer,
        "newest_is_unknown": unknown,
        "newer_query": urlencode({**vars(newer), **again}) if newer else None,
    }


def _data(context: Values) -> Values:
    dataset_id, ref, key = context["dataset"].id, context["ref"], context["table_key"]
    with caller().reading():
        table = open_table(service(), dataset_id, context["commit"].id, key)
        grid = grid_of(table, RowSource(dataset_id, table.commit_id, table.key))
    path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}/tables/{quote(key)}"
    downloads = download_links(f"{path}/data")
    imported = _imported(context)
    return {
        "grid": grid,
        "downloads": downloads,
        "summaries": f"{path}/summaries",
        "imported": imported,
        "column_changes": job_changes(caller(), imported) if imported else None,
        "changes_link": _changes_link(context),
        "next_steps": _next_steps(context) if imported else None,
    }


@dataclass(frozen=True)
class NextSteps:
    """What the users of an earlier version do with the one that an import made."""

    panels: Sequence[PanelRecord]
    source_ref: str
    base_id: str
    row_key: DeclaredKey | None


def _next_steps(context: Values) -> NextSteps | None:
    """What follows an import; None if the version before lacks the table."""
    base = _table_before(context)
    if base is None:
        return None
    dataset_id, key = context["dataset"].id, context["table_key"]
    with service().database.read() as tx:
        panels = [one for one in list_panels(tx, dataset_id) if one.table_key == key]
        declared = row_key_of(tx, dataset_id, key)
        source_ref = name_of_commit(tx, dataset_id, context["commit"].id)
    return NextSteps(panels, source_ref, base.commit_id, declared)


def _table_before(context: Values) -> OpenTable | None:
    """The shown table in the version before; None if that lacks the table."""
    parent_id = context["commit"].manifest.parent_id
    with suppress(DomainError):
        if parent_id is not None:
            return open_table(service(), context["dataset"].id, parent_id, context["table_key"])
    return None


def _imported(context: Values) -> JobRecord | None:
    """The completed import that led to this page and made the shown commit, if any."""
    with suppress(NotFound):
        job = caller().job(request.args.get("imported", ""))
        summary = job.output_summary or {}
        if job.run_type == "import" and summary.get("output_commit_id") == context["commit"].id:
            return job
    return None


def _changes_link(context: Values) -> str | None:
    """The changes of the shown table since the version before, if that has the table, too."""
    base = _table_before(context)
    if base is None:
        return None
    to = context["commit"].id
    versions = {"from": base.commit_id, "from_table": base.key, "to": to, "to_table": base.key}
    return f"/datasets/{context['dataset'].id}/changes?{urlencode(versions)}"


def _profile(context: Values) -> Values:
    """The cached profile; a short one is computed at once, a longer one by the page's script."""
    dataset_id, key = context["dataset"].id, context["table_key"]
    with caller().reading():
        table = open_table(service(), dataset_id, context["commit"].id, key)
        found = cached_profile(service(), table.files)
        rows, columns = table.files.row_count, len(table.files.columns)
        is_short = PROFILE.lane(values_read(rows, columns)) == "short"
        is_quick = rows * columns <= QUICK_CELLS and columns <= PROFILE_COLUMNS
        if found is None and is_short and (is_quick or "wait" in request.args):
            database = service().parquet
            found = profile_of(service(), table, database=database, budget_s=PROFILE_BUDGET_S)
    body = {"source_ref": context["ref"], "table_key": key}
    code = code_at(f"/api/profiling/datasets/{dataset_id}/jobs", body)
    if found is None:
        return {**code, "profile": None, "is_short": is_short}
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return {
        **code,
        **_columns_of_page(found["profile"]),
        "hints": found["hints"],
        "picture": column_picture,
    }


def _columns_of_page(profile: ProfileJson) -> Values:
    """The profile with the columns that the search finds, a page of them."""
    query = ListQuery(default_limit=PROFILE_COLUMNS)
    words = (query.text("q") or "").lower()
    found = [column for column in profile["columns"] if words in column["name"].lower()]
    shown = found[query.offset : query.offset + query.limit]
    return {
        "profile": {**profile, "columns": shown},
        "column_count": len(profile["columns"]),
        "page": query.page(len(found)),
        "q": query.text("q") or "",
    }


def _sql(context: Values) -> Values:
    """The commit's tables and columns by their SQL names, and an initial query."""
    tables = context["commit"].manifest.tables
    keys = {folded(table.name) for table in tables}
    listed = [_sql_table(table, keys) for table in tables]
    (shown,) = (table for table in listed if table["key"] == context["table_key"])
    further = further_tables(context["dataset"].id, context["ref"], context["commit"])
    return {
        **further.values,
        "sql_tables": [*listed, *further.listed],
        "sql_functions": sorted(FUNCTIONS),
        "default_table": shown["name"],
        "columns_shown": MAX_SQL_COLUMNS,
        "first_query": f"SELECT *\nFROM {shown['sql']}\nLIMIT 100",
        "nonce": secrets.token_urlsafe(16) if has_vendor("codemirror") else None,
    }


def _sql_table(table: StoredTable, keys: set[str]) -> Values:
    is_data = table.name == PRIMARY and DATA not in keys
    return {
        "key": table.name,
        "name": DATA if is_data else table.name,
        "sql": DATA if is_data else shown_identifier(table.name),
        "rows": table.row_count,
        "column_count": len(table.columns),
        "columns": sql_columns(table.columns),
    }


def _history(context: Values) -> Values:
    query = ListQuery()
    page = {"offset": query.offset, "limit": query.limit}
    with service().database.read() as tx:
        commits, total = history(tx, context["dataset"].id, context["commit"].id, **page)
        jobs = [job_with_output(tx, context["dataset"].id, each.id) for each in commits]
    imports = {
        commit.id: job.id
        for commit, job in zip(commits, jobs, strict=True)
        if job is not None and job.run_type == "import"
    }
    return {"commits": commits, "imports": imports, "page": query.page(total)}


def _row_key(context: Values) -> Values:
    """The row key of the table with its state in each version, or a proposal."""
    found, commit = context["dataset"], context["commit"]
    table_key = commit.manifest.table(context["table_key"]).key
    query = ListQuery(default_limit=KEYED_VERSIONS)
    ref = context["ref"]
    values: Values = {"row_key": None, "proposed": (), "columns": (), "stored_key": table_key}
    with service().database.read() as tx:
        if not has_ref(tx, found.id, ref):
            ref = MAIN
    with suppress(NotFound):
        values["row_key"] = row_key_state(
            caller(), found.id, table_key, ref, query.offset, min(query.limit, 100)
        )
        values["page"] = query.page(values["row_key"].total)
    if values["row_key"] is None:
        values["proposed"] = likely_row_key(caller(), found.id, commit.id, table_key)
    values["columns"] = commit.manifest.table(table_key).columns[:COLUMNS_NAMED]
    return {**values, "key_ref": ref, "states": KEY_STATES}


def _draws(context: Values) -> Values:
    query = ListQuery()
    state = query.choice("review_state", tuple(LISTED_REVIEW_STATES))
    found = context["dataset"].id
    filters = JobFilters(dataset_id=found, run_type="sampling", review_state=state)
    with service().database.read() as tx:
        jobs, total = list_jobs(tx, caller().user, filters, offset=query.offset, limit=query.limit)
        outcomes = outcomes_of(tx, [job.id for job in jobs])
        examinations = examinations_of(tx, jobs)
    return {
        "jobs": jobs,
        "outcomes": outcomes,
        "examinations": examinations,
        "review_state": state,
        "problem": query.problem,
        "page": query.page(total),
    }


def _schedules(context: Values) -> Values:
    me, found = caller().user, context["dataset"]
    with service().database.read() as tx:
        schedules = list_schedules(tx, found.id)
    now = service().clock()

    def next_runs(one: Schedule) -> list[str]:
        return [timestamp(at) for at in upcoming(one.cron, one.zone, now, RUNS_SHOWN)]

    return {
        **_exclusion(schedules),
        **runs_view(_requested("runs", schedules)),
        "changing": _requested("change", schedules),
        "zone_name": zone().key,
        "schedules": [
            {
                "schedule": one,
                "explanation": explained(one.cron, one.zone),
                "next_runs": next_runs(one),
                "may_change": caller().may(found, "write" if one.user_id == me.id else "admin"),
            }
            for one in schedules
        ],
    }


PANEL_COLUMNS = 200
"""Columns that the form of a new panel offers."""


def _panels(context: Values) -> Values:
    """The panels, and what the form of a new one offers."""
    commit: Commit | None = context["commit"]
    with service().database.read() as tx:
        found = list_panels(tx, context["dataset"].id)
        waves = {one.id: waves_of(tx, one.id) for one in found}
        declared = commit and row_key_of(tx, context["dataset"].id, context["table_key"])
    columns = commit.manifest.table(context["table_key"]).columns if commit else ()
    return {
        "panels": found,
        "waves": waves,
        "followed": _followed(context),
        "panel_methods": {
            method.key: method.title
            for method in METHOD_CLASSES
            if method.no_keyed_order is None and method.size_parameter == "sample_size"
        },
        "panel_columns": [column.name for column in columns[:PANEL_COLUMNS]],
        "row_key": declared and declared.columns,
    }


def _followed(context: Values) -> Values | None:
    """The sample that the page's address names, and its round as that of a panel's waves."""
    if not request.args.get("job"):
        return None
    job = caller().job(request.args["job"])
    if job.run_type != "sampling" or job.dataset_id != context["dataset"].id:
        return None
    if not may_be_followed(job):
        return None
    (first,) = stated_rounds(job.run_parameters["rounds"], recorded=True)
    first["parameters"]["seed"] = exact_seed(first["parameters"]["seed"])
    kept = ("method", "parameters", "filters", "order", "selection")
    return {"job": job, "round": {name: first[name] for name in kept if first.get(name)}}


def _requested(parameter: str, schedules: list[Schedule]) -> Schedule | None:
    """The schedule that a parameter of the page's address names."""
    return next((one for one in schedules if str(one.id) == request.args.get(parameter)), None)


def _exclusion(schedules: list[Schedule]) -> Values:
    """What the next run of the requested schedule would exclude."""
    chosen = _requested("exclusion", schedules)
    if chosen is None:
        return {}
    try:
        return {
            "exclusion": {"name": chosen.name, **vars(excluded_next(caller(), chosen.id).facts())}
        }
    except DomainError as error:
        return {"exclusion_name": chosen.name, "exclusion_problem": problem_text(error)}


def _ledger(context: Values) -> Values:
    query = ListQuery()
    page = PageRequest(offset=query.offset, limit=query.limit)
    found = ledger_page(service(), context["dataset"].id, page)
    return {"ledger": found, "page": query.page(found.total)}


def _settings(context: Values) -> Values:
    found: DatasetRecord = context["dataset"]
    with service().database.read() as tx:
        signed_off = signed_off_jobs(tx, found.id)
        may_undo = may_undo_sign_offs(tx, caller().user, found.level, signed_off)
    return {"bin_days": service().settings.bin_days, "may_undo_sign_offs": may_undo}


def _access(context: Values) -> Values:
    with service().database.read() as tx:
        return {
            "permissions": list_permissions(tx, context["dataset"].id),
            "group_permissions": list_group_permissions(tx, context["dataset"].id),
            "groups": list_groups(tx, 0, MAX_GROUP_OPTIONS)[0],
        }
