"""Audit entries by the signed-in user, in the transaction of the change that they record."""

from __future__ import annotations

from typing import Any

from flask import g, request

from http_api.auth.access import bearer, service, user
from storage.accounts.audit import Action, ObjectType, Origin, record
from storage.accounts.tokens import TokenHolder
from storage.sqlite.database import Transaction


def origin() -> Origin:
    """Return the address, id and token of the request."""
    holder = bearer.current_user
    token: dict[str, Any] = {}
    if isinstance(holder, TokenHolder):
        token = {
            "token_id": holder.token_id,
            "token_kind": holder.kind,
            "token_name": holder.token_name,
        }
    return Origin(request.remote_addr, g.get("request_id"), **token)


def audit(
    tx: Transaction,
    action: Action,
    *,
    dataset_id: int | None = None,
    about: tuple[ObjectType, object] | None = None,
    **details: Any,
) -> None:
    """Add an entry by the signed-in user, without the details that are None."""
    record(
        tx,
        service().clock,
        action,
        user_id=user().id,
        origin=origin(),
        dataset_id=dataset_id,
        about=about,
        details={name: value for name, value in details.items() if value is not None},
    )
