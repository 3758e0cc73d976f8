"""Counts, totals and extremes of a column, many of them in one pass.

Owns: the statement of a pass. Invariant: totals are of integers alone, so they come out the same
in any order, with any number of threads and from any layout of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from profiling_engine.kinds import Axis
from profiling_engine.sources import Source, Statement


@dataclass(frozen=True)
class Aggregate:
    """One figure of a pass.

    Parameters
    ----------
    expression : str
        Of ``v``, of ``x`` where there is an axis, and of further names that the pass is given; a
        condition for rows, an integer for a total.
    params : tuple
        What its question marks stand for.
    """

    function: Literal["rows", "total", "least", "greatest"]
    expression: str = "true"
    params: tuple[object, ...] = ()

    def sql(self, source: Source) -> str:
        """The aggregate over a source."""
        if self.function == "rows":
            return source.rows_where(self.expression)
        if self.function == "total":
            return source.total(self.expression)
        return f"{'min' if self.function == 'least' else 'max'}({self.expression})"


def rows(condition: str, *params: object) -> Aggregate:
    """The rows that a condition holds for."""
    return Aggregate("rows", condition, params)


def total(integer: str) -> Aggregate:
    """The sum of an integer."""
    return Aggregate("total", integer)


def least(expression: str) -> Aggregate:
    """The smallest one."""
    return Aggregate("least", expression)


def greatest(expression: str) -> Aggregate:
    """The largest one."""
    return Aggregate("greatest", expression)


def measure(
    source: Source,
    aggregates: Mapping[str, Aggregate],
    *,
    axis: Axis | None = None,
    names: Mapping[str, str] | None = None,
) -> Statement:
    """One pass over a source.

    Parameters
    ----------
    aggregates : mapping of name to Aggregate
    axis : Axis or None
        Gives the aggregates ``x``.
    names : mapping of name to SQL or None
        Further expressions of ``v`` and ``x`` that the aggregates may use.

    Returns
    -------
    (str, list)
        The number of rows, then the aggregates in their order; of a sample one row a block.
    """
    relation = source.relation
    if axis:
        relation = f"(SELECT *, {axis.sql('v')} AS x FROM {relation})"
    if names:
        more = ", ".join(f"{expression} AS {name}" for name, expression in names.items())
        relation = f"(SELECT *, {more} FROM {relation})"
    selected = ", ".join([source.rows, *(one.sql(source) for one in aggregates.values())])
    params = [value for one in aggregates.values() for value in one.params]
    by_block = " GROUP BY block ORDER BY block" if source.in_blocks else ""
    return f"SELECT {selected} FROM {relation}{by_block}", [*params, *source.params]
