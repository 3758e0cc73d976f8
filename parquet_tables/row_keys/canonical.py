"""The canonical text of a row key and its digest, in SQL and in Python.

``docs/SAMPLING.md`` defines both under "The keyed order", so that other programs find them, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

from domain_errors import DomainError, Loc
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles

DIGEST_BITS = 62
MAX_KEY_COLUMNS = 4


class InvalidKey(DomainError):
    """Columns can't be a row key."""

    code = "invalid_key"


def key_columns(table: TableFiles, names: Sequence[str], loc: Loc = ()) -> tuple[Column, ...]:
    """The columns of a key.

    Raises
    ------
    UnknownColumn
        The table has no column of a name.
    InvalidKey
        A column is named twice, or its type can't be in a key.
    """
    columns = []
    for place, name in enumerate(names):
        at = (*loc, place)
        column = table.column(name, at)
        if column in columns:
            raise InvalidKey('The key has the column "{column}" twice.', column=name, loc=at)
        if _text(column, "x") is None:
            raise InvalidKey(
                'The column "{column}" can\'t be in a key: its type is {type}. A key has integers, '
                "decimals, texts, dates, timestamps, booleans or UUIDs.",
                column=column.name,
                type=column.type,
                loc=at,
            )
        columns.append(column)
    return tuple(columns)


def can_be_in_key(column: Column) -> bool:
    """Whether values of this type have a canonical text."""
    return _text(column, "x") is not None


def value_text(column: Column, value: str) -> str:
    """The SQL of a value's canonical text; NULL of NULL."""
    text = _text(column, value)
    assert text is not None, column  # noqa: S101 - key_columns has refused others
    return text


def key_text(columns: Sequence[Column], values: Sequence[str] | None = None) -> str:
    """The SQL of a key's canonical text; NULL if a value is NULL.

    Parameters
    ----------
    values : sequence of str, optional
        The SQL of the columns' values; by default those of the table ``f``.
    """
    if values is None:
        values = [f"f.{quote_identifier(column.name)}" for column in columns]
    texts = [value_text(column, value) for column, value in zip(columns, values, strict=True)]
    joined = ", ".join(f"strlen({text}), ':', {text}" for text in texts)
    missing = " OR ".join(f"{value} IS NULL" for value in values)
    return f"CASE WHEN {missing} THEN NULL ELSE concat({joined}) END"


def digest_of(text: str) -> str:
    """The SQL of the digest of a text as a BIGINT."""
    return f"CAST(('0x' || left(sha256({text}), 16))::UBIGINT >> {64 - DIGEST_BITS} AS BIGINT)"


def _text(column: Column, value: str) -> str | None:
    kind = column.data_type
    plain = f"CAST({value} AS VARCHAR)"
    if kind.is_text:
        return value
    if kind.is_integer or kind.is_date or kind.name == "BOOLEAN":
        return plain
    if kind.name == "UUID":
        return f"lower({plain})"
    if kind.digits is not None:
        digits, places = kind.digits
        if digits == places:  # DuckDB writes .50
            plain = f"regexp_replace({plain}, '^(-?)[.]', '\\10.')"
        return plain if places == 0 else f"rtrim(rtrim({plain}, '0'), '.')"
    if kind.name == "TIMESTAMP WITH TIME ZONE":
        return f"{_moment(f'{value} AT TIME ZONE {chr(39)}UTC{chr(39)}')} || 'Z'"
    if kind.name in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"):
        return _moment(value)
    if kind.name == "TIME":
        return plain
    return None


def _moment(value: str) -> str:
    """ISO 8601 with T; DuckDB writes as many digits of the second as are needed."""
    return f"replace(CAST(CAST({value} AS TIMESTAMP) AS VARCHAR), ' ', 'T')"


KeyValue = int | str | bool | Decimal | date | datetime | time | UUID


def text_of_value(value: KeyValue) -> str:
    """The canonical text of a value.

    >>> [text_of_value(value) for value in (7, "007", True, Decimal("12.50"), Decimal("1E+2"))]
    ['7', '007', 'true', '12.5', '100']
    >>> text_of_value(datetime(2025, 7, 1, 9, 30, 0, 500000))
    '2025-07-01T09:30:00.5'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        zone = "" if value.tzinfo is None else "Z"
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return _without_zeros(moment.replace(tzinfo=None).isoformat()) + zone
    if isinstance(value, time):
        return _without_zeros(value.isoformat())
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _without_zeros(moment: str) -> str:
    return re.sub(r"(\.\d*?)0+$", r"\1", moment).removesuffix(".")


def text_of_key(values: Sequence[KeyValue]) -> str:
    """The canonical text of a key.

    >>> text_of_key([1, "x"]), text_of_key(["Müller"])
    ('1:11:x', '7:Müller')
    """
    texts = [text_of_value(value) for value in values]
    return "".join(f"{len(text.encode())}:{text}" for text in texts)


def digest_of_text(text: str) -> int:
    """The digest of a canonical text: the first 62 bits of its SHA-256.

    >>> digest_of_text("3:007")
    2157067259594002573
    """
    return int.from_bytes(sha256(text.encode()).digest()[:8]) >> (64 - DIGEST_BITS)
