"""A list of conditions as a filter.

Owns: the JSON shape of a condition. Invariant: the same rules as an expression's, since both make
their shapes by :mod:`predicates`; a fault's ``loc`` is ``("conditions", i, part)``. Called by
whoever takes a request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from parquet_tables.tables import TableFiles
from sampling_engine.filters import predicates
from sampling_engine.filters.errors import Loc, Place
from sampling_engine.filters.filter import Filter, finished
from sampling_engine.filters.operators import OPERATORS
from sampling_engine.filters.predicates import Written
from sampling_engine.filters.tree import And, IsNull, Node, Or, joined, negated

MOST_CONDITIONS = 1_000
PARTS = ("column", "operator", "value")
TAKES = {operator.name: operator.takes for operator in OPERATORS}
KINDS: dict[object, type[And] | type[Or]] = {"AND": And, "OR": Or}


def parse_conditions(
    conditions: Sequence[Mapping[str, object]],
    logic: Literal["AND", "OR"],
    table: TableFiles,
    *,
    loc: Loc = ("conditions",),
) -> Filter:
    """Read a list of conditions.

    Parameters
    ----------
    conditions : sequence of mappings
        Each with ``column``, ``operator`` (a name of ``OPERATORS``) and, but for is_null and
        is_not_null, ``value``: a text, a number, true or false; a list of them for in and not_in;
        ``[low, high]`` for between.
    logic : {"AND", "OR"}
        Whether a row has to meet all of them or one.
    table : TableFiles
        Whose columns they are about.
    loc : tuple of str or int
        Where the conditions are in the caller's input.

    Raises
    ------
    InvalidFilter, UnknownColumn
        At the first fault; ``loc`` is extended by the condition's index and the part's name.
    """
    place = Place(loc)
    if not isinstance(conditions, list | tuple):
        raise place.refusal("Conditions are a list")
    if not 1 <= len(conditions) <= MOST_CONDITIONS:
        raise place.refusal(f"A filter has 1 to {MOST_CONDITIONS:,} conditions")
    kind = KINDS.get(logic) if isinstance(logic, str) else None
    if kind is None:
        raise Place((*loc[:-1], "logic")).refusal("The logic is AND or OR")
    nodes = [_node(one, table, place.part(i)) for i, one in enumerate(conditions)]
    return finished(joined(kind, nodes), place)


def _node(one: Mapping[str, object], table: TableFiles, place: Place) -> Node:
    if not isinstance(one, Mapping):
        raise place.refusal("A condition has column, operator and value")
    for key in one:
        if key not in PARTS:
            raise place.part(str(key)).refusal("A condition has column, operator and value alone")
    name, operator = one.get("column"), one.get("operator")
    if not isinstance(name, str):
        raise place.part("column").refusal("Name a column of the table")
    # A column that there is can only be at fault for its operator.
    tested = Written(place.part("column").column(table, name), place.part("operator"))
    if not isinstance(operator, str) or operator not in TAKES:
        raise place.part("operator").refusal(f"The operator is one of: {', '.join(TAKES)}")
    return _applied(tested, operator, one.get("value"), place)


def _applied(tested: Written, operator: str, value: object, place: Place) -> Node:
    at = place.part("value")
    positive = operator.removeprefix("not_")
    takes = TAKES[operator]
    if takes == "nothing":
        if value is not None:
            raise at.refusal(f"{operator} takes no value")
        node: Node = IsNull(predicates.column_of(tested))
        return node if operator == "is_null" else negated(node)
    if takes == "value":
        return predicates.compare(tested, operator, _written(value, at))
    if takes == "pair":
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise at.refusal("The value of between is a list of two: the low and the high one")
        low, high = (_written(end, at.part(i)) for i, end in enumerate(value))
        return predicates.between(tested, low, high)
    if takes == "list":
        if not isinstance(value, list | tuple):
            raise at.refusal(f"The value of {operator} is a list")
        values = [_written(one, at.part(i)) for i, one in enumerate(value)]
        node = predicates.one_of(tested, values, at)
    else:
        node = predicates.like(tested, _written(value, at), ignore_case=positive == "ilike")
    return node if positive == operator else negated(node)


def _written(value: object, place: Place) -> Written:
    if value is None or isinstance(value, bool | str):
        return Written(value, place)
    if isinstance(value, int):
        # str() of an integer refuses thousands of digits; the bits tell before that.
        if value.bit_length() > 2_000:
            raise place.refusal("A number has up to 400 digits")
        return Written(Decimal(value), place)
    if isinstance(value, Decimal) and value.is_finite():
        return Written(value, place)
    if isinstance(value, float) and math.isfinite(value):
        return Written(Decimal(repr(value)), place)
    raise place.refusal("A value is a text, a number, true or false")
