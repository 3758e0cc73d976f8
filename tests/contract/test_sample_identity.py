"""A sample's name, purpose and source; its ref never moves."""

from __future__ import annotations

from tests.live_server import LiveServer

ONE_ROW = {"method": "random", "parameters": {"sample_size": 1}}


def test_an_import_onto_a_sample_is_refused(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    server.draw(dataset_id, {**ONE_ROW, "output_name": "q1"})
    answer = server.admin.post(
        f"/api/datasets/{dataset_id}/refs/smpl-q1/import", files={"file": ("t.csv", b"a\n1\n")}
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "ref_immutable"
    assert 'The sample "q1" never changes.' in answer.json()["detail"]


def test_jobs_have_their_name_and_purpose(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    body = {**ONE_ROW, "output_name": "q1", "commit_message": "Review of June"}
    job = server.draw(dataset_id, body)
    unnamed = server.draw(dataset_id, ONE_ROW)
    expected = ("q1", "Review of June")
    assert (job["output_name"], job["purpose"]) == expected
    assert unnamed["output_name"] == unnamed["id"][:8]
    listed = server.admin.get("/api/jobs", params={"dataset_id": dataset_id}).json()["jobs"]
    assert [item["output_name"] for item in listed] == [unnamed["id"][:8], "q1", None]
    drawn = server.admin.get(f"/api/sampling/datasets/{dataset_id}/history").json()["jobs"]
    assert (drawn[1]["output_name"], drawn[1]["purpose"]) == expected


def test_a_sample_tells_of_a_newer_version(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    job = server.draw(dataset_id, ONE_ROW)
    path = f"/api/sampling/jobs/{job['id']}/source"
    assert server.admin.get(path).json()["newer"] is None
    by_commit = server.draw(dataset_id, {**ONE_ROW, "source_ref": job["source_commit_id"]})
    server.import_text(dataset_id, "id\n1\n2\n")
    source = server.admin.get(path).json()
    assert source["commit_id"] == job["source_commit_id"]
    assert source["newer"]["ref_name"] == "main"
    assert source["newer"]["row_count"] == 2
    other = server.admin.get(f"/api/sampling/jobs/{by_commit['id']}/source").json()
    assert other["newer"] == source["newer"]


def test_the_same_rows_are_no_newer_version(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, "id\n1\n2\n")
    job = server.draw(dataset_id, ONE_ROW)
    server.import_text(dataset_id, "id\n1\n2\n")
    source = server.admin.get(f"/api/sampling/jobs/{job['id']}/source").json()
    assert source["newer"] is None
