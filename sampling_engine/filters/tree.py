"""The tree of a filter: frozen nodes, checked against a table's columns.

A comparison has its column on the left; NOT BETWEEN, NOT IN, NOT LIKE and IS NOT NULL are Not
nodes; AND and OR have at least two parts, none of their own type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from parquet_tables.tables import Column

MAX_DEPTH = 100


@dataclass(frozen=True)
class Literal:
    """A value that fits the column it is compared with.

    Parameters
    ----------
    text : str
        The canonical text: equal values of a column have equal texts, NaN included.
    value : bool, Decimal, float, int or str
        By the column's family: a boolean; a number, as float if it is NaN or infinite; nanoseconds
        since 1970 or since midnight; a text; the text of a UUID.
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
    return tuple(dict.fromkeys(_columns(node)))


def _columns(node: Node) -> Iterator[Column]:
    pending = [node]
    while pending:
        current = pending.pop()
        pending.extend(reversed(children(current)))
        if isinstance(current, Comparison):
            operands: tuple[Operand, ...] = (current.column, current.other)
        elif isinstance(current, Between):
            operands = (current.column, current.low, current.high)
        elif isinstance(current, In | Like | IsNull):
            operands = (current.column,)
        else:
            continue
        yield from (operand for operand in operands if isinstance(operand, Column))
