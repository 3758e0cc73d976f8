"""Pages for administrators: users, audit trail, storage."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response

from application.administration.activity import SUBJECTS, parts_of
from application.administration.internals import internals
from application.administration.overview import admin_overview
from application.audit.paper_template import field_names, template_of
from application.credentials import user_name_rule
from contract.requests.administration import EntriesRequest
from contract.requests.paper_template import PaperTemplateRequest
from contract.words import ACTIONS, LANGUAGES, ROLES
from lazy_dataclasses import dataclass
from storage.accounts.audit_trail import list_entries
from storage.accounts.connections import list_connections
from storage.accounts.groups import list_groups, members_of
from storage.accounts.invitations import list_invitations
from storage.accounts.tokens import list_tokens
from storage.accounts.users import list_users
from storage.certificates.keys import list_public_keys
from storage.maintenance.disk_use import StorageUse, measure
from web_ui.contract_forms import form_fields
from web_ui.pages.account import ending
from web_ui.pages.jobs import dataset_choice
from web_ui.shell import ListQuery, blueprint, caller, service, show

DATASETS_SHOWN = 50
GROUPS_SHOWN = 200
INVITATIONS_SHOWN = 200
MAX_USERS = 100_000


@blueprint.get("/admin/users")
def users() -> Response:
    """List the users and the groups, with forms for new ones."""
    caller().require_role("admin")
    query = ListQuery()
    q = query.text("q")
    with service().database.read() as tx:
        found, total = list_users(
            tx, offset=query.offset, limit=query.limit, q=q, clock=service().clock
        )
        groups, group_count = list_groups(tx, offset=0, limit=GROUPS_SHOWN)
        members = {group.id: members_of(tx, group) for group in groups}
        invitations, invitation_count = list_invitations(tx, 0, INVITATIONS_SHOWN, service().clock)
    return show(
        "admin_users.html",
        users=found,
        page=query.page(total),
        q=q or "",
        groups=groups,
        group_count=group_count,
        members=members,
        invitations=invitations,
        invitation_count=invitation_count,
        sends_email=bool(service().settings.smtp_server),
        opened=query.number("group"),
        roles=ROLES,
        soeid_pattern=service().settings.soeid_pattern,
        soeid_rule=user_name_rule(service().settings),
    )


@blueprint.get("/admin/tokens")
def tokens() -> Response:
    """List the tokens of all users, newest first."""
    caller().require_role("admin")
    query = ListQuery()
    q = query.text("q")
    with service().database.read() as tx:
        found, total = list_tokens(tx, None, query.offset, query.limit, q)
    page = query.page(total)
    return show("admin_tokens.html", tokens=found, ending=ending(found), page=page, q=q or "")


@blueprint.get("/admin/audit")
def audit_trail() -> Response:
    """List the audit entries that match the filters, newest first."""
    caller().require_role("admin")
    query = ListQuery()
    subject = query.choice("subject", tuple(SUBJECTS))
    actions = query.choices("action", ACTIONS)
    filters = EntriesRequest(
        user_id=query.number("user_id"),
        user_soeid=query.text("user_soeid"),
        action=SUBJECTS[subject][1] if subject and not actions else actions,
        dataset_id=query.number("dataset_id"),
        object_id=query.text("object_id"),
        created_after=query.time("created_after") or query.time("after"),
        created_before=query.time("created_before")
        or query.time("before")
        or query.time("until", is_end=True),
    )
    if query.problem:
        filters = EntriesRequest()
    with service().database.read() as tx:
        entries, total = list_entries(tx, filters, query.offset, query.limit)
        choice = dataset_choice(tx, caller().user, filters.dataset_id)
    return show(
        "admin_audit.html",
        entries=entries,
        parts_of=parts_of,
        page=query.page(total),
        problem=query.problem,
        subjects=SUBJECTS,
        subject=subject,
        chosen=actions or (),
        choice=choice,
        csv=f"/api/admin/audit/csv?{urlencode(filters.stated(), doseq=True)}",
        narrowed=filters != EntriesRequest() or bool(query.problem),
    )


@blueprint.get("/admin/connections")
def connections() -> Response:
    """List the connections to attached files, with a form for a new one."""
    user = caller().require_role("admin")
    with service().database.read() as tx:
        found = list_connections(tx, user)
    return show(
        "admin_connections.html",
        connections=found,
        prefixes=[str(prefix) for prefix in service().settings.allowed_connections],
    )


@blueprint.get("/admin/papers")
def paper_look() -> Response:
    """Show the template of working papers."""
    caller().require_role("admin")
    found = template_of(service())
    typed = found.template.given()
    return show(
        "admin_paper.html",
        found=found,
        fields=form_fields(PaperTemplateRequest, typed, only=field_names()),
        languages=LANGUAGES,
    )


@blueprint.get("/admin/internals")
def server_internals() -> Response:
    """Show lanes, DuckDB instances, caches and the last prune."""
    caller().require_role("admin")
    with caller().reading():
        blocks = internals(service())
    return show("admin_internals.html", blocks=blocks)


@blueprint.get("/admin/storage")
def storage() -> Response:
    """Show disk usage, the clean-up and the backup."""
    caller().require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
        keys = list_public_keys(tx)
        ids = [one.dataset_id for one in use.datasets[:DATASETS_SHOWN]]
        limits = service().quotas.limits_of_datasets(tx, ids)
        by_user = service().quotas.of_users(tx)
        users_shown, _ = list_users(tx, 0, MAX_USERS, clock=service().clock)
    known = [(user, by_user[user.id]) for user in users_shown if user.id in by_user]
    known.sort(key=lambda pair: -pair[1].used_bytes)
    sizes = {one.kind: one.size_bytes for one in use.kinds}
    return show(
        "admin_storage.html",
        use=use,
        limits=limits,
        quotas=known[:DATASETS_SHOWN],
        quota_count=len(known),
        keys=keys,
        parts=_parts_of_disk(use),
        shown=DATASETS_SHOWN,
        last_backup_at=admin_overview(service()).last_backup_at,
        backup_bytes=sizes["data_files"] + sizes["database"],
    )


@dataclass(frozen=True)
class DiskPart:
    """A part of the picture of the disk, which is 1,000 wide."""

    kind: str
    title: str
    size_bytes: int
    start: float
    width: float


def _parts_of_disk(use: StorageUse) -> list[DiskPart]:
    sizes = {one.kind: one.size_bytes for one in use.kinds}
    amounts = (
        ("data", "Datasets and samples", sizes["data_files"]),
        ("database", "Database", sizes["database"]),
        ("temporary", "Uploads, caches", use.size_bytes - sizes["data_files"] - sizes["database"]),
        ("other", "Other programs", max(use.disk_bytes - use.free_bytes - use.size_bytes, 0)),
        ("free", "Free", use.free_bytes),
    )
    whole = max(sum(size for *_, size in amounts), 1)
    parts, start = [], 0.0
    for kind, title, size_bytes in amounts:
        width = round(1000 * size_bytes / whole, 1)
        parts.append(DiskPart(kind, title, size_bytes, round(start, 1), width))
        start += width
    return parts
