"""A parsed filter, as the sampling engine uses it.

Its tree is checked against the table, so its SQL runs on every relation with the table's columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from parquet_tables.tables import Column
from sampling_engine.filters.errors import Location
from sampling_engine.filters.spelling import format_expression
from sampling_engine.filters.statement import build_condition
from sampling_engine.filters.tree import MAX_DEPTH, Node, columns_of, depth


@dataclass(frozen=True)
class Filter:
    """The rows for which a condition is true; NULL doesn't pass.

    Parameters
    ----------
    node : Node
        The condition, checked against the table's columns.
    """

    node: Node

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The condition's columns, in order of appearance."""
        return columns_of(self.node)

    @cached_property
    def text(self) -> str:
        """The filter as a canonical expression: equal filters have equal texts."""
        return format_expression(self.node)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """Return a boolean SQL expression over ``alias."column"``, and its parameters in order."""
        return build_condition(self.node, alias)


def build_filter(node: Node, location: Location) -> Filter:
    """Build the filter of a tree, after checking its depth."""
    if depth(node) > MAX_DEPTH:
        raise location.error(f"AND, OR and NOT can be nested at most {MAX_DEPTH} deep")
    return Filter(node)
