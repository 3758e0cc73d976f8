"""Import options: what a user says about a file. What isn't given is detected.

The recorded options of a job make its retry import the same; ``from_json`` is the one check.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from domain_errors import DomainError, choices_sentence

DELIMITERS = (",", "\t", ";", "|")
DECIMALS = (".", ",")
THOUSANDS = (".", ",", "'", " ")
DATE_ORDERS = ("dmy", "mdy", "ymd")
MAX_SKIPPED = 10_000
MAX_COLUMNS = 16_384
TYPES = ("VARCHAR", "BIGINT", "DOUBLE", "DECIMAL(p,s)", "DATE", "TIME", "TIMESTAMP", "BOOLEAN")
_ALIASES = {
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "INT": "BIGINT",
    "NUMBER": "DOUBLE",
    "FLOAT": "DOUBLE",
    "DATETIME": "TIMESTAMP",
    "BOOL": "BOOLEAN",
}
_DECIMAL = re.compile(r"DECIMAL\((\d{1,2}),(\d{1,2})\)")
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


class InvalidOption(DomainError):
    """An import option that isn't valid, or that doesn't fit the file."""

    code = "invalid_option"


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file; each option is optional, and a given one wins over detection.

    Parameters
    ----------
    sheet : str
        The only sheet of a workbook to import.
    header_row : int
        The row with the column names, counted from 1; 0 if no row has them. Rows above it are
        skipped.
    skip_above, skip_below : int
        Rows to skip at the start and at the end of the file.
    delimiter : str
        One character.
    decimal, thousands : str
        The marks in numbers; an empty ``thousands`` means that there is none. If only
        ``thousands`` is given and is one of the two decimal marks, the decimal mark is the other.
    date_order : {"dmy", "mdy", "ymd"}
        The order of day, month and year in dates that don't begin with a year of four digits.
    encoding : str
        A text encoding that Python knows.
    types : mapping
        The type of a column, by its name in the file. A value that doesn't fit is an error.
    names : mapping
        The new name of a column, by its name in the file.
    """

    sheet: str | None = None
    header_row: int | None = None
    skip_above: int | None = None
    skip_below: int | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    date_order: str | None = None
    encoding: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> ReadOptions:
        """Check the options of a request.

        Raises
        ------
        InvalidOption
            An option is unknown or its value is invalid; ``loc`` names it.
        """
        known = [option.name for option in fields(ReadOptions)]
        for name in raw:
            if name not in known:
                raise InvalidOption(
                    'There is no import option "{name}". {choices}',
                    loc=("options", name),
                    name=name,
                    choices=choices_sentence(name, known),
                )
        checked = {
            name: _CHECKS[name](name, value) for name, value in raw.items() if value is not None
        }
        options = ReadOptions(**checked)
        options._check_together()
        return options._with_decimal()

    def to_json(self) -> dict[str, Any]:
        """Return the given options alone."""
        values = {option.name: getattr(self, option.name) for option in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in values.items()
            if value is not None and value != {}
        }

    def for_columns(self, columns: Collection[str]) -> ReadOptions:
        """Return the options without those for other columns."""
        types = {name: value for name, value in self.types.items() if name in columns}
        names = {name: value for name, value in self.names.items() if name in columns}
        return replace(self, types=types, names=names)

    def require_only(self, allowed: tuple[str, ...], kind: str) -> None:
        """Refuse options that don't apply to a kind of file."""
        for name in self.to_json():
            if name not in allowed:
                raise InvalidOption(
                    f"`{name}` doesn't apply to {{kind}}. Leave it out.",
                    loc=("options", name),
                    kind=kind,
                )

    def _with_decimal(self) -> ReadOptions:
        """Return the options with the decimal mark that the thousands sign leaves."""
        if self.decimal is not None or self.thousands not in DECIMALS:
            return self
        (decimal,) = (mark for mark in DECIMALS if mark != self.thousands)
        return replace(self, decimal=decimal)

    def _check_together(self) -> None:
        if self.decimal and self.decimal == self.thousands:
            raise InvalidOption(
                "`decimal` and `thousands` must differ.", loc=("options", "thousands")
            )
        if self.header_row and self.skip_above and self.header_row <= self.skip_above:
            raise InvalidOption(
                "`header_row` must be below the rows of `skip_above`.",
                loc=("options", "header_row"),
            )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 1000:
        raise InvalidOption(
            f"`{name}` must be a text of at most 1,000 characters.", loc=("options", name)
        )
    return value


def _rows(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SKIPPED:
        raise InvalidOption(
            f"`{name}` must be a whole number from 0 to {{maximum}}.",
            loc=("options", name),
            maximum=MAX_SKIPPED,
        )
    return value


def _delimiter(name: str, value: object) -> str:
    text = _text(name, value)
    text = _NAMED_DELIMITERS.get(text.lower(), text)
    if len(text) != 1 or text in "\"'\r\n" or text.isalnum() or not text.isascii():
        raise InvalidOption(
            f"`{name}` must be one character, for example , ; | or tab.", loc=("options", name)
        )
    return text


def _one_of(choices: tuple[str, ...]) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        text = _text(name, value)
        text = text.lower() if len(text) > 1 else text
        if text not in choices:
            shown = ", ".join("a space" if each == " " else each or "empty" for each in choices)
            raise InvalidOption(
                f"`{name}` must be one of: {{choices}}.", loc=("options", name), choices=shown
            )
        return text

    return check


def _encoding(name: str, value: object) -> str:
    text = _text(name, value)
    try:
        codec = codecs.lookup(text)
        "".encode(codec.name)
    except (LookupError, ValueError):
        codec = None
    if codec is None or not codec._is_text_encoding:
        raise InvalidOption(
            'There is no text encoding "{encoding}". Use for example utf-8, utf-16, cp1252, '
            "iso8859-15, cp850 or mac-roman.",
            loc=("options", name),
            encoding=text[:50],
        )
    return codec.name


def _texts(name: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or len(value) > MAX_COLUMNS:
        raise InvalidOption(
            f"`{name}` must be an object with a text for each column.", loc=("options", name)
        )
    return {_text(name, key): _text(name, text) for key, text in value.items()}


def _names(name: str, value: object) -> Mapping[str, str]:
    names = _texts(name, value)
    for old, new in names.items():
        if not new.strip():
            raise InvalidOption(
                'The new name of column "{column}" is empty.',
                loc=("options", name, old),
                column=old,
            )
    return names


def _types(name: str, value: object) -> Mapping[str, str]:
    return {column: _type(column, type_) for column, type_ in _texts(name, value).items()}


def _type(column: str, name: str) -> str:
    text = name.upper().replace(" ", "")
    text = _ALIASES.get(text, text)
    if text == "DECIMAL":
        return "DECIMAL(18,2)"
    digits = _DECIMAL.fullmatch(text)
    if text not in TYPES and not (digits and 1 <= int(digits[1]) <= 38 >= int(digits[2])):
        raise InvalidOption(
            'There is no type "{type}". Choose one of: {choices}.',
            loc=("options", "types", column),
            type=name[:50],
            choices=", ".join(TYPES),
        )
    if digits and int(digits[2]) > int(digits[1]):
        raise InvalidOption(
            "A DECIMAL can't have more decimals than digits.", loc=("options", "types", column)
        )
    return text


_CHECKS: Mapping[str, Callable[[str, object], Any]] = {
    "sheet": _text,
    "header_row": _rows,
    "skip_above": _rows,
    "skip_below": _rows,
    "delimiter": _delimiter,
    "decimal": _one_of(DECIMALS),
    "thousands": _one_of(("", *THOUSANDS)),
    "date_order": _one_of(DATE_ORDERS),
    "encoding": _encoding,
    "types": _types,
    "names": _names,
}

DETECT_ALL = ReadOptions()
"""No option is given."""
