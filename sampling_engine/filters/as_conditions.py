"""Convert a filter to a list of conditions, for forms that edit either notation.

The conditions parse back to the same filter. A filter that a list can't express has no conditions.
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
    """Return the filter's conditions and their logic; None if a list can't express it.

    Nested filters, comparisons of two columns and negations without an operator have no list.
    """
    root = row_filter.node
    conditions = []
    for node in root.parts if isinstance(root, And | Or) else (root,):
        condition = _condition(node)
        if condition is None:
            return None
        conditions.append(condition)
    return conditions, "OR" if isinstance(root, Or) else "AND"


def _condition(node: Node) -> dict[str, Any] | None:
    negative = isinstance(node, Not)
    leaf = node.part if isinstance(node, Not) else node
    match leaf:
        case IsNull():
            operator = "is_not_null" if negative else "is_null"
            return {"column": leaf.column.name, "operator": operator}
        case In():
            values = [_json_value(value) for value in leaf.values]
            return _with_value(leaf.column, "not_in" if negative else "in", values)
        case Like():
            operator = "ilike" if leaf.ignore_case else "like"
            if negative:
                if leaf.ignore_case:
                    return None
                operator = "not_like"
            return _with_value(leaf.column, operator, _json_value(leaf.pattern))
        case Comparison() if not negative:
            return _with_value(leaf.column, leaf.operator, _json_value(leaf.other))
        case Between() if not negative:
            bounds = [_json_value(leaf.low), _json_value(leaf.high)]
            return _with_value(leaf.column, "between", bounds)
    return None


def _with_value(column: Column, operator: str, value: Any) -> dict[str, Any] | None:
    if value is None or (isinstance(value, list) and None in value):
        return None
    return {"column": column.name, "operator": operator, "value": value}


def _json_value(operand: Operand) -> bool | int | float | str | None:
    """Return a literal as a JSON value; None for a column."""
    if not isinstance(operand, Value):
        return None
    if operand.text.startswith("'"):
        return operand.text[1:-1].replace("''", "'")
    if isinstance(operand.value, Decimal):
        return _json_number(operand.value)
    return operand.value


def _json_number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
