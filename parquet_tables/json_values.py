"""Values as JSON, without loss.

A number is a JSON number only if a double holds it exactly, since browsers read doubles; others are
texts. Dates and times are ISO 8601, binary values base64.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier

MAX_EXACT_INTEGER = 2**53 - 1
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def json_cell(column: Column) -> str:
    """Return a column's expression, aliased to its name."""
    name = quote_identifier(column.name)
    return f"{shown_expression(name, column.type)} AS {name}"


def shown_expression(value: str, type_: str) -> str:
    """Return the SQL of a value that reaches Python without loss.

    DuckDB writes dates and times as text: its Python client reads an infinite date as 9999-12-31,
    truncates nanoseconds, and converts a month of an interval to 30 days.
    """
    text = f"CAST({value} AS VARCHAR)"
    # DuckDB 2.0 writes and reads the year 44 BC as 0044-03-15 (BC) 12:00:00.
    iso_text = f"replace(replace({text}, ' ', 'T'), 'T(BC)T', ' (BC) ')"
    if type_ in ("DATE", "TIME", "TIME WITH TIME ZONE", "TIME_NS", "INTERVAL"):
        return text
    if type_ == "TIMESTAMP WITH TIME ZONE":  # DuckDB writes UTC with the offset +00
        return f"CASE WHEN isfinite({value}) THEN {iso_text} || ':00' ELSE {text} END"
    if type_.startswith("TIMESTAMP"):
        return iso_text
    return value


def json_value(value: Any) -> Any:
    """Convert a value to JSON.

    >>> json_value(2**60), json_value(Decimal("0.10")), json_value(float("nan"))
    ('1152921504606846976', 0.1, 'NaN')
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE.get(value, "NaN")
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(json_value(key)): json_value(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return str(value)


def json_text(value: Any) -> str:
    """Return the JSON text of a value, in one line."""
    return _ENCODER.encode(json_value(value))


def nested_text(value: Any) -> str:
    """Like :func:`json_text`, but a text that is a JSON object or list is written as such.

    Its numbers keep their digits. A text with NaN, or with an object that has a key twice, is none.

    >>> nested_text('{"role": "user", "turns": [1, 2.50]}'), nested_text("[sic]")
    ('{"role": "user", "turns": [1, 2.50]}', '"[sic]"')
    """
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            json.loads(value, parse_constant=_refuse_constant, object_pairs_hook=without_repeats)
        except (ValueError, RecursionError):
            return json_text(value)
        return value.replace("\n", " ").replace("\r", " ")
    return json_text(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} isn't JSON")


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; ValueError if a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _decimal(value: Decimal) -> float | int | str:
    if value == value.to_integral_value():
        whole = int(value)
        return whole if abs(whole) <= MAX_EXACT_INTEGER else str(value)
    # A double preserves fifteen significant digits.
    return float(value) if len(value.as_tuple().digits) <= 15 else str(value)
