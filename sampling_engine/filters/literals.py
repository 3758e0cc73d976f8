"""Check a literal against its column's type, and give it its canonical text.

Parsing is exact: a number is a decimal, a date or time is in nanoseconds; nothing is rounded. As in
SQL, a text that spells a value of the column's type is that value.
"""

from __future__ import annotations

import re
import struct
from decimal import Decimal
from uuid import UUID

from parquet_tables.tables import Column
from sampling_engine.filters.errors import Location, shorten
from sampling_engine.filters.moments import format_temporal, parse_temporal
from sampling_engine.filters.tree import Literal
from sampling_engine.filters.types import NUMBERS, Family, family_of

RawValue = bool | Decimal | str

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
SPECIAL_NUMBERS = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity"}
MAX_NUMBER_DIGITS = 400
MAX_PLAIN_LENGTH = 40
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

EXAMPLES = {
    Family.INTEGER: "a number, for example 18",
    Family.DECIMAL: "a number, for example 1.5",
    Family.FLOAT: "a number, for example 1.5",
    Family.TEXT: "a text, for example 'New York'",
    Family.BOOLEAN: "true or false",
    Family.DATE: "a date, for example '2025-07-31'",
    Family.TIMESTAMP: "a date or a timestamp without offset, for example '2025-07-31 18:00:00'",
    Family.TIMESTAMP_TZ: "a date or a timestamp, for example '2025-07-31 18:00:00+02:00'",
    Family.TIME: "a time of day, for example '18:00:00'",
    Family.UUID: "a UUID, for example '01234567-89ab-cdef-0123-456789abcdef'",
}


def parse_literal(column: Column, raw: RawValue, location: Location) -> Literal:
    """Return the value in the column's type.

    Raises
    ------
    InvalidFilter
        The value doesn't fit; the message names the type and gives an example.
    """
    family = family_of(column.type)
    if family in NUMBERS:
        literal = _number(column, raw, family, location)
    elif family is Family.BOOLEAN:
        literal = _boolean(raw)
    elif isinstance(raw, str):
        literal = _text(raw, family, location)
    else:
        literal = None
    if literal is None:
        raise location.error(
            f'The column "{column.name}" is of type {column.type}: write {EXAMPLES[family]}, '
            f"not {describe(raw)}"
        )
    return literal


def describe(raw: RawValue) -> str:
    """Name a value in a message."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Decimal):
        return f"the number {shorten(str(raw))}"
    return f"the text '{shorten(raw)}'"


def check_digits(number: Decimal, location: Location) -> Decimal:
    """Reject a number of more than ``MAX_NUMBER_DIGITS`` digits."""
    _, digits, exponent = number.as_tuple()
    is_wide = len(digits) > MAX_NUMBER_DIGITS or abs(int(exponent)) > MAX_NUMBER_DIGITS
    if is_wide or (number and abs(number.adjusted()) > MAX_NUMBER_DIGITS):
        raise location.error(f"A number can have at most {MAX_NUMBER_DIGITS} digits")
    return number


def format_number(number: Decimal) -> str:
    """Return a number's canonical text.

    >>> format_number(Decimal("1.50")), format_number(Decimal("1E+2"))
    ('1.5', '100')
    """
    if not number:
        return "0"
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if len(plain) <= MAX_PLAIN_LENGTH:
        return plain
    sign, digits, _ = number.as_tuple()
    stripped = "".join(map(str, digits)).strip("0")
    point = "." if len(stripped) > 1 else ""
    return f"{'-' * sign}{stripped[0]}{point}{stripped[1:]}e{number.adjusted()}"


def _number(column: Column, raw: RawValue, family: Family, location: Location) -> Literal | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        special = SPECIAL_NUMBERS.get(text.lower())
        if special and family is Family.FLOAT:
            return Literal(f"'{special}'", float(special))
        if not NUMBER.fullmatch(text):
            return None
        raw = Decimal(text)
    check_digits(raw, location)
    if family is Family.FLOAT and not _is_in_float_range(column.type, raw):
        raise location.error(
            f'The column "{column.name}" is of type {column.type}, which has no number as large '
            f"as {shorten(str(raw))}"
        )
    return Literal(format_number(raw), raw)


def _is_in_float_range(type_name: str, number: Decimal) -> bool:
    try:
        struct.pack("<f" if type_name == "FLOAT" else "<d", float(number))
    except OverflowError:
        return False
    return abs(float(number)) != float("inf")


def _boolean(raw: RawValue) -> Literal | None:
    if isinstance(raw, str) and raw.strip().lower() in ("true", "false"):
        raw = raw.strip().lower() == "true"
    return Literal("true" if raw else "false", raw) if isinstance(raw, bool) else None


def _text(raw: str, family: Family, location: Location) -> Literal | None:
    if family is Family.TEXT:
        try:
            raw.encode()
        except UnicodeEncodeError:
            raise location.error("The text is not valid Unicode") from None
        return Literal("'" + raw.replace("'", "''") + "'", raw)
    if family is Family.UUID:
        if not UUID_TEXT.fullmatch(raw.strip()):
            return None
        canonical = str(UUID(raw.strip()))
        return Literal(f"'{canonical}'", canonical)
    ns = parse_temporal(raw.strip(), family)
    return None if ns is None else Literal(f"'{format_temporal(ns, family)}'", ns)
