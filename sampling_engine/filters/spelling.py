"""Format a filter's tree as a canonical expression.

The expression parses back to the same tree, and equal trees have equal expressions.
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
            return _leaf(part, "NOT ")
        case _:
            return _leaf(node, "")


def _nested(part: Node) -> str:
    text = format_expression(part)
    return f"({text})" if isinstance(part, And | Or) else text


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
            raise TypeError(f"{type(node).__name__} is not a leaf")


def _operand(operand: Operand) -> str:
    return quote_identifier(operand.name) if isinstance(operand, Column) else operand.text
