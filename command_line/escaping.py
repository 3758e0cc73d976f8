"""Escapes control characters in texts of users, for terminals and logs."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""ASCII and Latin-1 controls, line and direction marks, and surrogates, which can't be encoded."""


def escaped(text: str) -> str:
    """Return the text on one line with control characters escaped.

    >>> print(printable("a\\x1b[2Kb"))
    a\\x1b[2Kb
    """
    return _CONTROLS.sub(escape_character, text)


def escaped_lines(text: str) -> str:
    """Escape control characters in a text of several lines."""
    return "\n".join(escaped(line) for line in text.split("\n"))


def escape_character(found: re.Match[str]) -> str:
    """Write a character as a Python escape."""
    return found[0].encode("unicode_escape").decode("ascii")
