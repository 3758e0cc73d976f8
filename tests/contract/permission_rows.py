"""The parts of a row of ``permission_table``: the status of each asker, and the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from contract.words import HiddenEngagement
from storage.accounts.datasets import put_permission
from storage.accounts.users import User
from storage.audit.engagements import (
    assign_sample,
    engagement_of,
    hide_engagement,
    unassign_sample,
)
from storage.versions.data_contracts import set_data_contract
from storage.versions.row_keys import set_row_key
from tests.contract.permission_scene import Scene, numbers


@dataclass(frozen=True, kw_only=True)
class Statuses:
    """The status that each asker gets."""

    reviewer: int
    viewer: int
    nobody: int
    reader: int
    writer: int
    owner: int
    admin: int
    read_token: int


def statuses(usual: int, **others: int) -> Statuses:
    """The usual status for every asker but those named; a reviewer gets that of nobody."""
    others.setdefault("reviewer", others.get("nobody", usual))
    return Statuses(**{item.name: others.get(item.name, usual) for item in fields(Statuses)})


API = "/api"
SEE = statuses(200, nobody=404)
SEE_TEAM = statuses(200, viewer=404, nobody=404)
MANAGE = statuses(403, viewer=404, nobody=404, owner=200, admin=200)
SEE_QUEUE = statuses(200, nobody=404, reviewer=200)
ANSWER = statuses(403, nobody=404, reviewer=200, writer=200, owner=200, admin=200)
READ_BY_POST = statuses(200, nobody=404)
WRITE = statuses(403, nobody=404, writer=200, owner=200, admin=200)
OWN = statuses(403, nobody=404, owner=200, admin=200)
CREATE = statuses(200, viewer=403, read_token=403)
ADMINISTER = statuses(403, admin=200)
MYSELF = statuses(200)
CHANGE_MYSELF = statuses(200, read_token=403)
ANYONE = statuses(200)
TO_PAGES = statuses(303, read_token=401)
REDIRECT = statuses(303, nobody=404)
CHANGE_BY_PAGE = statuses(303, viewer=403, nobody=404, reader=403, read_token=401)
SEE_PAGE = statuses(200, nobody=404, read_token=303)
SEE_QUEUE_PAGE = statuses(200, nobody=404, reviewer=200, read_token=303)
WRITE_PAGE = statuses(200, viewer=403, nobody=404, reader=403, read_token=303)
CREATE_PAGE = statuses(200, viewer=403, read_token=303)
CREATE_BY_PAGE = statuses(303, viewer=403, read_token=401)
ADMINISTER_PAGE = statuses(403, admin=200, read_token=303)
MY_PAGE = statuses(200, read_token=303)
"""On the pages, a script's token isn't accepted: a page redirects it, a form refuses it."""


@dataclass(frozen=True)
class Ask:
    """What a row asks: made for one asker."""

    path: str
    body: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    form: dict[str, str] | None = None


Made = Callable[[Scene, User], Ask]


@dataclass(frozen=True)
class Row:
    """One route. ``kind`` says who needs no token: with ``public`` everyone, with ``page``
    a client that isn't signed in is redirected to the sign-in."""

    route: str
    statuses: Statuses
    ask: Made
    kind: str = "api"


def at(path: str, **rest: Any) -> Made:
    """Ask at a path: ids of ``{d}`` dataset, ``{j}`` draw, ``{q}`` query, ``{p}`` profile."""

    def made(scene: Scene, _: User) -> Ask:
        ids = {"d": scene.dataset, "j": scene.draw, "q": scene.query, "p": scene.profile}
        ids["t"] = scene.audit_test
        return Ask(path.format(**ids), **rest)

    return made


def of_sampled_row(path: str, **body: str) -> Made:
    """Ask about a row of the draw."""
    return lambda scene, _: Ask(
        path.format(j=scene.draw), {"_logical_row_id": scene.sampled_row(), **body}
    )


def of_reviewed(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about the draw that the reviewer can answer."""
    return lambda scene, _: Ask(f"/api/sampling/jobs/{scene.reviewed}/{path}", body)


def review_page(scene: Scene, _: User) -> Ask:
    """Ask for the page of that draw."""
    return Ask(f"/review/{scene.reviewed}")


def new_answer(scene: Scene, asker: User) -> Ask:
    """Answer a row of a new draw, which a reviewer has reserved."""
    path = f"/api/sampling/jobs/{scene.reviewed_draw()}"
    if asker == scene.people["reviewer"]:
        secret, _ = scene.token_of(asker)
        next_row = scene.server.client(secret).post(f"{path}/review-queue/next", json={})
        row = next_row.json()["row"]["row_id"]
    else:
        row = scene.server.admin.get(f"{path}/answers").json()["rows"][0]["row_id"]
    return Ask(f"{path}/answers", {"row_id": row, "outcome": "ok"})


def new_reviewer(scene: Scene, _: User) -> Ask:
    """Ask for another reviewer."""
    path = f"/api/sampling/jobs/{scene.reviewed}/reviewers"
    return Ask(path, {"reviewers": [scene.person().soeid]})


def ended_reviewer(scene: Scene, _: User) -> Ask:
    """Ask to remove a reviewer who was added before."""
    path, reviewer = f"/api/sampling/jobs/{scene.reviewed}/reviewers", scene.person().soeid
    scene.server.admin.put(path, json={"reviewers": [reviewer]})
    return Ask(path, {"reviewer": reviewer})


def new_attachment(scene: Scene, _: User) -> Ask:
    """Attach a new file to the draw."""
    file = {"file": ("note.txt", f"note {next(numbers)}".encode())}
    return Ask(f"/api/sampling/jobs/{scene.draw}/attachments", files=file)


def of_attachment(body: dict[str, Any] | None = None) -> Made:
    """Ask about a new attachment of the draw."""

    def made(scene: Scene, asker: User) -> Ask:
        ask = new_attachment(scene, asker)
        attached = scene.server.admin.post(ask.path, files=ask.files)
        assert attached.status_code == 200, attached.text
        return Ask(f"{ask.path}/{attached.json()['id']}", body)

    return made


def of_user(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new user."""
    return lambda scene, _: Ask(path.format(u=scene.person().id), body)


def group_name() -> str:
    return f"group {next(numbers)}"


def of_group(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new, empty group."""
    return lambda scene, _: Ask(path.format(g=scene.group()), body)


def new_connection(scene: Scene, _: User) -> Ask:
    prefix = str(scene.service.settings.allowed_connections[0])
    return Ask("/api/connections", {"name": f"pt {next(numbers)}", "prefix": prefix})


def of_connection(body: dict[str, Any] | None = None) -> Made:
    """Ask about a new connection."""
    return lambda scene, _: Ask(f"/api/connections/{scene.connection().id}", body)


def attached_to(path: str) -> Made:
    """Ask to attach a file to a new dataset."""

    def ask(scene: Scene, _: User) -> Ask:
        connection = scene.connection()
        table = {"uri": f"{connection.prefix}a.parquet", "connection": connection.name}
        return Ask(path.format(d=scene.empty_dataset()), {"tables": [table]})

    return ask


def of_dataset(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new, empty dataset."""
    return lambda scene, _: Ask(path.format(d=scene.empty_dataset()), body)


def of_row_key(body: dict[str, Any] | None = None) -> Made:
    """Ask about the row key of the table, which is declared before."""

    def ask(scene: Scene, _: User) -> Ask:
        with scene.service.database.write() as tx:
            set_row_key(tx, scene.dataset, "primary", ["id"], "refuse", 1, scene.service.clock)
        return Ask(f"/api/datasets/{scene.dataset}/row-key", body)

    return ask


def of_data_contract() -> Made:
    """Ask about the data contract of the table, which is set before."""

    def ask(scene: Scene, _: User) -> Ask:
        with scene.service.database.write() as tx:
            set_data_contract(tx, scene.dataset, "primary", {}, 1, scene.service.clock)
        return Ask(f"/api/datasets/{scene.dataset}/data-contract")

    return ask


def of_job(path: str, status: str, **rest: Any) -> Made:
    """Ask about a job of its own."""
    return lambda scene, _: Ask(path.format(j=scene.job(status)), **rest)


def of_ref(path: str, **rest: Any) -> Made:
    """Ask about a new ref of the table's dataset."""
    return lambda scene, _: Ask(path.format(d=scene.dataset, r=scene.ref()), **rest)


def of_deleted_ref(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new entry of the bin."""
    return lambda scene, _: Ask(path.format(b=scene.deleted_ref()), body)


def new_user(_: Scene, __: User) -> Ask:
    soeid = f"pn{next(numbers):05d}"
    return Ask("/api/users", {"soeid": soeid, "role_name": "viewer", "password": "long enough"})


def new_invitation(_: Scene, __: User) -> Ask:
    address = f"pn{next(numbers):05d}@bank.example"
    return Ask("/api/invitations", {"address": address, "show_link": True})


def of_invitation(path: str = "", body: dict[str, Any] | None = None) -> Made:
    """Ask about a new invitation."""
    return lambda scene, _: Ask(f"/api/invitations/{scene.invitation()}{path}", body)


def of_permission(level: str | None) -> Made:
    def ask(scene: Scene, _: User) -> Ask:
        dataset, whom = scene.empty_dataset(), scene.person()
        with scene.service.database.write() as tx:
            put_permission(tx, dataset, whom.id, "read")
        body: dict[str, Any] = {"user_id": whom.id}
        given = body if level is None else {**body, "permission": level}
        return Ask(f"/api/datasets/{dataset}/permissions", given)

    return ask


def own_token(scene: Scene, asker: User) -> Ask:
    return Ask(f"/api/tokens/{scene.token_of(asker)[1]}")


def own_webhook(
    path: str = "", *, body: dict[str, Any] | None = None, is_disabled: bool = False
) -> Made:
    """Ask about a new webhook of the asker, ``{m}`` its delivery."""

    def made(scene: Scene, asker: User) -> Ask:
        webhook, delivery = scene.webhook_of(asker, is_disabled=is_disabled)
        return Ask(f"/api/webhooks/{webhook}{path.format(m=delivery)}", body)

    return made


def own_email(path: str = "/api/users/me/email") -> Made:
    """Ask about the e-mail address of the asker, ``{m}`` a message to it."""
    return lambda scene, asker: Ask(path.format(m=scene.email_of(asker)))


def new_schedule(scene: Scene, _: User) -> Ask:
    body = {"job_id": scene.draw, "name": f"pt {next(numbers)}", "cron": "0 0 1 1 *"}
    return Ask("/api/schedules", body)


def of_schedule(path: str = "", body: dict[str, Any] | None = None) -> Made:
    """Ask about a new schedule of another user."""
    return lambda scene, _: Ask(f"/api/schedules/{scene.schedule()}{path}", body)


def workbook_of_schedule(scene: Scene, _: User) -> Ask:
    """Ask for the workbook of a new schedule's runs."""
    path = f"/datasets/{scene.dataset}/schedules/{scene.schedule()}/figures.xlsx"
    return Ask(f"{path}?statistic=mean&column=id")


def new_panel(scene: Scene, _: User) -> Ask:
    return Ask(f"/api/sampling/datasets/{scene.dataset}/panels", scene.panel_body())


def of_panel(path: str = "", body: dict[str, Any] | None = None) -> Made:
    """Ask about a new panel of another user."""
    return lambda scene, _: Ask(f"{scene.panel()}{path}", body)


def of_engagement(path: str = "", body: dict[str, Any] | None = None, base: str = API) -> Made:
    """Ask about a new engagement."""
    return lambda scene, _: Ask(f"{base}/engagements/{scene.engagement()}{path}", body)


def of_hidden_engagement(state: HiddenEngagement, path: str) -> Made:
    """Ask about a new engagement that is archived or deleted."""

    def made(scene: Scene, _: User) -> Ask:
        engagement, owner = scene.engagement(), scene.people["owner"].id
        with scene.service.database.write() as tx:
            hide_engagement(tx, engagement, state, owner, scene.service.clock)
        return Ask(f"{API}/engagements/{engagement}{path}", {})

    return made


def of_engagement_member(**body: Any) -> Made:
    """Ask about a member of a new engagement."""
    return lambda scene, _: Ask(
        f"{API}/engagements/{scene.engagement()}/members",
        {**body, "user_soeid": scene.people["reader"].soeid},
    )


def of_engagement_dataset(*, is_in: bool) -> Made:
    """Ask about a dataset, which is in the new engagement or not."""

    def made(scene: Scene, _: User) -> Ask:
        dataset = scene.empty_dataset()
        engagement = scene.engagement(dataset if is_in else None)
        return Ask(f"{API}/engagements/{engagement}/datasets", {"dataset_id": dataset})

    return made


def of_engagement_sample(*, is_in: bool = False) -> Made:
    """Ask about a draw, which is in the new engagement or not."""

    def made(scene: Scene, _: User) -> Ask:
        engagement, job = scene.engagement(scene.dataset), scene.draw
        with scene.service.database.write() as tx:
            if (other := engagement_of(tx, job)) is not None:
                unassign_sample(tx, other.id, job)
            if is_in:
                assign_sample(tx, engagement, job, scene.service.clock)
        return Ask(f"{API}/engagements/{engagement}/samples", {"job_id": job})

    return made


def of_panel_page(scene: Scene, _: User) -> Ask:
    return Ask(scene.panel().removeprefix("/api/sampling"))


def own_webhook_page(scene: Scene, asker: User) -> Ask:
    return Ask(f"/account/webhooks/{scene.webhook_of(asker)[0]}")


def jobs_form(scene: Scene, _: User) -> Ask:
    return Ask("/jobs", form={"action": "cancel", "job": scene.job("running")})
