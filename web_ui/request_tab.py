"""A job's page, the tab with its request: as JSON, and as a line for a terminal."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from application.request_copy import original_request, same_request
from storage.errors import Pruned
from storage.jobs.jobs import Job


def request_of(job: Job) -> dict[str, Any]:
    """What the tab shows; what can't be asked for again is shown as it was asked for."""
    try:
        body = same_request(job)
    except Pruned as error:
        return {"parameters": _json(original_request(job)), "problem": error.message}
    values: dict[str, Any] = {"parameters": _json(body)}
    if job.run_type != "import":
        values["curl"] = _curl(f"/api/{job.run_type}/datasets/{job.dataset_id}/jobs", body)
    return values


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def _curl(path: str, body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl '{request.host_url.rstrip('/')}{path}' \\\n"
        '  -H "Authorization: Bearer $JOBSVC_TOKEN" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d '{text}'"
    )
