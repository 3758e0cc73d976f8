"""Kinds of values: the type and the bounds of a field, and how a person writes it.

A kind knows no framework. ``read`` is for texts that people type, in commands and forms; the JSON
of the API has its own types, which :mod:`http_api.schemas.contract` checks by the same bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, dataclass_transform, get_args

from contract.numbers import confidence_of, errors_of, number_of
from domain_errors import InvalidRequest, choices_sentence
from lazy_dataclasses import dataclass

LONGEST_TEXT = 1000
DEFAULT_CONFIDENCE = 0.95
LEAST_CONFIDENCE = 0.5
"""The lowest; published tables begin with it. The highest is below 1."""
USUAL_CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.99)
OUT_OF_RANGE = "A confidence is from 0.5, and below 1, such as 0.95 or 95 %."


class NotGiven:
    """What stands for a field that may be null, and wasn't given."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest number; ``above`` and ``below`` leave them out themselves."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def holds(self, value: float | Decimal) -> bool:
        """Whether a number is within them."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


UNBOUNDED = Bounds()
ABOVE_ZERO = Bounds(above=0)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Kind:
    """The kind of a field; subclasses are frozen dataclasses."""

    metavar: str | None = None
    option: ClassVar[str | None] = None
    """The option of commands, if it isn't that of the field's name."""
    json_type: str = "string"
    """What a value is in JSON, in words."""

    def __init_subclass__(cls) -> None:
        """Make a frozen dataclass of a subclass."""
        super().__init_subclass__()
        dataclass(frozen=True)(cls)

    def read(self, text: str) -> Any:
        """The value that a person wrote.

        Raises
        ------
        InvalidRequest
            The text is none.
        """
        return text


class Text(Kind):
    """A text of some length, in characters."""

    least: int = 0
    most: int = LONGEST_TEXT
    metavar: str | None = None


class Name(Text):
    """A name that a person gives: one line, with a visible character unless it may be empty.

    As a segment of an address it has no slash.
    """

    least: int = 1
    is_segment: bool = False


class Password(Text):
    """A new password."""

    least: int = 8
    most: int = 1000


PASSWORD = Password()


class Time(Kind):
    """A time in ISO 8601; one without an offset is UTC."""

    metavar: str | None = "TIME"


class EndTime(Time):
    """The exclusive end of a period; a day without a time includes that day."""


class Day(Text):
    """A day such as 2025-12-31, also as written in German: 31.12.2025."""

    least: int = 8
    most: int = 10
    metavar: str | None = "DATE"

    def read(self, text: str) -> str:
        """The day in ISO 8601."""
        written = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text, re.ASCII)
        try:
            if written is not None:
                return date(*map(int, written.group(3, 2, 1))).isoformat()
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise InvalidRequest(
                "{text} is no day such as 2025-12-31 or 31.12.2025.", text=text[:20]
            ) from None


class ColumnName(Text):
    """The name of a column."""

    least: int = 1
    metavar: str | None = "COLUMN"


class GroupColumn(ColumnName):
    """The name of a column whose values make groups."""


class BandedColumn(GroupColumn):
    """The name of a column, or a column with the breaks between its bands."""

    json_type = "string or bands"


class NumberColumn(ColumnName):
    """The name of a column of numbers."""


class TextColumnName(ColumnName):
    """The name of a column of texts."""


class DateColumn(ColumnName):
    """The name of a column of dates or times."""


class Suggested(Text):
    """A text of which forms offer usual values; what uses it checks the others."""

    titles: Mapping[str, str] = field(default_factory=dict, hash=False)


class Upload(Kind):
    """A file, in the form of a request."""


class Choice(Kind):
    """One of several values, each with its title.

    Parameters
    ----------
    usual : str, optional
        The value that is taken if none is given, where the field has no default of its own.
    """

    titles: Mapping[Any, str] = field(hash=False)
    usual: str | None = None

    @staticmethod
    def of(literal: Any) -> Choice:
        """A choice of a type's literals, whose titles are the values."""
        return Choice({value: value for value in get_args(literal)})

    def read(self, text: str) -> str:
        """A value, as it is."""
        if text not in self.titles:
            raise InvalidRequest(choices_sentence(text, list(self.titles)))
        return text


class Flag(Kind):
    """True or false."""

    json_type = "boolean"


class Count(Kind):
    """A whole number."""

    bounds: Bounds = UNBOUNDED
    json_type = "integer"

    def read(self, text: str) -> int:
        """A whole number, with thousands separators or without."""
        value = number_of(text)
        if value != int(value) or not self.bounds.holds(value):
            raise InvalidRequest("{text} is no whole number that fits.", text=text[:60])
        return int(value)


class LongCount(Count):
    """A whole number of up to 64 bits, or its digits as text: JavaScript has 53 bits."""


class DatasetId(Count):
    """The id of a dataset; commands also take its name."""

    metavar: str | None = "DATASET"


class Number(Kind):
    """A number of JSON."""

    bounds: Bounds = UNBOUNDED
    json_type = "number"

    def read(self, text: str) -> float:
        """A number."""
        return float(number_of(text))


class Written(Kind):
    """A number of JSON, or a text with a number as people write it.

    Parameters
    ----------
    how : callable
        The function of :mod:`contract.numbers` that reads the text.
    refusal : str, optional
        The sentence about a number out of bounds.
    """

    how: Callable[[str], Decimal] = number_of
    bounds: Bounds = UNBOUNDED
    refusal: str | None = None
    metavar: str | None = "NUMBER"

    def exactly(self, text: str) -> Decimal:
        """The number in a text, with all its digits."""
        value = self.how(text)
        if self.refusal is not None and not self.bounds.holds(value):
            raise InvalidRequest(self.refusal)
        return value

    def read(self, text: str) -> float:
        """The number in a text."""
        return float(self.exactly(text))


class Exact(Written):
    """A written number with all its digits, as a Decimal."""

    def read(self, text: str) -> Any:
        """The number in a text."""
        return self.exactly(text)


MAX_START_DECIMALS = 18


class StartKind(Exact):
    """Where a keyed order begins, as a plain decimal text."""

    bounds: Bounds = Bounds(0, below=1)
    refusal: str | None = "The start is a number from 0 to below 1."
    json_type = "string"

    def read(self, text: str) -> Any:
        """The number in a text."""
        return self.text(self.exactly(text))

    def text(self, start: Decimal) -> str:
        """The plain text, without superfluous zeros and the sign of 0.

        Raises
        ------
        InvalidRequest
            The number is out of bounds, or has more than MAX_START_DECIMALS decimals.
        """
        text = f"{abs(start):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if not self.bounds.holds(start):
            raise InvalidRequest(self.refusal or "")
        if len(text.partition(".")[2]) > MAX_START_DECIMALS:
            raise InvalidRequest("The start has at most 18 decimals.")
        return text


class Share(Written):
    """A part of a whole, as a number or a text; a percentage is one, too."""

    bounds: Bounds = Bounds(above=0, below=1)
    refusal: str | None = "A share is above 0 and below 1, such as 0.8 or 80%."
    json_type = "share"


CONFIDENCE = Written(
    confidence_of, Bounds(least=LEAST_CONFIDENCE, below=1), OUT_OF_RANGE, metavar="LEVEL"
)
"""The confidence of a limit or an interval; a percentage is one, too."""
TOLERABLE = Exact(errors_of, ABOVE_ZERO)
ERRORS = Written(errors_of, ABOVE_ZERO)
"""Errors that are tolerable or expected: below 1 a share, from 1 a number or an amount."""
SHARE = Share()
MARGIN = Written(number_of, ABOVE_ZERO)


class Items(Kind):
    """A list of values of one kind; ``refusal`` is the sentence about one that is too short."""

    of: Kind
    most: int
    least: int = 0
    refusal: str | None = None

    @property
    def json_type(self) -> str:  # type: ignore[override]
        """A list of its kind."""
        return f"array of {self.of.json_type}"


class Names(Kind):
    """Texts of a query string, separated by commas or repeated."""

    most: int


class OneOrMore(Items):
    """A list of values; a value alone stands for a list of it."""


class Mapped(Kind):
    """A value for each of several names."""

    of: Kind
    most: int
    least: int = 1
    metavar: str | None = None

    @property
    def json_type(self) -> str:  # type: ignore[override]
        """An object of its kind."""
        return f"object of {self.of.json_type}"


class FigureKind(Kind):
    """A figure of a calculation: a number, a text, or lists and tables of them."""

    json_type = "number, list or table"


class SizeKind(Kind):
    """A number of rows, ``"all"`` or a percentage such as ``"10%"``."""

    bounds: Bounds = Bounds(0)
    json_type = "size"


class BreakKind(Kind):
    """A break between bands: a number, or a number or a date as text."""


class RoundKind(Kind):
    """A round of a draw, of the shape of its method."""


class SeedKind(Kind):
    """The seed of a draw: a whole number or a text."""

    json_type = "integer or string"


class PlannedSeedKind(SeedKind):
    """A plain seed, or the source of a public one."""


class Part(Kind):
    """An object, which is a request of its own."""

    of: type


class WrittenPart(Part):
    """An object that a person writes as one text.

    Parameters
    ----------
    from_text, to_text : callable
        Read the object of a text; write the text of an object, None if it has none.
    """

    from_text: Callable[[str], dict[str, Any]]
    to_text: Callable[[Mapping[str, Any]], str | None]
    metavar: str | None = None

    def read(self, text: str) -> dict[str, Any]:
        """The object."""
        return self.from_text(text)


class Scalar(Kind):
    """A text, a number, true, false or null."""


class RowFilterKind(Kind):
    """A filter of rows: an expression, or conditions."""

    option: ClassVar[str | None] = "--filter"
    metavar: str | None = "FILTER"

    def read(self, text: str) -> dict[str, str]:
        """An expression."""
        return {"expression": text}


class DrawFilterKind(RowFilterKind):
    """A filter of the rows to draw, which may name an earlier version and earlier draws, too."""


class ValuesKind(Kind):
    """Where values come from: the table, an upload by its number, the findings or the answers."""

    words: tuple[str, ...] = ("table", "latest", "findings", "answers")

    def read(self, text: str) -> str | int:
        """A word, or the number of an upload."""
        if text in self.words:
            return text
        return Count(Bounds(1, 2**31 - 1)).read(text)
