"""A parsed filter: its canonical text, and its SQL with bound values.

A comparison with a value that a column's type can't hold becomes an equivalent one with a value
that it can hold, so columns are never cast. NaN equals itself and is the largest number.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine.filters.errors import Location
from sampling_engine.filters.literals import format_temporal
from sampling_engine.filters.tree import (
    INTEGER_BITS,
    MAX_DEPTH,
    TEMPORAL_STEP_NS,
    And,
    Between,
    Comparison,
    Family,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Operand,
    Or,
    columns_of,
    common_type,
    decimal_shape,
    depth,
    family_of,
    integer_range,
)


@dataclass(frozen=True)
class Filter:
    """The rows for which a condition, checked against the table's columns, is true."""

    node: Node

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The condition's columns, in order of appearance."""
        return columns_of(self.node)

    @cached_property
    def text(self) -> str:
        """The filter as a canonical expression: equal filters have equal texts."""
        return format_expression(self.node)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """Return a boolean SQL expression over ``alias."column"``, and its parameters in order."""
        return build_condition(self.node, alias)


def build_filter(node: Node, location: Location) -> Filter:
    """Build the filter of a tree, after checking its depth."""
    if depth(node) > MAX_DEPTH:
        raise location.error(
            "AND, OR and NOT can be nested at most {maximum} deep", maximum=MAX_DEPTH
        )
    return Filter(node)


def format_expression(node: Node) -> str:
    """Return the expression, with quoted columns and words in capitals."""
    match node:
        case And():
            return " AND ".join(_nested(part) for part in node.parts)
        case Or():
            return " OR ".join(_nested(part) for part in node.parts)
        case Not(Comparison() | And() | Or() as part):
            return f"NOT ({format_expression(part)})"
        case Not(part):
            return _spelled_leaf(part, "NOT ")
        case _:
            return _spelled_leaf(node, "")


def _nested(part: Node) -> str:
    text = format_expression(part)
    return f"({text})" if isinstance(part, And | Or) else text


def _spelled_leaf(node: Node, negation: str) -> str:
    match node:
        case Comparison():
            return f"{_spelled(node.column)} {node.operator} {_spelled(node.other)}"
        case Between():
            low, high = _spelled(node.low), _spelled(node.high)
            return f"{_spelled(node.column)} {negation}BETWEEN {low} AND {high}"
        case In():
            values = ", ".join(literal.text for literal in node.values)
            return f"{_spelled(node.column)} {negation}IN ({values})"
        case Like():
            word = "ILIKE" if node.ignore_case else "LIKE"
            return f"{_spelled(node.column)} {negation}{word} {node.pattern.text}"
        case IsNull():
            return f"{_spelled(node.column)} IS {negation}NULL"
        case _:
            raise TypeError(f"{type(node).__name__} is not a leaf")


def _spelled(operand: Operand) -> str:
    return quote_identifier(operand.name) if isinstance(operand, Column) else operand.text


# DuckDB uses the first and last values of 64 bits for infinite timestamps.
MIN_TEMPORAL_INDEX, MAX_TEMPORAL_INDEX = -(1 << 63) + 2, (1 << 63) - 2


def index_of(type_name: str, value: Decimal | int) -> Fraction:
    """Return the value in steps of the type; a temporal value is in nanoseconds."""
    if type_name in TEMPORAL_STEP_NS:
        return Fraction(int(value), TEMPORAL_STEP_NS[type_name])
    return Fraction(value) * Fraction(10 ** _scale(type_name))


def value_at(type_name: str, index: int) -> Decimal | int:
    """Return the type's value at an index: the inverse of :func:`index_of`."""
    if type_name in TEMPORAL_STEP_NS:
        return index * TEMPORAL_STEP_NS[type_name]
    scale = _scale(type_name)
    return Decimal((index < 0, tuple(map(int, str(abs(index)))), -scale)) if scale else index


def is_representable(type_name: str, index: Fraction) -> bool:
    """Return whether the type has a value at this index."""
    first, last = index_range(type_name)
    return index.denominator == 1 and first <= index <= last


def exact_comparison(type_name: str, operator: str, index: Fraction) -> tuple[str, int] | bool:
    """Return the equivalent comparison with a representable index, or the outcome of all values.

    >>> exact_comparison("INTEGER", ">", Fraction(3, 2))
    ('>', 1)
    >>> exact_comparison("INTEGER", "<", Fraction(3, 2))
    ('<=', 1)
    >>> exact_comparison("TINYINT", "<", Fraction(1000))
    True
    """
    first, last = index_range(type_name)
    if is_representable(type_name, index):
        return operator, int(index)
    if operator in ("=", "!="):
        return operator == "!="
    is_less = operator in ("<", "<=")
    if index < first or index > last:
        return is_less == (index > last)
    return "<=" if is_less else ">", index.numerator // index.denominator


def index_range(type_name: str) -> tuple[int, int]:
    """Return the lowest and the highest index of the type."""
    if type_name in INTEGER_BITS:
        return integer_range(type_name)
    if type_name in TEMPORAL_STEP_NS:
        return MIN_TEMPORAL_INDEX, MAX_TEMPORAL_INDEX
    limit = 10 ** decimal_shape(type_name)[0] - 1
    return -limit, limit


def _scale(type_name: str) -> int:
    return 0 if type_name in INTEGER_BITS else decimal_shape(type_name)[1]


SQL_OPERATORS = {"!=": "<>"}
TYPES_BOUND_WITHOUT_CAST = frozenset({"VARCHAR", "BOOLEAN", "DOUBLE"})
FAMILIES_WITHOUT_STEP = frozenset({Family.TEXT, Family.BOOLEAN, Family.FLOAT, Family.UUID})

Statement = tuple[str, list[object]]


def build_condition(node: Node, alias: str) -> Statement:
    """Return a boolean expression over the columns of ``alias``, and its parameters in order."""
    writer = ConditionWriter(quote_identifier(alias) if not alias.isidentifier() else alias)
    return writer.write(node), writer.params


class ConditionWriter:
    """Writes DuckDB's SQL of a tree and collects its parameters; a subclass writes another SQL."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.params: list[object] = []

    def write(self, node: Node) -> str:
        """Return the condition, whose parameters follow those written before."""
        match node:
            case And():
                return f"({' AND '.join(map(self.write, node.parts))})"
            case Or():
                return f"({' OR '.join(map(self.write, node.parts))})"
            case Not():
                return f"(NOT {self.write(node.part)})"
            case Comparison():
                return self._comparison(node.column, node.operator, node.other)
            case Between():
                low = self._comparison(node.column, ">=", node.low)
                return f"({low} AND {self._comparison(node.column, '<=', node.high)})"
            case In():
                return self._in(node.column, node.values)
            case Like():
                return self._like(node)
            case IsNull():
                return f"({self._name(node.column)} IS NULL)"

    def _comparison(self, column: Column, operator: str, other: Operand) -> str:
        if isinstance(other, Column):
            shared = common_type(column.type, other.type)
            left, right = (self._as(side, shared) for side in (column, other))
        elif family_of(column.type) in FAMILIES_WITHOUT_STEP:
            left, right = self._text(column), self._bound(column.type, other.value)
        else:
            index = index_of(column.type, _numeric_value(other))
            comparison = exact_comparison(column.type, operator, index)
            if isinstance(comparison, bool):
                return self._constant(column, comparison)
            operator, exact_index = comparison
            left, right = self._name(column), self._bound_at(column.type, exact_index)
        return f"({left} {SQL_OPERATORS.get(operator, operator)} {right})"

    def _in(self, column: Column, values: Sequence[Literal]) -> str:
        if family_of(column.type) in FAMILIES_WITHOUT_STEP:
            bound = [self._bound(column.type, literal.value) for literal in values]
            return f"({self._text(column)} IN ({', '.join(bound)}))"
        indexes = [index_of(column.type, _numeric_value(literal)) for literal in values]
        exact = [int(index) for index in indexes if is_representable(column.type, index)]
        if not exact:
            return self._constant(column, False)
        bound = [self._bound_at(column.type, index) for index in exact]
        return f"({self._name(column)} IN ({', '.join(bound)}))"

    def _like(self, node: Like) -> str:
        operator = "ILIKE" if node.ignore_case else "LIKE"
        self.params.append(node.pattern.value)
        return f"({self._text(node.column)} {operator} ?)"

    def _constant(self, column: Column, outcome: bool) -> str:
        # The same outcome for every value of the column, and NULL for NULL.
        if outcome:
            return f"({self._name(column)} IS NOT NULL OR CAST(NULL AS BOOLEAN))"
        return f"({self._name(column)} IS NULL AND CAST(NULL AS BOOLEAN))"

    def _bound_at(self, type_name: str, index: int) -> str:
        if type_name == "TIMESTAMP_NS":  # DuckDB can't parse its first and last values
            self.params.append(index)
            return "make_timestamp_ns(CAST(? AS BIGINT))"
        value = value_at(type_name, index)
        if type_name in TEMPORAL_STEP_NS:
            return self._bound(type_name, format_temporal(int(value), family_of(type_name)))
        return self._bound(type_name, value)

    def _bound(self, type_name: str, value: object) -> str:
        if isinstance(value, Decimal) and family_of(type_name) is Family.FLOAT:
            value = float(value)
        self.params.append(value)
        if type_name in TYPES_BOUND_WITHOUT_CAST or type_name.startswith("ENUM("):
            return "?"
        return f"CAST(? AS {type_name})"

    def _name(self, column: Column) -> str:
        return f"{self.alias}.{quote_identifier(column.name)}"

    def _text(self, column: Column) -> str:
        return self._as(column, "VARCHAR" if column.type.startswith("ENUM(") else "")

    def _as(self, column: Column, type_name: str | None) -> str:
        name = self._name(column)
        return f"CAST({name} AS {type_name})" if type_name else name


def _numeric_value(literal: Literal) -> Decimal | int:
    value = literal.value
    if isinstance(value, Decimal | int):
        return value
    raise TypeError(f"{literal.text} is neither a number nor a date or time")
