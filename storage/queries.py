"""Load the named SQL statements of ``queries.sql``.

A statement starts at a line ``-- name: purpose`` and ends before the next one.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- (?P<name>[a-z_]+): (?P<purpose>.+)$", re.MULTILINE)


@cache
def all_statements() -> dict[str, str]:
    """Return all statements by name."""
    text = files("storage").joinpath("queries.sql").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return {
        header["name"]: text[header.end() : end].strip().rstrip(";")
        for header, end in zip(headers, ends, strict=True)
    }


def statement(name: str) -> str:
    """Return the statement with this name; raise KeyError if there is none."""
    return all_statements()[name]
