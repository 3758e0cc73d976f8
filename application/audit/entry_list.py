"""The entry list of a sample: its items with empty cells for findings, as a workbook or CSV.

People fill it in and upload it; :mod:`application.audit.finding_files` reads it. A replaced row has
no line: its replacement has one.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from application.audit.findings import read_items
from application.audit.item_list import item_ids
from application.audit.shown_columns import shown_columns
from application.audit.state import ROW_ID, audit_state
from contract.columns import is_identifier_name
from contract.words import CAUSES, OUTCOMES, ListFormat, outcome_title
from lazy_dataclasses import dataclass
from parquet_tables.names import folded, unused_name
from parquet_tables.tables import Column
from parquet_tables.workbooks import MIN_FLOAT_PLACES, check_fits
from presentation.content import Cell, Row, decimal_of, formula_safe
from presentation.xlsx import MAX_DIGITS, FormColumn, write_form
from service.service import Service
from service.tables.open_tables import open_source
from storage.audit.findings import NewestFinding, attributes_of
from storage.jobs.jobs import JobRecord

ITEMS_AT_ONCE = 1000
READS_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""An amount whose point or comma may be a decimal mark or separate thousands."""
OK, DEVIATION = "OK", "Deviation"
"""What the column of an attribute holds."""


@dataclass(frozen=True)
class EntryColumn:
    """A column of an entry list in which a part of a finding stands.

    Parameters
    ----------
    field : str
        The part; columns of tested attributes are numbered from 0.
    cell : callable
        The value of a finding.
    """

    field: str
    form: FormColumn
    cell: Callable[[NewestFinding], Cell]


def attribute_field(at: int) -> str:
    """The field of an attribute's column."""
    return f"attribute {at}"


def entry_columns(
    columns: Sequence[Column], attributes: Sequence[str] = ()
) -> Sequence[EntryColumn]:
    """The columns in their order; names that a column of the table has get underscores.

    ``finding_id`` is the newest entry when the list was written: it shows which lines have a newer
    one.

    >>> entry_columns([Column("Note", "VARCHAR")])[2].form.name
    '_note'
    """
    own = ("outcome", "audit_value", "note", "cause", "cause_text", "_finding_id", ROW_ID)
    used = {folded(column.name) for column in columns}
    taken = used | set(own)

    def entry(name: str, min_width: int, choices: Iterable[str] = ()) -> FormColumn:
        return FormColumn(unused_name(name, used), True, tuple(choices), min_width)

    tested = []
    for place, attribute in enumerate(attributes):
        name = unused_name(attribute, taken)
        taken.add(folded(name))
        form = FormColumn(name, is_entry=True, choices=(OK, DEVIATION), min_width=14)
        tested.append(EntryColumn(attribute_field(place), form, partial(_tested, attribute)))
    return [
        EntryColumn(
            "outcome",
            entry("outcome", 22, OUTCOMES.values()),
            lambda finding: outcome_title(finding.outcome),
        ),
        EntryColumn(
            "audit_value",
            entry("audit_value", 16),
            lambda finding: decimal_of(finding.audit_value),
        ),
        EntryColumn("note", entry("note", 50), lambda finding: finding.note or None),
        *tested,
        EntryColumn(
            "cause",
            entry("cause", 32, CAUSES.values()),
            lambda finding: CAUSES.get(finding.cause or ""),
        ),
        EntryColumn(
            "cause_text",
            entry("cause_text", 40),
            lambda finding: finding.cause_text or None,
        ),
        EntryColumn(
            "finding_id",
            FormColumn(unused_name("_finding_id", used), is_hidden=True),
            lambda finding: finding.id,
        ),
    ]


def write_entry_list(service: Service, job: JobRecord, path: Path, list_format: ListFormat) -> None:
    """Write the items that can get a finding, with their newest one.

    Raises
    ------
    Conflict, TooLargeForSheet
        The sample has too many rows for findings, or too many columns for a sheet.
    """
    shown = shown_columns(service, job)
    columns = [
        column
        for column in dict.fromkeys((*shown, *open_source(service, job).files.columns))
        if column.name.lower() != ROW_ID
    ]
    with service.database.read() as tx:
        attributes = attributes_of(tx, job.id)
    entries = entry_columns(columns, attributes)
    lines = _lines(service, job, columns, entries)
    form = [
        FormColumn(ROW_ID),
        *(FormColumn(column.name) for column in columns),
        *(entry.form for entry in entries),
    ]
    if list_format == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(formula_safe(column.name) for column in form)
            writer.writerows([csv_text(cell) for cell in line] for line in lines)
        return
    check_fits(0, len(form))
    write_form("Findings", form, lines, path)


def _lines(
    service: Service, job: JobRecord, columns: Sequence[Column], entries: Sequence[EntryColumn]
) -> Iterator[Row]:
    state = audit_state(service, job)
    row_ids = item_ids(service, job, state)
    for offset in range(0, len(row_ids), ITEMS_AT_ONCE):
        for item in read_items(service, job, state, row_ids[offset : offset + ITEMS_AT_ONCE]):
            if item.replaced_by is None:
                yield (
                    item.row_id,
                    *(item_cell(item.data[column.name], column) for column in columns),
                    *(entry.cell(item.finding) if item.finding else None for entry in entries),
                )


def _tested(attribute: str, finding: NewestFinding) -> str | None:
    """What an entry says of an attribute; None if it says nothing."""
    if finding.outcome not in ("ok", "exception"):
        return None
    return DEVIATION if attribute in finding.deviations else OK


def csv_text(cell: Cell) -> str:
    """Return a cell as CSV has it: no text that a spreadsheet runs, no amount with two readings."""
    if isinstance(cell, Decimal):
        # A fourth decimal, so that nobody takes the point of 1.234 for a thousands separator
        text = f"{cell:f}"
        return f"{text}0" if READS_TWO_WAYS.fullmatch(text) else text
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return formula_safe(cell) if isinstance(cell, str) else "" if cell is None else str(cell)


def item_cell(value: Any, column: Column) -> Cell:
    """A value of the table: dates and numbers as such, but text stays text, and so do ids."""
    if isinstance(value, str) and column.data_type.is_moment:
        return _time_of(value, column)
    if value is None or (isinstance(value, str) and column.data_type.digits is None):
        return value
    if isinstance(value, bool | list | dict):
        return str(value)
    if column.data_type.is_integer:
        return str(value) if is_identifier_name(column.name) else int(value)
    number = Decimal(str(value))
    if digits := column.data_type.digits:
        return number.quantize(Decimal(1).scaleb(-digits[1]))
    return _amount_of(number)


def _amount_of(number: Decimal) -> Cell:
    """A floating-point number with two decimal places or more, as amounts have."""
    if not number.is_finite():
        return str(number)
    places = max(MIN_FLOAT_PLACES, -int(number.as_tuple().exponent))
    if number.adjusted() + places >= MAX_DIGITS:
        return float(number)
    return number.quantize(Decimal(1).scaleb(-places))


def _time_of(value: str, column: Column) -> Cell:
    """A date or a time; a text if it is infinite."""
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment.date() if column.type == "DATE" else moment
