"""Run a named statement and read its result."""

from __future__ import annotations

import sqlite3
from typing import Any

from storage.database import Transaction
from storage.queries import statement


def run(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Cursor:
    """Run a named statement."""
    return tx.execute(statement(name), params)


def first(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Row | None:
    """Return the only row, or None; reads all rows, so that RETURNING completes."""
    rows: list[sqlite3.Row] = run(tx, name, **params).fetchall()
    return rows[0] if rows else None


def all_rows(tx: Transaction, name: str, /, **params: Any) -> list[sqlite3.Row]:
    """Return all rows."""
    return run(tx, name, **params).fetchall()


def number(tx: Transaction, name: str, /, **params: Any) -> int:
    """Return the integer of a statement that counts."""
    (value,) = run(tx, name, **params).fetchone()
    assert isinstance(value, int)  # noqa: S101 - count(*) is never NULL
    return value
