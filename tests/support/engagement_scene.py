"""An engagement with a preparer, a reviewer and two partners, and a sample in it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.live_server import LiveServer

FACTS = {
    "client_name": "ACME",
    "period_from": "2025-01-01",
    "period_to": "2025-12-31",
    "number": "E 7",
}


class EngagementScene:
    """The people and the paths; the administrator created the engagement and is no member."""

    def __init__(self, server: LiveServer, rows: int = 12) -> None:
        self.server, self.admin = server, server.admin
        self.dataset = self.table(rows)
        made = self.admin.post("/api/engagements", json=FACTS)
        assert made.status_code == 200, made.text
        self.id = int(made.json()["id"])
        self.path = f"/api/engagements/{self.id}"
        self.done(self.admin.put(f"{self.path}/datasets", json={"dataset_id": self.dataset}))
        self.people: dict[str, httpx.Client] = {"admin": self.admin}
        self.users: dict[str, dict[str, Any]] = {}
        for name in ("preparer", "reviewer", "partner", "second partner"):
            self.people[name], self.users[name] = server.new_user()
            self.join(name, name.rpartition(" ")[2])
        self.people["outsider"], self.users["outsider"] = server.new_user()
        grant = {"user_id": self.users["outsider"]["id"], "permission": "admin"}
        self.done(self.admin.put(f"/api/datasets/{self.dataset}/permissions", json=grant))
        self.sample = self.drawn()

    def table(self, rows: int) -> int:
        """The id of a new dataset."""
        return self.server.new_table(rows)

    def join(self, name: str, role: str) -> None:
        """Make a person a member, or change the role."""
        body = {"user_soeid": self.users[name]["soeid"], "full_name": f"{name} Doe", "role": role}
        self.done(self.admin.put(f"{self.path}/members", json=body))

    def drawn(self, seed: int = 5, sample_size: int = 4) -> str:
        """The path of a new sample, which joins the engagement."""
        draw = {"method": "random", "parameters": {"sample_size": sample_size, "seed": seed}}
        return f"/api/sampling/jobs/{self.server.draw(self.dataset, {'rounds': [draw]})['id']}"

    def done(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def examine(self, by: str = "preparer") -> None:
        """Enter that each row has no exception."""
        client = self.people[by]
        items = client.get(f"{self.sample}/findings").json()["items"]
        found = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
        self.done(client.post(f"{self.sample}/findings", json={"findings": found}))

    def step(self, by: str, action: str, note: str = "") -> httpx.Response:
        body = {"action": action, "note": note}
        return self.people[by].post(f"{self.sample}/review", json=body)

    def bring_to(self, state: str) -> None:
        """Take the steps of a review up to a state, each by its role."""
        self.examine()
        steps = (("submitted", "preparer"), ("signed_off", "reviewer"), ("approved", "partner"))
        for action, by in steps:
            if state == "open":
                return
            self.done(self.step(by, action))
            if action == state:
                return

    def issue(self, by: str) -> httpx.Response:
        return self.people[by].post(f"{self.sample}/papers", json={"format": "html"})

    def seal(self) -> None:
        """Approve the sample, issue its paper and seal the engagement."""
        self.bring_to("approved")
        self.done(self.issue("partner"))
        self.done(self.people["partner"].post(f"{self.path}/seal"))
