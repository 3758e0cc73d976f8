"""The tab "Findings" of a sample: an entry line for each row, replacements, and the review."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import request

from application.audit.findings import SampleItem, items_page
from application.audit.review import is_preparer
from application.audit.sentences import (
    carried_sentence,
    concluded_text,
    continues_of,
    exceptions_text,
    limits_of,
    verdict_of,
)
from application.identity.lookup import is_like_a_key, key_column
from contract.columns import cell_text, decimal_text
from contract.words import CAUSES, OUTCOMES, REVIEW_STATES
from domain_errors import DomainError
from parquet_tables.tables import Column
from service.tables.open_tables import open_source
from service.tables.row_names import key_of_job, named
from storage.audit.findings import Review, list_findings
from storage.jobs.jobs import JobRecord
from web_ui.job_texts import problem_text
from web_ui.shell import MAX_OFFSET, audit_sample, caller, number_between, service

ITEMS_PER_PAGE = 100
MAX_COLUMNS = 3
"""Columns of an entry line; the page of rows shows all."""
MAX_HISTORY = 1000
MIN_PLACES = 2
STEPS = {
    "submitted": "submitted the findings",
    "withdrawn": "withdrew the findings",
    "returned": "returned the findings",
    "signed_off": "signed the findings off",
    "reopened": "reopened the findings",
}


def findings_tab(found: JobRecord) -> dict[str, Any]:
    """Show a page of the sample's items."""
    texts = {
        "outcomes": OUTCOMES,
        "causes": CAUSES,
        "states": REVIEW_STATES,
        "steps": STEPS,
        "per_page": ITEMS_PER_PAGE,
    }
    offset = number_between("offset", 0, MAX_OFFSET, 0)
    try:
        with caller().reading():
            page = items_page(service(), found, offset, ITEMS_PER_PAGE)
            source = open_source(service(), found)
            key = source.files.column(key_column(service(), found.dataset_id, source))
            row_key = key_of_job(service(), found)
        audit_sample(found, "findings")
    except DomainError as error:
        return {**texts, "problem": problem_text(error)}
    return {
        **texts,
        "page": page,
        "keys": [column.name for column in source.files.columns],
        "key": key if is_like_a_key(key) else None,
        "row_key": row_key,
        "shown": _shown(
            _others(source.files.columns, key, row_key),
            found.run_parameters.get("amount_column"),
        ),
        "value_text": partial(_value_text, _places(page.items, source.files.columns)),
        "exceptions": exceptions_text(vars(page.counts)),
        "is_preparer": is_preparer(caller(), found),
        "limits_of": limits_of,
        "concluded": _concluded(page.review),
        "carried_from": (continues_of(found.output_summary) or {}).get("name"),
        "carried": carried_sentence(found.output_summary),
        **_history(found),
    }


def _others(columns: Sequence[Column], key: Column, row_key: Sequence[str]) -> list[Column]:
    """The columns without those that name a row."""
    named = row_key or ((key.name,) if is_like_a_key(key) else ())
    return [column for column in columns if column.name not in named]


def _concluded(review: Review) -> dict[str, str]:
    """What the sign-off in force concluded, and the colour of it."""
    if review.state != "signed_off":
        return {}
    kept = review.entries[-1].evaluation
    return {"text": concluded_text(kept), "tone": verdict_of(kept) if kept else ""}


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


def _shown(columns: list[Column], amount: str | None) -> list[Column]:
    """The first columns, the amount or else the first number with decimals among them."""
    amounts = [column for column in columns if column.name == amount] or [
        column for column in columns if column.type.startswith(("DECIMAL", "DOUBLE"))
    ]
    first = list(columns[:MAX_COLUMNS])
    if amounts and amounts[0] not in first:
        first[-1:] = amounts[:1]
    return first
