"""The pages of registered plans."""

from __future__ import annotations

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_draws_are_those_of_all_registrations_with_the_digest(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(60, reader.api)
    path = f"/api/sampling/datasets/{dataset}"
    body = {"rounds": [{"method": "random", "parameters": {"sample_size": 4}}], "commit": True}
    plans = [reader.api.post(f"{path}/plan", json=body).json()["registered"] for _ in range(2)]
    draw = {"plan_id": plans[0]["plan_id"], "seed": 1}
    server.finished(reader.api.post(f"{path}/jobs", json=draw).json()["job_id"])
    told = "(of 2 registrations with this digest)"
    listed = reader.page(f"/datasets/{dataset}/plans")
    assert listed.count(f'class="number">1 <span class="soft">{told}</span>') == 2
    for plan in plans:
        page = reader.page(f"/datasets/{dataset}/plans/{plan['plan_id']}")
        assert f"<dd>1 time {told}</dd>" in page
