"""A filter's tree as an expression, in one spelling.

Owns: the spelling. Invariant: read again with the same table it gives the same tree, and equal
trees have equal spellings. Called by :class:`Filter`, for messages and keys.
"""

from __future__ import annotations

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
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


def spell(node: Node) -> str:
    """The expression of a tree; columns are quoted, words of the language in capitals."""
    match node:
        case And():
            return " AND ".join(_inside(part) for part in node.parts)
        case Or():
            return " OR ".join(_inside(part) for part in node.parts)
        case Not(Comparison() | And() | Or() as part):
            return f"NOT ({spell(part)})"
        case Not(part):
            return _leaf(part, "NOT ")
        case _:
            return _leaf(node, "")


def _inside(part: Node) -> str:
    return f"({spell(part)})" if isinstance(part, And | Or) else spell(part)


def _leaf(node: Node, negation: str) -> str:
    match node:
        case Comparison():
            return f"{_operand(node.column)} {node.operator} {_operand(node.other)}"
        case Between():
            low, high = _operand(node.low), _operand(node.high)
            return f"{_operand(node.column)} {negation}BETWEEN {low} AND {high}"
        case In():
            values = ", ".join(literal.text for literal in node.values)
            return f"{_operand(node.column)} {negation}IN ({values})"
        case Like():
            word = "ILIKE" if node.ignore_case else "LIKE"
            return f"{_operand(node.column)} {negation}{word} {node.pattern.text}"
        case IsNull():
            return f"{_operand(node.column)} IS {negation}NULL"
        case _:
            raise TypeError(f"{type(node).__name__} is no leaf")


def _operand(operand: Operand) -> str:
    return quote_identifier(operand.name) if isinstance(operand, Column) else operand.text
