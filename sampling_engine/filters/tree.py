"""The tree of a filter, and the families of DuckDB types.

A comparison has its column on the left. NOT IN and IS NOT NULL are Not nodes. AND and OR have at
least two parts, none of their own type.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from decimal import Decimal
from enum import Enum

from contract.columns import DataType
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column

INTEGER_BITS = {
    "TINYINT": (8, True),
    "SMALLINT": (16, True),
    "INTEGER": (32, True),
    "BIGINT": (64, True),
    "HUGEINT": (128, True),
    "UTINYINT": (8, False),
    "USMALLINT": (16, False),
    "UINTEGER": (32, False),
    "UBIGINT": (64, False),
    "UHUGEINT": (128, False),
}
# Nanoseconds between two consecutive values.
TEMPORAL_STEP_NS = {
    "DATE": 86_400_000_000_000,
    "TIMESTAMP_S": 1_000_000_000,
    "TIMESTAMP_MS": 1_000_000,
    "TIMESTAMP": 1_000,
    "TIMESTAMP_NS": 1,
    "TIMESTAMP WITH TIME ZONE": 1_000,
    "TIME": 1_000,
    "TIME_NS": 1,
}
MAX_DECIMAL_DIGITS = 38


class Family(Enum):
    """Types with the same rules in a filter; the value completes "a column of …"."""

    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "floating-point numbers"
    TEXT = "text"
    BOOLEAN = "true and false"
    DATE = "dates"
    TIMESTAMP = "timestamps"
    TIMESTAMP_TZ = "timestamps with a time zone"
    TIME = "times of day"
    UUID = "UUIDs"
    OTHER = "other values"


NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
DATES_AND_TIMESTAMPS = frozenset({Family.DATE, Family.TIMESTAMP, Family.TIMESTAMP_TZ})

FAMILIES = {
    **dict.fromkeys(INTEGER_BITS, Family.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Family.FLOAT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"), Family.TIMESTAMP),
    "TIMESTAMP_NS": Family.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Family.TIMESTAMP_TZ,
    "VARCHAR": Family.TEXT,
    "BOOLEAN": Family.BOOLEAN,
    "DATE": Family.DATE,
    "TIME": Family.TIME,
    "TIME_NS": Family.TIME,
    "UUID": Family.UUID,
}


def family_of(type_name: str) -> Family:
    """Return the family of a DuckDB type.

    >>> family_of("DECIMAL(12,2)").name, family_of("INTEGER[]").name
    ('DECIMAL', 'OTHER')
    """
    if type_name in FAMILIES:
        return FAMILIES[type_name]
    if DataType(type_name).digits:
        return Family.DECIMAL
    if type_name.startswith("ENUM(") and type_name.endswith(")"):
        return Family.TEXT
    return Family.OTHER


def decimal_shape(type_name: str) -> tuple[int, int]:
    """Return total digits and decimal places; for an integer type, enough for all its values.

    >>> decimal_shape("DECIMAL(12,2)"), decimal_shape("BIGINT")
    ((12, 2), (19, 0))
    """
    return DataType(type_name).digits or (len(str(integer_range(type_name)[1])), 0)


def integer_range(type_name: str) -> tuple[int, int]:
    """Return the lowest and the highest value of an integer type.

    >>> integer_range("TINYINT")
    (-128, 127)
    """
    bits, signed = INTEGER_BITS[type_name]
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def common_type(left: str, right: str) -> str | None:
    """Return the type in which two columns are compared, exact except for FLOAT and DOUBLE.

    It is "" if no cast is needed, and None if they can't be compared.

    >>> common_type("BIGINT", "DECIMAL(12,2)")
    'DECIMAL(21,2)'
    >>> common_type("BIGINT", "VARCHAR") is None
    True
    """
    families = {family_of(left), family_of(right)}
    if Family.OTHER in families:
        return None
    if families == {Family.TEXT}:
        return "" if left == right == "VARCHAR" else "VARCHAR"
    if left == right:
        return ""
    if families <= NUMBERS:
        return _common_number(left, right, families)
    if families <= DATES_AND_TIMESTAMPS and "TIMESTAMP_NS" not in (left, right):
        return "TIMESTAMP WITH TIME ZONE" if Family.TIMESTAMP_TZ in families else "TIMESTAMP"
    return None


def _common_number(left: str, right: str, families: set[Family]) -> str | None:
    if Family.FLOAT in families:
        return "DOUBLE"
    if families == {Family.INTEGER}:
        has_128_bits = any(INTEGER_BITS[name][0] > 64 for name in (left, right))
        return None if has_128_bits else ""
    (left_digits, left_scale), (right_digits, right_scale) = map(decimal_shape, (left, right))
    scale = max(left_scale, right_scale)
    digits = max(left_digits - left_scale, right_digits - right_scale) + scale
    return f"DECIMAL({digits},{scale})" if digits <= MAX_DECIMAL_DIGITS else None


MAX_DEPTH = 100


@dataclass(frozen=True)
class Literal:
    """A value that fits the column it is compared with.

    ``text`` is canonical: equal values of a column have equal texts. A date or time is in
    nanoseconds since 1970 or since midnight.
    """

    text: str
    value: bool | Decimal | float | int | str = field(compare=False)


Operand = Column | Literal


@dataclass(frozen=True)
class Comparison:
    """``column operator other``; the operator is one of ``= != < <= > >=``."""

    column: Column
    operator: str
    other: Operand


@dataclass(frozen=True)
class Between:
    """``column BETWEEN low AND high``, both ends included."""

    column: Column
    low: Operand
    high: Operand


@dataclass(frozen=True)
class In:
    """``column IN (values)``; the values are distinct, in their first order."""

    column: Column
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Like:
    """``column LIKE pattern``, or ILIKE."""

    column: Column
    pattern: Literal
    ignore_case: bool


@dataclass(frozen=True)
class IsNull:
    """``column IS NULL``."""

    column: Column


@dataclass(frozen=True)
class Not:
    """Negation; NULL stays NULL."""

    part: Node


@dataclass(frozen=True)
class And:
    """All parts are true."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """At least one part is true."""

    parts: tuple[Node, ...]


Node = Comparison | Between | In | Like | IsNull | Not | And | Or


def negate(node: Node) -> Node:
    """Return the negation of ``node``; NOT NOT cancels out."""
    return node.part if isinstance(node, Not) else Not(node)


def join_nodes(connective: type[And] | type[Or], nodes: Iterable[Node]) -> Node:
    """Join the nodes by AND or OR; nodes of the same type contribute their parts."""
    parts: list[Node] = []
    for node in nodes:
        parts.extend(node.parts if isinstance(node, connective) else (node,))
    return connective(tuple(parts)) if len(parts) > 1 else parts[0]


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct children."""
    if isinstance(node, And | Or):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def depth(node: Node) -> int:
    """Return the number of AND, OR and NOT above the deepest leaf, without recursion."""
    max_level, pending = 0, [(node, 0)]
    while pending:
        current, level = pending.pop()
        max_level = max(max_level, level)
        pending.extend((child, level + 1) for child in children(current))
    return max_level


def columns_of(node: Node) -> tuple[Column, ...]:
    """Return the distinct columns in order of appearance."""
    found: list[Column] = []
    pending = [node]
    while pending:
        current = pending.pop()
        pending.extend(reversed(children(current)))
        found += [value for value in vars(current).values() if isinstance(value, Column)]
    return tuple(dict.fromkeys(found))
