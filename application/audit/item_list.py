"""The items of a sample as a list: filtered, searched and sorted over all its rows.

The values of the shown columns are read for a search, and those of one column for an order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from application.audit.items import WITH_CAUSE
from application.audit.shown_columns import names_in_sample
from application.audit.stages import rows_to_examine
from application.audit.state import ROW_ID, AuditState, drawn_row_ids, ordinal_of
from contract.numbers import number_of
from contract.requests.findings import FindingsListRequest
from contract.words import CAUSES, ItemFilter, outcome_title
from domain_errors import InvalidRequest
from lazy_dataclasses import dataclass
from parquet_tables.names import folded, unused_name
from parquet_tables.rows import page_statement, read_rows, rows_statement
from parquet_tables.tables import Column, TableFiles
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from storage.audit.findings import Finding
from storage.jobs.jobs import JobRecord

ALL_ITEMS = FindingsListRequest()
ORDERS: Mapping[str, Callable[[Finding], Any]] = {
    "outcome": lambda finding: outcome_title(finding.outcome),
    "audit_value": lambda finding: finding.audit_value and Decimal(finding.audit_value),
    "note": lambda finding: finding.note or None,
    "entered": lambda finding: finding.at,
}
"""What of a finding sorts a list."""


@dataclass(frozen=True)
class FilterCounts:
    """The items by filter."""

    all: int
    open: int
    exceptions: int
    mine: int
    with_attachments: int
    missing: int


@dataclass(frozen=True)
class FoundItems:
    """The ids of a view's items in its order, and how many items each filter would list."""

    row_ids: Sequence[str]
    counts: FilterCounts


def item_ids(service: Service, job: JobRecord, state: AuditState) -> list[str]:
    """The row ids of all items: drawn rows in their order, then replacements."""
    drawn = list(drawn_row_ids(service, job))
    came_in = (each.replacement_id for each in state.replacements)
    return [*rows_to_examine(job, drawn, state), *came_in]


def item_rows(
    service: Service, job: JobRecord, state: AuditState, row_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The table's columns of some items, by row id; None where the sample lacks a column."""
    source = open_source(service, job).files
    sample = open_sample(service, job).files
    names = names_in_sample(service, job)
    found = {}
    for row_id, row in _drawn_rows(service, sample, row_ids, sample.columns):
        own = {column.name: row.get(names.get(column.name, "")) for column in source.columns}
        found[row_id] = own
    came_in = [row_id for row_id in row_ids if row_id in state.replacing]
    if came_in:
        chosen = np.array([ordinal_of(row_id) for row_id in came_in], dtype=np.int64)
        with service.parquet.cursor(source) as cursor:
            rows = read_rows(cursor, rows_statement(source, source.columns, chosen), source.columns)
        found.update(zip(came_in, rows, strict=True))
    return found


def _drawn_rows(
    service: Service, sample: TableFiles, row_ids: Sequence[str], columns: Sequence[Column]
) -> list[tuple[str, dict[str, Any]]]:
    """Those of the rows that were drawn, with columns of the sample."""
    with service.parquet.cursor(sample) as cursor:
        ids = page_statement(sample, [sample.column(ROW_ID)])
        places = {row_id: at for at, (row_id,) in enumerate(cursor.execute(*ids).fetchall())}
        drawn = [row_id for row_id in row_ids if row_id in places]
        if not drawn:
            return []
        chosen = np.array([places[row_id] for row_id in drawn], dtype=np.int64)
        rows = read_rows(cursor, rows_statement(sample, columns, chosen), columns)
    return list(zip(drawn, rows, strict=True))


def _cells(
    service: Service, job: JobRecord, state: AuditState, columns: Sequence[str]
) -> dict[str, Sequence[Any]]:
    """The values of some columns of the table, by row id, of all drawn rows and replacements."""
    source = open_source(service, job).files
    sample = open_sample(service, job).files
    names = names_in_sample(service, job)
    in_sample = [sample.column(name) for name in (ROW_ID, *(names[each] for each in columns))]
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(*page_statement(sample, in_sample)).fetchall()
    found: dict[str, Sequence[Any]] = {row_id: cells for row_id, *cells in rows}
    came_in = list(state.replacing)
    if came_in:
        chosen = np.array([ordinal_of(row_id) for row_id in came_in], dtype=np.int64)
        own = [source.column(name) for name in columns]
        with service.parquet.cursor(source) as cursor:
            rows = cursor.execute(*rows_statement(source, own, chosen)).fetchall()
        found.update(zip(came_in, rows, strict=True))
    return found


def found_items(
    service: Service,
    job: JobRecord,
    state: AuditState,
    row_ids: Sequence[str],
    shown: Sequence[str],
    view: FindingsListRequest,
    marked: Mapping[ItemFilter, Set[str]],
) -> FoundItems:
    """Return the items of a view.

    Parameters
    ----------
    shown : sequence of str
        The columns that are searched.
    marked : mapping
        The rows of the filters that don't follow from the outcomes.

    Raises
    ------
    UnknownColumn
        The sample has no column to sort by.
    """
    found = list(row_ids)
    if text := view.search.strip():
        cells = _cells(service, job, state, shown)
        found = [row_id for row_id in row_ids if _holds(text, row_id, cells[row_id], state)]
    passing = _passing(state, marked, found)
    counts = {name: len(rows) for name, rows in passing.items()}
    found = list(passing[view.show])
    if view.order_by is not None:
        found = _sorted(service, job, state, found, view.order_by, is_descending=view.order_desc)
    return FoundItems(found, FilterCounts(**counts))


def _passing(
    state: AuditState, marked: Mapping[ItemFilter, Set[str]], row_ids: Sequence[str]
) -> Mapping[ItemFilter, Sequence[str]]:
    """The items that pass each filter."""
    exceptions = {row_id for row_id, each in state.findings.items() if each.outcome in WITH_CAUSE}
    chosen = {**marked, "exceptions": exceptions}
    return {
        "all": row_ids,
        "open": [row_id for row_id in row_ids if row_id not in state.findings],
        **{name: [each for each in row_ids if each in rows] for name, rows in chosen.items()},
    }


def _holds(text: str, row_id: str, cells: Sequence[Any], state: AuditState) -> bool:
    """Whether a row holds the text, or a number of the same value."""
    finding = state.findings.get(row_id)
    words: list[Any] = [row_id, *cells]
    if finding is not None:
        words += [finding.note, finding.cause_text, CAUSES.get(finding.cause or "")]
    if any(text.casefold() in str(word).casefold() for word in words if word is not None):
        return True
    try:
        number = number_of(text)
    except InvalidRequest:
        return False
    numbers = [cell for cell in cells if isinstance(cell, int | float | Decimal)]
    if finding is not None and finding.audit_value is not None:
        numbers.append(Decimal(finding.audit_value))
    return any(number == Decimal(str(each)) for each in numbers)


def order_names(columns: Sequence[Column]) -> dict[str, str]:
    """The names by which parts of findings sort a list, with underscores if a column has them."""
    used = {folded(column.name) for column in columns}
    return {part: unused_name(part, used) for part in ORDERS}


def _sorted(
    service: Service,
    job: JobRecord,
    state: AuditState,
    row_ids: Sequence[str],
    order_by: str,
    *,
    is_descending: bool,
) -> list[str]:
    """Sort items by a column or a part of their findings; those without a value are last."""
    source = open_source(service, job).files
    parts = {name: ORDERS[part] for part, name in order_names(source.columns).items()}
    values: dict[str, Any] = {}
    if of_finding := parts.get(order_by):
        for row_id in row_ids:
            finding = state.findings.get(row_id)
            values[row_id] = None if finding is None else of_finding(finding)
    else:
        names = names_in_sample(service, job)
        own = tuple(column for column in source.columns if column.name in names)
        name = replace(source, columns=own).column(order_by, ("query", "order_by")).name
        cells = _cells(service, job, state, [name])
        values = {row_id: cells[row_id][0] for row_id in row_ids}
    known = [each for each in row_ids if values[each] is not None and values[each] == values[each]]
    lacking = set(row_ids).difference(known)
    try:
        known.sort(key=lambda row_id: values[row_id], reverse=is_descending)
    except TypeError:  # lists, or dates beside infinite ones
        known.sort(key=lambda row_id: str(values[row_id]), reverse=is_descending)
    return [*known, *(row_id for row_id in row_ids if row_id in lacking)]
