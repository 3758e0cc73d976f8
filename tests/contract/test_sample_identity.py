"""A sample's name, purpose and source; its ref never moves."""

from __future__ import annotations

import pytest

from storage.versions.refs import create_ref
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

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


@pytest.mark.parametrize("name", ["smpl-q1", "expl-q1"])
@pytest.mark.parametrize(("field", "source"), [("name", "source_ref"), ("ref_name", "commit_id")])
def test_only_a_job_makes_a_sample(server: LiveServer, name: str, field: str, source: str) -> None:
    dataset_id = server.new_table(10)
    path = f"/api/datasets/{dataset_id}/refs"
    commit_id = server.admin.get(f"{path}/main").json()["commit_id"]
    answer = server.admin.post(path, json={field: name, source: commit_id})
    (error,) = assert_problem(answer, 422, "invalid_value")["errors"]
    assert error["loc"] == ["body", "name"]
    assert f'starts with "{name[:5]}" is reserved: only a job makes a ' in error["msg"]
    into = server.admin.post(f"{path}/{name}/import", files={"file": ("t.csv", b"a\n1\n")})
    assert_problem(into, 404, "not_found")
    body = {"tables": [{"table_key": "primary", "uri": "s3://lake/t.parquet", "connection": "c"}]}
    assert server.admin.post(f"{path}/{name}/attach", json=body).status_code in (403, 404, 422)
    assert [each["name"] for each in server.admin.get(path).json()["refs"]] == ["main"]


def test_a_version_is_not_restored_as_a_sample(server: LiveServer) -> None:
    dataset_id = server.new_table(10)
    path = f"/api/datasets/{dataset_id}/refs"
    assert server.admin.post(path, json={"name": "june", "from_ref": "main"}).status_code == 200
    entry_id = server.admin.delete(f"{path}/june").json()["bin_id"]
    restore = f"/api/bin/{entry_id}/restore"
    answer = server.admin.post(restore, json={"name": "smpl-june"})
    (error,) = assert_problem(answer, 422, "invalid_value")["errors"]
    assert error["loc"] == ["body", "name"]
    assert server.admin.post(restore, json={"name": "july"}).status_code == 200
    assert server.admin.get(f"{path}/july").status_code == 200


def test_a_sample_that_was_made_by_hand_stays(server: LiveServer) -> None:
    """Older versions let users make one; it can be read, deleted and restored."""
    dataset_id = server.new_table(10)
    path = f"/api/datasets/{dataset_id}/refs"
    commit_id = server.admin.get(f"{path}/main").json()["commit_id"]
    with server.service.database.write() as tx:
        create_ref(tx, dataset_id, "smpl-old", commit_id, server.service.clock)
    assert server.admin.get(f"{path}/smpl-old").json()["commit_id"] == commit_id
    entry_id = server.admin.delete(f"{path}/smpl-old").json()["bin_id"]
    assert server.admin.post(f"/api/bin/{entry_id}/restore", json={}).status_code == 200
    assert server.admin.get(f"{path}/smpl-old").status_code == 200


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
    assert source["newer"]["source_ref"] == "main"
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
