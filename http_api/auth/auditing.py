"""Audit entries by the signed-in user, in the transaction of the change that they record."""

from __future__ import annotations

from typing import Any

from flask import g, request

from application.access import origin_of
from http_api.auth.access import bearer, caller
from storage.accounts.audit import Action, Origin
from storage.accounts.tokens import TokenHolder
from storage.sqlite.database import Transaction


def origin() -> Origin:
    """Return the address, id and token of the request."""
    holder = bearer.current_user
    known = holder if isinstance(holder, TokenHolder) else None
    return origin_of(request.remote_addr, g.get("request_id"), known)


def audit(tx: Transaction, action: Action, **details: Any) -> None:
    """Add an entry by the signed-in user; see :meth:`application.access.Caller.audit`."""
    caller().audit(tx, action, **details)
