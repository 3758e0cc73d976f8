"""Requests for jobs, as the client of ``history`` keeps them in its books."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

ROWS = 3_000
CONTENT = "id,kind\n" + "\n".join(f"{row},{row % 5}" for row in range(ROWS)) + "\n"


@dataclass
class Asked:
    """One request for a job (an import has no body), and the job that was accepted for it."""

    key: str
    body: dict[str, Any] | None
    retry_of: str | None = None
    job_id: str | None = None
    cancelled: bool = False

    @property
    def makes_rows(self) -> bool:
        """Whether rows come of it under a ref of its own: of a draw or of a query."""
        return self.body is not None and "output_name" in self.body

    @property
    def is_draw(self) -> bool:
        """Whether it is for a sample; else it is an import, a query or a report."""
        return self.body is not None and "rounds" in self.body

    @property
    def rows(self) -> str:
        """What settles the rows: equal draws give equal rows, and so do equal queries."""
        assert self.body is not None
        return json.dumps(self.body.get("rounds") or self.body["sql"], sort_keys=True)

    @property
    def ref(self) -> str:
        """The ref of the rows."""
        assert self.body is not None
        return f"{'smpl' if self.is_draw else 'expl'}-{self.body['output_name']}"

    @property
    def table_key(self) -> str:
        """The table of the rows."""
        return "sample" if self.is_draw else "result"

    def sent(self, client: httpx.Client, dataset_id: int) -> httpx.Response:
        """Ask for it, for the first time or again."""
        headers = {"Idempotency-Key": self.key}
        if self.retry_of is not None:
            return client.post(f"/api/jobs/{self.retry_of}/retry", headers=headers)
        if self.body is None:
            path = f"/api/datasets/{dataset_id}/refs/main/import"
            return client.post(path, files={"file": ("table.csv", CONTENT)}, headers=headers)
        kind = "sampling" if self.is_draw else "exploration"
        path = f"/api/{kind}/datasets/{dataset_id}/jobs"
        return client.post(path, json=self.body, headers=headers)

    def fetched(self, client: httpx.Client) -> httpx.Response:
        """The rows that were made."""
        path = f"sampling/jobs/{self.job_id}/data"
        if not self.is_draw:
            path = f"exploration/jobs/{self.job_id}/result"
        return client.get(f"/api/{path}", params={"format": "csv"})
