"""The operators of a condition: names, descriptions and kinds of value.

:mod:`conditions` accepts exactly these; the API and the pages list them.
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
        A condition's ``operator``.
    description : str
        Its meaning, for a user.
    takes : {"value", "list", "pair", "pattern", "nothing"}
        Kind of the condition's ``value``: one value, a list of values, ``[low, high]``, a text with
        ``%`` and ``_``, or none.
    sql : str
        The operator in an expression.
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
