"""Draw templates: stored bodies of sampling jobs, to start new draws from.

A template is visible only to its user. Its schema is checked when it is stored; whether it fits a
table is checked when it is used.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from storage.errors import NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import first, only, page


@dataclass(frozen=True)
class DrawTemplate:
    """A stored draw template."""

    id: int
    name: str
    body: dict[str, Any]
    created_at: str


def put_template(
    tx: Transaction, user_id: int, name: str, body: dict[str, Any], clock: Clock
) -> DrawTemplate:
    """Store a template; it replaces the user's template of that name."""
    row = only(
        tx,
        "put_draw_template",
        user_id=user_id,
        name=name,
        body=json.dumps(body, ensure_ascii=False),
        created_at=timestamp(clock()),
    )
    return _template(row)


def list_templates(
    tx: Transaction, user_id: int, offset: int, limit: int
) -> tuple[list[DrawTemplate], int]:
    """Return a page of a user's templates by name, and their number."""
    rows, total = page(tx, "list_draw_templates", offset, limit, user_id=user_id)
    return [_template(row) for row in rows], total


def delete_template(tx: Transaction, user_id: int, template_id: int) -> None:
    """Delete one of a user's templates; raise NotFound if there is none with this id."""
    if first(tx, "delete_draw_template", id=template_id, user_id=user_id) is None:
        raise NotFound("You have no template {number}.", number=str(template_id))


def _template(row: sqlite3.Row) -> DrawTemplate:
    return DrawTemplate(row["id"], row["name"], json.loads(row["body"]), row["created_at"])
