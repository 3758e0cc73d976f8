"""An expression's characters as tokens.

Owns: what a token is. Invariant: each character belongs to one token or is white space, so nothing
that was written goes unread; what the language doesn't have is refused here by its name where one
look tells. Called by :mod:`roles`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sampling_engine.filters.errors import Place, shortened

Kind = Literal["word", "quoted", "string", "number", "symbol", "end"]

# A word is any run of characters but white space and ASCII punctuation, in any script. Possessive
# repeats: an open quote is found in one pass.
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
WORD_AFTER_NUMBER = re.compile(r"[^\s\x00-/:-@\[-^`{-\x7f]++")
# The first that the text starts with.
REFUSED = (
    ('"', "A double quote is not closed"),
    ("'", "A single quote is not closed; a quote inside a text is written twice: 'it''s'"),
    (";", "A filter is one expression: it has no semicolon"),
    ("::", "Casts (::) are not supported"),
    (":", "Parameters (:) are not supported; write the value itself"),
    ("?", "Parameters (?) are not supported; write the value itself"),
    ("$", "Parameters and dollar quotes ($) are not supported; write the value itself"),
    ("@", "The sign @ is not supported; put a name that has it in double quotes"),
    ("#", "The sign # is not supported; put a name that has it in double quotes"),
    ("[", "Brackets [ ] are not supported; a list for IN is in parentheses"),
    ("]", "Brackets [ ] are not supported; a list for IN is in parentheses"),
    ("{", "Braces { } are not supported"),
    ("}", "Braces { } are not supported"),
    ("*", "The star (*) is not supported: neither all columns nor arithmetic"),
    ("/", "Arithmetic (/) is not supported"),
    ("%", "Arithmetic (%) is not supported; in a pattern for LIKE the sign goes inside the quotes"),
    ("||", "Joining texts (||) is not supported; write OR between conditions"),
    ("|", "The sign | is not supported; write OR between conditions"),
    ("&", "The sign & is not supported; write AND between conditions"),
    ("~", "Regular expressions (~) are not supported; use LIKE or ILIKE"),
    ("!", "The sign ! is not supported; write NOT before a condition, or !="),
    (".", "Names with a dot are not supported: write the column alone, in double quotes if the "
          "dot is part of its name"),
    ("`", "A column's name goes in double quotes, not in `"),
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A piece of the text.

    Parameters
    ----------
    kind : str
        ``quoted`` is a name in double quotes, ``string`` a text in single quotes.
    text : str
        What it says: the quotes are gone and doubled ones are single; a number is as written.
    position : int
        Of its first character, from 0.
    """

    kind: Kind
    text: str
    position: int

    @property
    def word(self) -> str:
        """In capitals if it is a bare word, else empty."""
        return self.text.upper() if self.kind == "word" else ""


def scan(text: str, place: Place) -> list[Token]:
    """The tokens of an expression; the last is of kind ``end``.

    Raises
    ------
    InvalidFilter
        Something that the language doesn't have.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise place.at(position).refusal(_refusal_of(text, position))
        kind, value = found.lastgroup, found.group(found.lastgroup or 0)
        if kind == "comment":
            raise place.at(position).refusal("Comments are not supported")
        if kind == "arrow":
            message = f"The arrow {value} is not supported; comparisons are >= and <="
            raise place.at(position).refusal(message)
        if kind == "number":
            _check_number_ends(text, found.end(), position, place)
        if kind == "quoted":
            tokens.append(Token("quoted", value.replace('""', '"'), position))
        elif kind == "string":
            tokens.append(Token("string", value.replace("''", "'"), position))
        elif kind == "number":
            tokens.append(Token("number", value, position))
        elif kind == "word":
            tokens.append(Token("word", value, position))
        elif kind == "symbol":
            tokens.append(Token("symbol", value, position))
        position = found.end()
    return [*tokens, Token("end", "", len(text))]


def _check_number_ends(text: str, end: int, position: int, place: Place) -> None:
    after = WORD_AFTER_NUMBER.match(text, end)
    if after or text.startswith(".", end):
        written = shortened(text[position : after.end() if after else end + 1])
        raise place.at(position).refusal(
            f"{written} is no number; put a name that starts with a digit in double quotes"
        )


def _refusal_of(text: str, position: int) -> str:
    for start, message in REFUSED:
        if text.startswith(start, position):
            return message
    return f"The character {text[position]!r} is not supported"
