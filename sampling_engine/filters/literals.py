"""Check a literal against its column's type, and give it its canonical text.

Parsing is exact: a number is a decimal, a date or time is in nanoseconds. A TIMESTAMP WITH TIME
ZONE is in UTC unless it has an offset.
"""

from __future__ import annotations

import re
import struct
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from parquet_tables.tables import Column
from sampling_engine.filters.errors import Location, shorten
from sampling_engine.filters.tree import NUMBERS, Family, Literal, family_of

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
DAY_NS = 86_400_000_000_000
MIN_TIMESTAMP_NS = (date.min.toordinal() - EPOCH_ORDINAL) * DAY_NS
MAX_TIMESTAMP_NS = (date.max.toordinal() - EPOCH_ORDINAL + 1) * DAY_NS - 1
MAX_OFFSET_MINUTES = 16 * 60

DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
TIME = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
)
OFFSET = r"[ ]?(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2}))?)"
TIMESTAMP = rf"{DATE}(?:[Tt ]{TIME}"
FORMATS = {
    Family.DATE: re.compile(rf"{TIMESTAMP})?"),
    Family.TIMESTAMP: re.compile(rf"{TIMESTAMP})?"),
    Family.TIMESTAMP_TZ: re.compile(rf"{TIMESTAMP}(?:{OFFSET})?)?"),
    Family.TIME: re.compile(TIME),
}


def parse_temporal(text: str, family: Family) -> int | None:
    """Return nanoseconds since 1970 in UTC, or since midnight for a time; None if invalid.

    >>> parse_temporal("1970-01-01T02:00+02:00", Family.TIMESTAMP_TZ)
    0
    """
    match = FORMATS[family].fullmatch(text)
    if match is None:
        return None
    fields = match.groupdict()
    try:
        ns = _time_ns(fields)
        if family is not Family.TIME:
            day = date(int(fields["year"]), int(fields["month"]), int(fields["day"]))
            ns += (day.toordinal() - EPOCH_ORDINAL) * DAY_NS - _offset_ns(fields)
    except ValueError:
        return None
    return ns if family is Family.TIME or MIN_TIMESTAMP_NS <= ns <= MAX_TIMESTAMP_NS else None


def format_temporal(ns: int, family: Family) -> str:
    """Return the canonical text, which DuckDB parses as well.

    >>> format_temporal(0, Family.DATE), format_temporal(0, Family.TIMESTAMP_TZ)
    ('1970-01-01', '1970-01-01 00:00:00+00:00')
    """
    days, day_ns = divmod(ns, DAY_NS)
    seconds, fraction = divmod(day_ns, 1_000_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:09}".rstrip("0")
    if family is Family.TIME:
        return clock
    day = date.fromordinal(days + EPOCH_ORDINAL).isoformat()
    if family is Family.DATE and not day_ns:
        return day
    return f"{day} {clock}" + ("+00:00" if family is Family.TIMESTAMP_TZ else "")


def _time_ns(fields: dict[str, str | None]) -> int:
    hour, minute, second = (int(fields[name] or 0) for name in ("hour", "minute", "second"))
    clock = time(hour, minute, second)
    fraction = int((fields["fraction"] or "").ljust(9, "0"))
    return (clock.hour * 3600 + clock.minute * 60 + clock.second) * 1_000_000_000 + fraction


def _offset_ns(fields: dict[str, str | None]) -> int:
    minutes, hours = int(fields.get("minutes") or 0), int(fields.get("hours") or 0)
    if minutes > 59 or hours * 60 + minutes > MAX_OFFSET_MINUTES:
        raise ValueError("invalid UTC offset")
    ns = (hours * 60 + minutes) * 60_000_000_000
    return -ns if fields.get("sign") == "-" else ns


RawValue = bool | Decimal | str

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
SPECIAL_NUMBERS = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity"}
MAX_NUMBER_DIGITS = 400
TOO_MANY_DIGITS = f"A number can have at most {MAX_NUMBER_DIGITS} digits"
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
    """Return the value in the column's type."""
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
            'The column "{column}" is of type {type}: write {example}, not {found}',
            column=column.name,
            type=column.type,
            example=_spelled(raw, family, location) or EXAMPLES[family],
            found=describe(raw),
        )
    return literal


WRITTEN_DATE = re.compile(
    r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})(?![0-9.])"
)


def iso_date(text: str) -> str | None:
    """The ISO text of a date with the day first, such as ``31.7.2025``; None for another text.

    >>> iso_date("31.7.2025"), iso_date("32.7.2025")
    ('2025-07-31', None)
    """
    found = WRITTEN_DATE.fullmatch(text.strip())
    try:
        return found and date(*(int(found[name]) for name in ("year", "month", "day"))).isoformat()
    except ValueError:
        return None


def _spelled(raw: RawValue, family: Family, location: Location) -> str | None:
    """How a refused value is written for the column; None if that isn't clear."""
    if family is Family.TEXT and isinstance(raw, Decimal):
        written = None
        if location.text is not None and location.position is not None:
            written = NUMBER.match(location.text, location.position)
        return f"it in single quotes, '{written[0] if written else raw}'"
    if family in (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMP_TZ) and isinstance(raw, str):
        iso = iso_date(raw)
        return None if iso is None else f"'{iso}'"
    return None


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
        raise location.error(TOO_MANY_DIGITS)
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
            'The column "{column}" is of type {type}, which has no number as large as {number}',
            column=column.name,
            type=column.type,
            number=shorten(str(raw)),
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
