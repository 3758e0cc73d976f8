"""Why a filter is refused, and where in it the fault is.

Owns: the error, and the :class:`Place` that makes it. Invariant: a message names the culprit and,
for an expression, its character with an excerpt in which ``^`` stands just before it. Used by every
module of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain_errors import DomainError
from parquet_tables.tables import Column, TableFiles, UnknownColumn

Loc = tuple[str | int, ...]

AROUND = 20
LONGEST_QUOTE = 40


class InvalidFilter(DomainError):
    """A filter is not in the language, or doesn't fit the table's columns.

    Parameters
    ----------
    message : str
        What is wrong, and what to write.
    position : int, optional
        The culprit's place in the expression, in characters from 0; None for conditions.
    loc : tuple of str or int
        The filter's place in the caller's input, down to the condition's part.
    """

    code = "invalid_filter"

    def __init__(self, message: str, *, position: int | None = None, loc: Loc = ()) -> None:
        super().__init__(message, loc=loc)
        self.position = position


@dataclass(frozen=True)
class Place:
    """Somewhere in a filter: a part of a condition, or a character of an expression."""

    loc: Loc
    text: str | None = None
    position: int | None = None

    def at(self, position: int) -> Place:
        """Another character of the same expression."""
        return replace(self, position=position)

    def part(self, *loc: str | int) -> Place:
        """A part of this place in the input."""
        return replace(self, loc=(*self.loc, *loc))

    def refusal(self, message: str) -> InvalidFilter:
        """The error to raise: ``message`` is a sentence without its full stop."""
        return InvalidFilter(self._located(message), position=self.position, loc=self.loc)

    def column(self, table: TableFiles, name: str, hint: str = "") -> Column:
        """Look a column up here.

        Raises
        ------
        UnknownColumn
            With this place, the columns there are, and ``hint``.
        """
        try:
            return table.column(name)
        except UnknownColumn as unknown:
            start = f'There is no column "{name}".'
            rest = unknown.message.removeprefix(start).strip()
            found = self._located(start.removesuffix("."))
            message = " ".join(part for part in (found, rest, hint) if part)
            raise UnknownColumn(message, loc=self.loc) from None

    def _located(self, message: str) -> str:
        if self.text is None or self.position is None:
            return f"{message}."
        return f"{message}: at character {self.position}: {excerpt(self.text, self.position)}."


def excerpt(text: str, position: int) -> str:
    """The text around a position, which ``^`` marks.

    >>> print(excerpt("age >> 18", 5))
    "age >^> 18"
    """
    start, stop = max(0, position - AROUND), position + AROUND
    before, after = text[start:position], text[position:stop]
    left, right = "…" if start else "", "…" if stop < len(text) else ""
    return f'"{left}{before}^{after}{right}"'


def shortened(text: str) -> str:
    """A user's text as a message quotes it."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"
