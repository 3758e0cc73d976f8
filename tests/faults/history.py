"""A client that keeps book of what a server accepted, and holds the books against it afterwards.

Every request carries an Idempotency-Key of its own and is sent again until it is answered, so the
books have exactly one job for each key, whenever the server died.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.live_server import finished

ROWS = 3_000
CONTENT = "id,kind\n" + "\n".join(f"{row},{row % 5}" for row in range(ROWS)) + "\n"


@dataclass
class Asked:
    """One request for a job, and the job that was accepted for it."""

    key: str
    path: str
    body: dict[str, Any] | None
    job_id: str | None = None


@dataclass
class Books:
    """All requests so far."""

    dataset_id: int
    asked: list[Asked] = field(default_factory=list)

    def ask(self, client: httpx.Client, chance: random.Random) -> None:
        """Ask for one more import or draw; the answer may never come."""
        number = len(self.asked)
        if chance.random() < 0.3:
            path = f"/api/datasets/{self.dataset_id}/refs/main/import"
            one = Asked(f"import-{number}", path, None)
        else:
            body = {
                "rounds": [
                    {
                        "method": chance.choice(["random", "stratified"]),
                        "parameters": {"sample_size": 500, "seed": number % 3},
                    }
                ],
                "export_residual": chance.random() < 0.5,
                "output_name": f"draw-{number}",
            }
            if body["rounds"][0]["method"] == "stratified":  # type: ignore[index]
                body["rounds"][0]["parameters"]["strata_columns"] = ["kind"]  # type: ignore[index]
            path = f"/api/sampling/datasets/{self.dataset_id}/jobs"
            one = Asked(f"draw-{number}", path, body)
        self.asked.append(one)
        self.send(client, one)

    def send(self, client: httpx.Client, one: Asked) -> None:
        """Send a request, for the first time or again."""
        headers = {"Idempotency-Key": one.key}
        if one.body is None:
            files = {"file": ("table.csv", CONTENT)}
            answer = client.post(one.path, files=files, headers=headers)
        else:
            answer = client.post(one.path, json=one.body, headers=headers)
        assert answer.status_code == 200, answer.text
        job_id = answer.json()["job_id"]
        assert one.job_id in (None, job_id), "one key stands for two jobs"
        one.job_id = job_id

    def send_unanswered(self, client: httpx.Client) -> None:
        """Send again what a kill left without an answer."""
        for one in self.asked:
            if one.job_id is None:
                self.send(client, one)

    def hold_against(self, client: httpx.Client) -> int:
        """Check that every accepted job came to one end; returns how many completed."""
        jobs = [finished(client, one.job_id or "", within_s=120) for one in self.asked]
        total = client.get("/api/jobs", params={"dataset_id": self.dataset_id}).json()["total"]
        assert total == len(self.asked) + 1, "a job was lost or accepted twice"
        refs = self._refs(client)
        digests: dict[str, set[str]] = {}
        completed = 0
        for one, job in zip(self.asked, jobs, strict=True):
            if job["status"] == "failed":
                assert job["error_code"] == "interrupted", job
                assert job["attempt"] == 3
                assert one.body is None or job["run_parameters"]["output_ref"] not in refs
                continue
            completed += 1
            summary = job["output_summary"]
            if one.body is not None:
                assert refs[summary["output_ref"]] == summary["output_commit_id"]
                draw = str(sorted(one.body["rounds"][0].items()))
                digests.setdefault(draw, set()).add(_digest(client, job["id"]))
        assert all(len(found) == 1 for found in digests.values()), "a seed drew two samples"
        imports = [
            job["output_summary"]["output_commit_id"]
            for one, job in zip(self.asked, jobs, strict=True)
            if one.body is None and job["status"] == "completed"
        ]
        history = client.get(
            f"/api/datasets/{self.dataset_id}/history", params={"limit": 1000}
        ).json()["commits"]
        published = [commit["commit_id"] for commit in history]
        assert len(published) == len(set(published)) == len(imports) + 1
        assert set(imports) <= set(published)
        return completed

    def _refs(self, client: httpx.Client) -> dict[str, str]:
        path = f"/api/datasets/{self.dataset_id}/refs"
        refs = client.get(path, params={"limit": 1000}).json()["refs"]
        return {ref["name"]: ref["commit_id"] for ref in refs}


def _digest(client: httpx.Client, job_id: str) -> str:
    answer = client.get(f"/api/sampling/jobs/{job_id}/data", params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    return hashlib.sha256(answer.content).hexdigest()
