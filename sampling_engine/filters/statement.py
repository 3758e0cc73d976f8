"""Build the SQL of a filter's tree.

Names are quoted; values are bound in the column's own type; NULL follows SQL's three-valued logic.
As in DuckDB, NaN equals itself and is greater than all other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine.filters.grid import (
    exact_comparison,
    index_of,
    is_representable,
    value_at,
)
from sampling_engine.filters.moments import format_temporal
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
from sampling_engine.filters.types import TEMPORAL_STEP_NS, Family, common_type, family_of

SQL_OPERATORS = {"!=": "<>"}
TYPES_BOUND_WITHOUT_CAST = frozenset({"VARCHAR", "BOOLEAN", "DOUBLE"})
FAMILIES_WITHOUT_STEP = frozenset({Family.TEXT, Family.BOOLEAN, Family.FLOAT, Family.UUID})

Statement = tuple[str, list[object]]


def build_condition(node: Node, alias: str) -> Statement:
    """Return a boolean expression over the columns of ``alias``, and its parameters in order."""
    writer = _Writer(quote_identifier(alias) if not alias.isidentifier() else alias)
    return writer.write(node), writer.params


class _Writer:
    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.params: list[object] = []

    def write(self, node: Node) -> str:
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
                operator = "ILIKE" if node.ignore_case else "LIKE"
                self.params.append(node.pattern.value)
                return f"({self._text(node.column)} {operator} ?)"
            case IsNull():
                return f"({self._name(node.column)} IS NULL)"

    def _comparison(self, column: Column, operator: str, other: Operand) -> str:
        if isinstance(other, Column):
            shared = common_type(column.type, other.type)
            left, right = (self._cast(self._name(side), shared) for side in (column, other))
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
        return self._cast(self._name(column), "VARCHAR" if column.type.startswith("ENUM(") else "")

    def _cast(self, name: str, type_name: str | None) -> str:
        return f"CAST({name} AS {type_name})" if type_name else name


def _numeric_value(literal: Literal) -> Decimal | int:
    value = literal.value
    if isinstance(value, Decimal | int):
        return value
    raise TypeError(f"{literal.text} is neither a number nor a date or time")
