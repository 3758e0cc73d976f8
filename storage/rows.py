"""Running one named statement: the few ways in which an answer is read."""

from __future__ import annotations

import sqlite3
from typing import Any

from storage.database import Transaction
from storage.queries import statement


def run(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Cursor:
    """Run a named statement."""
    return tx.execute(statement(name), params)


def first(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Row | None:
    """The only row, or None; reads to the end, so that RETURNING is complete."""
    rows: list[sqlite3.Row] = run(tx, name, **params).fetchall()
    return rows[0] if rows else None


def all_rows(tx: Transaction, name: str, /, **params: Any) -> list[sqlite3.Row]:
    """Every row."""
    return run(tx, name, **params).fetchall()


def number(tx: Transaction, name: str, /, **params: Any) -> int:
    """The one number of a counting statement."""
    (value,) = run(tx, name, **params).fetchone()
    assert isinstance(value, int)  # noqa: S101 - count(*) is never NULL
    return value
