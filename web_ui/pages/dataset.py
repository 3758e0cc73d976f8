"""A dataset's page: its refs and tables, rows, history, draws, and who may do what.

Owns: the page's tabs. A tab, a ref, a table and all of a grid stand in the address, so that back,
reload and a copied link show the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request

from domain_errors import DomainError
from http_api.auth.access import dataset_for, may, service, user
from http_api.auth.read_auditing import RowSource, tell_view
from http_api.routes.comparisons import shown_tables
from http_api.server.work_limits import reading
from job_runner.lanes import lane_of_profile
from job_runner.tables.open_tables import PRIMARY, open_commit, open_table
from job_runner.tables.profiles import kept_profile, profile_of
from storage.accounts.datasets import Dataset, list_permissions
from storage.jobs.lists import JobFilters, list_jobs
from storage.versions.manifests import Commit, history
from storage.versions.refs import MAIN, Ref, list_refs
from web_ui.charts.pictures import column_picture, small_picture
from web_ui.grids import grid_of
from web_ui.pages.sql import names_of
from web_ui.shell import blueprint, show, signed_in

Values = dict[str, Any]
Tab = tuple[str, Callable[[Values], Values]]
LIMIT = 50
SHORT_LOOK_S = 10.0


@blueprint.get("/datasets/<int:dataset_id>")
@signed_in
def dataset(dataset_id: int) -> Response:
    """One tab of a dataset's page."""
    return _page(dataset_id, request.args.get("tab", "overview"))


@blueprint.get("/datasets/<int:dataset_id>/sql")
@signed_in
def ask_with_sql(dataset_id: int) -> Response:
    """The tab with the box for a query."""
    return _page(dataset_id, "sql")


def _page(dataset_id: int, tab: str) -> Response:
    found = dataset_for(dataset_id, "read")
    ref = request.args.get("ref", MAIN)
    with service().database.read() as tx:
        refs, ref_count = list_refs(tx, dataset_id)
        commit = open_commit(tx, dataset_id, ref) if _has_commit(refs, ref) else None
    table_key = _shown_table(commit, request.args.get("table", "")) if commit else None
    tabs = _tabs(found, commit)
    if tab not in tabs:
        tab = "overview"
    here: Values = {"dataset": found, "ref": ref, "commit": commit, "table_key": table_key}
    return show(
        "dataset.html",
        refs=refs,
        ref_count=ref_count,
        tabs={name: title for name, (title, _) in tabs.items()},
        tab=tab,
        may_write=may(found, "write"),
        may_manage=may(found, "admin"),
        tab_link=partial(_tab_link, f"/datasets/{dataset_id}"),
        **here,
        **tabs[tab][1](here),
    )


def _shown_table(commit: Commit, asked: str) -> str:
    """The table asked for, if the commit has it; else the one that a look begins with."""
    keys = [table.key for table in commit.manifest.tables]
    return next(key for key in (asked, PRIMARY, keys[0]) if key in keys)


def _has_commit(refs: list[Ref], ref: str) -> bool:
    """Whether a ref, or a commit's id, leads to a commit: an empty dataset's main doesn't."""
    return all(one.commit_id is not None for one in refs if one.name == ref)


def _tabs(
    found: Dataset, commit: Commit | None
) -> dict[str, tuple[str, Callable[[Values], Values]]]:
    tabs: dict[str, tuple[str, Callable[[Values], Values]]] = {"overview": ("Overview", _overview)}
    if commit is not None:
        tabs["data"] = ("Rows", _data)
        tabs["profile"] = ("Profile", _profile)
        tabs["sql"] = ("SQL", _sql)
        tabs["history"] = ("History", _history)
    tabs["draws"] = ("Draws", _draws)
    tabs["access"] = ("Access", _access)
    if may(found, "write"):
        tabs["settings"] = ("Settings", lambda here: {})
    return tabs


def _tab_link(path: str, tab: str) -> str:
    kept = {name: request.args[name] for name in ("ref", "table") if request.args.get(name)}
    if tab == "sql":
        path += "/sql"
    elif tab != "overview":
        kept["tab"] = tab
    return f"{path}?{urlencode(kept)}" if kept else path


def _overview(here: Values) -> Values:
    commit: Commit | None = here["commit"]
    if commit is None:
        return {"tables": [], "columns": []}
    table = commit.manifest.table(here["table_key"])
    return {"tables": commit.manifest.tables, "columns": table.columns}


def _data(here: Values) -> Values:
    dataset_id, key = here["dataset"].id, here["table_key"]
    with reading():
        table = open_table(service(), dataset_id, here["commit"].id, key)
        grid = grid_of(table, RowSource(dataset_id, table.commit_id, key))
    path = f"/api/datasets/{dataset_id}/refs/{quote(here['ref'], safe='')}/tables/{quote(key)}/data"

    def downloads(kind: str) -> str:
        names = ("filter", "order_by", "order_desc")
        asked = {name: request.args[name] for name in names if request.args.get(name)}
        return f"{path}?{urlencode({**asked, 'format': kind})}"

    return {"grid": grid, "downloads": downloads}


def _profile(here: Values) -> Values:
    """The profile that is kept; that of a table which doesn't take long is made."""
    dataset_id, key = here["dataset"].id, here["table_key"]
    with reading():
        table = open_table(service(), dataset_id, here["commit"].id, key)
        found = kept_profile(service(), table.files)
        size = lane_of_profile(table.files.row_count, len(table.files.columns))
        if found is None and size == "short":
            found = profile_of(service(), table, database=service().parquet, budget_s=SHORT_LOOK_S)
    if found is None:
        return {"profile": None}
    tell_view(RowSource(dataset_id, table.commit_id, key), "profile")
    return {**found, "picture": column_picture}


def _sql(here: Values) -> Values:
    return names_of(here["commit"], here["table_key"])


def _history(here: Values) -> Values:
    offset = max(0, min(request.args.get("offset", 0, type=int), 2**62))
    with service().database.read() as tx:
        commits, total = history(
            tx, here["dataset"].id, here["commit"].id, offset=offset, limit=LIMIT
        )
    page = {"total": total, "offset": offset, "limit": LIMIT}
    return {"commits": commits, "page": page, **_compared(here)}


def _compared(here: Values) -> Values:
    """The table beside another one, if the address names one."""
    other = {"ref": request.args.get("with", ""), "table": request.args.get("with_table") or None}
    values: Values = {"compared_with": other}
    if other["ref"]:
        here_and_now = (here["commit"].id, here["table_key"])
        try:
            base = (other["ref"], other["table"])
            values["found"] = shown_tables(here["dataset"].id, base, here_and_now)
            values["picture"] = small_picture
        except DomainError as error:
            values["problem"] = error.message
    return values


def _draws(here: Values) -> Values:
    offset = max(0, min(request.args.get("offset", 0, type=int), 2**62))
    filters = JobFilters(dataset_id=here["dataset"].id, run_type="sampling")
    with service().database.read() as tx:
        jobs, total = list_jobs(tx, user(), filters, offset=offset, limit=LIMIT)
    return {"jobs": jobs, "page": {"total": total, "offset": offset, "limit": LIMIT}}


def _access(here: Values) -> Values:
    with service().database.read() as tx:
        return {"permissions": list_permissions(tx, here["dataset"].id)}
