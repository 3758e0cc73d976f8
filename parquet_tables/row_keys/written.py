"""Row keys as people write them: read by the types of the key's columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.canonical import KeyValue
from parquet_tables.tables import Column

SEPARATORS = re.compile(r"(?<=\d)[, \u00a0\u202f](?=\d{3})")
"""Thousands separators of a number as people write it."""
INTEGER = re.compile(r"[+-]?[0-9]{1,38}")
NUMBER = re.compile(r"(?:number )?([1-9][0-9]{0,6})")
"""The number of a row among those that share their key, as names have it."""
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
MAX_SHOWN = 100
_PART = re.compile(r'\s*"(?P<quoted>(?:[^"]|"")*)"\s*(?:,|\Z)|(?P<plain>[^,]*)(?:,|\Z)')


class UnreadableKey(DomainError):
    """A text isn't a key of the table."""

    code = "invalid_value"


@dataclass(frozen=True)
class WrittenKey:
    """Values of a key's columns, and the number among the rows that share them."""

    values: tuple[KeyValue, ...]
    number: int | None = None


def written_keys(columns: Sequence[Column], text: str) -> list[WrittenKey]:
    """What a text may mean as a key, the likeliest first.

    The text has a value for each column, separated by commas, one with a comma in double quotes. A
    key of one column is the whole text. Blanks at the ends of a text in quotes belong to it; others
    do so first, but for one after a comma. Each value may follow its column's name, as in names of
    rows, and the number of a row that shares its key may follow them.

    Raises
    ------
    UnreadableKey
        It has other parts, or values that don't fit the columns.

    Examples
    --------
    >>> [key.values for key in written_keys([Column("document", "VARCHAR")], "document 0027")]
    [('document 0027',), ('0027',)]
    >>> pair = [Column("company", "BIGINT"), Column("document", "VARCHAR")]
    >>> written_keys(pair, "1000, 0027")[0]
    WrittenKey(values=(1000, '0027'), number=None)
    >>> written_keys(pair, "company 1000, document 0027, number 2")[0]
    WrittenKey(values=(1000, '0027'), number=2)
    """
    texts = _divided(text)[1]
    keys: list[WrittenKey] = []
    problem = None
    for written, last in _readings(text, len(columns)):
        for values in (written, _without_names(columns, written)):
            if values is None:
                continue
            try:
                key = WrittenKey(tuple(map(key_value, columns, values)), last)
            except UnreadableKey as error:
                problem = problem or error
                continue
            if key not in keys:
                keys.append(key)
    if keys:
        return keys
    raise problem or UnreadableKey(
        '"{text}" isn\'t a row key: it has {count} {count|value|values}, and the key {columns} has '
        "{needed}. Separate values by commas.",
        text=text[:MAX_SHOWN],
        count=len(texts),
        columns=", ".join(column.name for column in columns),
        needed=len(columns),
    )


def _readings(text: str, columns: int) -> Iterator[tuple[list[str], int | None]]:
    """The texts of the columns that a text may have, each with a row's number if it has one."""
    as_written, stripped = _divided(text)
    if columns == 1:
        yield from (([text], None), ([text.strip()], None))
    for divided in (as_written, stripped):
        if len(divided) == columns:
            yield divided, None
        if len(divided) == columns + 1 and (number := NUMBER.fullmatch(stripped[-1])):
            yield divided[:-1], int(number[1])


def key_value(column: Column, text: str) -> KeyValue:
    """The value that a text means in a column of a key.

    Raises
    ------
    UnreadableKey
        The text doesn't fit the column's type.
    """
    try:
        return _reader(column)(text)
    except (ValueError, InvalidOperation, OverflowError):
        raise UnreadableKey(
            '"{text}" isn\'t a value of the column "{column}", whose type is {type}.',
            text=text[:MAX_SHOWN],
            column=column.name,
            type=column.type,
        ) from None


def _reader(column: Column) -> Callable[[str], KeyValue]:
    kind = column.data_type
    if kind.is_text:
        return str
    if kind.is_integer:
        return _integer
    if kind.digits is not None:
        return _decimal
    if kind.is_date:
        return lambda text: date.fromisoformat(text.strip())
    if kind.is_timestamp:
        return _zoned if kind.name == "TIMESTAMP WITH TIME ZONE" else _moment
    if kind.name == "TIME":
        return lambda text: time.fromisoformat(text.strip())
    return _boolean if kind.name == "BOOLEAN" else UUID


def _integer(text: str) -> int:
    plain = SEPARATORS.sub("", text.strip())
    if not INTEGER.fullmatch(plain):
        raise ValueError(text)
    return int(plain)


def _decimal(text: str) -> Decimal:
    value = Decimal(SEPARATORS.sub("", text.strip()))
    if not value.is_finite() or abs(value.adjusted()) > 38:
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    value = BOOLEANS.get(text.strip().lower())
    if value is None:
        raise ValueError(text)
    return value


def _moment(text: str) -> datetime:
    value = datetime.fromisoformat(text.strip())
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _zoned(text: str) -> datetime:
    value = datetime.fromisoformat(text.strip())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _divided(text: str) -> tuple[list[str], list[str]]:
    """The parts between commas: as written but for a blank after a comma, and without blanks."""
    exact, stripped, place = [], [], 0
    while True:
        part = _PART.match(text, place)
        assert part is not None  # noqa: S101 - the pattern matches any text
        quoted, plain = part["quoted"], part["plain"]
        if quoted is None:
            exact.append(plain.removeprefix(" ") if place else plain)
            stripped.append(plain.strip())
        else:
            exact.append(quoted.replace('""', '"'))
            stripped.append(exact[-1])
        place = part.end()
        if not part[0].endswith(","):
            return exact, stripped


def _without_names(columns: Sequence[Column], texts: Sequence[str]) -> list[str] | None:
    """The values that follow their columns' names; None if one doesn't."""
    names = [f"{column.name.lower()} " for column in columns]
    if not all(text.lower().startswith(name) for name, text in zip(names, texts, strict=True)):
        return None
    return [text[len(name) :] for name, text in zip(names, texts, strict=True)]
