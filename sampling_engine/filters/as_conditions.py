"""A filter as a list of conditions, where it can be one.

Owns: the way back from the tree to the JSON shape of :mod:`conditions`, for forms that edit either.
Invariant: the conditions, read again, give the same filter; a filter that nests, compares two
columns or negates what no operator negates has none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from parquet_tables.tables import Column
from sampling_engine.filters.filter import Filter
from sampling_engine.filters.tree import (
    And,
    Between,
    Comparison,
    In,
    IsNull,
    Like,
    Node,
    Not,
    Operand,
    Or,
)
from sampling_engine.filters.tree import Literal as Value

Logic = Literal["AND", "OR"]


def as_conditions(row_filter: Filter) -> tuple[list[dict[str, Any]], Logic] | None:
    """The filter's conditions and their logic; None when a list can't say it."""
    node = row_filter.node
    parts = node.parts if isinstance(node, And | Or) else (node,)
    conditions = [_condition(part) for part in parts]
    if None in conditions:
        return None
    return [one for one in conditions if one is not None], "OR" if isinstance(node, Or) else "AND"


def _condition(node: Node) -> dict[str, Any] | None:
    negative = isinstance(node, Not)
    leaf = node.part if isinstance(node, Not) else node
    match leaf:
        case IsNull():
            return {
                "column": leaf.column.name,
                "operator": "is_not_null" if negative else "is_null",
            }
        case In():
            values = [_value(one) for one in leaf.values]
            return _made(leaf.column, "not_in" if negative else "in", values)
        case Like():
            operator = "ilike" if leaf.ignore_case else "like"
            if negative:
                if leaf.ignore_case:
                    return None
                operator = "not_like"
            return _made(leaf.column, operator, _value(leaf.pattern))
        case Comparison() if not negative:
            return _made(leaf.column, leaf.operator, _value(leaf.other))
        case Between() if not negative:
            return _made(leaf.column, "between", [_value(leaf.low), _value(leaf.high)])
    return None


def _made(column: Column, operator: str, value: Any) -> dict[str, Any] | None:
    ends = value if isinstance(value, list) else [value]
    if any(one is None for one in ends):
        return None
    return {"column": column.name, "operator": operator, "value": value}


def _value(operand: Operand) -> bool | int | float | str | None:
    """A literal as JSON has it; None for a column."""
    if not isinstance(operand, Value):
        return None
    if operand.text.startswith("'"):
        return operand.text[1:-1].replace("''", "'")
    if isinstance(operand.value, Decimal):
        return _number(operand.value)
    return operand.value


def _number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
