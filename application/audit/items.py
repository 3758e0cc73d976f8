"""The items of a sample: each drawn row with the row examined in its place, and its amounts.

A row that can't be examined counts as an exception, with an audit value of 0 unless the finding has
one (ISA 530 ¶11). The audit value of a row that is OK, or isn't applicable, is its book value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np

from application.audit.stages import rows_to_examine
from application.audit.state import ROW_ID, AuditState, drawn_row_ids, ordinal_of
from estimation_engine import is_number
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.rows import page_statement, rows_statement
from sampling_engine import StratifiedMethod, method_from_json
from sampling_engine.methods.monetary_unit.account import recorded_account
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from storage.audit.findings import Finding
from storage.jobs.jobs import JobRecord

BOOK_LOC = ("book_column",)
WITH_CAUSE = ("exception", "not_examinable")
"""Outcomes that are exceptions, and have a cause."""


def lacks_cause(finding: Finding) -> bool:
    """Whether nobody stated the cause of an exception, as a choice or in words."""
    return finding.outcome in WITH_CAUSE and not (finding.cause or finding.cause_text)


@dataclass(frozen=True)
class ExaminedItem:
    """A drawn row in the order of the draw: the row examined in its place, and its finding."""

    drawn_id: str
    row_id: str
    finding: Finding | None

    @property
    def is_exception(self) -> bool:
        return self.finding is not None and self.finding.outcome in WITH_CAUSE

    def deviates_from(self, attribute: str) -> bool:
        """Whether the row has a deviation; one that can't be examined counts as such."""
        if self.finding is None:
            return False
        return self.finding.outcome == "not_examinable" or attribute in self.finding.deviations

    @property
    def is_outside(self) -> bool:
        """Whether the row doesn't belong to the population examined, and wasn't replaced."""
        return self.finding is not None and self.finding.outcome == "not_applicable"


@dataclass(frozen=True)
class Amounts:
    """The book and audit values of an examined row."""

    book: Decimal
    audit: Decimal

    @property
    def misstatement(self) -> Decimal:
        """Book - audit: above 0 for an overstatement."""
        return self.book - self.audit


def examined_items(service: Service, job: JobRecord, state: AuditState) -> list[ExaminedItem]:
    """Return the items of a sample that are to be examined, in the order of the draw."""
    drawn = rows_to_examine(job, list(drawn_row_ids(service, job)), state)
    examined = [state.examined_id(drawn_id) for drawn_id in drawn]
    return [
        ExaminedItem(drawn_id, row_id, state.findings.get(row_id))
        for drawn_id, row_id in zip(drawn, examined, strict=True)
    ]


def amounts_of(
    service: Service, job: JobRecord, items: Sequence[ExaminedItem], book_column: str
) -> list[Amounts]:
    """The amounts of items that have a finding, in their order.

    Raises
    ------
    UnknownColumn, InvalidFindings
        The table has no such column of numbers; a row has no book value; an exception has no audit
        value.
    """
    books = book_values(service, job, [item.row_id for item in items], book_column)
    found = []
    for item in items:
        book = books[item.row_id]
        if book is None:
            raise InvalidFindings(
                'Row {row_id} has no number in "{column}", so no misstatement. Replace it, or '
                "choose another column of book values.",
                row_id=item.row_id,
                column=book_column,
                loc=BOOK_LOC,
            )
        found.append(Amounts(book, audit_value_of(item, book)))
    return found


def audit_value_of(item: ExaminedItem, book: Decimal) -> Decimal:
    finding = item.finding
    assert finding is not None  # noqa: S101 - the caller's part
    if finding.outcome == "not_applicable":
        return book
    if finding.audit_value is not None:
        return Decimal(finding.audit_value)
    if finding.outcome == "ok":
        return book
    if finding.outcome == "not_examinable":
        return Decimal(0)
    raise InvalidFindings(
        "The exception of row {row_id} has no audit value. Enter the value that you found right.",
        row_id=item.row_id,
    )


def book_values(
    service: Service, job: JobRecord, row_ids: Sequence[str], name: str
) -> Mapping[str, Decimal | None]:
    """The values of a column of the source, by row id; None for one that isn't a finite number."""
    source = open_source(service, job).files
    column = source.column(name, BOOK_LOC)
    if not is_number(column):
        raise InvalidFindings(
            'Book values are numbers; "{column}" is of type {type}.',
            column=name,
            type=column.type,
            loc=BOOK_LOC,
        )
    ordinals = np.array(sorted({ordinal_of(row_id) for row_id in row_ids}), dtype=np.int64)
    with service.parquet.cursor(source) as cursor:
        rows = cursor.execute(*rows_statement(source, (column,), ordinals)).fetchall()
    values = [
        Decimal(str(value)) if value is not None and isfinite(value) else None for (value,) in rows
    ]
    by_ordinal = dict(zip(ordinals.tolist(), values, strict=True))
    return {row_id: by_ordinal[ordinal_of(row_id)] for row_id in row_ids}


def drawn_facts(service: Service, job: JobRecord) -> dict[str, tuple[int, bool]]:
    """The selected units of each drawn row, 1 without units, and whether it is a take-all row."""
    rows = _drawn_cells(service, job, ROW_ID, "_inclusion_probability", "_hits")
    return {
        row_id: ((hits[0] or 1) if hits else 1, chance == 1.0) for row_id, chance, *hits in rows
    }


def drawn_steps(service: Service, job: JobRecord) -> dict[str, int]:
    """The step by which each row was drawn."""
    return dict(_drawn_cells(service, job, ROW_ID, "_sampling_round"))


def _drawn_cells(service: Service, job: JobRecord, *names: str) -> list[Any]:
    """The cells of the drawn rows, in those columns that the sample has."""
    sample = open_sample(service, job).files
    columns = [column for name in names for column in sample.columns if column.name == name]
    with service.parquet.cursor(sample) as cursor:
        return cursor.execute(*page_statement(sample, columns)).fetchall()


def drawn_strata(service: Service, job: JobRecord) -> dict[int, str]:
    """The label of each drawn row's stratum, by ordinal."""
    cells = _drawn_cells(service, job, ROW_ID, "_stratum")
    return {ordinal_of(row_id): label for row_id, label in cells}


def book_column_of(service: Service, job: JobRecord) -> str | None:
    """The column of book values of a sample: its evaluation and its working paper take it.

    That of monetary units, else the amount column of the draw, else the one column by which a
    stratified draw divided its size or made bands, of numbers with decimals; None if there is none.
    """
    named = drawn_book_column(job) or job.run_parameters.get("amount_column")
    if named:
        return str(named)
    columns = {name for method in _stratified(job) for name in method.amount_columns}
    if len(columns) != 1:
        return None
    column = open_source(service, job).files.column(columns.pop())
    return column.name if column.type.startswith(("DECIMAL", "DOUBLE", "FLOAT")) else None


def needs_audit_values(service: Service, job: JobRecord) -> bool:
    """Whether the evaluation that a sample opens with is of amounts."""
    if drawn_book_column(job) is not None:
        return True
    return any(_stratified(job)) and book_column_of(service, job) is not None


def _stratified(job: JobRecord) -> list[StratifiedMethod]:
    """The methods of the steps that draw by strata."""
    rounds = job.run_parameters["rounds"]
    methods = (method_from_json(each["method"], each["parameters"]) for each in rounds)
    return [method for method in methods if isinstance(method, StratifiedMethod)]


def drawn_book_column(job: JobRecord) -> str | None:
    """The book column of a sample by monetary units; None for others."""
    rounds = (job.output_summary or {}).get("rounds", ())
    accounts = [recorded_account(each) for each in rounds]
    names = {each["book_column"] for each in accounts if each}
    return names.pop() if len(names) == 1 and all(accounts) else None
