"""Load and run the named SQL statements of ``queries.sql``.

A statement starts at a line ``-- name: purpose`` and ends before the next one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from storage.sqlite.database import Transaction

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


def statement(name: str, /, **fragments: str) -> str:
    """Return the statement with this name; raise KeyError if there is none.

    ``fragments`` are parts of SQL that replace the names in braces; never a text of a user.
    """
    text = all_statements()[name]
    return text.format(**fragments) if fragments else text


def run(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Cursor:
    """Run a named statement."""
    return tx.execute(statement(name), params)


def first(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Row | None:
    """Return the only row, or None; reads all rows, so that RETURNING completes."""
    rows: list[sqlite3.Row] = run(tx, name, **params).fetchall()
    return rows[0] if rows else None


def only(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Row:
    """Return the only row of a statement that always has one."""
    rows: list[sqlite3.Row] = run(tx, name, **params).fetchall()
    (row,) = rows
    return row


def all_rows(tx: Transaction, name: str, /, **params: Any) -> list[sqlite3.Row]:
    """Return all rows."""
    return run(tx, name, **params).fetchall()


def page(
    tx: Transaction,
    name: str,
    offset: int,
    limit: int,
    fragments: Mapping[str, str] = MappingProxyType({}),
    /,
    **params: Any,
) -> tuple[list[sqlite3.Row], int]:
    """Return a page of a statement that ends with ORDER BY, and the number of all rows.

    ``fragments`` replace the names in braces.
    """
    sql = statement(name, **fragments)
    selection, _, _ = sql.rpartition("ORDER BY")
    (total,) = tx.execute(f"SELECT count(*) FROM ({selection})", params).fetchone()
    bounds = {"limit": limit, "offset": offset}
    rows = tx.execute(f"{sql} LIMIT :limit OFFSET :offset", {**params, **bounds})
    return rows.fetchall(), total


def number(tx: Transaction, name: str, /, **params: Any) -> int:
    """Return the integer of a statement that counts."""
    return int(only(tx, name, **params)[0])
