"""Reading a value as its column's type asks.

Owns: which values fit which columns, and a value's one spelling. Invariant: reading is exact: a
number is a decimal, a moment is in nanoseconds; nothing is rounded here. A text that spells a value
of the column's type is that value, as in SQL. Called by :mod:`predicates`.
"""

from __future__ import annotations

import re
import struct
from decimal import Decimal
from uuid import UUID

from parquet_tables.tables import Column
from sampling_engine.filters import moments
from sampling_engine.filters.errors import Place, shortened
from sampling_engine.filters.tree import Literal
from sampling_engine.filters.types import NUMBERS, Family, family_of

Raw = bool | Decimal | str

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
SPECIAL_NUMBERS = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity"}
MOST_NUMBER_DIGITS = 400
PLAIN_DIGITS = 40
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

WRITE = {
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


def read_literal(column: Column, raw: Raw, place: Place) -> Literal:
    """The value as the column's type has it.

    Raises
    ------
    InvalidFilter
        It doesn't fit; the message says the column's type and what to write.
    """
    family = family_of(column.type)
    if family in NUMBERS:
        literal = _number(column, raw, family, place)
    elif family is Family.BOOLEAN:
        literal = _boolean(raw)
    elif isinstance(raw, str):
        literal = _text(raw, family, place)
    else:
        literal = None
    if literal is None:
        raise place.refusal(
            f'The column "{column.name}" is of type {column.type}: write {WRITE[family]}, '
            f"not {described(raw)}"
        )
    return literal


def described(raw: Raw) -> str:
    """A value as a message names it."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Decimal):
        return f"the number {shortened(str(raw))}"
    return f"the text '{shortened(raw)}'"


def check_size(number: Decimal, place: Place) -> Decimal:
    """Refuse a number whose exact digits would fill pages."""
    _, digits, exponent = number.as_tuple()
    wide = len(digits) > MOST_NUMBER_DIGITS or abs(int(exponent)) > MOST_NUMBER_DIGITS
    if wide or (number and abs(number.adjusted()) > MOST_NUMBER_DIGITS):
        raise place.refusal(f"A number has up to {MOST_NUMBER_DIGITS} digits")
    return number


def spelled_number(number: Decimal) -> str:
    """A number's one spelling.

    >>> spelled_number(Decimal("1.50")), spelled_number(Decimal("1E+2"))
    ('1.5', '100')
    """
    if not number:
        return "0"
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if len(plain) <= PLAIN_DIGITS:
        return plain
    sign, digits, _ = number.as_tuple()
    stripped = "".join(map(str, digits)).strip("0")
    point = "." if len(stripped) > 1 else ""
    return f"{'-' * sign}{stripped[0]}{point}{stripped[1:]}e{number.adjusted()}"


def _number(column: Column, raw: Raw, family: Family, place: Place) -> Literal | None:
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
    check_size(raw, place)
    if family is Family.FLOAT and not _has_nearest(column.type, raw):
        raise place.refusal(
            f'The column "{column.name}" is of type {column.type}, which has no number as large '
            f"as {shortened(str(raw))}"
        )
    return Literal(spelled_number(raw), raw)


def _has_nearest(type_name: str, number: Decimal) -> bool:
    try:
        struct.pack("<f" if type_name == "FLOAT" else "<d", float(number))
    except OverflowError:
        return False
    return abs(float(number)) != float("inf")


def _boolean(raw: Raw) -> Literal | None:
    if isinstance(raw, str) and raw.strip().lower() in ("true", "false"):
        raw = raw.strip().lower() == "true"
    return Literal("true" if raw else "false", raw) if isinstance(raw, bool) else None


def _text(raw: str, family: Family, place: Place) -> Literal | None:
    if family is Family.TEXT:
        try:
            raw.encode()
        except UnicodeEncodeError:
            raise place.refusal("The text isn't valid Unicode") from None
        return Literal("'" + raw.replace("'", "''") + "'", raw)
    if family is Family.UUID:
        if not UUID_TEXT.fullmatch(raw.strip()):
            return None
        canonical = str(UUID(raw.strip()))
        return Literal(f"'{canonical}'", canonical)
    ns = moments.read(raw.strip(), family)
    return None if ns is None else Literal(f"'{moments.spell(ns, family)}'", ns)
