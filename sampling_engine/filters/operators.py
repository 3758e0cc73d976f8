"""The operators of a condition, for menus and for messages.

Owns: their names, what they mean and what value they take. Invariant: :mod:`conditions` takes these
and no other. Read by whoever lists them to a user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Takes = Literal["value", "list", "pair", "pattern", "nothing"]


@dataclass(frozen=True)
class OperatorDescription:
    """An operator of a condition.

    Parameters
    ----------
    name : str
        As a condition's ``operator``.
    description : str
        What it means, for a user.
    takes : {"value", "list", "pair", "pattern", "nothing"}
        The condition's ``value``: one value, a list of values, ``[low, high]``, a text with ``%``
        and ``_``, or none.
    sql : str
        How an expression writes it.
    """

    name: str
    description: str
    takes: Takes
    sql: str


OPERATORS: tuple[OperatorDescription, ...] = (
    OperatorDescription(">", "greater than the value", "value", ">"),
    OperatorDescription(">=", "greater than the value, or equal", "value", ">="),
    OperatorDescription("<", "less than the value", "value", "<"),
    OperatorDescription("<=", "less than the value, or equal", "value", "<="),
    OperatorDescription("=", "equal to the value", "value", "="),
    OperatorDescription("!=", "not equal to the value", "value", "!="),
    OperatorDescription("in", "equal to one of the values", "list", "IN"),
    OperatorDescription("not_in", "equal to none of the values", "list", "NOT IN"),
    OperatorDescription("between", "from the low value to the high one", "pair", "BETWEEN"),
    OperatorDescription("like", "text of this pattern", "pattern", "LIKE"),
    OperatorDescription("ilike", "text of this pattern in any case", "pattern", "ILIKE"),
    OperatorDescription("not_like", "text that isn't of this pattern", "pattern", "NOT LIKE"),
    OperatorDescription("is_null", "no value", "nothing", "IS NULL"),
    OperatorDescription("is_not_null", "any value", "nothing", "IS NOT NULL"),
)
