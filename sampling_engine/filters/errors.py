"""The operators of a condition: names, descriptions and kinds of value.

:mod:`conditions` accepts exactly these; the API and the pages list them.

The error of an invalid filter, and the location that it reports.

For an expression, the message ends with the character position and an excerpt marked by ``^``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from domain_errors import DomainError
from parquet_tables.tables import Column, TableFiles, UnknownColumn

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


Loc = tuple[str | int, ...]

EXCERPT_RADIUS = 20
MAX_QUOTE_LENGTH = 40


class InvalidFilter(DomainError):
    """A filter has invalid syntax or doesn't fit the table's columns.

    Parameters
    ----------
    message : str
        What is wrong, and what to write.
    position : int, optional
        Character position in the expression, from 0; None for conditions.
    loc : tuple of str or int
        Location in the caller's input.
    """

    code = "invalid_filter"

    def __init__(self, message: str, *, position: int | None = None, loc: Loc = ()) -> None:
        super().__init__(message, loc=loc)
        self.position = position


@dataclass(frozen=True)
class Location:
    """A part of a condition, or a character of an expression."""

    loc: Loc
    text: str | None = None
    position: int | None = None

    def at(self, position: int) -> Location:
        """Return the location of another character of the same expression."""
        return replace(self, position=position)

    def child(self, *loc: str | int) -> Location:
        """Return the location of a part of this input."""
        return replace(self, loc=(*self.loc, *loc))

    def error(self, message: str) -> InvalidFilter:
        """Build the error at this location; ``message`` has no full stop."""
        return InvalidFilter(self._with_excerpt(message), position=self.position, loc=self.loc)

    def find_column(self, table: TableFiles, name: str, hint: str = "") -> Column:
        """Return the table's column of this name.

        Raises
        ------
        UnknownColumn
            With this location, the table's columns and ``hint``.
        """
        try:
            return table.column(name)
        except UnknownColumn as unknown:
            start = f'There is no column "{name}".'
            choices = unknown.message.removeprefix(start).strip()
            located = self._with_excerpt(start.removesuffix("."))
            message = " ".join(part for part in (located, choices, hint) if part)
            raise UnknownColumn(message, loc=self.loc) from None

    def _with_excerpt(self, message: str) -> str:
        if self.text is None or self.position is None:
            return f"{message}."
        return f"{message}: at character {self.position}: {excerpt(self.text, self.position)}."


def excerpt(text: str, position: int) -> str:
    """Return the text around a position, marked by ``^``.

    >>> print(excerpt("age >> 18", 5))
    "age >^> 18"
    """
    start, stop = max(0, position - EXCERPT_RADIUS), position + EXCERPT_RADIUS
    before, after = text[start:position], text[position:stop]
    left, right = "…" if start else "", "…" if stop < len(text) else ""
    return f'"{left}{before}^{after}{right}"'


def shorten(text: str) -> str:
    """Shorten a user's text for a message."""
    return text if len(text) <= MAX_QUOTE_LENGTH else f"{text[: MAX_QUOTE_LENGTH - 1]}…"
