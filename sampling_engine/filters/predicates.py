"""Build the checked conditions of a tree: each operator's rules and limits."""

from __future__ import annotations

from collections.abc import Sequence

from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from sampling_engine.filters.errors import Location
from sampling_engine.filters.literals import RawValue, describe, parse_literal
from sampling_engine.filters.tree import (
    Between,
    Comparison,
    Family,
    In,
    Like,
    Literal,
    Node,
    Operand,
    common_type,
    family_of,
)

MAX_LIST_VALUES = 10_000
MIRRORED_OPERATORS = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class RawOperand:
    """A column, an unchecked value, or NULL (as None), with its location."""

    value: Column | RawValue | None
    location: Location


def compare(left: RawOperand, operator: str, right: RawOperand) -> Node:
    """Build ``left operator right``; one side must be a column."""
    if not isinstance(left.value, Column):
        _reject_null(left)
        if not isinstance(right.value, Column):
            raise left.location.error("A comparison needs a column on one of its sides")
        left, operator, right = right, MIRRORED_OPERATORS[operator], left
    column = require_comparable(left)
    _check_order(column, operator, left.location)
    return Comparison(column, operator, _operand(column, right))


def between(left: RawOperand, low: RawOperand, high: RawOperand) -> Node:
    """Build ``left BETWEEN low AND high``; ``left`` must be a column."""
    column = require_comparable(left, "BETWEEN")
    _check_order(column, "BETWEEN", left.location)
    return Between(column, _operand(column, low), _operand(column, high))


def in_list(left: RawOperand, values: Sequence[RawOperand], location: Location) -> Node:
    """Build ``left IN (values)``."""
    column = require_comparable(left, "IN")
    if not values:
        raise location.error("A list of values for IN must have at least one value")
    if len(values) > MAX_LIST_VALUES:
        raise location.error(
            "A list of values for IN can have at most {maximum} values", maximum=MAX_LIST_VALUES
        )
    return In(column, tuple(dict.fromkeys(_literal(column, value) for value in values)))


def like(left: RawOperand, pattern: RawOperand, *, ignore_case: bool) -> Node:
    """Build ``left LIKE pattern``, or ILIKE."""
    word = "ILIKE" if ignore_case else "LIKE"
    column = require_comparable(left, word)
    if family_of(column.type) is not Family.TEXT:
        raise left.location.error(
            'The column "{column}" is of type {type}: {operator} is only for text; '
            "use = < > or BETWEEN",
            column=column.name,
            type=column.type,
            operator=word,
        )
    if not isinstance(pattern.value, str):
        _reject_null(pattern)
        raise pattern.location.error(
            "Expected a text after {operator}, for example 'New%'", operator=word
        )
    return Like(column, _literal(column, pattern), ignore_case)


def require_column(left: RawOperand, word: str = "IS NULL") -> Column:
    """Return the column before the operator ``word``; raise InvalidFilter for a value."""
    if not isinstance(left.value, Column):
        raise left.location.error(
            "Expected a column before {operator}, not {found}",
            operator=word,
            found="NULL" if left.value is None else describe(left.value),
        )
    return left.value


def require_comparable(left: RawOperand, word: str = "a comparison") -> Column:
    """Return the column before the operator ``word``, of a type that has comparisons."""
    column = require_column(left, word)
    if family_of(column.type) is Family.OTHER:
        raise left.location.error(
            'The column "{column}" is of type {type}, which can\'t be compared: '
            "write IS NULL or IS NOT NULL",
            column=column.name,
            type=column.type,
        )
    return column


def _check_order(column: Column, operator: str, location: Location) -> None:
    if family_of(column.type) is Family.BOOLEAN and operator not in ("=", "!="):
        raise location.error(
            'The column "{column}" is of type {type}, which has no order: write = true or = false',
            column=column.name,
            type=column.type,
        )


def _operand(column: Column, raw: RawOperand) -> Operand:
    if not isinstance(raw.value, Column):
        return _literal(column, raw)
    other = require_comparable(raw)
    if common_type(column.type, other.type) is None:
        raise raw.location.error(
            'The column "{column}" is of type {type} and the column "{other}" of type '
            "{other_type}: they can't be compared",
            column=column.name,
            type=column.type,
            other=other.name,
            other_type=other.type,
        )
    return other


def _literal(column: Column, raw: RawOperand) -> Literal:
    _reject_null(raw)
    if isinstance(raw.value, Column):
        raise raw.location.error(
            'Expected a value, not the column "{column}"; write a text in single quotes',
            column=raw.value.name,
        )
    if raw.value is None:
        raise TypeError("NULL was rejected before")
    return parse_literal(column, raw.value, raw.location)


def _reject_null(raw: RawOperand) -> None:
    if raw.value is None:
        raise raw.location.error("NULL can't be compared: write IS NULL or IS NOT NULL")
