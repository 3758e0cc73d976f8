"""A filter in Spark SQL: the same rows as in DuckDB, to the last one.

Columns have the names that the engine gives them. Values are bound as texts and cast, so that both
engines compare values of the column's own type.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import duckdb

from contract.columns import DataType
from parquet_tables.tables import Column
from sampling_engine.engines.spark_types import decimal_of_text, double_of_decimal, spark_type
from sampling_engine.filters.filter import ConditionWriter, Statement, value_at
from sampling_engine.filters.literals import format_temporal
from sampling_engine.filters.tree import TEMPORAL_STEP_NS, Family, Like, Node, family_of

SURROGATES = range(0xD800, 0xE000)


def build_spark_condition(node: Node, name_of: Callable[[Column], str]) -> Statement:
    """Return a boolean expression in Spark SQL, and its parameters in order."""
    writer = _SparkWriter(name_of)
    return writer.write(node), writer.params


@cache
def lower_case() -> tuple[str, str]:
    """The letters whose lower case DuckDB knows, and their lower case.

    ILIKE of DuckDB maps each letter by itself. Spark's ``lower`` depends on the neighbours (Σ) and
    makes two letters of one (İ), so it isn't used.
    """
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT chr(i), lower(chr(i)) FROM (SELECT CAST(i AS INTEGER) AS i "
            "FROM range(1, ?) AS r(i) WHERE i < ? OR i >= ?) "
            "WHERE lower(chr(i)) <> chr(i) ORDER BY i",
            [sys.maxunicode + 1, SURROGATES.start, SURROGATES.stop],
        ).fetchall()
    return "".join(letter for letter, _ in rows), "".join(lower for _, lower in rows)


class _SparkWriter(ConditionWriter):
    def __init__(self, name_of: Callable[[Column], str]) -> None:
        super().__init__("")
        self._name_of = name_of

    def _name(self, column: Column) -> str:
        return self._name_of(column)

    def _as(self, column: Column, type_name: str | None) -> str:
        name = self._name(column)
        if not type_name:
            return name
        if type_name == "DOUBLE" and column.data_type.digits:
            return double_of_decimal(name, column.type)
        return f"CAST({name} AS {spark_type(type_name)})"

    def _bound_at(self, type_name: str, index: int) -> str:
        value = value_at(type_name, index)
        if type_name in TEMPORAL_STEP_NS:
            return self._cast(type_name, format_temporal(int(value), family_of(type_name)))
        return self._cast(type_name, f"{value:f}" if isinstance(value, Decimal) else str(value))

    def _bound(self, type_name: str, value: object) -> str:
        if family_of(type_name) is Family.FLOAT:
            assert isinstance(value, Decimal | float)  # noqa: S101 - as the parser checked
            double = self._cast("DOUBLE", repr(float(value)))
            return f"CAST({double} AS FLOAT)" if type_name == "FLOAT" else double
        if isinstance(value, bool):
            return str(value).lower()
        return self._cast(type_name, str(value))

    def _cast(self, type_name: str, text: str) -> str:
        self.params.append(text)
        if DataType(type_name).digits:
            return decimal_of_text("?", type_name)
        return "?" if type_name == "VARCHAR" else f"CAST(? AS {spark_type(type_name)})"

    def _like(self, node: Like) -> str:
        """A backslash of the pattern stands for itself, as in DuckDB."""
        name, pattern = self._name(node.column), str(node.pattern.value).replace("\\", "\\\\")
        if not node.ignore_case:
            self.params.append(pattern)
            return f"({name} LIKE ?)"
        upper, lower = lower_case()
        letters = str.maketrans(upper, lower)
        self.params += [upper, lower, pattern.translate(letters)]
        return f"(translate({name}, ?, ?) LIKE ?)"
