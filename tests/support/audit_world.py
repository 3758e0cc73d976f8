"""A server with a dataset, a draw and users, whose actions are recorded."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from contract.words import HiddenEngagement
from storage.accounts.tokens import open_sign_in_link
from storage.jobs.jobs import cancel_job, get_job
from storage.jobs.submission import NewJob, insert_job
from storage.notifications.receivers import disable_receiver
from tests.support.combined_scene import CombinedScene
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer

_names = itertools.count(1)
EMAIL = "/api/users/me/email"


@dataclass
class World:
    """A server with a dataset, a draw, and someone to do things to."""

    server: LiveServer
    client: httpx.Client
    user: dict[str, Any]
    dataset: int
    draw: str

    def other(self) -> dict[str, Any]:
        return self.server.new_user()[1]

    def group(self, *names: str) -> int:
        body = {"name": f"group {next(_names)}", "users": names}
        return int(self.server.admin.post("/api/groups", json=body).json()["id"])

    def invitation(self) -> dict[str, Any]:
        """A new invitation, with its link."""
        body = {"address": f"p{next(_names)}@bank.example", "show_link": True}
        made: dict[str, Any] = self.server.admin.post("/api/invitations", json=body).json()
        return made

    def connection(self) -> dict[str, Any]:
        """A new connection to the setting's first prefix."""
        prefix = str(self.server.service.settings.allowed_connections[0])
        body = {"name": f"connection {next(_names)}", "prefix": prefix}
        made: dict[str, Any] = self.server.admin.post("/api/connections", json=body).json()
        return made

    def webhook(self) -> int:
        """A new webhook of the user, to a port where nobody listens."""
        body = {"url": str(self.server.service.settings.allowed_webhooks[0])}
        return int(self.client.post("/api/webhooks", json=body).json()["id"])

    def email(self) -> str:
        """The path of a message to the user's e-mail address."""
        self.client.put(EMAIL, json={"address": "bg54677@bank.example"})
        sent = self.client.post(f"{EMAIL}/test").json()
        return f"{EMAIL}/deliveries/{sent['id']}"

    def disabled_webhook(self) -> int:
        webhook = self.webhook()
        with self.server.service.database.write() as tx:
            assert disable_receiver(tx, webhook, self.server.service.clock)
        return webhook

    def delivery(self) -> str:
        """The path of a delivery of a new webhook."""
        webhook = self.webhook()
        sent = self.client.post(f"/api/webhooks/{webhook}/test").json()
        return f"/api/webhooks/{webhook}/deliveries/{sent['id']}"

    def schedule_body(self) -> dict[str, Any]:
        return {"job_id": self.draw, "name": f"schedule {next(_names)}", "cron": "0 0 1 1 *"}

    def schedule(self) -> str:
        """The path of a new schedule."""
        made = self.client.post("/api/schedules", json=self.schedule_body()).json()
        return f"/api/schedules/{made['id']}"

    def panel_body(self) -> dict[str, Any]:
        drawn = {"method": "random", "parameters": {"sample_size": 2}, "order": {"key": ["id"]}}
        return {"name": f"panel {next(_names)}", "round": drawn, "rotation": "25%"}

    def panel(self) -> str:
        """The path of a new panel."""
        path = f"/api/sampling/datasets/{self.dataset}/panels"
        made = self.client.post(path, json=self.panel_body()).json()
        return f"/api/sampling/panels/{made['id']}"

    def engagement(self) -> str:
        """The path of a new engagement."""
        facts = {"client_name": "ACME", "period_from": "2025-01-01", "period_to": "2025-12-31"}
        return f"/api/engagements/{self.client.post('/api/engagements', json=facts).json()['id']}"

    def engagement_part(self, what: str, *, is_in: bool) -> tuple[str, dict[str, Any]]:
        """A member, a dataset or a sample to add to a new engagement, or to remove from it."""
        path, dataset = self.engagement(), self.server.new_table(4, self.client)
        body: dict[str, Any] = {"dataset_id": dataset}
        if what == "members":
            body = {"user_soeid": self.other()["soeid"], "full_name": "A B", "role": "preparer"}
        elif what == "samples":
            draw = {"method": "random", "sample_size": 2}
            body = {"job_id": self.server.draw(dataset, draw)["id"]}
            self.client.put(f"{path}/datasets", json={"dataset_id": dataset})
        if is_in:
            self.client.put(f"{path}/{what}", json=body)
            body = {name: body[name] for name in list(body)[:1]}
        return f"{path}/{what}", {"json": body}

    def hidden_engagement(self, state: HiddenEngagement) -> str:
        """The path of an engagement that is archived or deleted."""
        if state == "archived":
            path = self.sealable(is_sealed=True)
            self.client.post(f"{path}/archive")
            return path
        path = self.engagement()
        self.client.delete(path)
        return path

    def sealable(self, *, is_sealed: bool = False) -> str:
        """The path of an engagement that the user can seal, or of one to unseal."""
        scene = EngagementScene(self.server)
        scene.bring_to("approved")
        scene.users["me"] = self.user
        scene.join("me", "partner")
        scene.done(scene.issue("partner"))
        if is_sealed:
            scene.done(scene.people["partner"].post(f"{scene.path}/seal"))
        return scene.path

    def together(self) -> dict[str, Any]:
        """A request for a paper on two samples that the user can issue."""
        scene = CombinedScene(self.server)
        scene.bring_both_to("open")
        scene.users["me"] = self.user
        scene.join("me", "preparer")
        return {"jobs": scene.jobs}

    def paper_together(self) -> int:
        """A paper on two samples."""
        path = "/api/audit/combined-evaluation/papers"
        return int(self.client.post(path, json=self.together()).json()["id"])

    def table_to_attach(self) -> dict[str, Any]:
        connection = self.connection()
        return {"uri": f"{connection['prefix']}a.parquet", "connection": connection["name"]}

    def link_code(self) -> str:
        service, user = self.server.service, self.other()
        with service.database.write() as tx:
            return open_sign_in_link(tx, user["id"], timedelta(hours=1), service.clock)[0]

    def token(self) -> int:
        body = {"name": "a script"}
        return int(self.client.post("/api/tokens", json=body).json()["id"])

    def ref(self) -> str:
        name = f"ref-{next(_names)}"
        body = {"name": name, "source_ref": "main"}
        self.server.admin.post(f"/api/datasets/{self.dataset}/refs", json=body)
        return name

    def deleted_ref(self) -> int:
        """The entry of a deleted ref in the bin."""
        answer = self.server.admin.delete(f"/api/datasets/{self.dataset}/refs/{self.ref()}")
        return int(answer.json()["bin_id"])

    def unexamined(self) -> str:
        """Another draw, which has no findings."""
        draw = {"method": "random", "parameters": {"sample_size": 20, "seed": next(_names)}}
        return str(self.server.draw(self.dataset, {"rounds": [draw]})["id"])

    def sampled_row(self) -> str:
        """The last row of the draw that nothing has replaced."""
        page = self.server.admin.get(f"/api/sampling/jobs/{self.draw}/findings").json()
        return str(page["items"][-1]["row_id"])

    def values(self) -> dict[str, Any]:
        """A file with a value of a drawn row."""
        page = self.server.admin.get(f"/api/sampling/jobs/{self.draw}/data").json()
        content = f"id,x\n{page['data'][0]['id']},2\n".encode()
        return {"files": {"file": ("t.csv", content)}, "data": {"key": '["id"]'}}

    def evaluated(self) -> dict[str, Any]:
        """An evaluation that is possible."""
        self.reviewed()
        return {"json": {"kind": "sequential", "tolerable": 0.9}}

    def reviewed(self) -> dict[str, Any]:
        """A step of the review that is possible."""
        path = f"/api/sampling/jobs/{self.draw}"
        page = self.server.admin.get(f"{path}/findings").json()
        found = [
            {"row_id": row["row_id"], "outcome": "ok"}
            for row in page["items"]
            if row["replaced_by"] is None
        ]
        self.server.admin.post(f"{path}/findings", json={"findings": found})
        return {"json": {"action": "submitted"}}

    def job(self, status: str) -> str:
        """A draw that runs in no thread, or one that failed."""
        service, job_id = self.server.service, str(uuid.uuid4())
        with service.database.write() as tx:
            like = get_job(tx, self.draw)
            parameters = {**like.run_parameters, "output_ref": f"smpl-{job_id}"}
            new = NewJob(
                job_id, "sampling", self.dataset, like.user_id, like.source_commit_id, parameters
            )
            insert_job(tx, new, service.clock, 100)
            tx.execute(
                "UPDATE jobs SET status = 'running', attempt = 1, started_at = created_at "
                "WHERE id = ?",
                (job_id,),
            )
            if status == "failed":
                cancel_job(tx, job_id, "bg54677", service.clock)
        return job_id
