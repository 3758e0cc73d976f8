"""The columns that two tables have in common, and when two of their values are equal.

Names are matched as DuckDB does, in any case of A to Z. Values of one type are equal as in SQL, and
NULL equals NULL, NaN equals NaN. Values of a column whose type changed are equal if no digit is
lost either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parquet_tables.names import folded
from parquet_tables.tables import Column

_INTEGERS = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | {"INTEGER", "UINTEGER"}
_TEXT = "VARCHAR"
_LEADING_ZERO = "'^\\s*[+-]?0[0-9]'"


def is_number(type_: str) -> bool:
    """Whether a type holds numbers."""
    return type_ in _INTEGERS or type_ in ("FLOAT", "DOUBLE") or type_.startswith("DECIMAL(")


def _is_time(type_: str) -> bool:
    return type_ == "DATE" or type_.startswith("TIMESTAMP")


@dataclass(frozen=True)
class SharedColumn:
    """A column of both tables."""

    base: Column
    other: Column

    @property
    def name(self) -> str:
        """The name in the other, later table."""
        return self.other.name

    @property
    def is_retyped(self) -> bool:
        """Whether the tables have different types."""
        return self.base.type != self.other.type

    def equal(self, one: str, two: str) -> str:
        """Build the SQL of whether a base's value ``one`` equals the other's value ``two``."""
        types = self.base.type, self.other.type
        if not self.is_retyped:
            return f"{one} IS NOT DISTINCT FROM {two}"
        if all(map(is_number, types)) or all(map(_is_time, types)):
            return (
                f"(TRY_CAST({one} AS {types[1]}) IS NOT DISTINCT FROM {two} "
                f"AND TRY_CAST({two} AS {types[0]}) IS NOT DISTINCT FROM {one})"
            )
        if types[0] == _TEXT and is_number(types[1]):
            return _reads_as(one, two, types[1])
        if types[1] == _TEXT and is_number(types[0]):
            return _reads_as(two, one, types[0])
        return f"CAST({one} AS VARCHAR) IS NOT DISTINCT FROM CAST({two} AS VARCHAR)"

    def key(self, value: str) -> str:
        """Build the SQL of a value as a part of a key, with one type for both tables."""
        if not self.is_retyped:
            return value
        types = {self.base.type, self.other.type}
        if types <= _INTEGERS:
            return f"CAST({value} AS HUGEINT)"
        return f"CAST({value} AS {'DOUBLE' if all(map(is_number, types)) else _TEXT})"


def _reads_as(text: str, number: str, type_: str) -> str:
    """Whether a text reads as a number, in any spelling without leading zeros."""
    return (
        f"(({text} IS NULL AND {number} IS NULL) OR coalesce("
        f"TRY_CAST({text} AS {type_}) = {number} "
        f"AND TRY_CAST({text} AS DOUBLE) = CAST({number} AS DOUBLE) "
        f"AND NOT regexp_matches({text}, {_LEADING_ZERO}), false))"
    )


@dataclass(frozen=True)
class MatchedColumns:
    """The columns of two tables: those of both in the base's order, and those of only one."""

    shared: tuple[SharedColumn, ...]
    only_in_base: tuple[Column, ...]
    only_in_other: tuple[Column, ...]


def match_columns(base: Sequence[Column], other: Sequence[Column]) -> MatchedColumns:
    """Match the columns of two tables by their names."""
    first = {folded(column.name): column for column in base}
    second = {folded(column.name): column for column in other}
    return MatchedColumns(
        tuple(
            SharedColumn(column, second[name]) for name, column in first.items() if name in second
        ),
        tuple(column for name, column in first.items() if name not in second),
        tuple(column for name, column in second.items() if name not in first),
    )
