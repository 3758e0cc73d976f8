"""Row filters: parse a user's filter and build SQL with bound values (docs/FILTERS.md)."""

from sampling_engine.filters.conditions import as_conditions, parse_conditions
from sampling_engine.filters.errors import OPERATORS, InvalidFilter, OperatorDescription
from sampling_engine.filters.expression import absolute_expression, parse_expression
from sampling_engine.filters.filter import Filter
from sampling_engine.filters.relative import absolute_condition
