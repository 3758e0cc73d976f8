"""The audit tests of a table: each with its name, what it finds, and its parameters.

The statements of each are a module of ``profiling_engine/audit_tests`` of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import available_timezones

from contract.declarations import (
    Help,
    Option,
    RefusedField,
    Request,
    Title,
    declared,
)
from contract.fields import (
    Bounds,
    Choice,
    ColumnName,
    Count,
    DatasetId,
    DateColumn,
    Day,
    Exact,
    Flag,
    Items,
    Name,
    NumberColumn,
    Part,
    Share,
    Text,
    TextColumnName,
)
from contract.requests.exploring import MAX_OUTPUT_NAME
from contract.requests.submitting import (
    MAIN,
    MAX_KEY_LENGTH,
    MAX_REF_LENGTH,
    CommitMessage,
    JobPriority,
    SourceRef,
    TableKey,
)
from contract.words import LANGUAGES
from lazy_dataclasses import dataclass

MAX_TEST_COLUMNS = 20
FOUND, NOT_FOUND = "found", "not found"
"""The marks of rows in a marked copy of a table."""
AMOUNT_FIGURES = ("amount", "extra_amount")
"""Figures of tests that are exact amounts as texts."""
NUMBERS_OF_ROWS = ("first", "last")
"""Figures that name a row, as numbers of documents do: they have no separators."""
MAX_DAYS = 3_660
MAX_HOLIDAYS = 1_000
Columns = Items(ColumnName(), MAX_TEST_COLUMNS)
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
LeadingDigits = Literal["first", "first_two"]
Direction = Literal["this", "other", "both"]
LooseColumns = Annotated[
    Sequence[str],
    Items(TextColumnName(), MAX_TEST_COLUMNS),
    Title("Columns compared loosely"),
    Option("--loose-column"),
    Help(
        "Further columns whose texts are equal without case, blanks and punctuation, as "
        "`RE 1001` and `re-1001` are."
    ),
]
TimeZone = Annotated[
    str,
    Text(1, 64, "ZONE"),
    Title("Time zone"),
    Help(
        "The zone of the days of a column of times with a time zone, such as `Europe/Berlin`. Days "
        "of other columns are taken as they are."
    ),
]


def _has_columns(given: Mapping[str, Any]) -> None:
    names = [*given.get("columns", ()), *given.get("loose_columns", ())]
    if not names:
        raise RefusedField("columns", "Name a column in `columns` or `loose_columns`.")
    if len(set(names)) < len(names):
        raise RefusedField("columns", "A column is named twice in `columns` and `loose_columns`.")


def _has_a_distance(given: Mapping[str, Any]) -> None:
    if "date_column" not in given and "amount_column" not in given:
        raise RefusedField("date_column", "Name a `date_column`, an `amount_column`, or both.")
    if "days" in given and "date_column" not in given:
        raise RefusedField("days", "`days` needs `date_column`.")
    if "date_column" in given and "days" not in given:
        raise RefusedField("days", "`date_column` needs `days`.")
    limits = [name for name in ("amount_difference", "amount_share") if name in given]
    if len(limits) == 2:
        raise RefusedField(
            "amount_share", "Give either `amount_difference` or `amount_share`, not both."
        )
    if limits and "amount_column" not in given:
        raise RefusedField(limits[0], f"`{limits[0]}` needs `amount_column`.")
    if "amount_column" in given and not limits:
        raise RefusedField(
            "amount_difference", "`amount_column` needs `amount_difference` or `amount_share`."
        )


def _days_are_of_years(given: Mapping[str, Any]) -> None:
    last, days = date.fromisoformat(given["cutoff"]), timedelta(given["days"])
    if not (date.min + days <= last <= date.max - days):
        raise RefusedField("cutoff", "The days around {text} leave the years 1 to 9999.", text=last)


def _zone_is_known(given: Mapping[str, Any]) -> None:
    name = given.get("time_zone")
    known = available_timezones() - {"localtime"}  # which is another one on each machine
    if name is not None and name not in known:
        raise RefusedField("time_zone", "There is no time zone {name}.", name=name)


def _pairs_of_columns(given: Mapping[str, Any]) -> None:
    others = given.get("other_columns")
    if others and len(others) != len(given.get("columns", ())):
        raise RefusedField(
            "other_columns",
            "Name a column of the other table for each of `columns`, or none for the same names.",
        )


def _amounts_of_found_rows(given: Mapping[str, Any]) -> None:
    if given.get("direction") == "other" and "amount_column" in given:
        raise RefusedField(
            "amount_column",
            "`amount_column` is of this table, and only rows of the other one are found.",
        )


def _days_or_holidays(given: Mapping[str, Any]) -> None:
    if "subdivision" in given and "country" not in given:
        raise RefusedField("subdivision", "`subdivision` needs `country`.")
    if not (given.get("weekdays", WEEKDAYS) or given.get("holidays") or given.get("country")):
        raise RefusedField("weekdays", "Name `weekdays`, `holidays` or a `country`.")


class AuditTestRequest(Request):
    """What every audit test takes."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    output_name: Annotated[
        str | None,
        Name(1, MAX_OUTPUT_NAME),
        Title("Name of the result"),
        Option("--name"),
        Help("Stores the found rows as the ref `expl-` with this name."),
    ] = None
    mark_rows: Annotated[
        bool,
        Flag(),
        Title("Mark the found rows in a copy of the table"),
        Option("--mark"),
        Help(
            "Also keep a copy of the whole table as the table `marked` of the result, with a "
            "column that says `found` or `not found`, to draw with the found rows as a stratum."
        ),
    ] = False
    commit_message: CommitMessage = None
    priority: JobPriority = "interactive"

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The request of a body, or of the parameters that a job recorded."""
        values: dict[str, Any] = {}
        for own in declared(cls):
            if own.name not in body or body[own.name] is None:
                continue
            value = body[own.name]
            if isinstance(own.kind, Exact):
                value = Decimal(value)
            elif isinstance(own.kind, Part) and isinstance(value, Mapping):
                names = {inner.name for inner in declared(own.kind.of)}
                value = own.kind.of(**{k: v for k, v in value.items() if k in names})
            values[own.name] = value
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """The JSON of the body."""
        return {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in self.given().items()
        }

    def recorded(self) -> dict[str, Any]:
        """The JSON of the test's own parameters, without those of every test."""
        common = {own.name for own in declared(AuditTestRequest)}
        return {name: value for name, value in self.as_json().items() if name not in common}


SumColumn = Annotated[
    str | None,
    NumberColumn(),
    Title("Amounts"),
    Option("--amount-column"),
    Help("A column of numbers, to add up the amounts of the found rows."),
]


class DuplicatesRequest(AuditTestRequest):
    """Rows that are equal in chosen columns."""

    rules = (_has_columns,)

    columns: Annotated[
        Sequence[str],
        Columns,
        Option("--column"),
        Help("The columns in which rows of a group are equal."),
    ] = ()
    loose_columns: LooseColumns = ()
    differ_in: Annotated[
        str | None,
        ColumnName(),
        Title("Different in"),
        Help("Only groups with more than one value of this column, such as two suppliers."),
    ] = None
    amount_column: SumColumn = None


class NearDuplicatesRequest(AuditTestRequest):
    """Rows that are equal in chosen columns, with dates or amounts that are close."""

    rules = (_has_columns, _has_a_distance)

    columns: Annotated[
        Sequence[str],
        Columns,
        Option("--column"),
        Help("The columns in which rows of a pair are equal."),
    ] = ()
    loose_columns: LooseColumns = ()
    date_column: Annotated[
        str | None, DateColumn(), Title("Dates"), Help("The column of dates to compare.")
    ] = None
    days: Annotated[
        int | None,
        Count(Bounds(0, MAX_DAYS)),
        Title("Days apart"),
        Help("How many days the dates of a pair are apart at most."),
    ] = None
    amount_column: Annotated[
        str | None,
        NumberColumn(),
        Title("Amounts"),
        Help("The column of amounts to compare, and to add up."),
    ] = None
    amount_difference: Annotated[
        Decimal | None,
        Exact(bounds=Bounds(0), refusal="A difference of amounts is 0 or more."),
        Title("Amounts apart"),
        Help("By how much the amounts of a pair differ at most."),
    ] = None
    amount_share: Annotated[
        float | None,
        Share(),
        Title("Amounts apart, as a share"),
        Help("The same as a share of the larger of both amounts, such as 1%."),
    ] = None


class GapsRequest(AuditTestRequest):
    """Missing and repeated numbers of a series."""

    number_column: Annotated[
        str,
        ColumnName(),
        Title("Numbers"),
        Help(
            "The column of numbers: whole numbers, or texts that end with the number, such as "
            "`RE-2025-000123`. The text before it belongs to the series."
        ),
    ]
    series_columns: Annotated[
        Sequence[str],
        Columns,
        Title("Series"),
        Option("--series"),
        Help("Columns whose values have numbers of their own, such as the company code."),
    ] = ()
    amount_column: SumColumn = None


class BenfordRequest(AuditTestRequest):
    """The leading digits of amounts."""

    amount_column: Annotated[str, NumberColumn(), Title("Amounts"), Help("The column of amounts.")]
    digits: Annotated[
        LeadingDigits,
        Choice({"first": "First digit", "first_two": "First two digits"}),
        Help("`first_two` leaves out amounts below 10."),
    ] = "first"


class CutoffRequest(AuditTestRequest):
    """Rows posted near a date whose document is on the other side of it."""

    rules = (_days_are_of_years, _zone_is_known)

    posting_column: Annotated[
        str, DateColumn(), Title("Posting dates"), Help("The column of posting dates.")
    ]
    document_column: Annotated[
        str,
        DateColumn(),
        Title("Document dates"),
        Help("The column of the dates of documents, deliveries or services."),
    ]
    cutoff: Annotated[
        str, Day(), Title("Last day of the period"), Help("The last day of the period: 2025-12-31.")
    ]
    days: Annotated[
        int,
        Count(Bounds(1, MAX_DAYS)),
        Help("How many days up to the last day, and after it, postings are tested."),
    ]
    amount_column: SumColumn = None
    time_zone: TimeZone = "UTC"


class WeekendRequest(AuditTestRequest):
    """Rows posted on weekends and holidays."""

    rules = (_zone_is_known, _days_or_holidays)

    date_column: Annotated[
        str, DateColumn(), Title("Dates"), Help("The column of dates, or of times.")
    ]
    weekdays: Annotated[
        Sequence[Weekday],
        Items(Choice({day: day.capitalize() for day in WEEKDAYS}), len(WEEKDAYS)),
        Title("Days of the week"),
        Option("--weekday"),
        Help("The days of the week that are found."),
    ] = ("saturday", "sunday")
    holidays: Annotated[
        Sequence[str],
        Items(Day(), MAX_HOLIDAYS),
        Option("--holiday"),
        Help("Further days that are found, such as 2025-12-24."),
    ] = ()
    country: Annotated[
        str | None,
        Text(2, 3, "CODE"),
        Help(
            "Public holidays of this country, such as `DE`, by the package holidays, an extra of "
            "the server."
        ),
    ] = None
    subdivision: Annotated[
        str | None,
        Text(1, 10, "CODE"),
        Help("Also those of this part of the country, such as `BY`."),
    ] = None
    amount_column: SumColumn = None
    time_zone: TimeZone = "UTC"


class OtherTableRequest(Request):
    """Another table: of this dataset, or of another that the caller may read."""

    dataset_id: Annotated[
        int | None,
        DatasetId(Bounds(1, 2**31 - 1)),
        Title("Dataset"),
        Option("--other-dataset"),
        Help("Its dataset; by default this one."),
    ] = None
    source_ref: Annotated[
        str,
        Text(1, MAX_REF_LENGTH),
        Title("Version"),
        Option("--other-ref"),
        Help("Its ref or commit."),
    ] = MAIN
    table_key: Annotated[
        str | None,
        Text(1, MAX_KEY_LENGTH),
        Title("Table"),
        Option("--other-table"),
        Help("Its table key; by default primary, or the only one."),
    ] = None


class UnmatchedRequest(AuditTestRequest):
    """Rows without a partner in another table."""

    rules = (_pairs_of_columns, _amounts_of_found_rows)

    columns: Annotated[
        Sequence[str],
        Items(ColumnName(), MAX_TEST_COLUMNS, 1, "Name a column in `columns`."),
        Option("--column"),
        Help("The columns by which the rows of both tables are matched."),
    ]
    other_columns: Annotated[
        Sequence[str],
        Columns,
        Title("Columns of the other table"),
        Option("--other-column"),
        Help("Their names in the other table, in the same order; by default the same names."),
    ] = ()
    other: Annotated[OtherTableRequest, Part(OtherTableRequest), Title("The other table")]
    direction: Annotated[
        Direction,
        Choice({"this": "This table", "other": "The other table", "both": "Both tables"}),
        Title("Find rows of"),
        Help("Whose rows without a partner are found: of `this` table, the `other`, or `both`."),
    ] = "this"
    amount_column: SumColumn = None


class AuditTestPaperRequest(Request):
    """The paper of an audit test."""

    format: Annotated[str, Choice({"html": "HTML", "xlsx": "Excel"}), Option(None)] = "html"
    language: Annotated[
        str | None,
        Choice(LANGUAGES),
        Help("By default that of the template of papers, else English."),
    ] = None


@dataclass(frozen=True)
class AuditTestKind:
    """An audit test as the outside knows it.

    Parameters
    ----------
    finds : str
        What it finds, in one sentence.
    """

    name: str
    title: str
    finds: str
    request: type[AuditTestRequest]


AUDIT_TESTS: Mapping[str, AuditTestKind] = {
    kind.name: kind
    for kind in (
        AuditTestKind(
            "duplicates",
            "Duplicates",
            "Rows that are equal in chosen columns, such as invoices entered twice.",
            DuplicatesRequest,
        ),
        AuditTestKind(
            "near_duplicates",
            "Near duplicates",
            "Rows that are equal in chosen columns, with dates or amounts that are close.",
            NearDuplicatesRequest,
        ),
        AuditTestKind(
            "gaps",
            "Gaps and repeats",
            "Missing and repeated numbers of a series, such as numbers of invoices.",
            GapsRequest,
        ),
        AuditTestKind(
            "benford",
            "Benford",
            "Amounts whose leading digits occur more often than Benford's law expects.",
            BenfordRequest,
        ),
        AuditTestKind(
            "cutoff",
            "Cut-off",
            "Rows posted near the end of a period whose document is on the other side of it.",
            CutoffRequest,
        ),
        AuditTestKind(
            "weekend",
            "Weekends and holidays",
            "Rows with a date on chosen days of the week, or on a holiday.",
            WeekendRequest,
        ),
        AuditTestKind(
            "unmatched",
            "Rows without a partner",
            "Rows without a partner in another table, such as payments without an invoice.",
            UnmatchedRequest,
        ),
    )
}
"""The tests by name, in the order in which they are offered."""
