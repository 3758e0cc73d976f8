"""Text that others wrote, made fit for a terminal and for a log.

Owns: which characters are spelt out. A name may hold what a terminal obeys: codes that move the
cursor, blank lines or turn the direction of writing.
"""

from __future__ import annotations

import re

_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls of ASCII and of Latin-1, ends of lines, turns of direction; and halves of surrogate
pairs, which can't be encoded."""


def printable(text: str) -> str:
    """On one line, with what a terminal would obey spelt out.

    >>> print(printable("a\\x1b[2Kb"))
    a\\x1b[2Kb
    """
    return _OBEYED.sub(spelt_out, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which it keeps."""
    return "\n".join(printable(line) for line in text.split("\n"))


def spelt_out(found: re.Match[str]) -> str:
    """A character as Python writes it in a string."""
    return found[0].encode("unicode_escape").decode("ascii")
