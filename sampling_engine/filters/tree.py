"""A filter as a small tree, whichever way it was written.

Owns: the tree's shapes. Invariant: frozen and checked against a table's columns; a comparison has
its column on the left; NOT BETWEEN, NOT IN, NOT LIKE and IS NOT NULL are the negated shape, since
NULL goes through NOT unchanged; AND and OR hold two parts or more, none of them of their own kind.
Made by :mod:`predicates`, read by :mod:`statement` and :mod:`spelling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from parquet_tables.tables import Column

DEEPEST = 100


@dataclass(frozen=True)
class Literal:
    """A value that fits the column it is compared with.

    Parameters
    ----------
    text : str
        Its one spelling: equal values of a column have equal texts, NaN included.
    value : bool, Decimal, float, int or str
        By the column's family: a truth value; a number, as float if it is NaN or infinite;
        nanoseconds since 1970 or midnight; a text, or a UUID's.
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
    """``column BETWEEN low AND high``, both included."""

    column: Column
    low: Operand
    high: Operand


@dataclass(frozen=True)
class In:
    """``column IN (values)``; the values are distinct, in the order they were first given."""

    column: Column
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Like:
    """``column LIKE pattern``, or ILIKE when case doesn't matter."""

    column: Column
    pattern: Literal
    ignore_case: bool


@dataclass(frozen=True)
class IsNull:
    """``column IS NULL``."""

    column: Column


@dataclass(frozen=True)
class Not:
    """The opposite; NULL stays NULL."""

    part: Node


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Node, ...]


Node = Comparison | Between | In | Like | IsNull | Not | And | Or


def negated(node: Node) -> Node:
    """The opposite of ``node``; two NOT cancel out."""
    return node.part if isinstance(node, Not) else Not(node)


def joined(kind: type[And] | type[Or], nodes: Iterable[Node]) -> Node:
    """One AND or OR over the nodes, with the parts of those that are the same kind."""
    parts: list[Node] = []
    for node in nodes:
        parts.extend(node.parts if isinstance(node, kind) else (node,))
    return kind(tuple(parts)) if len(parts) > 1 else parts[0]


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    if isinstance(node, And | Or):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def depth(node: Node) -> int:
    """How many AND, OR and NOT stand above the deepest leaf; counted without recursion."""
    deepest, below = 0, [(node, 0)]
    while below:
        one, level = below.pop()
        deepest = max(deepest, level)
        below.extend((child, level + 1) for child in children(one))
    return deepest


def columns_of(node: Node) -> tuple[Column, ...]:
    """The columns in order of appearance, each once."""
    return tuple(dict.fromkeys(_columns(node)))


def _columns(node: Node) -> Iterator[Column]:
    below = [node]
    while below:
        one = below.pop()
        below.extend(reversed(children(one)))
        if isinstance(one, Comparison):
            operands: tuple[Operand, ...] = (one.column, one.other)
        elif isinstance(one, Between):
            operands = (one.column, one.low, one.high)
        elif isinstance(one, In | Like | IsNull):
            operands = (one.column,)
        else:
            continue
        yield from (operand for operand in operands if isinstance(operand, Column))
