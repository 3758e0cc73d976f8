"""Findings as columns of a sample, from which estimates are made.

A drawn row with a finding has values. A row that isn't applicable has none, as it is outside the
population examined; its replacement has none, as the design is that of the drawn rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from application.audit.items import (
    BOOK_LOC,
    Amounts,
    ExaminedItem,
    amounts_of,
    drawn_book_column,
    examined_items,
)
from application.audit.state import ROW_ID, audit_state
from domain_errors import counted
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Column
from service.service import Service
from service.tables.open_tables import SAMPLE, open_table, output_of
from storage.jobs.jobs import JobRecord

SUFFIX = " (finding)"
FACTS = (Column("finding", "VARCHAR"), Column("is_exception", "BOOLEAN"))
AMOUNTS = (Column("audit_value", "DOUBLE"), Column("misstatement", "DOUBLE"))
"""A misstatement is book value - audit value, above 0 for an overstatement."""


@dataclass(frozen=True)
class FindingValues:
    """Columns of findings, SQL of their rows, and notes on what they are of."""

    columns: tuple[Column, ...]
    relation: Statement
    notes: tuple[str, ...]


def has_findings(service: Service, job: JobRecord) -> bool:
    """Whether a sample has a finding."""
    return bool(audit_state(service, job).findings)


def finding_values(service: Service, job: JobRecord, book_column: str | None) -> FindingValues:
    """The findings of the drawn rows.

    ``finding`` and ``is_exception``, and with a column of book values ``audit_value`` and
    ``misstatement``.

    Raises
    ------
    InvalidFindings
        There are no findings, or audit values without a column of book values; an exception has no
        audit value.
    """
    state = audit_state(service, job)
    items = examined_items(service, job, state)
    known = [
        item
        for item in items
        if item.finding and item.row_id == item.drawn_id and not item.is_outside
    ]
    if not known:
        raise InvalidFindings("No drawn row has a finding that estimates can use.", loc=("values",))
    book_column = book_column or drawn_book_column(job)
    if book_column is None and any(item.finding and item.finding.audit_value for item in known):
        raise InvalidFindings(
            "The findings have audit values: name the column of book values with `book_column`.",
            loc=BOOK_LOC,
        )
    amounts = None
    if book_column is not None:
        amounts = amounts_of(service, job, known, book_column)
    columns = _named(service, job, (*FACTS, *(AMOUNTS if amounts else ())))
    outside = sum(item.is_outside or item.row_id != item.drawn_id for item in items)
    notes = _notes(len(known), outside, len(items), book_column)
    return FindingValues(columns, _relation(columns, known, amounts), tuple(notes))


def _named(service: Service, job: JobRecord, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, with other names than those of the sample."""
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    used = {column.name.lower() for column in sample.columns}
    found = []
    for column in columns:
        name = column.name
        while name.lower() in used:
            name += SUFFIX
        found.append(Column(name, column.type))
    return tuple(found)


def _relation(
    columns: Sequence[Column], items: Sequence[ExaminedItem], amounts: Sequence[Amounts] | None
) -> Statement:
    """SQL of a row for each item."""
    lists: list[list[object]] = [
        [item.drawn_id for item in items],
        [item.finding.outcome if item.finding else None for item in items],
        [item.is_exception for item in items],
    ]
    if amounts is not None:
        lists.append([float(each.audit) for each in amounts])
        lists.append([float(each.misstatement) for each in amounts])
    row_id = Column(ROW_ID, "VARCHAR")
    selected = ", ".join(
        f"unnest(CAST(? AS {column.type}[])) AS {quote_identifier(column.name)}"
        for column in (row_id, *columns)
    )
    return f"(SELECT {selected})", list(lists)


def _notes(known: int, outside: int, drawn: int, book_column: str | None) -> list[str]:
    notes = ["Values are the findings as they are now."]
    if book_column is not None:
        notes[0] = (
            f"Values are the findings as they are now, with the book values of {book_column}. A "
            "row that can't be examined has an audit value of 0, unless another was entered."
        )
    if outside:
        notes.append(
            f"{counted(outside, 'drawn row isn’t', 'drawn rows aren’t')} applicable: they are "
            "outside the population that is estimated, and their replacements aren't used."
        )
    without = drawn - known - outside
    if without:
        notes.append(
            f"{without:,} of {drawn:,} drawn rows have no finding. They count as rows without a "
            "value: estimates are biased if findings are lacking for a reason."
        )
    return notes
