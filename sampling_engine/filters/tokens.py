"""Split an expression into tokens.

Every character belongs to one token or is white space. Unsupported signs are rejected by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sampling_engine.filters.errors import Location, shorten

Kind = Literal["word", "quoted", "string", "number", "symbol", "end"]

# A word is a run of characters of any script, without white space and ASCII punctuation. Possessive
# repeats find an unclosed quote in one pass.
TOKEN = re.compile(
    r"""
    (?P<space>\s++)
    | (?P<comment>--|/\*)
    | (?P<arrow>->|=>)
    | "(?P<quoted>(?:[^"]|"")*+)"
    | '(?P<string>(?:[^']|'')*+)'
    | (?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    | (?P<word>[^\s\x00-/:-@\[-^`{-\x7f]++)
    | (?P<symbol><=|>=|<>|!=|==|[=<>(),+-])
    """,
    re.VERBOSE,
)
VALUE_KINDS: dict[str | None, Kind] = {
    "quoted": "quoted",
    "string": "string",
    "number": "number",
    "word": "word",
    "symbol": "symbol",
}
"""The groups of ``TOKEN`` that become tokens."""
WORD_AFTER_NUMBER = re.compile(r"[^\s\x00-/:-@\[-^`{-\x7f]++")
# The first matching prefix gives the message.
UNSUPPORTED_SIGNS = (
    ('"', "A double quote is not closed"),
    ("'", "A single quote is not closed; write a quote inside a text twice: 'it''s'"),
    (";", "Semicolons are not supported: a filter is one expression"),
    ("::", "Casts (::) are not supported"),
    (":", "Parameters (:) are not supported; write the value itself"),
    ("?", "Parameters (?) are not supported; write the value itself"),
    ("$", "Parameters and dollar quotes ($) are not supported; write the value itself"),
    ("@", "The sign @ is not supported; write a name that contains it in double quotes"),
    ("#", "The sign # is not supported; write a name that contains it in double quotes"),
    ("[", "Brackets [ ] are not supported; write a list for IN in parentheses"),
    ("]", "Brackets [ ] are not supported; write a list for IN in parentheses"),
    ("{", "Braces { } are not supported"),
    ("}", "Braces { } are not supported"),
    ("*", "The star (*) is not supported, neither for columns nor for arithmetic"),
    ("/", "Arithmetic (/) is not supported"),
    ("%", "Arithmetic (%) is not supported; write a LIKE pattern in single quotes"),
    ("||", "Text concatenation (||) is not supported; write OR between conditions"),
    ("|", "The sign | is not supported; write OR between conditions"),
    ("&", "The sign & is not supported; write AND between conditions"),
    ("~", "Regular expressions (~) are not supported; use LIKE or ILIKE"),
    ("!", "The sign ! is not supported; write NOT before a condition, or !="),
    (".", "Names with a dot are not supported; write only the column, in double quotes if its "
          "name contains the dot"),
    ("`", "Write a column's name in double quotes, not in `"),
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A token of an expression.

    Parameters
    ----------
    kind : str
        ``quoted`` is a name in double quotes, ``string`` a text in single quotes.
    text : str
        The characters; of a name or a text, those between the quotes, unescaped.
    position : int
        Position of the first character, from 0.
    """

    kind: Kind
    text: str
    position: int

    @property
    def word(self) -> str:
        """The text of a bare word in capitals; empty for other kinds."""
        return self.text.upper() if self.kind == "word" else ""


def tokenize(text: str, location: Location) -> list[Token]:
    """Return the tokens of an expression; the last is of kind ``end``.

    Raises
    ------
    InvalidFilter
        The text contains an unsupported sign.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise location.at(position).error(_unsupported_sign(text, position))
        kind, value = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "comment":
            raise location.at(position).error("Comments are not supported")
        if kind == "arrow":
            message = f"The arrow {value} is not supported; comparisons are >= and <="
            raise location.at(position).error(message)
        if kind == "number":
            _check_number_end(text, match.end(), position, location)
        if kind in VALUE_KINDS:
            tokens.append(Token(VALUE_KINDS[kind], _unescaped(kind, value), position))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


def _unescaped(kind: str | None, value: str) -> str:
    if kind == "quoted":
        return value.replace('""', '"')
    return value.replace("''", "'") if kind == "string" else value


def _check_number_end(text: str, end: int, position: int, location: Location) -> None:
    word = WORD_AFTER_NUMBER.match(text, end)
    if word or text.startswith(".", end):
        number = shorten(text[position : word.end() if word else end + 1])
        raise location.at(position).error(
            f"{number} is not a number; write a name that starts with a digit in double quotes"
        )


def _unsupported_sign(text: str, position: int) -> str:
    for prefix, message in UNSUPPORTED_SIGNS:
        if text.startswith(prefix, position):
            return message
    return f"The character {text[position]!r} is not supported"
