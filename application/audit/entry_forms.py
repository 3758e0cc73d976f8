"""How the cells of a file are read as entries: as findings here, as answers in the review."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, ClassVar, Generic, Literal, TypeVar

from application.access import Caller
from application.audit.attributes import require_details
from application.audit.entering import Books, doubts_of, ok_problem
from application.audit.entry_list import (
    DEVIATION,
    OK,
    READS_TWO_WAYS,
    attribute_field,
    entry_columns,
)
from application.audit.findings import checked_finding, require_findings
from contract.requests.findings import MAX_NOTE, FindingRequest
from contract.requests.importing import ReadOptions
from contract.words import CAUSES, OUTCOMES, Reading, SampleAction
from domain_errors import DomainError
from import_engine.numbers import written_forms
from import_engine.values import MISSING
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_text
from parquet_tables.tables import Column
from presentation.content import formula_safe
from service.service import Service
from storage.audit.findings import Finding, NewEntry, RowReadings, reading_problem
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction

ChoiceName = TypeVar("ChoiceName", bound=str)
Entry = TypeVar("Entry", FindingRequest, NewEntry)


class EntryForm(ABC, Generic[Entry]):
    """The columns of a file, and what their cells enter.

    ``reading`` is that of all lines. The audit trail names a file's entries by ``action``, and
    counts them as ``noun``. Where it ``keeps_digits``, amounts of a delimited file are read as they
    are written, and not as the numbers of a column, which lose digits, and two readings of 1.234.
    """

    action: ClassVar[SampleAction]
    noun: ClassVar[str]
    keeps_digits: ClassVar[bool] = False
    reading: Reading = "first"

    @property
    @abstractmethod
    def names(self) -> Mapping[str, str]:
        """The names of the columns by field; ``finding_id`` is the newest entry that was seen."""

    @property
    @abstractmethod
    def needed(self) -> Sequence[str]:
        """The names of columns of which the file has one at least."""

    @property
    @abstractmethod
    def texts(self) -> Sequence[str]:
        """The fields whose cells are read as they are written."""

    @property
    @abstractmethod
    def amounts(self) -> Sequence[str]:
        """The fields whose texts may be amounts such as ``1.234,56``."""

    @abstractmethod
    def entry(self, row_id: str, cells: Mapping[str, Any]) -> Entry | None:
        """The entry of a line; None if its cells are empty. InvalidValue if they make none."""

    def problem(self, entry: Entry) -> DomainError | None:
        """Why an entry doesn't fit the sample; None if it does."""
        return None

    def doubts(self, entry: Entry) -> Sequence[str]:
        """Warnings about possible slips."""
        return ()

    @abstractmethod
    def require(self, tx: Transaction, job: JobRecord) -> None:
        """Raise SampleDeleted, FindingsLocked or another Conflict if nothing can be entered."""

    def checks(
        self, tx: Transaction, by: Caller, job: JobRecord, readings: Mapping[str, RowReadings]
    ) -> Callable[[Entry], DomainError | None]:
        """Return what says why the caller can't give an entry's reading now; None if it can.

        ``readings`` are those of the sample's rows in the transaction.
        """

        def check(entry: Entry) -> DomainError | None:
            now = readings.get(entry.row_id)
            return None if now is None else reading_problem(now, self.reading, by.user.id)

        return check

    @abstractmethod
    def says_the_same(self, new: Entry, old: Finding) -> bool:
        """Whether a line says what an entry says."""


@dataclass(frozen=True)
class FindingForm(EntryForm[FindingRequest]):
    """Findings of an audit, as an entry list has them.

    Parameters
    ----------
    books : mapping, optional
        Book values by row id, in a sample by monetary units.
    """

    action: ClassVar[SampleAction] = "findings_entered"
    noun: ClassVar[str] = "findings"

    columns: Sequence[Column]
    attributes: Sequence[str]
    books: Books | None

    @property
    def names(self) -> Mapping[str, str]:
        entries = entry_columns(self.columns, self.attributes)
        return {entry.field: entry.form.name for entry in entries}

    @property
    def needed(self) -> Sequence[str]:
        return (self.names["outcome"],)

    @property
    def texts(self) -> Sequence[str]:
        return [field for field in self.names if field not in ("audit_value", "finding_id")]

    @property
    def amounts(self) -> Sequence[str]:
        return ("audit_value",)

    def require(self, tx: Transaction, job: JobRecord) -> None:
        require_findings(tx, job)

    def entry(self, row_id: str, cells: Mapping[str, Any]) -> FindingRequest | None:
        return _finding(row_id, cells, self.attributes)

    def problem(self, entry: FindingRequest) -> DomainError | None:
        if not_ok := ok_problem(entry, self.books):
            return not_ok
        try:
            require_details(entry, self.attributes)
        except InvalidValue as problem:
            return problem
        return None

    def doubts(self, entry: FindingRequest) -> Sequence[str]:
        return doubts_of(entry, self.books)

    def says_the_same(self, new: FindingRequest, old: Finding) -> bool:
        if new.outcome != old.outcome:
            return False
        amounts = [
            None if text is None else Decimal(text) for text in (new.audit_value, old.audit_value)
        ]
        return (
            amounts[0] == amounts[1]
            and (new.cause, new.deviations) == (old.cause, old.deviations)
            and is_same_text(new.note, old.note)
            and is_same_text(new.cause_text, old.cause_text)
        )


def is_same_text(new: str, old: str) -> bool:
    """Whether a cell is a text; CSV has an apostrophe before those that look like formulas."""
    return new in (old.strip(), formula_safe(old.strip()))


def plain_amounts(service: Service, cells: Set[Any], options: ReadOptions) -> dict[str, str]:
    """The written amounts of cells as plain digits, as the import of a column of them reads them.

    An amount that reads in two ways isn't among them. A column with other texts stays text.
    """
    found, missing = {}, {}
    for cell in cells:
        if not isinstance(cell, str) or _PLAIN_AMOUNT.fullmatch(cell.strip()):
            continue
        if cell.strip() in MISSING:
            missing[cell] = ""
            continue
        forms = written_forms([cell], options) if any(map(str.isdigit, cell)) else ()
        if len(forms) == 1 and not forms[0].is_percent and not READS_TWO_WAYS.fullmatch(cell):
            found[cell] = forms[0].normalized(quote_text(cell))
    if not found:
        return missing
    with service.parquet.cursor() as cursor:
        (row,) = cursor.execute(f"SELECT {', '.join(found.values())}").fetchall()
    return missing | dict(zip(found, map(str, row), strict=True))


def _finding(
    row_id: str, given: Mapping[str, Any], attributes: Sequence[str]
) -> FindingRequest | None:
    """The finding of a line; None if its cells are empty."""
    outcome, note, cause = (text_of(given, name) for name in ("outcome", "note", "cause"))
    amount = amount_text(given.get("audit_value"))
    tested = _tested(given, attributes)
    deviations = tuple(name for name in attributes if tested.get(name))
    if not outcome and len(tested) == len(attributes) > 0:
        outcome = "exception" if deviations else "ok"
    if not outcome:
        if not amount and not note and not tested:
            return None
        message = (
            "Not all attributes are filled in, and the row has no outcome. Choose one: {choices}."
            if tested
            else "The row has an audit value or a note, but no outcome. Choose one: {choices}."
        )
        raise InvalidValue(message, choices=_OUTCOME_CHOICES)
    cause_text = text_of(given, "cause_text")
    require_text("The note", note)
    require_text("The cause in words", cause_text)
    new = FindingRequest(
        row_id=row_id,
        outcome=choice_of("outcome", outcome, OUTCOMES),
        audit_value=amount or None,
        note=note,
        deviations=deviations,
        cause=choice_of("cause", cause, CAUSES) if cause else None,
        cause_text=cause_text,
    )
    return checked_finding(new)


def text_of(given: Mapping[str, Any], field: str) -> str:
    """A cell as text; empty if it has no value."""
    value = given.get(field)
    return "" if value is None else str(value).strip()


def require_text(subject: str, text: str, **parameters: str) -> None:
    """Refuse a text that an entry can't have; the subject is the beginning of the sentence."""
    if len(text) > MAX_NOTE:
        raise InvalidValue(
            f"{subject} has {{count}} characters; it may have {{most}}.",
            count=len(text),
            most=MAX_NOTE,
            **parameters,
        )
    if "\x00" in text:
        raise InvalidValue(f"{subject} holds the character U+0000.", **parameters)


def _tested(given: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, bool]:
    """Whether the row deviates from each attribute whose cell isn't empty."""
    found = {}
    for at, name in enumerate(attributes):
        text = text_of(given, attribute_field(at))
        if not text:
            continue
        if plain_text(text) not in (plain_text(OK), plain_text(DEVIATION)):
            raise InvalidValue(
                '"{text}" says nothing of "{name}". Write OK or Deviation.',
                text=text[:100],
                name=name,
            )
        found[name] = plain_text(text) == plain_text(DEVIATION)
    return found


def choice_of(
    field: Literal["outcome", "cause"], text: str, titles: Mapping[ChoiceName, str]
) -> ChoiceName:
    """The choice that a cell names, by its name or its title."""
    for name, title in titles.items():
        if plain_text(text) in (plain_text(name), plain_text(title)):
            return name
    raise InvalidValue(
        '"{text}" isn\'t an outcome. Choose one: {choices}.'
        if field == "outcome"
        else '"{text}" isn\'t a cause. Choose one: {choices}.',
        text=text[:100],
        choices=", ".join(titles.values()),
    )


def plain_text(text: str) -> str:
    """A text without differences of case, spaces and apostrophes."""
    return "".join(char for char in text.casefold() if char.isalpha())


_OUTCOME_CHOICES = ", ".join(OUTCOMES.values())


_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_PLAIN_AMOUNT = re.compile(r"[+-]?\d+(?:\.\d+)?")


def amount_text(value: Any) -> str:
    """A cell as decimal digits: those that Excel shows, without the noise of binary fractions."""
    if value is None:
        return ""
    text = f"{value:.15g}" if isinstance(value, float) else str(value).strip()
    if isinstance(value, str) and READS_TWO_WAYS.fullmatch(text):
        raise InvalidValue(
            '"{value}" can be read in two ways. Write {one} or {other}.',
            value=text,
            one=re.sub("[.,]", "", text),
            other=f"{text.replace(',', '.')}0",
        )
    if text and not _DECIMAL.fullmatch(text):
        raise InvalidValue(
            '"{value}" isn\'t an amount. Write digits with a decimal point or comma, such as '
            "1234.56 or 1.234,56.",
            value=text[:100],
        )
    return text
