"""Filters: which rows a round may draw, from a user's words to SQL with bound values.

A filter comes as an expression, ``age > 18 AND city = 'New York'``, or as a list of conditions.
Both become the same small tree, checked against the table's columns, and SQL is built from that
tree alone: nothing that a user wrote is pasted into a statement. docs/FILTERS.md has the language.
"""

from sampling_engine.filters.as_conditions import as_conditions
from sampling_engine.filters.conditions import parse_conditions
from sampling_engine.filters.errors import InvalidFilter
from sampling_engine.filters.expression import parse_expression
from sampling_engine.filters.filter import Filter
from sampling_engine.filters.operators import OPERATORS, OperatorDescription

__all__ = [
    "OPERATORS",
    "Filter",
    "InvalidFilter",
    "OperatorDescription",
    "as_conditions",
    "parse_conditions",
    "parse_expression",
]
