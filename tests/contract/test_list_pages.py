"""Every list has pages, or is bounded by what it is about; commands and client read all pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from jobsvc_client import connect

from tests.support.audit_world import World
from tests.support.live_server import LiveServer

FILLED = 3


@pytest.fixture(scope="module")
def lists(server: LiveServer) -> dict[str, str]:
    """The path of each list that others than jobs and datasets fill, with its array's name."""
    client, user = server.new_user()
    dataset = server.new_table(40, client)
    draw = server.draw(dataset, {"method": "random", "sample_size": 20})["id"]
    world, sample = World(server, client, user, dataset, draw), f"/api/sampling/jobs/{draw}"
    for _ in range(FILLED):
        world.webhook()
        world.schedule()
        world.connection()
        world.ref()
        server.admin.post("/api/signing-keys/rotate")
        body = {"name": world.other()["soeid"], "permission": "read"}
        server.admin.put(f"/api/datasets/{dataset}/permissions", json=body)
        file = {"file": ("note.txt", world.sampled_row().encode())}
        assert server.admin.post(f"{sample}/attachments", files=file).status_code == 200
        body = {"row_id": world.sampled_row(), "reason": "not a purchase"}
        assert server.admin.post(f"{sample}/replacements", json=body).status_code == 200
        assert server.admin.get(f"{sample}/certificate").status_code == 200
        finding = {"row_id": world.sampled_row(), "outcome": "ok"}
        answer = server.admin.post(f"{sample}/findings", json={"findings": [finding]})
        assert answer.status_code == 200, answer.text
        assert server.admin.get(f"{sample}/evaluation-certificate").status_code == 200
    ids = [row["id"] for row in server.rows(draw)]
    for row in ids[:FILLED]:
        file = {"file": ("t.csv", f"id,x\n{row},2\n".encode())}
        answer = server.admin.post(f"{sample}/values", files=file, data={"key": '["id"]'})
        assert answer.status_code == 200, answer.text
    return {
        "/api/webhooks": "webhooks",
        f"/api/schedules?dataset_id={dataset}": "schedules",
        "/api/connections": "connections",
        "/api/signing-keys": "keys",
        f"/api/datasets/{dataset}/overview": "refs",
        f"/api/datasets/{dataset}/permissions": "permissions",
        f"{sample}/values": "uploads",
        f"{sample}/attachments": "attachments",
        f"{sample}/certificates": "certificates",
        f"{sample}/evaluation-certificates": "certificates",
        f"{sample}/replacements": "replacements",
    }


def page_at(server: LiveServer, path: str, **query: int) -> httpx.Response:
    """The answer for a page of a list."""
    return server.admin.get(httpx.URL(path).copy_merge_params(query))


def test_the_pages_of_a_list_are_the_list(server: LiveServer, lists: dict[str, str]) -> None:
    for path, name in lists.items():
        whole = page_at(server, path, limit=1000).json()
        assert whole["total"] >= FILLED, path
        assert (whole["offset"], whole["limit"]) == (0, 1000)
        if name != "permissions":
            assert len(whole[name]) == whole["total"], path
        parts: list[dict[str, Any]] = []
        for offset in range(whole["total"]):
            page = page_at(server, path, offset=offset, limit=1).json()
            assert page["total"] == whole["total"]
            parts += [*page[name], *page.get("groups", ())]
        assert parts == [*whole[name], *whole.get("groups", ())], path
        after = page_at(server, path, offset=whole["total"]).json()
        assert after[name] == []
        for wrong in ({"offset": -1}, {"limit": 0}, {"limit": 1001}):
            assert page_at(server, path, **wrong).status_code == 422, (path, wrong)


def test_the_levels_of_groups_are_pages_too(server: LiveServer) -> None:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/permissions"
    assert server.admin.post("/api/groups", json={"name": "Page readers"}).is_success
    body = {"name": "Page readers", "permission": "read"}
    assert server.admin.put(path, json=body).is_success
    first, second = (
        server.admin.get(path, params={"offset": offset, "limit": 1}).json() for offset in (0, 1)
    )
    assert (len(first["permissions"]), first["groups"], first["total"]) == (1, [], 2)
    assert (second["permissions"], second["groups"][0]["group_name"]) == ([], "Page readers")


def test_commands_and_the_client_read_all_pages(
    server: LiveServer, lists: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsvc_client.transport.PAGE", 2)
    (schedules,) = (path for path in lists if "schedules" in path)
    dataset = int(schedules.rpartition("=")[2])
    with connect(server.url, server.token) as client:
        assert len(client.dataset(dataset).schedules()) >= FILLED
        assert len(client.dataset(dataset)._overview()) >= FILLED
        names = {each.id for each in client.datasets()}
    total = server.admin.get("/api/datasets?limit=1").json()["total"]
    assert len(names) == total


BOUNDED = {
    "/api/audit-programmes": "up to 100 files of one folder",
    "/api/audit-programmes/{name}": "the rules and examples of one file",
    "/api/search": "`limit` results of each kind",
    "/api/inbox": "50 entries of each kind",
    "/api/users/me/email": "the kinds of events",
    "/api/datasets/{dataset_id}": "tags, of one dataset",
    "/api/engagements/{engagement_id}": "100 members, 100 datasets and 50 sentences, at most",
    "/api/engagements/{engagement_id}/seal": "the team and samples of one engagement",
    "/api/groups/{group_id}": "the users of one group",
    "/api/schedules/preview": "five times",
    "/api/schedules/{schedule_id}/exclusion": "the samples of one schedule",
    "/api/datasets/{dataset_id}/data-contract": "the terms of one table",
    "/api/datasets/{dataset_id}/data-contract/proposal": "the same",
    "/api/datasets/{dataset_id}/compare": "figures of two tables",
    "/api/datasets/{dataset_id}/commits/{commit_id}": "the tables of one version",
    "/api/datasets/{dataset_id}/commits/{commit_id}/schema": "the same",
    "/api/datasets/{dataset_id}/refs/{ref}/tables": "the same",
    "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/bands": "figures of a column",
    "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/schema": "the columns of a table",
    "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/analysis": "the same",
    "/api/datasets/{dataset_id}/refs/{ref}/tables/{key}/summaries": "the same",
    "/api/profiling/jobs/{job_id}/result": "the same",
    "/api/exploration/jobs/{job_id}/audit-test": "figures of one test",
    "/api/sampling/jobs/{job_id}/lookup": "`limit` rows; `has_more` says whether there are more",
    "/api/sampling/jobs/{job_id}/reserves": "`limit` rows of each group",
    "/api/sampling/jobs/{job_id}/design": "the design of one sample",
    "/api/sampling/jobs/{job_id}/backtest": "figures of one sample",
    "/api/sampling/jobs/{job_id}/comparison": "figures of one sample",
    "/api/sampling/jobs/{job_id}/review": "the steps of one review",
    "/api/sampling/jobs/{job_id}/attributes": "what one sample is tested for",
    "/api/sampling/jobs/{job_id}/paper-facts": "the facts of one paper",
    "/api/sampling/jobs/{job_id}/shown-columns": "the columns of one table",
    "/api/sampling/jobs/{job_id}/questions": "the questions of one sample",
    "/api/sampling/jobs/{job_id}/review-queue": "the same",
    "/api/sampling/jobs/{job_id}/agreement": "the same",
    "/api/sampling/jobs/{job_id}/reviewers": "the reviewers of one sample",
    "/api/sampling/jobs/{job_id}/rows/{row_id}": "the steps of one draw",
    "/api/sampling/jobs/{job_id}/rows/{row_id}/proof": "one proof",
    "/api/sampling/jobs/{job_id}/certificate": "the signatures of one certificate",
    "/api/sampling/jobs/{job_id}/evaluation-certificate": "the same",
    "/api/sampling/datasets/{dataset_id}/sampling-methods": "the methods",
    "/api/sampling/panels/{panel_id}": "the waves of one panel",
    "/api/sampling/panels/{panel_id}/next": "the strata of one wave",
}
"""Answers with an array but without pages, and what bounds it."""


def test_every_other_array_is_bounded_by_its_subject(server: LiveServer) -> None:
    document = server.admin.get("/api/openapi.json").json()
    schemas, without = document["components"]["schemas"], set()
    for path, operations in document["paths"].items():
        operation = operations.get("get", {"responses": {"200": {}}})
        content = operation["responses"]["200"].get("content", {})
        reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
        properties = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
        has_array = any(one.get("type") == "array" for one in properties.values())
        parameters = {one["name"] for one in operation.get("parameters", ())}
        if has_array and not parameters >= {"offset", "limit"}:
            without.add(path)
    assert without == set(BOUNDED)
