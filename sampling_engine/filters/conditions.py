"""Parse a list of JSON conditions into a filter, and convert a filter to such a list."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from domain_errors import Loc
from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import predicates
from sampling_engine.filters.errors import OPERATORS, Location
from sampling_engine.filters.filter import Filter, build_filter
from sampling_engine.filters.literals import TOO_MANY_DIGITS
from sampling_engine.filters.predicates import RawOperand
from sampling_engine.filters.relative import absolute_value, utc_now
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
    join_nodes,
    negate,
)
from sampling_engine.filters.tree import Literal as Value

MAX_CONDITIONS = 1_000
CONDITION_KEYS = ("column", "operator", "value")
VALUE_KINDS = {operator.name: operator.takes for operator in OPERATORS}
CONNECTIVES: dict[object, type[And] | type[Or]] = {"AND": And, "OR": Or}


def parse_conditions(
    conditions: Sequence[Mapping[str, object]],
    logic: Literal["AND", "OR"],
    table: TableFiles,
    *,
    loc: Loc = ("conditions",),
    now: datetime | None = None,
) -> Filter:
    """Parse a list of conditions; relative dates are those of ``now``, by default the present.

    Parameters
    ----------
    conditions : sequence of mappings
        Each has ``column``, ``operator`` (a name of ``OPERATORS``) and the operator's ``value``.
    logic : {"AND", "OR"}
        Whether a row must meet all conditions or one.

    Raises
    ------
    InvalidFilter, UnknownColumn
        At the first error; ``loc`` is extended by the condition's index and key.
    """
    location = Location(loc)
    if not isinstance(conditions, list | tuple):
        raise location.error("Conditions must be a list")
    if not 1 <= len(conditions) <= MAX_CONDITIONS:
        raise location.error("A filter must have 1 to {maximum} conditions", maximum=MAX_CONDITIONS)
    connective = CONNECTIVES.get(logic) if isinstance(logic, str) else None
    if connective is None:
        raise Location((*loc[:-1], "logic")).error("The logic must be AND or OR")
    nodes = [
        _parse_condition(condition, table, location.child(i), now or utc_now())
        for i, condition in enumerate(conditions)
    ]
    return build_filter(join_nodes(connective, nodes), location)


def _parse_condition(
    condition: Mapping[str, object], table: TableFiles, location: Location, now: datetime
) -> Node:
    if not isinstance(condition, Mapping):
        raise location.error("A condition must have column, operator and value")
    for key in condition:
        if key not in CONDITION_KEYS:
            raise location.child(str(key)).error(
                "A condition can have only column, operator and value"
            )
    name, operator = condition.get("column"), condition.get("operator")
    if not isinstance(name, str):
        raise location.child("column").error("The column must be the name of a column")
    # Once the column is found, only the operator can be wrong for it.
    column = location.child("column").find_column(table, name)
    left = RawOperand(column, location.child("operator"))
    if not isinstance(operator, str) or operator not in VALUE_KINDS:
        raise location.child("operator").error(
            "The operator must be one of: {choices}", choices=", ".join(VALUE_KINDS)
        )
    at = location.child("value")
    return _apply_operator(
        left, operator, absolute_value(column, condition.get("value"), now, at), at
    )


def _apply_operator(left: RawOperand, operator: str, value: object, location: Location) -> Node:
    positive = operator.removeprefix("not_")
    kind = VALUE_KINDS[operator]
    if kind == "nothing":
        if value is not None:
            raise location.error("The operator {operator} takes no value", operator=operator)
        node: Node = IsNull(predicates.require_column(left))
        return node if operator == "is_null" else negate(node)
    if kind == "value":
        return predicates.compare(left, operator, _raw_operand(value, location))
    if kind == "pair":
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise location.error("The value of between must be a list of two: low and high")
        low, high = (_raw_operand(bound, location.child(i)) for i, bound in enumerate(value))
        return predicates.between(left, low, high)
    if kind == "list":
        if not isinstance(value, list | tuple):
            raise location.error("The value of {operator} must be a list", operator=operator)
        values = [_raw_operand(item, location.child(i)) for i, item in enumerate(value)]
        node = predicates.in_list(left, values, location)
    else:
        pattern = _raw_operand(value, location)
        node = predicates.like(left, pattern, ignore_case=positive == "ilike")
    return node if positive == operator else negate(node)


def _raw_operand(value: object, location: Location) -> RawOperand:
    if value is None or isinstance(value, bool | str):
        return RawOperand(value, location)
    if isinstance(value, int):
        # Check the bits first: str() raises an error on integers of thousands of digits.
        if value.bit_length() > 2_000:
            raise location.error(TOO_MANY_DIGITS)
        return RawOperand(Decimal(value), location)
    if isinstance(value, Decimal) and value.is_finite():
        return RawOperand(value, location)
    if isinstance(value, float) and math.isfinite(value):
        return RawOperand(Decimal(repr(value)), location)
    raise location.error("The value must be a text, a number, true or false")


Logic = Literal["AND", "OR"]


def as_conditions(row_filter: Filter) -> tuple[list[dict[str, Any]], Logic] | None:
    """Return the filter's conditions and their logic; None if a list can't express it."""
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
