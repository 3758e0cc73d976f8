"""Bands: strata of a number or a date between breaks.

A band begins with its lower break and ends before its upper one; the first has no lower and the
last no upper limit. Missing values and NaN are a stratum of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil

from contract.columns import DataType
from contract.requests.draw import MAX_BREAKS, MAX_LABEL_LENGTH
from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column
from sampling_engine.errors import InvalidStrata
from sampling_engine.filters.literals import NUMBER, format_temporal, parse_temporal
from sampling_engine.filters.tree import (
    DATES_AND_TIMESTAMPS,
    NUMBERS,
    Family,
    family_of,
    integer_range,
)

Break = int | float | str

MAX_BREAK_DIGITS = 40
MAX_NS = (1 << 63) - 1


@dataclass(frozen=True)
class Bands:
    """Bands as a request describes them: numbers, or dates as ISO texts, in ascending order.

    ``labels`` has a text for each band, one more than there are breaks; without them the bands are
    labelled by their limits.
    """

    column: str
    breaks: tuple[Break, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class BandColumn(Column):
    """A column whose bands are strata, numbered from 0.

    ``upper`` has for each band but the last the text of a value of the type ``compared_as`` that
    the values below its end compare with, or a truth where the break is beyond the type's range.
    """

    breaks: tuple[str, ...]
    upper: tuple[str | bool, ...]
    labels: tuple[str, ...]

    @property
    def group_type(self) -> str:
        return "SMALLINT"

    def group_value(self) -> str:
        return self.number()

    def number(self) -> str:
        """The SQL of a row ``f``'s band; NULL for a missing value and NaN."""
        return self.number_of(f"f.{quote_identifier(self.name)}", self.compared_as)

    def number_of(self, value: str, type_: str) -> str:
        """The band of the SQL ``value`` for any engine; ``type_`` is its ``compared_as``."""
        missing = f"{value} IS NULL"
        if self.compared_as == "DOUBLE":
            missing, value = f"{missing} OR isnan({value})", f"CAST({value} AS DOUBLE)"
        cases = " ".join(
            f"WHEN {_below(value, one, type_)} THEN {at}" for at, one in enumerate(self.upper)
        )
        last = len(self.upper)
        return f"CAST(CASE WHEN {missing} THEN NULL {cases} ELSE {last} END AS SMALLINT)"

    @property
    def compared_as(self) -> str:
        """The type of the values in ``upper``: the column's own, or DOUBLE for FLOAT."""
        return "DOUBLE" if family_of(self.type) is Family.FLOAT else self.type

    def text(self, number: str) -> str:
        """The SQL of the label of a band's number; NULL for NULL."""
        return _case(number, [quote_text(label) for label in self.labels], "NULL")

    def readable(self, number: str) -> str:
        """The SQL of the label as a part of a stratum's label."""
        return _case(number, [quote_text(readable(label)) for label in self.labels], "'NULL'")


def _below(value: str, upper: str | bool, type_: str) -> str:
    if isinstance(upper, bool):
        return str(upper).lower()
    return f"{value} < CAST({quote_text(upper)} AS {type_})"


def _case(number: str, values: Sequence[str], other: str) -> str:
    cases = " ".join(f"WHEN {at} THEN {value}" for at, value in enumerate(values))
    return f"CASE {number} {cases} ELSE {other} END"


def readable(text: str) -> str:
    """A value as a part of a stratum's label, in double quotes where it could be misread.

    >>> readable("1,000 to < 10,000"), readable("a | b")
    ('1,000 to < 10,000', '"a | b"')
    """
    if text in ("", "NULL") or text != text.strip() or any(mark in text for mark in '"|'):
        return '"' + text.replace('"', '""') + '"'
    return text


def comparable(label: str) -> str:
    """A label without spaces and separators, so that ``>=10000`` finds ``≥ 10,000``.

    >>> comparable(">= 10,000") == comparable("≥10000")
    True
    """
    return "".join(label.replace(">=", "≥").replace(",", "").split()).casefold()


def banded_family(column: Column, loc: Loc) -> Family:
    """The family of a column's type; InvalidStrata if its values make no bands."""
    family = family_of(column.type)
    if family not in NUMBERS and family not in DATES_AND_TIMESTAMPS:
        raise InvalidStrata(
            'The column "{column}" is of type {type}: bands need a column of numbers or dates.',
            column=column.name,
            type=column.type,
            loc=loc,
        )
    return family


def band_column(column: Column, bands: Bands, loc: Loc) -> BandColumn:
    """Check the bands of a column.

    Raises
    ------
    InvalidStrata
        The column holds neither numbers nor dates, or the breaks or labels don't fit.
    """
    family = banded_family(column, (*loc, "column"))
    if not 1 <= len(bands.breaks) <= MAX_BREAKS:
        raise InvalidStrata("Give 1 to {maximum} breaks.", maximum=MAX_BREAKS, loc=(*loc, "breaks"))
    parse = _number if family in NUMBERS else _moment
    values = [
        parse(column, family, given, (*loc, "breaks", at)) for at, given in enumerate(bands.breaks)
    ]
    for at, (before, after) in enumerate(pairwise(values), start=1):
        if not before < after:
            raise InvalidStrata(
                "Breaks must ascend: {after} is not above {before}.",
                before=str(bands.breaks[at - 1]),
                after=str(bands.breaks[at]),
                loc=(*loc, "breaks", at),
            )
    texts = tuple(_shown(value, family) for value in values)
    upper = tuple(_upper(value, column.type, family) for value in values)
    labels = bands.labels or _labels(texts)
    _check_labels(labels, len(values), (*loc, "labels"))
    return BandColumn(column.name, column.type, texts, upper, tuple(labels))


def break_key(column: Column, given: Break) -> Decimal | int:
    """A break as a value that sorts: a number, or the nanoseconds of a date."""
    family = family_of(column.type)
    parse = _number if family in NUMBERS else _moment
    return parse(column, family, given, ("breaks",))


def _check_labels(labels: Sequence[str], breaks: int, loc: Loc) -> None:
    if len(labels) != breaks + 1:
        raise InvalidStrata(
            "Give a label for each of the {bands} bands: {breaks} breaks make one more band.",
            bands=breaks + 1,
            breaks=breaks,
            loc=loc,
        )
    if len({comparable(label) for label in labels}) < len(labels):
        raise InvalidStrata("Two bands have the same label.", loc=loc)
    for at, label in enumerate(labels):
        if not label.strip() or len(label) > MAX_LABEL_LENGTH:
            raise InvalidStrata(
                "A label has 1 to {maximum} characters.", maximum=MAX_LABEL_LENGTH, loc=(*loc, at)
            )


def _labels(breaks: Sequence[str]) -> tuple[str, ...]:
    between = (f"{low} to < {high}" for low, high in pairwise(breaks))
    return (f"< {breaks[0]}", *between, f"≥ {breaks[-1]}")


def _number(column: Column, _family: Family, given: Break, loc: Loc) -> Decimal:
    text = given.strip() if isinstance(given, str) else repr(given)
    value = Decimal(text) if NUMBER.fullmatch(text) else None
    if value is None or not -MAX_BREAK_DIGITS < value.adjusted() < MAX_BREAK_DIGITS:
        raise InvalidStrata(
            'A break of "{column}" is a number such as 1000, not "{given}".',
            column=column.name,
            given=str(given)[:50],
            loc=loc,
        )
    return value


def _moment(column: Column, family: Family, given: Break, loc: Loc) -> int:
    ns = parse_temporal(given.strip(), family) if isinstance(given, str) else None
    if (
        ns is None
        or (family is Family.DATE and ns % 86_400_000_000_000)
        or (column.type == "TIMESTAMP_NS" and abs(ns) > MAX_NS)
    ):
        raise InvalidStrata(
            'A break of "{column}" is a date such as "2025-07-31", not "{given}".',
            column=column.name,
            given=str(given)[:50],
            loc=loc,
        )
    return ns


def _shown(value: Decimal | int, family: Family) -> str:
    if isinstance(value, Decimal):
        plain = f"{value:,f}"
        shown = plain.rstrip("0").rstrip(".") if "." in plain else plain
        return "0" if not value else shown
    return format_temporal(value, family).replace("+00:00", "").removesuffix(" 00:00:00")


def _upper(value: Decimal | int, type_: str, family: Family) -> str | bool:
    """The break that values are compared with, in the column's own type."""
    if not isinstance(value, Decimal):
        return format_temporal(value, family)
    if family is Family.FLOAT:
        return f"{value:f}"
    digits, places = DataType(type_).digits or (0, 0)
    # A value is below the break if it is below the next one that the type can hold.
    scaled = ceil(Fraction(value) * 10**places)
    low, high = (1 - 10**digits, 10**digits - 1) if digits else integer_range(type_)
    if not low <= scaled <= high:
        return bool(scaled > 0)
    held = Decimal((scaled < 0, tuple(map(int, str(abs(scaled)))), -places))
    return f"{held:f}"
