"""What a filter is to the rest of the engine.

Owns: the finished filter. Invariant: made of a checked tree alone, so its SQL binds and runs on any
relation that has the table's columns. Made by the two ways in, :mod:`expression` and
:mod:`conditions`; kept with a round and asked for its SQL by the statements of a draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from parquet_tables.tables import Column
from sampling_engine.filters.errors import Place
from sampling_engine.filters.spelling import spell
from sampling_engine.filters.statement import condition
from sampling_engine.filters.tree import DEEPEST, Node, columns_of, depth


@dataclass(frozen=True)
class Filter:
    """Rows for which a condition holds; where it comes out as NULL, it doesn't.

    Parameters
    ----------
    node : Node
        The condition, checked against the table's columns.
    """

    node: Node

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns it looks at, in order of appearance."""
        return columns_of(self.node)

    @cached_property
    def text(self) -> str:
        """The filter as an expression, in one spelling: equal filters have equal texts."""
        return spell(self.node)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias."column"`` and its parameters in their order."""
        return condition(self.node, alias)


def finished(node: Node, place: Place) -> Filter:
    """The filter of a tree that isn't too deep."""
    if depth(node) > DEEPEST:
        raise place.refusal(f"A filter nests AND, OR and NOT up to {DEEPEST} deep")
    return Filter(node)
