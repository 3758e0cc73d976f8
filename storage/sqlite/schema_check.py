"""Compare a database's schema with ``schema.sql``, token by token.

Comments and line breaks don't count. Used when a database is opened and by ``jobsvc check``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache

from storage.errors import UnknownSchema
from storage.sqlite.migrations import schema_script

CORE_TABLES = frozenset({"users", "datasets", "commits", "refs", "jobs"})
"""Tables of every version of the schema."""
MAX_LISTED = 3
"""The number of differences that an error lists."""

_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | \s+ | ( '(?:[^']|'')*' | "(?:[^"]|"")*" | \w+ | . )""",
    re.DOTALL | re.VERBOSE,
)

Objects = dict[tuple[str, str], tuple[str, ...]]
"""The tokens of each object's SQL, by the object's type and name."""


def table_names(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the names of all tables except SQLite's own."""
    return frozenset(name for kind, name in _objects(connection) if kind == "table")


def require_known_schema(connection: sqlite3.Connection) -> None:
    """Require the newest schema.

    Raises
    ------
    UnknownSchema
        Names the first tables, indexes and triggers that differ.
    """
    found = list(differences(connection))
    if found:
        more = f", and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
        raise UnknownSchema(
            "The database's schema differs from that of this jobsvc: {differences}. Undo the "
            "change, or restore the data directory from a backup.",
            differences=", ".join(found[:MAX_LISTED]) + more,
        )


def differences(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield a phrase for each object that is missing, unknown or different."""
    expected, found = _expected(), _objects(connection)
    for kind, name in sorted(expected.keys() | found.keys()):
        if (kind, name) not in found:
            yield f'the {kind} "{name}" is missing'
        elif (kind, name) not in expected:
            yield f'the {kind} "{name}" is unknown'
        elif found[kind, name] != expected[kind, name]:
            yield f'the {kind} "{name}" differs'


@cache
def _expected() -> Objects:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_script())
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> Objects:
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite@_%' "
        "ESCAPE '@'"
    )
    return {(kind, name): _tokens(sql) for kind, name, sql in rows}


def _tokens(sql: str) -> tuple[str, ...]:
    return tuple(token for token in _TOKEN.findall(sql) if token)
