"""A request for each route that changes something, and its action in the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from application.sessions import COOKIE, CSRF_FIELD, CSRF_HEADER, csrf_token
from tests.support.audit_test_bodies import AUDIT_TEST_BODIES, TESTED_ROWS
from tests.support.audit_world import EMAIL, World
from tests.support.live_server import PASSWORD

Given = tuple[str, dict[str, Any]]
RANDOM = {"method": "random", "parameters": {"sample_size": 2}}
FILE = {"files": {"file": ("t.csv", b"a,b\n1,2\n")}}


def login(world: World) -> dict[str, Any]:
    return {"json": {"soeid": world.other()["soeid"], "password": PASSWORD}}


def page_login(world: World) -> dict[str, Any]:
    return {"data": {"soeid": world.other()["soeid"], "password": PASSWORD}}


def page_session(world: World) -> dict[str, Any]:
    """Another user's session in a browser, and the proof that its own page asks."""
    client, _ = world.server.new_user()
    _, secret = client.headers["Authorization"].split()
    return {"headers": {"Cookie": f"{COOKIE}={secret}", CSRF_HEADER: csrf_token(secret)}}


def page_form(world: World, **fields: str) -> dict[str, Any]:
    """A form of one of the user's own pages."""
    _, secret = world.client.headers["Authorization"].split()
    return {
        "data": {CSRF_FIELD: csrf_token(secret), **fields},
        "headers": {"Cookie": f"{COOKIE}={secret}"},
    }


def permission(world: World, **more: str) -> dict[str, Any]:
    return {"json": {"user_id": world.user["id"], **more}}


def row_key(world: World) -> Given:
    """Declare a row key, which is declared already, or delete it."""
    path = f"/api/datasets/{world.dataset}/row-key"
    body = {"json": {"columns": ["id"]}}
    assert world.server.admin.put(path, **body).status_code == 200
    return path, body


def data_contract(world: World) -> Given:
    """Set a data contract, which is set already, or delete it."""
    path = f"/api/datasets/{world.dataset}/data-contract"
    assert world.server.admin.put(path, json={}).status_code == 200
    return path, {"json": {}}


def audit_test(name: str, world: World) -> Given:
    """An audit test of the rows of a query."""
    world.server.explore(world.dataset, TESTED_ROWS)
    path = f"/api/datasets/{world.dataset}/audit-tests/{name}"
    return path, {"json": AUDIT_TEST_BODIES[name]}


def ended_reviewer(world: World) -> Given:
    """Remove a reviewer who was added before."""
    path = f"/api/sampling/jobs/{world.draw}/reviewers"
    soeid = world.other()["soeid"]
    assert world.server.admin.put(path, json={"reviewers": [soeid]}).status_code == 200
    return path, {"json": {"reviewer": soeid}}


def removed_attachment(world: World) -> Given:
    """Remove an attachment that was made before."""
    path = f"/api/sampling/jobs/{world.draw}/attachments"
    made = world.server.admin.post(path, files={"file": ("note.txt", b"another note")}).json()
    return f"{path}/{made['id']}", {"json": {"reason": "wrong file"}}


def new_answer(world: World) -> Given:
    """Answer a row of a new draw."""
    path = f"/api/sampling/jobs/{world.unexamined()}/answers"
    row = world.server.admin.get(path).json()["rows"][0]["row_id"]
    return path, {"json": {"row_id": row, "outcome": "ok"}}


def table_of_answers(world: World) -> Given:
    """Make a table of the answers of a new draw with a question."""
    path = f"/api/sampling/jobs/{world.unexamined()}"
    question = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}
    world.server.admin.put(f"{path}/questions", json={"questions": [question]})
    return f"{path}/answers/table", {"json": {}}


def kept_apart(world: World) -> Given:
    """Accept a version that doesn't meet its data contract."""
    dataset = world.server.new_dataset()
    path = f"/api/datasets/{dataset}"
    world.server.admin.put(f"{path}/data-contract", json={"min_rows": 9})
    job = world.server.import_text(dataset, "id\n1\n")
    return f"{path}/kept-apart/{job['id']}/accept", {"json": {"reason": "A test."}}


CHANGES: dict[str, tuple[str, Callable[[World], Given]]] = {
    "POST /sign-in": ("signed_in", lambda w: ("/sign-in", page_login(w))),
    "POST /jobs": (
        "job_cancelled",
        lambda w: ("/jobs", page_form(w, action="cancel", job=w.job("running"))),
    ),
    "POST /datasets/<int:dataset_id>/changes": (
        "exploration_asked",
        lambda w: (
            f"/datasets/{w.dataset}/changes",
            page_form(w, **{"from": "main", "to": "main", "keys": "id"}),
        ),
    ),
    "POST /jobs/<job_id>/cancel": (
        "job_cancelled",
        lambda w: (f"/jobs/{w.job('running')}/cancel", page_form(w)),
    ),
    "POST /jobs/<job_id>/retry": (
        "job_retried",
        lambda w: (f"/jobs/{w.job('failed')}/retry", page_form(w)),
    ),
    "POST /sign-out": ("signed_out", lambda w: ("/sign-out", page_session(w))),
    "POST /api/users/login": ("signed_in", lambda w: ("/api/users/login", login(w))),
    "POST /api/users/token": ("signed_in", lambda w: ("/api/users/token", login(w))),
    "POST /api/users": (
        "user_added",
        lambda w: (
            "/api/users",
            {"json": {"soeid": "audited", "role_name": "viewer", "password": PASSWORD}},
        ),
    ),
    "PATCH /api/users/<int:user_id>": (
        "user_changed",
        lambda w: (f"/api/users/{w.other()['id']}", {"json": {"role_name": "viewer"}}),
    ),
    "DELETE /api/users/<int:user_id>": (
        "user_removed",
        lambda w: (f"/api/users/{w.other()['id']}", {}),
    ),
    "POST /api/users/<int:user_id>/sign-in-link": (
        "sign_in_link_made",
        lambda w: (f"/api/users/{w.other()['id']}/sign-in-link", {}),
    ),
    "PUT /api/datasets/<int:dataset_id>/quota": (
        "dataset_quota_set",
        lambda w: (f"/api/datasets/{w.dataset}/quota", {"json": {"size_mb": 0}}),
    ),
    "PUT /api/users/<int:user_id>/quota": (
        "user_quota_set",
        lambda w: (f"/api/users/{w.other()['id']}/quota", {"json": {"size_mb": 0}}),
    ),
    "POST /api/invitations": (
        "invitation_made",
        lambda w: ("/api/invitations", {"json": {"address": "x@bank.example", "show_link": True}}),
    ),
    "POST /api/invitations/<int:invitation_id>/resend": (
        "invitation_resent",
        lambda w: (
            f"/api/invitations/{w.invitation()['id']}/resend",
            {"json": {"show_link": True}},
        ),
    ),
    "DELETE /api/invitations/<int:invitation_id>": (
        "invitation_withdrawn",
        lambda w: (f"/api/invitations/{w.invitation()['id']}", {}),
    ),
    "POST /invitation/join": (
        "invitation_accepted",
        lambda w: (
            "/invitation/join",
            page_form(w, code=w.invitation()["link"].partition("code=")[2]),
        ),
    ),
    "POST /api/engagements": (
        "engagement_made",
        lambda _: (
            "/api/engagements",
            {
                "json": {
                    "client_name": "ACME",
                    "period_from": "2025-01-01",
                    "period_to": "2025-12-31",
                }
            },
        ),
    ),
    "PATCH /api/engagements/<int:engagement_id>": (
        "engagement_changed",
        lambda w: (w.engagement(), {"json": {"number": "B"}}),
    ),
    "PUT /api/engagements/<int:engagement_id>/members": (
        "engagement_member_added",
        lambda w: w.engagement_part("members", is_in=False),
    ),
    "DELETE /api/engagements/<int:engagement_id>/members": (
        "engagement_member_removed",
        lambda w: w.engagement_part("members", is_in=True),
    ),
    "PUT /api/engagements/<int:engagement_id>/datasets": (
        "engagement_dataset_added",
        lambda w: w.engagement_part("datasets", is_in=False),
    ),
    "DELETE /api/engagements/<int:engagement_id>/datasets": (
        "engagement_dataset_removed",
        lambda w: w.engagement_part("datasets", is_in=True),
    ),
    "PUT /api/engagements/<int:engagement_id>/samples": (
        "engagement_sample_added",
        lambda w: w.engagement_part("samples", is_in=False),
    ),
    "DELETE /api/engagements/<int:engagement_id>/samples": (
        "engagement_sample_removed",
        lambda w: w.engagement_part("samples", is_in=True),
    ),
    "DELETE /api/engagements/<int:engagement_id>": (
        "engagement_deleted",
        lambda w: (w.engagement(), {}),
    ),
    "POST /api/engagements/<int:engagement_id>/restore": (
        "engagement_restored",
        lambda w: (f"{w.hidden_engagement('deleted')}/restore", {}),
    ),
    "POST /api/engagements/<int:engagement_id>/archive": (
        "engagement_archived",
        lambda w: (f"{w.sealable(is_sealed=True)}/archive", {}),
    ),
    "POST /api/engagements/<int:engagement_id>/unarchive": (
        "engagement_unarchived",
        lambda w: (f"{w.hidden_engagement('archived')}/unarchive", {}),
    ),
    "POST /api/engagements/<int:engagement_id>/seal": (
        "engagement_sealed",
        lambda w: (f"{w.sealable()}/seal", {}),
    ),
    "POST /api/engagements/<int:engagement_id>/unseal": (
        "engagement_unsealed",
        lambda w: (f"{w.sealable(is_sealed=True)}/unseal", {"json": {"reason": "why"}}),
    ),
    "POST /api/groups": (
        "group_made",
        lambda w: ("/api/groups", {"json": {"name": "audited group"}}),
    ),
    "PATCH /api/groups/<int:group_id>": (
        "group_renamed",
        lambda w: (f"/api/groups/{w.group()}", {"json": {"name": "renamed"}}),
    ),
    "DELETE /api/groups/<int:group_id>": (
        "group_deleted",
        lambda w: (f"/api/groups/{w.group()}", {}),
    ),
    "PUT /api/groups/<int:group_id>/members": (
        "group_member_added",
        lambda w: (f"/api/groups/{w.group()}/members", {"json": {"users": [w.other()["soeid"]]}}),
    ),
    "DELETE /api/groups/<int:group_id>/members": (
        "group_member_removed",
        lambda w: (
            f"/api/groups/{w.group(w.user['soeid'])}/members",
            {"json": {"user": w.user["soeid"]}},
        ),
    ),
    "PATCH /api/paper-template": (
        "paper_template_changed",
        lambda _: ("/api/paper-template", {"json": {"firm": "Audit & Co"}}),
    ),
    "POST /api/connections": (
        "connection_made",
        lambda w: (
            "/api/connections",
            {"json": {"name": "audited", "prefix": w.connection()["prefix"]}},
        ),
    ),
    "PUT /api/users/me/email": (
        "email_set",
        lambda _: (EMAIL, {"json": {"address": "bg54677@bank.example"}}),
    ),
    "POST /api/users/me/email/test": (
        "email_tested",
        lambda w: (f"{w.email().partition('/deliveries')[0]}/test", {}),
    ),
    "POST /api/users/me/email/deliveries/<int:delivery_id>/send-again": (
        "email_resent",
        lambda w: (f"{w.email()}/send-again", {}),
    ),
    "DELETE /api/users/me/email": (
        "email_removed",
        lambda w: (w.email().partition("/deliveries")[0], {}),
    ),
    "POST /api/webhooks": (
        "webhook_made",
        lambda w: ("/api/webhooks", {"json": {"url": "http://127.0.0.1:9/"}}),
    ),
    "DELETE /api/webhooks/<int:webhook_id>": (
        "webhook_deleted",
        lambda w: (f"/api/webhooks/{w.webhook()}", {}),
    ),
    "PATCH /api/webhooks/<int:webhook_id>": (
        "webhook_enabled",
        lambda w: (f"/api/webhooks/{w.disabled_webhook()}", {"json": {"enabled": True}}),
    ),
    "POST /api/webhooks/<int:webhook_id>/test": (
        "webhook_tested",
        lambda w: (f"/api/webhooks/{w.webhook()}/test", {}),
    ),
    "POST /api/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/send-again": (
        "webhook_resent",
        lambda w: (f"{w.delivery()}/send-again", {}),
    ),
    "POST /api/schedules": (
        "schedule_made",
        lambda w: ("/api/schedules", {"json": w.schedule_body()}),
    ),
    "PATCH /api/schedules/<int:schedule_id>": (
        "schedule_changed",
        lambda w: (w.schedule(), {"json": {"enabled": False}}),
    ),
    "POST /api/schedules/<int:schedule_id>/run": (
        "schedule_run",
        lambda w: (f"{w.schedule()}/run", {}),
    ),
    "DELETE /api/schedules/<int:schedule_id>": ("schedule_deleted", lambda w: (w.schedule(), {})),
    "POST /api/sampling/datasets/<int:dataset_id>/panels": (
        "panel_made",
        lambda w: (f"/api/sampling/datasets/{w.dataset}/panels", {"json": w.panel_body()}),
    ),
    "DELETE /api/sampling/panels/<int:panel_id>": ("panel_deleted", lambda w: (w.panel(), {})),
    "POST /api/sampling/panels/<int:panel_id>/waves": (
        "draw_asked",
        lambda w: (f"{w.panel()}/waves", {"json": {}}),
    ),
    "PATCH /api/connections/<int:connection_id>": (
        "connection_changed",
        lambda w: (f"/api/connections/{w.connection()['id']}", {"json": {"usable_by": []}}),
    ),
    "DELETE /api/connections/<int:connection_id>": (
        "connection_deleted",
        lambda w: (f"/api/connections/{w.connection()['id']}", {}),
    ),
    "POST /api/tokens": ("token_made", lambda w: ("/api/tokens", {"json": {"name": "ci"}})),
    "DELETE /api/tokens/<int:token_id>": (
        "token_ended",
        lambda w: (f"/api/tokens/{w.token()}", {}),
    ),
    "POST /api/datasets": ("dataset_made", lambda w: ("/api/datasets", {"json": {"name": "x"}})),
    "PATCH /api/datasets/<int:dataset_id>": (
        "dataset_changed",
        lambda w: (f"/api/datasets/{w.dataset}", {"json": {"tags": ["t"]}}),
    ),
    "DELETE /api/datasets/<int:dataset_id>": (
        "dataset_removed",
        lambda w: (f"/api/datasets/{w.server.new_dataset()}", {}),
    ),
    "PUT /api/datasets/<int:dataset_id>/permissions": (
        "permission_given",
        lambda w: (f"/api/datasets/{w.dataset}/permissions", permission(w, permission="read")),
    ),
    "DELETE /api/datasets/<int:dataset_id>/permissions": (
        "permission_taken",
        lambda w: (f"/api/datasets/{w.dataset}/permissions", permission(w)),
    ),
    "POST /api/datasets/<int:dataset_id>/reconciliations": (
        "balance_entered",
        lambda w: (
            f"/api/datasets/{w.dataset}/reconciliations",
            {"json": {"column": "id", "balance": "1", "reference": "GL account 1600"}},
        ),
    ),
    "PUT /api/datasets/<int:dataset_id>/row-key": ("row_key_set", row_key),
    "DELETE /api/datasets/<int:dataset_id>/row-key": ("row_key_deleted", row_key),
    "PUT /api/datasets/<int:dataset_id>/data-contract": ("data_contract_set", data_contract),
    "DELETE /api/datasets/<int:dataset_id>/data-contract": (
        "data_contract_deleted",
        data_contract,
    ),
    "POST /api/datasets/<int:dataset_id>/kept-apart/<job_id>/accept": (
        "version_accepted",
        kept_apart,
    ),
    "POST /api/datasets/<int:dataset_id>/refs": (
        "ref_made",
        lambda w: (
            f"/api/datasets/{w.dataset}/refs",
            {"json": {"name": "audited", "source_ref": "main"}},
        ),
    ),
    "DELETE /api/datasets/<int:dataset_id>/refs/<ref>": (
        "ref_deleted",
        lambda w: (f"/api/datasets/{w.dataset}/refs/{w.ref()}", {}),
    ),
    "POST /api/bin/<int:entry_id>/restore": (
        "ref_restored",
        lambda w: (f"/api/bin/{w.deleted_ref()}/restore", {"json": {}}),
    ),
    "DELETE /api/bin/<int:entry_id>": (
        "ref_purged",
        lambda w: (f"/api/bin/{w.deleted_ref()}", {}),
    ),
    "POST /api/datasets/<int:dataset_id>/refs/<ref>/import": (
        "import_asked",
        lambda w: (f"/api/datasets/{w.dataset}/refs/{w.ref()}/import", FILE),
    ),
    "POST /api/datasets/<int:dataset_id>/refs/<ref>/attach": (
        "import_asked",
        lambda w: (
            f"/api/datasets/{w.dataset}/refs/{w.ref()}/attach",
            {"json": {"tables": [w.table_to_attach()]}},
        ),
    ),
    "POST /api/jobs/<job_id>/cancel": (
        "job_cancelled",
        lambda w: (f"/api/jobs/{w.job('running')}/cancel", {}),
    ),
    "PATCH /api/jobs/<job_id>": (
        "job_dismissed",
        lambda w: (f"/api/jobs/{w.job('failed')}", {"json": {"dismissed": True}}),
    ),
    "POST /api/jobs/<job_id>/retry": (
        "job_retried",
        lambda w: (f"/api/jobs/{w.job('failed')}/retry", {}),
    ),
    "POST /api/sampling/datasets/<int:dataset_id>/jobs": (
        "draw_asked",
        lambda w: (f"/api/sampling/datasets/{w.dataset}/jobs", {"json": RANDOM}),
    ),
    "POST /api/sampling/datasets/<int:dataset_id>/sample": (
        "drawn_at_once",
        lambda w: (f"/api/sampling/datasets/{w.dataset}/sample", {"json": RANDOM}),
    ),
    "POST /api/sampling/datasets/<int:dataset_id>/column-samples": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/datasets/{w.dataset}/column-samples",
            {"json": {"columns": ["city"]}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/findings": (
        "findings_entered",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/findings",
            {"json": {"row_id": w.sampled_row(), "outcome": "ok"}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/findings/preview": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/findings/preview",
            {"files": {"file": ("t.csv", b"_logical_row_id,outcome\nprimary:1,ok\n")}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/attachments": (
        "file_attached",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/attachments",
            {"files": {"file": ("note.txt", b"a note")}},
        ),
    ),
    "DELETE /api/sampling/jobs/<job_id>/attachments/<int:attachment_id>": (
        "attachment_removed",
        removed_attachment,
    ),
    "POST /api/sampling/jobs/<job_id>/replacements": (
        "row_replaced",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/replacements",
            {"json": {"row_id": w.sampled_row(), "reason": "no document"}},
        ),
    ),
    "PUT /api/sampling/jobs/<job_id>/attributes": (
        "attributes_chosen",
        lambda w: (
            f"/api/sampling/jobs/{w.unexamined()}/attributes",
            {"json": {"attributes": ["approved"]}},
        ),
    ),
    "PUT /api/sampling/jobs/<job_id>/shown-columns": (
        "columns_chosen",
        lambda w: (
            f"/api/sampling/jobs/{w.unexamined()}/shown-columns",
            {"json": {"columns": ["city"]}},
        ),
    ),
    "PUT /api/sampling/jobs/<job_id>/questions": (
        "questions_chosen",
        lambda w: (f"/api/sampling/jobs/{w.unexamined()}/questions", {"json": {}}),
    ),
    "PUT /api/sampling/jobs/<job_id>/reviewers": (
        "reviewer_added",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/reviewers",
            {"json": {"reviewers": [w.other()["soeid"]]}},
        ),
    ),
    "DELETE /api/sampling/jobs/<job_id>/reviewers": ("reviewer_removed", ended_reviewer),
    "POST /api/sampling/jobs/<job_id>/review-queue/next": (
        "rows_viewed",
        lambda w: (f"/api/sampling/jobs/{w.unexamined()}/review-queue/next", {"json": {}}),
    ),
    "POST /api/sampling/jobs/<job_id>/answers": ("answers_entered", new_answer),
    "POST /api/sampling/jobs/<job_id>/answers/preview": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/answers/preview",
            {"files": {"file": ("t.csv", b"_logical_row_id,outcome\nprimary:1,ok\n")}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/answers/table": ("exploration_asked", table_of_answers),
    "PUT /api/sampling/jobs/<job_id>/conclusion": (
        "conclusion_entered",
        lambda w: (f"/api/sampling/jobs/{w.unexamined()}/conclusion", {"json": {"text": "fine"}}),
    ),
    "PATCH /api/sampling/jobs/<job_id>/paper-facts": (
        "paper_facts_entered",
        lambda w: (
            f"/api/sampling/jobs/{w.unexamined()}/paper-facts",
            {"json": {"client_name": "Acme"}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/papers": (
        "paper_issued",
        lambda w: (f"/api/sampling/jobs/{w.draw}/papers", {"json": {}}),
    ),
    "POST /api/audit/combined-evaluation/papers": (
        "combined_paper_issued",
        lambda w: ("/api/audit/combined-evaluation/papers", {"json": w.together()}),
    ),
    "POST /api/audit/combined-evaluation/papers/<int:paper_id>/withdraw": (
        "combined_paper_withdrawn",
        lambda w: (
            f"/api/audit/combined-evaluation/papers/{w.paper_together()}/withdraw",
            {"json": {"reason": "why"}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/evaluation": (
        "rows_viewed",
        lambda w: (f"/api/sampling/jobs/{w.draw}/evaluation", w.evaluated()),
    ),
    "POST /api/signing-keys/rotate": (
        "signing_key_rotated",
        lambda w: ("/api/signing-keys/rotate", {}),
    ),
    "POST /api/sampling/jobs/<job_id>/review": (
        "findings_reviewed",
        lambda w: (f"/api/sampling/jobs/{w.draw}/review", w.reviewed()),
    ),
    "POST /api/sampling/jobs/<job_id>/estimates": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/estimates",
            {"json": {"statistics": [{"statistic": "count"}]}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/classification": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/classification",
            {"json": {"truth": "city", "positive": "Oslo", "flagged": "id", "threshold": 5}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/weights": (
        "rows_downloaded",
        lambda w: (f"/api/sampling/jobs/{w.draw}/weights", {"json": {"format": "csv"}}),
    ),
    "POST /api/sampling/jobs/<job_id>/change": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/change",
            {"json": {"with_job": str(w.draw), "statistics": [{"statistic": "count"}]}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/joint-probabilities": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.draw}/joint-probabilities",
            {"json": {"pairs": [["primary:1", "primary:2"]]}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/values/preview": (
        "rows_viewed",
        lambda w: (f"/api/sampling/jobs/{w.draw}/values/preview", w.values()),
    ),
    "POST /api/sampling/jobs/<job_id>/values": (
        "values_uploaded",
        lambda w: (f"/api/sampling/jobs/{w.draw}/values", w.values()),
    ),
    "POST /api/sampling/datasets/<int:dataset_id>/size": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/datasets/{w.dataset}/size",
            {
                "json": {
                    "goal": {"statistic": "mean", "column": "id", "margin": 1},
                    "design": {"method": "random", "parameters": {}},
                }
            },
        ),
    ),
    "POST /api/sampling/datasets/<int:dataset_id>/strata": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/datasets/{w.dataset}/strata",
            {"json": {"column": "id", "sample_size": 30, "bands": 3}},
        ),
    ),
    "POST /api/sampling/jobs/<job_id>/more-rows": (
        "rows_viewed",
        lambda w: (
            f"/api/sampling/jobs/{w.unexamined()}/more-rows",
            {"json": {"statistic": "mean", "column": "id", "margin": 1}},
        ),
    ),
    "POST /api/profiling/datasets/<int:dataset_id>/jobs": (
        "profile_asked",
        lambda w: (f"/api/profiling/datasets/{w.dataset}/jobs", {"json": {}}),
    ),
    "POST /api/datasets/<int:dataset_id>/row-roots": (
        "profile_asked",
        lambda w: (f"/api/datasets/{w.dataset}/row-roots", {"json": {}}),
    ),
    "POST /api/exploration/datasets/<int:dataset_id>/jobs": (
        "exploration_asked",
        lambda w: (f"/api/exploration/datasets/{w.dataset}/jobs", {"json": {"sql": "SELECT 1"}}),
    ),
    **{
        f"POST /api/datasets/<int:dataset_id>/audit-tests/{name}": (
            "exploration_asked",
            partial(audit_test, name),
        )
        for name in AUDIT_TEST_BODIES
    },
    "POST /api/exploration/datasets/<int:dataset_id>/query": (
        "queried_at_once",
        lambda w: (f"/api/exploration/datasets/{w.dataset}/query", {"json": {"sql": "SELECT 1"}}),
    ),
    "POST /api/users/logout": ("signed_out", lambda w: ("/api/users/logout", {})),
}
"""A request for each route that changes something, and its action in the audit trail."""

OF_SOMEONE_ELSE = ("/sign-in", "/sign-out", "/api/users/login", "/api/users/token")

UNTOLD = {
    "POST /api/sampling/jobs/<job_id>/review-queue/release": "it ends what lasts 15 minutes",
    "POST /invitation": "recorded with its session; test_invitations checks it",
    "POST /sign-in/provider/sign-out": "only with a provider; test_provider_sign_in checks it",
    "POST /demo": "recorded twice, as a new dataset and an import; the pages' tests check it",
    "POST /api/admin/prune": "recorded when something was removed; test_storage checks it",
    "POST /api/sampling/datasets/<int:dataset_id>/plan": "a plan draws nothing",
    "POST /api/sampling/datasets/<int:dataset_id>/filters": "a filter's shapes and a count",
    "POST /api/sampling/templates": "a user's own note of what to ask for",
    "PATCH /api/sampling/templates/<int:template_id>": "the same",
    "DELETE /api/sampling/templates/<int:template_id>": "the same",
    "POST /api/datasets/<int:dataset_id>/preview": "a preview stores nothing",
    "POST /api/datasets/preview": "the same",
    "POST /api/schedules/<int:schedule_id>/figures": "recorded as views of the runs' samples; "
    "test_pipelines checks it",
    "POST /api/audit/combined-evaluation": "recorded as views of the samples; "
    "test_combined_evaluation checks it",
    "POST /request-code": "writes a request as code, and stores nothing",
    "POST /api/datasets/<int:dataset_id>/attach/preview": "the same",
    "POST /api/datasets/attach/preview": "the same",
}
