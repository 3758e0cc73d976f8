"""The tab "Findings" of a sample: an entry line for each row, replacements, and the review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flask import request

from application.audit.findings import ItemsPage, SampleItem, items_page
from application.audit.item_list import item_rows, order_names
from application.audit.review import is_preparer
from application.audit.sentences import (
    carried_sentence,
    concluded_text,
    continues_of,
    exceptions_text,
    limits_of,
    verdict_of,
)
from application.audit.shown_columns import names_in_sample, naming_columns
from application.audit.state import audit_state
from contract.columns import cell_text, decimal_text
from contract.requests.findings import MAX_SEARCH, FindingsListRequest
from contract.words import CAUSES, ITEM_FILTERS, OUTCOMES, REVIEW_STATES
from domain_errors import DomainError
from parquet_tables.tables import Column, UnknownColumn
from service.tables.open_tables import open_source
from service.tables.row_names import key_of_job, named
from storage.audit.findings import Review, list_findings
from storage.jobs.jobs import JobRecord
from web_ui.job_texts import problem_text
from web_ui.shell import ListQuery, audit_sample, caller, service

ITEMS_PER_PAGE = 100
MAX_HISTORY = 1000
MIN_PLACES = 2
STEPS = {
    "submitted": "submitted the findings",
    "withdrawn": "withdrew the findings",
    "returned": "returned the findings",
    "signed_off": "signed the findings off",
    "approved": "approved the findings",
    "reopened": "reopened the findings",
}


def findings_tab(found: JobRecord) -> dict[str, Any]:
    """Show a page of the sample's items."""
    texts = {
        "outcomes": OUTCOMES,
        "causes": CAUSES,
        "states": REVIEW_STATES,
        "filters": ITEM_FILTERS,
        "steps": STEPS,
        "per_page": ITEMS_PER_PAGE,
    }
    view, problem = _view()
    try:
        with caller().reading():
            try:
                page = _page(found, view)
            except UnknownColumn as error:
                problem, view = problem_text(error), replace(view, order_by=None)
                page = _page(found, view)
            if view.show == "missing" and not page.counts.missing:  # the last one was entered
                view = replace(view, show="all", offset=0)
                page = _page(found, view)
            source = open_source(service(), found)
            named_by = naming_columns(service(), found)
            row_key = key_of_job(service(), found)
            key = source.files.column(named_by[0]) if named_by and not row_key else None
            beside = _names_beside(found, page, key) if key else {}
        audit_sample(found, "findings")
    except DomainError as error:
        return {**texts, "problem": problem_text(error)}
    columns = source.files.columns
    shown = [source.files.column(name) for name in page.shown]
    return {
        **texts,
        "page": page,
        "view": view,
        "problem": problem,
        "keys": [column.name for column in columns],
        "key": key,
        "beside": beside,
        "row_key": row_key,
        "named_by": named_by,
        "shown": [column for column in shown if column.name not in named_by],
        "offered": _offered(found, page.shown, named_by),
        "orders": order_names(columns),
        "next_order": partial(_next_order, view),
        "value_text": partial(_value_text, _places(page.items, shown)),
        "exceptions": exceptions_text(vars(page.counts)),
        "is_preparer": is_preparer(caller(), found),
        "limits_of": limits_of,
        "concluded": _concluded(page.review),
        "carried_from": (continues_of(found.output_summary) or {}).get("name"),
        "carried": carried_sentence(found.run_parameters, found.output_summary),
        **_history(found),
    }


def _page(found: JobRecord, view: FindingsListRequest) -> ItemsPage:
    return items_page(service(), found, view.offset, ITEMS_PER_PAGE, view, caller().user.id)


def _names_beside(found: JobRecord, page: ItemsPage, key: Column) -> dict[str, str]:
    """The values of a naming column in the rows that items replaced or that replaced them."""
    pairs = [(item.replaces, item.replaced_by) for item in page.items]
    ids = [row_id for pair in pairs for row_id in pair if row_id]
    rows = item_rows(service(), found, audit_state(service(), found), ids) if ids else {}
    return {row_id: cell_text(rows[row_id][key.name], key.name, key.type) for row_id in ids}


def _view() -> tuple[FindingsListRequest, str | None]:
    """The view of the address, and what is wrong with it."""
    query = ListQuery()
    view = FindingsListRequest(
        offset=query.offset,
        show=query.choice("show", tuple(ITEM_FILTERS)) or "all",
        row_id=query.text("row_id"),
        search=(query.text("search") or "")[:MAX_SEARCH],
        order_by=query.text("order_by"),
        order_desc=request.args.get("order_desc") == "true",
    )
    return view, query.problem


def _next_order(view: FindingsListRequest, name: str) -> dict[str, str | None]:
    """The query of a heading's link: ascending, descending, then the order of the draw."""
    if view.order_by != name:
        return {"order_by": name, "order_desc": None, "offset": None}
    is_last = view.order_desc
    return {
        "order_by": None if is_last else name,
        "order_desc": None if is_last else "true",
        "offset": None,
    }


def _offered(
    found: JobRecord, shown: Sequence[str], named_by: Sequence[str]
) -> list[tuple[str, bool]]:
    """The columns to choose from, the shown ones first, and whether they are shown."""
    names = dict.fromkeys((*shown, *names_in_sample(service(), found)))
    return [(name, name in shown) for name in names if name not in named_by]


def _concluded(review: Review) -> dict[str, str]:
    """What the sign-off in force concluded, and the colour of it."""
    if review.sign_off is None:
        return {}
    kept = review.sign_off.evaluation
    return {"text": concluded_text(kept), "tone": verdict_of(kept) if kept else "warn"}


def _history(found: JobRecord) -> dict[str, Any]:
    """All entries about the row that the URL names."""
    row_id = request.args.get("history")
    if not row_id:
        return {}
    with service().database.read() as tx:
        entries, _ = list_findings(tx, found.id, row_id, 0, MAX_HISTORY)
    return {"history_of": named(service(), found, row_id), "history": entries}


def _places(items: Sequence[SampleItem], columns: Sequence[Column]) -> dict[str, int]:
    """The decimal places of each column of floating-point numbers; amounts have two."""
    found = {}
    for column in columns:
        if column.type == "DOUBLE":
            values = [item.data[column.name] for item in items]
            texts = [
                cell_text(each, column.name, column.type) for each in values if each is not None
            ]
            places = max((len(text.partition(".")[2]) for text in texts), default=0)
            found[column.name] = max(places, MIN_PLACES) if places else 0
    return found


def _value_text(places: dict[str, int], value: Any, column: Column) -> str:
    """A value with as many places as the others of its column."""
    text = cell_text(value, column.name, column.type)
    if not places.get(column.name) or value is None:
        return text
    return decimal_text(text.replace(",", ""), places[column.name])
