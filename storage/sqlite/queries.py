"""Load and run the named SQL statements of ``queries.sql``, and read their rows as objects.

A statement starts at a line ``-- name: purpose`` and ends before the next one.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from storage.sqlite.database import Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
NO_FRAGMENTS: Mapping[str, str] = MappingProxyType({})

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


def run_each(tx: Transaction, names: Iterable[str], /, **params: Any) -> None:
    """Run several named statements with the same parameters."""
    for name in names:
        run(tx, name, **params)


def required(tx: Transaction, name: str, missing: Exception, /, **params: Any) -> sqlite3.Row:
    """Return the only row, or raise ``missing``."""
    row = first(tx, name, **params)
    if row is None:
        raise missing
    return row


def only(tx: Transaction, name: str, /, **params: Any) -> sqlite3.Row:
    """Return the only row of a statement that always has one."""
    rows: list[sqlite3.Row] = run(tx, name, **params).fetchall()
    (row,) = rows
    return row


def all_rows(tx: Transaction, name: str, /, **params: Any) -> list[sqlite3.Row]:
    """Return all rows."""
    return run(tx, name, **params).fetchall()


NEWEST = 2**63 - 1
"""Before which every id is."""


def page(
    tx: Transaction,
    name: str,
    offset: int,
    limit: int,
    fragments: Mapping[str, str] = NO_FRAGMENTS,
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
    """Return the integer of a statement that counts, or inserts a row and returns its number."""
    return int(only(tx, name, **params)[0])


class Records(Generic[Record]):
    """Read rows as objects of a dataclass: each field from the column of its name.

    ``decoders`` have a function for each field that is stored in another form, such as JSON.
    """

    def __init__(self, kind: type[Record], **decoders: Callable[[Any], Any]) -> None:
        self._make: Callable[..., Record] = kind
        self._names = [field.name for field in fields(kind)]
        self._decoders = decoders

    def of(self, row: sqlite3.Row | Mapping[str, Any]) -> Record:
        """Return the object of a row, which may have more columns."""
        values = {name: row[name] for name in self._names}
        for name, decode in self._decoders.items():
            values[name] = decode(values[name])
        return self._make(**values)

    def first(self, tx: Transaction, name: str, /, **params: Any) -> Record | None:
        """Return the object of the only row, or None."""
        row = first(tx, name, **params)
        return None if row is None else self.of(row)

    def get(self, tx: Transaction, name: str, missing: Exception, /, **params: Any) -> Record:
        """Return the object of the only row, or raise ``missing``."""
        return self.of(required(tx, name, missing, **params))

    def only(self, tx: Transaction, name: str, /, **params: Any) -> Record:
        """Return the object of a statement that always has one row."""
        return self.of(only(tx, name, **params))

    def all(self, tx: Transaction, name: str, /, **params: Any) -> list[Record]:
        """Return the objects of all rows."""
        return [self.of(row) for row in run(tx, name, **params)]

    def page(
        self,
        tx: Transaction,
        name: str,
        offset: int,
        limit: int,
        fragments: Mapping[str, str] = NO_FRAGMENTS,
        /,
        **params: Any,
    ) -> tuple[list[Record], int]:
        """Return a page of objects, and the number of all; see :func:`page`."""
        rows, total = page(tx, name, offset, limit, fragments, **params)
        return [self.of(row) for row in rows], total


def json_tuple(text: str) -> tuple[Any, ...]:
    """Return a stored list."""
    return tuple(json.loads(text))


def json_text(value: object) -> str:
    """Return the stored form of a list or an object."""
    return json.dumps(value, ensure_ascii=False)


def chosen_filters(filters: DataclassInstance) -> dict[str, object]:
    """Return the parameters of the filters of a list that are set; several values are JSON."""
    return {
        name: json_text(value) if isinstance(value, list | tuple) else value
        for name, value in vars(filters).items()
        if value is not None and value is not False
    }
