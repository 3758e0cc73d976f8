"""A table in a server, and people with every level of permission in it."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest

from application.notifications.registering import new_secret
from contract.words import EVENTS
from service.settings import Settings
from storage.accounts.connections import Connection, ConnectionFields, add_connection
from storage.accounts.datasets import create_dataset, put_group_permission, put_permission
from storage.accounts.groups import EVERYONE, add_group, add_members, get_group
from storage.accounts.invitations import InvitationFields, add_invitation
from storage.accounts.tokens import issue_token
from storage.accounts.users import User, add_user
from storage.audit.combined_papers import insert_combined_paper
from storage.audit.engagements import add_engagement, add_engagement_dataset, put_member
from storage.jobs.jobs import cancel_job, get_job
from storage.jobs.submission import NewJob, insert_job
from storage.notifications.receivers import (
    NewWebhook,
    add_webhook,
    disable_receiver,
    enqueue_test,
    list_webhooks,
    put_email,
    remove_receiver,
)
from storage.versions.bin import bin_ref
from storage.versions.refs import create_ref, resolve
from tests.support.attached_world import small_lake
from tests.support.audit_test_bodies import AUDIT_TEST_BODIES, TESTED_ROWS
from tests.support.live_server import LiveServer

ASKERS = ("reviewer", "viewer", "nobody", "reader", "writer", "owner", "admin", "read_token")
"""An analyst with no level who is a reviewer; a viewer with the level read; analysts with no level,
read, write and admin; the service's admin; and the owner with a token of the scope read."""

RANDOM = {"method": "random", "parameters": {"sample_size": 2, "seed": 1}}
numbers = itertools.count(1)
ENGAGEMENT = {"client_name": "ACME", "period_from": "2025-01-01", "period_to": "2025-12-31"}


def scene_settings(tmp_path_factory: pytest.TempPathFactory, name: str) -> Settings:
    """The settings of a server that every route of the table can be asked of."""
    return Settings(
        data_dir=tmp_path_factory.mktemp(name),
        memory_mb=256,
        connection_prefixes=small_lake(tmp_path_factory.mktemp("lake")),
        webhook_prefixes="http://127.0.0.1:9/",
        smtp_server="127.0.0.1:9",
        smtp_sender="jobsvc@bank.example",
        email_domains="bank.example",
    )


class Scene:
    """A server with a table that was drawn from, and the askers with their levels in it."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.service = server.service
        self.dataset = server.new_table(40)
        self.draw = server.draw(self.dataset, {**RANDOM, "export_residual": True})["id"]
        asked = server.admin.post(f"/api/profiling/datasets/{self.dataset}/jobs", json={})
        self.profile = server.finished(asked.json()["job_id"])["id"]
        self.query = server.explore(self.dataset, {"sql": "SELECT 1 AS x"})["id"]
        server.explore(self.dataset, TESTED_ROWS)
        self.audit_test = server.audit_test(self.dataset, "weekend", AUDIT_TEST_BODIES["weekend"])[
            "id"
        ]
        roles = {"viewer": "viewer", "admin": "admin"}
        people = [name for name in ASKERS if name != "read_token"]
        self.people = {name: self.person(roles.get(name, "analyst")) for name in people}
        self.people["read_token"] = self.people["owner"]
        self.writers = self.group(self.people["writer"])
        self.share(self.dataset)
        for _ in range(2):  # the dataset is in several engagements, so its draws join none
            self.engagement(self.dataset)
        self.reviewed = self.reviewed_draw()

    def reviewed_draw(self) -> str:
        """A new draw that the reviewer can answer."""
        body = {"rounds": [{"method": "random", "parameters": {"sample_size": 20}}]}
        draw = str(self.server.draw(self.dataset, body)["id"])
        reviewer = {"reviewers": [self.people["reviewer"].soeid]}
        answer = self.server.admin.put(f"/api/sampling/jobs/{draw}/reviewers", json=reviewer)
        assert answer.status_code == 200, answer.text
        return draw

    def person(self, role: Any = "analyst") -> User:
        """A new user without a password."""
        with self.service.database.write() as tx:
            soeid = f"pt{next(numbers):05d}"
            return add_user(tx, soeid, role, None, self.service.clock)

    def group(self, *members: User) -> int:
        """A new group of these users."""
        with self.service.database.write() as tx:
            made = add_group(tx, f"pt group {next(numbers)}", self.service.clock)
            add_members(tx, made.id, members)
        return made.id

    def invitation(self) -> int:
        """A new invitation."""
        clock = self.service.clock
        with self.service.database.write() as tx:
            given = InvitationFields(f"pt{next(numbers)}@bank.example", "viewer", ())
            _, made = add_invitation(tx, self.people["admin"], given, timedelta(days=1), clock)
        return made.id

    def connection(self) -> Connection:
        """A new connection to the setting's first prefix, for everyone."""
        prefix = str(self.service.settings.allowed_connections[0])
        with self.service.database.write() as tx:
            everyone = get_group(tx, EVERYONE)
            given = ConnectionFields(prefix, "", [everyone])
            return add_connection(tx, f"pt {next(numbers)}", given, self.service.clock)

    def webhook_of(self, user: User, *, is_disabled: bool = False) -> tuple[int, int]:
        """A new webhook of a user, and its delivery."""
        url = str(self.service.settings.allowed_webhooks[0])
        new = NewWebhook(url, EVENTS, None, new_secret())
        with self.service.database.write() as tx:
            for earlier in list_webhooks(tx, user):
                if earlier.user_id == user.id:
                    remove_receiver(tx, earlier)
            made = add_webhook(tx, user, new, self.service.clock)
            delivery = enqueue_test(tx, made, self.service.clock)
            if is_disabled:
                disable_receiver(tx, made.id, self.service.clock)
            return made.id, delivery.id

    def email_of(self, user: User) -> int:
        """A message to the e-mail address of a user."""
        with self.service.database.write() as tx:
            email = put_email(tx, user, f"{user.soeid}@bank.example", EVENTS, self.service.clock)
            return enqueue_test(tx, email, self.service.clock).id

    def schedule(self) -> int:
        """A new schedule of the admin, which never runs in a test."""
        body: dict[str, Any] = {"job_id": self.draw, "name": f"pt {next(numbers)}"}
        body |= {"cron": "0 0 1 1 *", "exclude_drawn_by": ["id"]}
        return int(self.server.admin.post("/api/schedules", json=body).json()["id"])

    def panel_body(self) -> dict[str, Any]:
        drawn = {**RANDOM, "order": {"key": ["id"]}}
        return {"name": f"pt {next(numbers)}", "round": drawn, "rotation": "25%"}

    def panel(self) -> str:
        """The path of a new panel of the admin."""
        path = f"/api/sampling/datasets/{self.dataset}/panels"
        made = self.server.admin.post(path, json=self.panel_body()).json()
        return f"/api/sampling/panels/{made['id']}"

    def paper_together(self) -> int:
        """A new paper on the draw and itself, whose file is that of the sample's own paper."""
        issued = self.server.admin.post(f"/api/sampling/jobs/{self.draw}/papers", json={}).json()
        names = ("number", "format", "language", "review_state", "sha256", "size_bytes")
        with self.service.database.write() as tx:
            paper = {
                **{name: issued[name] for name in names},
                "jobs": [self.draw],
                "samples": ["a"],
                "datasets": [self.dataset],
                "request": {},
                "is_tolerable": None,
                "conclusion": None,
                "evaluation_sha256": "0" * 64,
                "user_id": 1,
                "issued_at": issued["issued_at"],
            }
            return insert_combined_paper(tx, paper)

    def engagement(self, dataset: int | None = None) -> int:
        """A new engagement of the owner: the writer is its partner, the reader a preparer."""
        facts = {**ENGAGEMENT, "number": f"pt {next(numbers)}"}
        clock = self.service.clock
        with self.service.database.write() as tx:
            made = add_engagement(tx, facts, self.people["owner"].id, clock)
            put_member(tx, made.id, self.people["writer"].id, "A Writer", "partner", clock)
            put_member(tx, made.id, self.people["reader"].id, "A Reader", "preparer", clock)
            if dataset is not None:
                add_engagement_dataset(tx, made.id, dataset, clock)
        return made.id

    def share(self, dataset: int) -> None:
        """Give the askers their levels; the writer has it by a group."""
        levels: dict[str, Any] = {"viewer": "read", "reader": "read", "owner": "admin"}
        with self.service.database.write() as tx:
            for name, level in levels.items():
                put_permission(tx, dataset, self.people[name].id, level)
            put_group_permission(tx, dataset, self.writers, "write")

    def empty_dataset(self) -> int:
        """A new dataset in which the askers have their levels."""
        with self.service.database.write() as tx:
            made = create_dataset(
                tx,
                self.people["admin"],
                name=f"pt {next(numbers)}",
                description="",
                tags=[],
                clock=self.service.clock,
            )
        self.share(made.id)
        return made.id

    def ref(self) -> str:
        """A new ref next to main."""
        name = f"pt-{next(numbers)}"
        with self.service.database.write() as tx:
            head = resolve(tx, self.dataset, "main")
            create_ref(tx, self.dataset, name, head, self.service.clock)
        return name

    def deleted_ref(self) -> int:
        """The entry of a new ref that was deleted."""
        name = self.ref()
        with self.service.database.write() as tx:
            return bin_ref(tx, self.dataset, name, self.people["owner"], self.service.clock)

    def job(self, status: str) -> str:
        """A draw that no thread runs, or one that failed."""
        job_id = str(uuid.uuid4())
        with self.service.database.write() as tx:
            like = get_job(tx, self.draw)
            parameters = {**like.run_parameters, "output_ref": f"smpl-{job_id}"}
            source = like.source_commit_id
            new = NewJob(job_id, "sampling", self.dataset, like.user_id, source, parameters)
            insert_job(tx, new, self.service.clock, 1000)
            tx.execute(
                "UPDATE jobs SET status = 'running', attempt = 1, started_at = created_at "
                "WHERE id = ?",
                (job_id,),
            )
            if status == "failed":
                cancel_job(tx, job_id, "pt00000", self.service.clock)
        return job_id

    def sampled_row(self) -> str:
        """The last row of the draw that nothing has replaced."""
        page = self.server.admin.get(f"/api/sampling/jobs/{self.draw}/findings").json()
        return str(page["items"][-1]["row_id"])

    def token_of(self, user: User, **differing: Any) -> tuple[str, int]:
        """A new token of a user, and its id."""
        given: dict[str, Any] = {"kind": "named", "name": "pt", "scope": "write", "lifetime": None}
        with self.service.database.write() as tx:
            secret, token = issue_token(
                tx, user.id, **{**given, **differing}, clock=self.service.clock
            )
        return secret, token.id
