"""The operators of a condition, the error of an invalid filter, and its location."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from domain_errors import DomainError, Loc
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column, TableFiles, UnknownColumn

Takes = Literal["value", "list", "pair", "pattern", "nothing"]


@dataclass(frozen=True)
class OperatorDescription:
    """An operator of a condition, the kind of value that it takes, and its SQL."""

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


EXCERPT_RADIUS = 20
MAX_QUOTE_LENGTH = 40


class InvalidFilter(DomainError):
    """A filter has invalid syntax or doesn't fit the table's columns."""

    code = "invalid_filter"

    def __init__(
        self, template: str, *, position: int | None = None, loc: Loc = (), **parameters: object
    ) -> None:
        super().__init__(template, loc=loc, **parameters)
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

    def error(self, template: str, **parameters: object) -> InvalidFilter:
        """Build the error at this location; ``template`` has no full stop."""
        located, place = self._located(template)
        return InvalidFilter(located, position=self.position, loc=self.loc, **parameters, **place)

    def find_column(self, table: TableFiles, name: str, hint: str = "") -> Column:
        """Return the table's column of this name, or raise UnknownColumn with this location."""
        try:
            return table.column(name)
        except UnknownColumn as unknown:
            located, place = self._located('There is no column "{column}"')
            template = f"{located} {{choices}} {hint}".rstrip()
            raise UnknownColumn(template, loc=self.loc, **unknown.parameters, **place) from None

    def _located(self, template: str) -> tuple[str, dict[str, object]]:
        """Return the whole sentence, and the parameters that name the place."""
        if self.text is None or self.position is None:
            return f"{template}.", {}
        place = {"character": str(self.position), "excerpt": excerpt(self.text, self.position)}
        return f"{template}: at character {{character}}: {{excerpt}}.", {**place}


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
