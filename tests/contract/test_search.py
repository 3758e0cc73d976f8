"""The search over names, purposes, ids and row keys."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from storage.accounts.users import get_user
from storage.versions.refs import find_refs
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def drawn(server: LiveServer) -> dict[str, Any]:
    """A sample with a name and a purpose of its own."""
    dataset_id = server.new_table(20)
    body = {
        "method": "random",
        "parameters": {"sample_size": 3},
        "output_name": "Kilowatt_q1",
        "commit_message": "Meters of the harbour",
    }
    return server.draw(dataset_id, body)


def search(client: httpx.Client, q: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/search", params={"q": q, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


@pytest.mark.parametrize("q", ["kilowatt", "METERS of the harb", "watt_q1"])
def test_a_sample_is_found_by_name_and_purpose(
    server: LiveServer, drawn: dict[str, Any], q: str
) -> None:
    (hit,) = search(server.admin, q)
    assert (hit["kind"], hit["name"]) == ("sample", "Kilowatt_q1")
    assert hit["purpose"] == "Meters of the harbour"
    assert hit["job_id"] == drawn["id"]


def test_a_dataset_is_found_by_name(server: LiveServer, drawn: dict[str, Any]) -> None:
    hits = search(server.admin, drawn["dataset_name"])
    assert ("dataset", drawn["dataset_id"]) in [(hit["kind"], hit["dataset_id"]) for hit in hits]


def test_jobs_and_versions_are_found_by_digits(server: LiveServer, drawn: dict[str, Any]) -> None:
    (job,) = search(server.admin, drawn["id"][:8].upper())
    assert (job["kind"], job["job_id"]) == ("job", drawn["id"])
    commit_id = drawn["output_summary"]["output_commit_id"]
    (version,) = search(server.admin, commit_id[:10])
    assert (version["kind"], version["commit_id"]) == ("version", commit_id)


def test_a_row_is_found_in_recent_samples(server: LiveServer, drawn: dict[str, Any]) -> None:
    rows = [hit for hit in search(server.admin, "primary:19") if hit["job_id"] == drawn["id"]]
    assert [(hit["kind"], hit["row_id"]) for hit in rows] == [("row", "primary:19")]
    assert drawn["id"] not in {hit["job_id"] for hit in search(server.admin, "primary:20")}


def test_a_failed_job_is_found_by_its_purpose(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    job = server.import_text(dataset_id, "", name="broken_harbinger.csv")
    assert job["status"] == "failed"
    (hit,) = search(server.admin, "harbinger")
    assert (hit["kind"], hit["job_id"], hit["run_type"]) == ("job", job["id"], "import")


def test_others_find_nothing_of_a_hidden_dataset(server: LiveServer, drawn: dict[str, Any]) -> None:
    outsider, _ = server.new_user()
    commit_id = drawn["output_summary"]["output_commit_id"]
    for q in ("kilowatt", "harbour", drawn["id"], commit_id, "primary:1", drawn["dataset_name"]):
        assert search(outsider, q) == []
    outsider_dataset = server.new_table(5, outsider)
    assert {hit["dataset_id"] for hit in search(outsider, "primary")} <= {outsider_dataset}


def test_a_member_of_a_group_finds_its_datasets(server: LiveServer, drawn: dict[str, Any]) -> None:
    member, user = server.new_user()
    body = {"name": "searchers", "users": [user["soeid"]]}
    assert server.admin.post("/api/groups", json=body).status_code == 200
    path = f"/api/datasets/{drawn['dataset_id']}/permissions"
    answer = server.admin.put(path, json={"name": "searchers", "permission": "read"})
    assert answer.status_code == 200, answer.text
    assert [hit["kind"] for hit in search(member, "kilowatt")] == ["sample"]


def test_results_are_bounded(server: LiveServer, drawn: dict[str, Any]) -> None:
    for number in range(3):
        body = {"name": f"bounded-{number}", "source_ref": "main"}
        server.admin.post(f"/api/datasets/{drawn['dataset_id']}/refs", json=body)
    assert len(search(server.admin, "bounded", limit=2)) == 2
    assert search(server.admin, "bounded-1")[0]["name"] == "bounded-1"
    with server.service.database.read() as tx:
        admin = get_user(tx, 1)
        assert len(find_refs(tx, admin, "bounded", 10, scanned=3)) == 3
        assert find_refs(tx, admin, "kilowatt", 10, scanned=3) == []


def test_signs_are_searched_as_they_are(server: LiveServer, drawn: dict[str, Any]) -> None:
    assert all("%" in hit["name"] for hit in search(server.admin, "%"))
    assert search(server.admin, "' OR 1=1 --") == []


def test_jobs_with_long_parameters_are_found_by_their_samples_alone(
    server: LiveServer, drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.identity.search.MAX_JOB_CHARACTERS", 10)
    assert search(server.admin, "primary:19") == []
    assert [hit["job_id"] for hit in search(server.admin, "kilowatt")] == [drawn["id"]]
