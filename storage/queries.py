"""Loads the named statements of ``queries.sql``.

A statement starts at a line ``-- name: purpose`` and ends before the next one. A name that is asked
for and isn't there fails at import, since modules look their statements up at the top.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- (?P<name>[a-z_]+): (?P<purpose>.+)$", re.MULTILINE)


@cache
def all_statements() -> dict[str, str]:
    """Every statement by its name."""
    text = files("storage").joinpath("queries.sql").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return {
        header["name"]: text[header.end() : end].strip().rstrip(";")
        for header, end in zip(headers, ends, strict=True)
    }


def statement(name: str) -> str:
    """One statement.

    Raises
    ------
    KeyError
        No statement has that name.
    """
    return all_statements()[name]
