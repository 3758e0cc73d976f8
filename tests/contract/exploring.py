"""A SELECT that is asked at once, and where the result of a job is."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.live_server import LiveServer


def query(server: LiveServer, dataset_id: int, sql: str, **body: Any) -> httpx.Response:
    path = f"/api/exploration/datasets/{dataset_id}/query"
    return server.admin.post(path, json={"sql": sql, **body})


def result_of(job: dict[str, Any]) -> str:
    return f"/api/exploration/jobs/{job['id']}/result"
