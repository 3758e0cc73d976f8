"""Draw templates: stored bodies of sampling jobs, to start new draws from.

A template is visible only to its user. Its schema is checked when it is stored; whether it fits a
table is checked when it is used.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_text


@dataclass(frozen=True)
class DrawTemplate:
    """A stored draw template."""

    id: int
    name: str
    body: Annotated[dict[str, Any], Help("The body of a sampling job.")]
    created_at: str


_TEMPLATES = Records(DrawTemplate, body=json.loads)


def add_template(
    tx: Transaction, user_id: int, name: str, body: dict[str, Any], clock: Clock
) -> DrawTemplate:
    """Store a template; raise Conflict if the user has one of that name."""
    _require_free(tx, user_id, name)
    values = {"name": name, "body": json_text(body), "created_at": timestamp(clock())}
    return _TEMPLATES.only(tx, "add_draw_template", user_id=user_id, **values)


def change_template(
    tx: Transaction,
    user_id: int,
    template_id: int,
    name: str | None,
    body: dict[str, Any] | None,
    clock: Clock,
) -> DrawTemplate:
    """Change the name, the body or both of one of a user's templates.

    Raises
    ------
    NotFound, Conflict
        The user has no template of this id, or another one of that name.
    """
    if name is not None:
        _require_free(tx, user_id, name, template_id)
    return _TEMPLATES.get(
        tx,
        "change_draw_template",
        _missing(template_id),
        id=template_id,
        user_id=user_id,
        name=name,
        body=None if body is None else json_text(body),
        created_at=timestamp(clock()),
    )


def list_templates(
    tx: Transaction, user_id: int, offset: int, limit: int
) -> tuple[list[DrawTemplate], int]:
    """Return a page of a user's templates by name, and their number."""
    return _TEMPLATES.page(tx, "list_draw_templates", offset, limit, user_id=user_id)


def delete_template(tx: Transaction, user_id: int, template_id: int) -> None:
    """Delete one of a user's templates; raise NotFound if there is none with this id."""
    if first(tx, "delete_draw_template", id=template_id, user_id=user_id) is None:
        raise _missing(template_id)


def _require_free(tx: Transaction, user_id: int, name: str, but: int | None = None) -> None:
    """Raise Conflict if the user has another template of a name."""
    row = first(tx, "draw_template_named", user_id=user_id, name=name)
    if row is not None and row["id"] != but:
        raise Conflict(
            'You have a template "{name}". Give another name, or change template {id}.',
            loc=("body", "name"),
            name=row["name"],
            id=row["id"],
        )


def _missing(template_id: int) -> NotFound:
    return NotFound("You have no template {number}.", number=str(template_id))
