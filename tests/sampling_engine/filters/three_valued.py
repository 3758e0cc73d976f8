"""Evaluate a filter on a row in plain Python: true, false, or None for NULL."""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from parquet_tables.tables import Column
from sampling_engine.filters.tree import (
    And,
    Between,
    Comparison,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Operand,
    Or,
)

Truth = bool | None
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EPOCH = datetime.fromisoformat("1970-01-01")


def meets(node: Node, row: dict[str, object]) -> Truth:
    """Return whether the row meets the condition."""
    match node:
        case And():
            return _all(meets(part, row) for part in node.parts)
        case Or():
            return _negate(_all(_negate(meets(part, row)) for part in node.parts))
        case Not():
            return _negate(meets(node.part, row))
        case IsNull():
            return row.get(node.column.name) is None
        case Comparison():
            return _compare(node.column, node.operator, node.other, row)
        case Between():
            low = _compare(node.column, ">=", node.low, row)
            return _all([low, _compare(node.column, "<=", node.high, row)])
        case In():
            outcomes = (_compare(node.column, "=", value, row) for value in node.values)
            return _negate(_all(_negate(outcome) for outcome in outcomes))
        case Like():
            value = row.get(node.column.name)
            return None if value is None else _like(str(value), node)


def _all(truths: Iterable[Truth]) -> Truth:
    outcome: Truth = True
    for truth in truths:
        if truth is False:
            outcome = False
        elif truth is None and outcome:
            outcome = None
    return outcome


def _negate(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _compare(column: Column, sign: str, other: Operand, row: dict[str, object]) -> Truth:
    left = row.get(column.name)
    right = row.get(other.name) if isinstance(other, Column) else other.value
    if left is None or right is None:
        return None
    types = [column.type, other.type] if isinstance(other, Column) else [column.type]
    if isinstance(other, Literal) and column.type == "FLOAT":
        right = struct.unpack("<f", struct.pack("<f", float(str(right))))[0]
    key = partial(_key, floating=bool({"FLOAT", "DOUBLE"} & set(types)))
    return COMPARE[sign](key(left), key(right))


def _key(value: object, *, floating: bool) -> object:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, date):
        start = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        elapsed = start - EPOCH
        return ((elapsed.days * 86_400 + elapsed.seconds) * 10**6 + elapsed.microseconds) * 1000
    if floating:
        number = float(str(value))
        # NaN equals itself and is greater than every other number.
        return (1, 0.0) if number != number else (0, number)
    if isinstance(value, int | Decimal):
        return Fraction(value)
    raise TypeError(type(value))


def _like(value: str, node: Like) -> bool:
    wildcards = {"%": ".*", "_": "."}
    pattern = str(node.pattern.value)
    if node.ignore_case:
        value, pattern = value.lower(), pattern.lower()
    expression = "".join(wildcards.get(char) or re.escape(char) for char in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None
