"""The drawn rows of a working paper: how each was selected, its finding, its replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from application.audit.entry_list import item_cell
from application.audit.findings import SampleItem, items_page, named_replacements
from application.audit.items import drawn_facts
from application.audit.shown_columns import shown_columns
from application.audit.state import AuditState, ordinal_of
from application.identity.lookup import key_column
from contract.words import outcome_title
from domain_errors import Sentence, render
from parquet_tables.rows import read_rows, rows_statement
from parquet_tables.tables import Column
from presentation.content import (
    Cell,
    Code,
    Given,
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from presentation.xlsx import MAX_DIGITS
from service.service import Service
from service.tables.open_tables import open_source
from service.tables.row_names import key_of_job, names_of_job
from storage.audit.attachments import attachments_of
from storage.audit.findings import chosen_columns_of
from storage.jobs.jobs import JobRecord

CENT = Decimal("0.01")
WHOLE_SAMPLE = Sentence("The sample")
REMOVED = "{removed_by_soeid}: {removal_reason}"
MAX_ITEMS = 10_000
"""Items that a working paper lists."""
MAX_ITEM_COLUMNS = 12
"""Columns of the table in the list of items; the sample's own workbook has all."""


def items_section(service: Service, job: JobRecord) -> Section:
    page = items_page(service, job, 0, MAX_ITEMS)
    drawn = drawn_facts(service, job)
    key = key_of_job(service, job)
    own = [each for each in open_source(service, job).files.columns if each.name not in key]
    columns = _columns(service, job, own)
    has_names = any(item.name != item.row_id for item in page.items)
    header = ["Row", "Selected", *(Given(column.name) for column in columns)]
    attributes = page.attributes
    header += ["Finding", *(["Deviations"] if attributes else []), "Audit value", "Note"]
    header += ["By", "Time (UTC)", "Entries", "Replaces", *(["Row id"] if has_names else [])]
    rows = [
        (
            *_item(item, columns, drawn, bool(attributes)),
            *((item.row_id,) if has_names else ()),
        )
        for item in page.items
    ]
    title = "Items: {total}"
    if page.total > len(rows):
        title += ", the first {rows}"
    if len(own) > len(columns):
        are_first = columns == own[: len(columns)]
        title += ("; the first" if are_first else ";") + " {columns} of {all_columns} columns"
    numbers = {"rows": len(rows), "columns": len(columns), "all_columns": len(own)}
    title = Sentence(title, total=page.total, **numbers)
    return Section("Items", "Items and findings", [Table(title, header, rows)])


def _columns(service: Service, job: JobRecord, own: Sequence[Column]) -> Sequence[Column]:
    """The columns that were chosen for the findings, or else the first ones."""
    with service.database.read() as tx:
        is_chosen = bool(chosen_columns_of(tx, job.id))
    return (
        [each for each in shown_columns(service, job) if each in own]
        if is_chosen
        else own[:MAX_ITEM_COLUMNS]
    )


def _item(
    item: SampleItem,
    columns: Sequence[Column],
    drawn: Mapping[str, tuple[int, bool]],
    has_attributes: bool,
) -> Row:
    finding = item.finding
    cells = [item_cell(item.data[column.name], column) for column in columns]
    if finding is None:
        empty = [None] * (7 if has_attributes else 6)
        return (item.name, _selected(drawn.get(item.row_id)), *cells, *empty, item.replaces_name)
    return (
        item.name,
        _selected(drawn.get(item.row_id)),
        *cells,
        Sentence(outcome_title(finding.outcome)),
        *(["; ".join(finding.deviations) or None] if has_attributes else []),
        placed(decimal_of(finding.audit_value)),
        finding.note or None,
        finding.user_soeid,
        moment_of(finding.at),
        finding.entries,
        item.replaces_name,
    )


def placed(value: Decimal | None, beside: Decimal | None = None) -> Decimal | None:
    """An amount with two decimal places or more: as many as the one beside it has.

    >>> placed(Decimal("3344.2")), placed(Decimal(0), Decimal("553.521"))
    (Decimal('3344.20'), Decimal('0.000'))
    """
    if value is None or not value.is_finite():
        return value
    known = (each for each in (value, beside, CENT) if each is not None and each.is_finite())
    places = max(-int(each.as_tuple().exponent) for each in known)
    return Decimal(f"{value:.{places}f}") if value.adjusted() + places < MAX_DIGITS else value


def _selected(drawn: tuple[int, bool] | None) -> str:
    """The way in which an item was selected, with its selected units if there are several."""
    if drawn is None:
        return Sentence("Replacement")
    units, is_take_all = drawn
    if is_take_all:
        return Sentence("Always")
    template = "By chance" if units == 1 else "By chance, {units} {units|unit|units}"
    return Sentence(template, units=units)


def replacements_section(service: Service, job: JobRecord, state: AuditState) -> Section:
    header = ("Row", "Replaced by", "Reason", "User", "Time (UTC)")
    rows: list[Row] = [
        (each.name, each.replacement_name, each.reason, each.user_soeid, moment_of(each.at))
        for each in named_replacements(service, job, state.replacements)
    ]
    title = Sentence("Replaced rows: {count}", count=len(rows))
    return Section("Replacements", "Replacements", [Table(title, header, rows)])


def attachments_section(service: Service, job: JobRecord) -> list[Section]:
    """The files that were attached to rows, or to the sample; no sheet if there are none."""
    with service.database.read() as tx:
        found = attachments_of(tx, job.id, removed=True)
    if not found:
        return []
    named = named_cells(service, job, [each.row_id for each in found if each.row_id])
    lines: list[tuple[Row, Row]] = [
        (
            named[each.row_id] if each.row_id else (WHOLE_SAMPLE, None),
            (
                *(each.file_name, each.media_type, each.size_bytes, Code(each.sha256)),
                *(each.note or None, each.user_soeid, moment_of(each.at)),
                each.removed_at and render(REMOVED, vars(each)),
            ),
        )
        for each in found
    ]
    header = ("File", "Type", "Bytes", "SHA-256", "Note", "By", "Time (UTC)", "Removed")
    title = Sentence("Attachments: {count}", count=len(found))
    table = with_names(title, header, lines)
    return [Section("Attachments", "Attachments", [table])]


def named_cells(service: Service, job: JobRecord, row_ids: Sequence[str]) -> dict[str, Row]:
    """The two cells that name each row: its name, and its key where the name is the row id."""
    names = names_of_job(service, job, row_ids)
    if names:
        return {row_id: (names.of(row_id), None) for row_id in row_ids}
    keys = keys_of(service, job, row_ids)
    return {row_id: (row_id, keys[row_id]) for row_id in row_ids}


def known_as(named: Row) -> str:
    """The text by which a sentence names a row: its key, if the name is the row id."""
    name, key = named
    return str(name if key is None else key)


def with_names(title: str, header: Sequence[str], lines: Sequence[tuple[Row, Row]]) -> Table:
    """A table whose lines begin with a row's name; with a column of keys if a row needs it."""
    width = 2 if any(named[1] is not None for named, _ in lines) else 1
    rows = [(*named[:width], *cells) for named, cells in lines]
    return Table(title, (*("Row", "Key")[:width], *header), rows)


def keys_of(service: Service, job: JobRecord, row_ids: Sequence[str]) -> dict[str, Cell]:
    """The value by which people know each row, such as the number of an invoice."""
    if not row_ids:
        return {}
    source = open_source(service, job)
    column = source.files.column(key_column(service, job.dataset_id, source))
    ordinals = np.array(sorted({ordinal_of(row_id) for row_id in row_ids}), dtype=np.int64)
    with service.parquet.cursor(source.files) as cursor:
        cells = read_rows(cursor, rows_statement(source.files, (column,), ordinals), (column,))
    by_ordinal = dict(zip(ordinals.tolist(), cells, strict=True))
    return {
        row_id: item_cell(by_ordinal[ordinal_of(row_id)][column.name], column) for row_id in row_ids
    }
