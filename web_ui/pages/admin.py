"""Pages for administrators: users, audit trail, storage."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import ValidationError

from http_api.auth.access import require_role, service
from http_api.routes.administration import AuditQuery
from storage.accounts.audit import ACTIONS, AuditFilters, list_entries
from storage.accounts.users import ROLES, list_users
from storage.maintenance.disk_use import measure
from web_ui.shell import blueprint, filter_problem, show, signed_in, with_days

LIMIT = 50
DATASETS_SHOWN = 50


@blueprint.get("/admin/users")
@signed_in
def users() -> Response:
    """List the users, with a form for a new user."""
    require_role("admin")
    page = {"offset": max(0, min(request.args.get("offset", 0, type=int), 2**62)), "limit": LIMIT}
    q = request.args.get("q", "").strip()
    with service().database.read() as tx:
        found, total = list_users(tx, **page, q=q or None)
    return show(
        "admin_users.html",
        users=found,
        page={**page, "total": total},
        q=q,
        roles=ROLES,
        soeid_pattern=service().settings.soeid_pattern,
    )


@blueprint.get("/admin/audit")
@signed_in
def audit_trail() -> Response:
    """List the audit entries that match the filters, newest first."""
    require_role("admin")
    given = {name: request.args[name] for name in request.args if request.args[name]}
    problem = None
    try:
        query = _query(given)
    except ValidationError as error:
        query, problem = _query({}), filter_problem(error)
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    actions = query.pop("action", None)
    filters = AuditFilters(actions=tuple(actions) if actions else None, **query)
    with service().database.read() as tx:
        entries, total = list_entries(tx, filters, **page)
    return show(
        "admin_audit.html",
        entries=entries,
        page={**page, "total": total},
        problem=problem,
        actions=ACTIONS,
        chosen=actions or (),
        narrowed=bool(given.keys() - {"offset", "limit"}),
    )


def _query(given: dict[str, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = AuditQuery().load(
        {"limit": str(LIMIT), **with_days(given, "after", "before")}
    )
    return loaded


@blueprint.get("/admin/storage")
@signed_in
def storage() -> Response:
    """Show disk usage, and the clean-up."""
    require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
    return show("admin_storage.html", use=use, shown=DATASETS_SHOWN)
