"""Checks import options: what a user says about a file. What isn't given is detected.

The recorded options of a job make its retry import the same; :func:`read_options` is the one check.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from contract.declarations import declared
from contract.requests.importing import (
    DATE_ORDERS,
    DECIMALS,
    MAX_COLUMNS,
    NESTED,
    THOUSANDS,
    TOTALS,
    ReadOptions,
)
from domain_errors import DomainError, choices_sentence

MAX_SKIPPED = 10_000
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
_KINDS = {"text": "delimited text", "Excel": "workbooks", "JSON": "JSON", "Parquet": "Parquet"}


class InvalidOption(DomainError):
    """An import option that isn't valid, or that doesn't fit the file."""

    code = "invalid_option"


def read_options(raw: Mapping[str, Any]) -> ReadOptions:
    """Check the options of a request.

    Raises
    ------
    InvalidOption
        An option is unknown or its value is invalid; ``loc`` names it.
    """
    known = [own.name for own in declared(ReadOptions)]
    for name in raw:
        if name not in known:
            raise InvalidOption(
                'There is no import option "{name}". {choices}',
                loc=("options", name),
                name=name,
                choices=choices_sentence(name, known),
            )
    options = ReadOptions(
        **{name: _CHECKS[name](name, value) for name, value in raw.items() if value is not None}
    )
    if options.decimal and options.decimal == options.thousands:
        raise InvalidOption("`decimal` and `thousands` must differ.", loc=("options", "thousands"))
    if options.header_row and options.skip_above and options.header_row <= options.skip_above:
        raise InvalidOption(
            "`header_row` must be below the rows of `skip_above`.", loc=("options", "header_row")
        )
    if options.decimal is not None or options.thousands not in DECIMALS:
        return options
    (decimal,) = (mark for mark in DECIMALS if mark != options.thousands)
    return replace(options, decimal=decimal)


def require_applicable(options: ReadOptions, file_format: str) -> None:
    """Refuse options that don't apply to a format, of those that the contract names."""
    for own in declared(ReadOptions):
        if own.name in options.given() and file_format not in (own.only_with or _KINDS):
            raise InvalidOption(
                f"`{own.name}` doesn't apply to {{kind}}. Leave it out.",
                loc=("options", own.name),
                kind=_KINDS[file_format],
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


def _one_of(choices: Collection[str]) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        text = _text(name, value)
        text = text.lower() if len(text) > 1 else text
        if text not in choices:
            words = {" ": "a space", "": "empty"}
            raise InvalidOption(
                f"`{name}` must be one of: {{choices}}.",
                loc=("options", name),
                choices=", ".join(words.get(choice, choice) for choice in choices),
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
    "thousands": _one_of(THOUSANDS),
    "date_order": _one_of(DATE_ORDERS),
    "encoding": _encoding,
    "nested": _one_of(NESTED),
    "totals": _one_of(TOTALS),
    "types": _types,
    "names": _names,
}

DETECT_ALL = ReadOptions()
"""No option is given."""
