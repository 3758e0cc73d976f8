"""An engagement with two samples by monetary units, which together cover their table."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer

PATH = "/api/audit/combined-evaluation"
ROWS = 400
FILTERS = ("amount < 50", "amount >= 50")


class CombinedScene(EngagementScene):
    """The people, the paths of two samples, and the paper on both."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__(server, ROWS)
        self.samples = [self.sample, self.drawn(seed=6)]

    def table(self, rows: int) -> int:
        dataset = self.server.new_dataset()
        lines = [f"{row:04d},{(row + 1) / 4}" for row in range(rows)]
        self.server.import_text(dataset, "\n".join(["invoice,amount", *lines]) + "\n")
        return dataset

    def drawn(self, seed: int = 5, sample_size: int = 12) -> str:
        parameters = {"book_column": "amount", "sample_size": sample_size, "seed": seed}
        draw = {"method": "monetary_unit", "parameters": parameters}
        round_ = {**draw, "filters": {"expression": FILTERS[seed % 5]}}
        return f"/api/sampling/jobs/{self.server.draw(self.dataset, {'rounds': [round_]})['id']}"

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs of both samples."""
        return [each.rpartition("/")[2] for each in self.samples]

    def bring_both_to(self, state: str) -> None:
        """Take the steps of both reviews up to a state."""
        for sample in self.samples:
            self.sample = sample
            self.bring_to(state)

    def issue_together(self, by: str, **more: Any) -> httpx.Response:
        body = {"jobs": self.jobs, "tolerable": "60%", "format": "html", **more}
        return self.people[by].post(f"{PATH}/papers", json=body)

    def withdraw(self, by: str, paper_id: int) -> httpx.Response:
        path = f"{PATH}/papers/{paper_id}/withdraw"
        return self.people[by].post(path, json={"reason": "not needed"})

    def papers(self) -> list[dict[str, Any]]:
        """The papers on several samples that the engagement lists."""
        found = self.done(self.admin.get(f"{self.path}/combined-papers"))
        return list(found["papers"])

    def waiting(self, by: str) -> list[tuple[str, str]]:
        """The kinds and pages of what waits for a person."""
        entries = self.done(self.people[by].get("/api/inbox"))["entries"]
        return [(each["kind"], each["url"]) for each in entries]
