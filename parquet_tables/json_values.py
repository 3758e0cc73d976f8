"""Values as JSON takes them, nothing lost.

Invariant: a JSON number is sent only where a double holds it exactly, since that is what browsers
read; every other number is sent as text (so are NaN and the infinities). Dates and times are ISO
8601, binary values base64, NULL is null.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier

MAX_EXACT_INTEGER = 2**53 - 1


def json_cell(column: Column) -> str:
    """A column's expression, under its own name."""
    name = quote_identifier(column.name)
    return f"{shown_expression(name, column.type)} AS {name}"


def shown_expression(value: str, type_: str) -> str:
    """The SQL of a value of a type so that it reaches Python whole.

    Times that Python's types can't hold are written by DuckDB itself: DuckDB 2.0 gives an infinite
    date to Python as 9999-12-31, cuts nanoseconds, and counts a month of an interval as 30 days.
    """
    text = f"CAST({value} AS VARCHAR)"
    # DuckDB 2.0 writes the year 44 before our era as 0044-03-15 (BC) 12:00:00, and reads it so.
    moment = f"replace(replace({text}, ' ', 'T'), 'T(BC)T', ' (BC) ')"
    if type_ in ("DATE", "TIME", "TIME WITH TIME ZONE", "TIME_NS", "INTERVAL"):
        return text
    if type_ == "TIMESTAMP WITH TIME ZONE":  # in UTC, written by DuckDB with the offset +00
        return f"CASE WHEN isfinite({value}) THEN {moment} || ':00' ELSE {text} END"
    if type_.startswith("TIMESTAMP"):
        return moment
    return value


def json_value(value: Any) -> Any:
    """One value as JSON takes it.

    >>> json_value(2**60), json_value(Decimal("0.10")), json_value(float("nan"))
    ('1152921504606846976', 0.1, 'NaN')
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {_key(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return str(value)


def _decimal(value: Decimal) -> float | int | str:
    if value == value.to_integral_value():
        whole = int(value)
        return whole if abs(whole) <= MAX_EXACT_INTEGER else str(value)
    # Fifteen significant digits always survive the way through a double and back.
    return float(value) if len(value.as_tuple().digits) <= 15 else str(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(json_value(key))
