"""Quoting of names, texts and paths in SQL; everything else is a bound parameter.

A user's column may have the name of any alias of the product. So a SELECT that reads rows under
users' names qualifies every reference, and one that works on the values renames the columns first.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import duckdb

_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def quote_identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def positional_names(count: int) -> str:
    """Return the column aliases ``c0, c1, …``."""
    return ", ".join(f"c{position}" for position in range(count))


def shown_identifier(name: str) -> str:
    """Quote a name only if SQL needs it.

    >>> shown_identifier("dep_delay"), shown_identifier("Q1 2024"), shown_identifier("order")
    ('dep_delay', '"Q1 2024"', '"order"')
    """
    if _PLAIN.fullmatch(name) and name.lower() not in _reserved_words():
        return name
    return quote_identifier(name)


@cache
def _reserved_words() -> frozenset[str]:
    with duckdb.connect() as connection:
        keywords = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        )
        return frozenset(name for (name,) in keywords.fetchall())


def quote_text(text: str) -> str:
    """Quote a string literal where no parameter is allowed."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path) -> str:
    return quote_text(str(path))
