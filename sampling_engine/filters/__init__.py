"""Row filters: parse a user's filter and build SQL with bound values.

Expressions (``age > 18 AND city = 'New York'``) and lists of conditions become the same checked
tree; SQL is built from the tree alone. docs/FILTERS.md describes the language.
"""

from sampling_engine.filters.conditions import as_conditions, parse_conditions
from sampling_engine.filters.errors import OPERATORS, InvalidFilter, OperatorDescription
from sampling_engine.filters.expression import parse_expression
from sampling_engine.filters.filter import Filter

__all__ = [
    "OPERATORS",
    "Filter",
    "InvalidFilter",
    "OperatorDescription",
    "as_conditions",
    "parse_conditions",
    "parse_expression",
]
