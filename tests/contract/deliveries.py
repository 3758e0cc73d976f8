"""The log of the deliveries to a receiver, and a review whose steps are events."""

from __future__ import annotations

import time
from typing import Any

import httpx


def newest_delivery(client: httpx.Client, path: str) -> dict[str, Any]:
    """The newest delivery to the receiver of this path once it doesn't wait."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        log = client.get(f"{path}/deliveries").json()["deliveries"]
        if log and log[0]["state"] != "waiting":
            return dict(log[0])
        time.sleep(0.01)
    raise AssertionError("the delivery still waits")


def review_sample(preparer: httpx.Client, reviewer: httpx.Client, job_id: str) -> None:
    """Enter a finding of each open row and submit them; let the reviewer sign them off."""
    path = f"/api/sampling/jobs/{job_id}"
    rows = preparer.get(f"{path}/findings").json()["items"]
    found = [{"row_id": row["row_id"], "outcome": "ok"} for row in rows if row["finding"] is None]
    for client, part, body in (
        (preparer, "findings", {"findings": found}),
        (preparer, "review", {"action": "submitted"}),
        (reviewer, "review", {"action": "signed_off"}),
    ):
        answer = client.post(f"{path}/{part}", json=body)
        assert answer.status_code == 200, answer.text
