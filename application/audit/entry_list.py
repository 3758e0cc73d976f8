"""The entry list of a sample: its items with empty cells for findings, as a workbook or CSV.

People fill it in and upload it; :mod:`application.audit.finding_files` reads it. A replaced row has
no line: its replacement has one.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from application.audit.causes import CAUSES
from application.audit.findings import OUTCOME_TITLES, audit_counts, read_items
from application.audit.state import ROW_ID, audit_state
from parquet_tables.columns import INTEGERS, digits_of
from parquet_tables.exports import formula_safe
from parquet_tables.names import is_identifier_name
from parquet_tables.tables import Column
from parquet_tables.workbooks import (
    MAX_DIGITS,
    MIN_FLOAT_PLACES,
    Cell,
    FormColumn,
    check_fits,
    write_form,
)
from service.service import Service
from service.tables.open_tables import open_source
from storage.audit.findings import attributes_of
from storage.jobs.jobs import Job

ITEMS_AT_ONCE = 1000
READS_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""An amount whose point or comma may be a decimal mark or separate thousands."""
OK, DEVIATION = "OK", "Deviation"
"""What the column of an attribute holds."""
ListFormat = Literal["xlsx", "csv"]


@dataclass(frozen=True)
class EntryNames:
    """The columns of an entry list in which findings stand."""

    outcome: str
    audit_value: str
    note: str
    attributes: tuple[str, ...]
    """A column for each tested attribute, in which a deviation is entered."""
    cause: str
    cause_text: str
    finding_id: str
    """The newest entry when the list was written; it shows which lines have a newer one."""

    def by_field(self) -> dict[str, str]:
        """The columns by field, in the order of the list; attributes are numbered from 0."""
        return {
            "outcome": self.outcome,
            "audit_value": self.audit_value,
            "note": self.note,
            **{attribute_field(at): name for at, name in enumerate(self.attributes)},
            "cause": self.cause,
            "cause_text": self.cause_text,
            "finding_id": self.finding_id,
        }


def attribute_field(at: int) -> str:
    """The field of an attribute's column."""
    return f"attribute {at}"


def entry_names(columns: Sequence[Column], attributes: Sequence[str] = ()) -> EntryNames:
    """The names, with underscores before those that a column of the table has.

    >>> entry_names([Column("Note", "VARCHAR")]).note
    '_note'
    """
    own = ("outcome", "audit_value", "note", "cause", "cause_text", "_finding_id", ROW_ID)
    used = {column.name.lower() for column in columns}
    taken = used | set(own)

    def untaken(name: str) -> str:
        while name.lower() in taken:
            name = f"_{name}"
        taken.add(name.lower())
        return name

    def free(name: str) -> str:
        while name in used:
            name = f"_{name}"
        return name

    return EntryNames(
        *(free("outcome"), free("audit_value"), free("note")),
        tuple(map(untaken, attributes)),
        *(free("cause"), free("cause_text"), free("_finding_id")),
    )


def write_entry_list(service: Service, job: Job, path: Path, list_format: ListFormat) -> None:
    """Write the items that can get a finding, with their newest one.

    Raises
    ------
    Conflict, TooLargeForSheet
        The sample has too many rows for findings, or too many columns for a sheet.
    """
    columns = [
        column
        for column in open_source(service, job).files.columns
        if column.name.lower() != ROW_ID
    ]
    with service.database.read() as tx:
        attributes = attributes_of(tx, job.id)
    names = entry_names(columns, attributes)
    lines = _lines(service, job, columns)
    if list_format == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            header = (ROW_ID, *(column.name for column in columns), *names.by_field().values())
            writer.writerow(map(formula_safe, header))
            writer.writerows([_csv_text(cell) for cell in line] for line in lines)
        return
    form = [
        FormColumn(ROW_ID),
        *(FormColumn(column.name) for column in columns),
        FormColumn(
            names.outcome, is_entry=True, choices=tuple(OUTCOME_TITLES.values()), min_width=22
        ),
        FormColumn(names.audit_value, is_entry=True, min_width=16),
        FormColumn(names.note, is_entry=True, min_width=50),
        *(
            FormColumn(name, is_entry=True, choices=(OK, DEVIATION), min_width=14)
            for name in names.attributes
        ),
        FormColumn(names.cause, is_entry=True, choices=tuple(CAUSES.values()), min_width=32),
        FormColumn(names.cause_text, is_entry=True, min_width=40),
        FormColumn(names.finding_id, is_hidden=True),
    ]
    check_fits(0, len(form))
    write_form("Findings", form, lines, path)


def _lines(service: Service, job: Job, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
    state = audit_state(service, job)
    total = audit_counts(service, job, state)["items"]
    for offset in range(0, total, ITEMS_AT_ONCE):
        for item in read_items(service, job, state, offset, ITEMS_AT_ONCE):
            if item["replaced_by"] is None:
                yield _line(item, columns, state.attributes)


def _line(
    item: Mapping[str, Any], columns: Sequence[Column], attributes: Sequence[str]
) -> tuple[Cell, ...]:
    finding = item["finding"] or {}
    audit_value = finding.get("audit_value")
    return (
        item[ROW_ID],
        *(item_cell(item["data"][column.name], column) for column in columns),
        OUTCOME_TITLES.get(finding.get("outcome", "")),
        None if audit_value is None else Decimal(audit_value),
        finding.get("note") or None,
        *(_tested(finding, name) for name in attributes),
        CAUSES.get(finding.get("cause") or ""),
        finding.get("cause_text") or None,
        finding.get("id"),
    )


def _tested(finding: Mapping[str, Any], attribute: str) -> str | None:
    """What an entry says of an attribute; None if it says nothing."""
    if finding.get("outcome") == "ok":
        return OK
    if finding.get("outcome") != "exception":
        return None
    return DEVIATION if attribute in finding["deviations"] else OK


def _csv_text(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        # A fourth decimal, so that nobody takes the point of 1.234 for a thousands separator
        text = f"{cell:f}"
        return f"{text}0" if READS_TWO_WAYS.fullmatch(text) else text
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return formula_safe(cell) if isinstance(cell, str) else "" if cell is None else str(cell)


def item_cell(value: Any, column: Column) -> Cell:
    """A value of the table: dates and numbers as such, but text stays text, and so do ids."""
    if isinstance(value, str) and column.type.startswith(("DATE", "TIMESTAMP")):
        return _time_of(value, column)
    if value is None or (isinstance(value, str) and digits_of(column.type) is None):
        return value
    if isinstance(value, bool | list | dict):
        return str(value)
    if column.type in INTEGERS:
        return str(value) if is_identifier_name(column.name) else int(value)
    number = Decimal(str(value))
    if digits := digits_of(column.type):
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
