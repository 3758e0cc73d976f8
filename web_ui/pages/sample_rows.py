"""The tab "Rows" of a sample: its rows as drawn, or as they are in another version."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import request

from application.access import RowSource, sample_source
from contract.column_lists import listed_names
from contract.requests.tables import CurrentRowsRequest
from domain_errors import DomainError
from service.tables.chosen_keys import declared_key_of
from service.tables.current_rows import current_rows
from service.tables.drawn_rows import ROW_ID
from service.tables.open_tables import open_sample, open_source
from storage.jobs.jobs import JobRecord
from storage.versions.refs import QUERY_PREFIX, SAMPLE_PREFIX, list_refs
from web_ui.grids import download_links, grid_of
from web_ui.job_texts import problem_text
from web_ui.shell import caller, service

Values = dict[str, Any]


def rows_tab(found: JobRecord) -> Values:
    """The rows of a sample by the version of the URL."""
    as_of = request.args.get("as_of", "").strip()
    key = request.args.get("key", "").strip()
    values: Values = {"as_of": as_of, "key": key, "versions": _versions(found, as_of)}
    values |= {"grid": None, "state": None, "needs_key": False, "problem": None, "why": None}
    if not as_of:
        return {**values, **_drawn(found)}
    try:
        query = CurrentRowsRequest(as_of=as_of, key=listed_names(key))
        with caller().reading(), current_rows(service(), found, query) as (state, table):
            source = RowSource(found.dataset_id, table.commit_id, state.table_key, found.id)
            values["grid"] = grid_of(table, source)
            values["state"] = state
    except DomainError as error:
        return {**values, "problem": problem_text(error), "needs_key": True}
    needs_key = bool(key) or not _has_key(found)
    path = f"/api/sampling/jobs/{found.id}/rows"
    chosen = {"as_of": as_of, **({"key": key} if key else {})}
    return {**values, "downloads": download_links(path, chosen), "needs_key": needs_key}


def _drawn(found: JobRecord) -> Values:
    """The rows as they were drawn."""

    def why(row: Values) -> str:
        return f"/jobs/{found.id}?{urlencode({'tab': 'why', 'row': row[ROW_ID]})}"

    with caller().reading():
        table = open_sample(service(), found)
        grid = grid_of(table, sample_source(found))
    has_id = any(column.name == ROW_ID for column in grid.selected)
    return {
        "grid": grid,
        "downloads": download_links(f"/api/sampling/jobs/{found.id}/data"),
        "why": why if has_id else None,
    }


def _versions(found: JobRecord, chosen: str) -> list[str]:
    """The refs whose rows can be read, without those of samples and queries; and the chosen one."""
    with service().database.read() as tx:
        refs, _ = list_refs(tx, found.dataset_id)
    names = [
        ref.name
        for ref in refs
        if ref.commit_id is not None and not ref.name.startswith((SAMPLE_PREFIX, QUERY_PREFIX))
    ]
    return names if chosen in ("", *names) else [*names, chosen]


def _has_key(found: JobRecord) -> bool:
    """Whether the rows have a key without one in the URL."""
    if any(given.get("order") for given in found.run_parameters["rounds"]):
        return True
    source = open_source(service(), found)
    with service().database.read() as tx:
        return declared_key_of(tx, found.dataset_id, source) is not None
