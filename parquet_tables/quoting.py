"""The one place where names and texts become SQL.

Invariant: everything that isn't a bound parameter passes through here. DuckDB folds the case of
identifiers, quoted or not, so two names that differ in case alone are one name to it.
"""

from __future__ import annotations

from pathlib import Path


def quote_identifier(name: str) -> str:
    """Quote a column or table name.

    >>> print(quote_identifier('10" pipe'))
    "10"" pipe"
    """
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a string literal, for the few places that take no parameter (the target of COPY).

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path) -> str:
    """Quote a path of our own as a string literal."""
    return quote_text(str(path))
