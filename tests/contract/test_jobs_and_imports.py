"""Jobs by id and in lists; imports from upload to commit."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

GUIDE_FIELDS = {
    "id",
    "run_type",
    "status",
    "dataset_id",
    "dataset_name",
    "source_commit_id",
    "user_id",
    "user_soeid",
    "run_parameters",
    "output_summary",
    "error_message",
    "created_at",
    "completed_at",
    "duration_seconds",
}
GUIDE_LIST_FIELDS = GUIDE_FIELDS - {
    "source_commit_id",
    "run_parameters",
    "output_summary",
    "duration_seconds",
}


@pytest.fixture(scope="module")
def analyst(server: LiveServer) -> tuple[httpx.Client, str, int]:
    """A user with one import, one failed import and two draws."""
    client, user = server.new_user()
    dataset = server.new_table(50, client)
    broken = server.import_text(dataset, b"\x00\x01\x02\xff", "broken.parquet", client)
    assert broken["status"] == "failed"
    for _ in range(2):
        server.draw(dataset, {"method": "random", "sample_size": 5})
    return client, user["soeid"], dataset


def test_a_job_has_the_guides_fields(
    server: LiveServer, analyst: tuple[httpx.Client, str, int]
) -> None:
    client, _soeid, dataset = analyst
    newest = client.get("/api/jobs", params={"dataset_id": dataset}).json()["jobs"][0]
    job = client.get(f"/api/jobs/{newest['id']}").json()
    assert set(job) >= GUIDE_FIELDS
    assert set(newest) >= GUIDE_LIST_FIELDS
    assert job["progress"] == 100
    assert job["created_at"].endswith("+00:00")
    assert job["duration_seconds"] >= 0
    assert client.get(f"/api/jobs/{newest['id']}/").json() == job


def test_filters_combine_and_total_is_exact(
    server: LiveServer, analyst: tuple[httpx.Client, str, int]
) -> None:
    client, soeid, dataset = analyst
    admin = server.admin.get("/api/users/me").json()["soeid"]

    def total(**query: object) -> int:
        answer = client.get("/api/jobs", params={"dataset_id": dataset, **query})  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["jobs"]) == min(body["limit"], max(body["total"] - body["offset"], 0))
        return int(body["total"])

    assert total() == 4
    assert total(user_soeid=soeid) == 2
    assert total(user_soeid=soeid, status="failed") == 1
    assert total(user_soeid=admin, run_type="sampling") == 2
    assert total(status="failed,completed") == 4
    assert total(status=["failed", "pending"]) == 1
    assert total(run_type="import", status="completed", limit=1) == 1
    assert total(offset=3) == 4
    assert total(created_after="2999-01-01T00:00:00Z") == 0
    assert total(created_before="2999-01-01") == 4
    times = [
        [
            job["created_at"]
            for job in client.get("/api/jobs", params={"order": order}).json()["jobs"]
        ]
        for order in ("newest", "oldest")
    ]
    assert times[0] == sorted(times[0], reverse=True)
    assert times[1] == sorted(times[1])


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("status=done", ["status", "pending, running, completed, failed"]),
        ("run_type=sample", ["run_type", "sampling, import, exploration, profiling"]),
        ("limit=1001", ["limit", "1000"]),
        ("user_id=x", ["user_id", "whole number"]),
        ("created_after=yesterday", ["created_after", "yesterday"]),
        ("dataset=4", ["dataset", 'Did you mean "dataset_id"']),
    ],
)
def test_a_list_query_that_cannot_be_is_refused(
    server: LiveServer, query: str, parts: list[str]
) -> None:
    assert_problem(server.admin.get(f"/api/jobs?{query}"), 422, "invalid_request", *parts)


def test_a_job_that_is_not_there_is_404(server: LiveServer) -> None:
    path = "/api/jobs/917f045a-ec63-47a1-b192-35149508f452"
    assert_problem(server.admin.get(path), 404, "not_found", "917f045a")


def test_an_import_moves_its_ref_and_no_other(server: LiveServer) -> None:
    dataset = server.new_table(4)
    refs = f"/api/datasets/{dataset}/refs"
    server.admin.post(refs, json={"name": "draft", "source_ref": "main"})
    before = server.admin.get(f"{refs}/main").json()
    job = server.import_text(dataset, "x\n1\n", "other.csv", ref="draft")
    assert job["output_summary"]["output_ref"] == "draft"
    assert job["output_summary"]["tables"][0]["rows"] == 1
    assert server.admin.get(f"{refs}/main").json() == before
    commit = server.admin.get(f"/api/datasets/{dataset}/commits/draft").json()
    assert commit["parent_commit_id"] == before["commit_id"]
    assert commit["commit_id"] == job["output_summary"]["output_commit_id"]


def test_an_import_into_a_ref_that_is_not_there_names_the_choices(server: LiveServer) -> None:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/mian/import"
    uploads = sorted(server.service.directory.uploads_dir.iterdir())  # what others' retries need
    answer = server.admin.post(path, files={"file": ("a.csv", b"x\n1\n")})
    assert_problem(answer, 404, "not_found", '"mian"', "main")
    assert sorted(server.service.directory.uploads_dir.iterdir()) == uploads


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("picture.csv", bytes(range(256)) * 10, []),
        ("ragged.csv", b"a,b\n1,2\n3,4,5\n", ["3"]),
        ("cut.parquet", b"PAR1 and nothing else", []),
        ("broken.json", b'[{"a": 1}, {"a": ', []),
        ("sheet.xlsx", b"PK\x03\x04 not a workbook", []),
        ("empty.csv", b"", ["empty"]),
        ("notes.docx", b"x", [".csv"]),
    ],
)
def test_a_file_that_is_not_what_it_says_fails_the_job_and_leaves_nothing(
    server: LiveServer, name: str, content: bytes, parts: list[str]
) -> None:
    dataset = server.new_dataset()
    files = sorted(server.service.directory.files_dir.glob("??/*"))
    uploads = sorted(server.service.directory.uploads_dir.iterdir())
    job = server.import_text(dataset, content, name)
    assert (job["status"], job["error_code"]) == ("failed", "unreadable_file"), job
    message = job["error_message"]
    for part in parts:
        assert part in message
    assert str(server.service.directory.root) not in message
    assert sorted(server.service.directory.files_dir.glob("??/*")) == files
    began = time.monotonic()  # the upload is removed after the job's end is stored
    while len(list(server.service.directory.uploads_dir.iterdir())) > len(uploads):
        assert time.monotonic() - began < 10
    assert sorted(server.service.directory.uploads_dir.iterdir()) == uploads
    ref = server.admin.get(f"/api/datasets/{dataset}/refs/main").json()
    assert ref["commit_id"] is None


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ({"files": {"commit_message": (None, "x")}}, ["file"]),
        ({"files": {"file": ("", b"x")}}, ["file"]),
        ({"files": {"fil": ("a.csv", b"x")}}, ["fil", "file"]),
    ],
)
def test_an_import_without_a_file_is_refused(
    server: LiveServer, form: dict[str, object], parts: list[str]
) -> None:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"
    answer = server.admin.post(path, **form)  # type: ignore[arg-type]
    assert_problem(answer, 422, "invalid_request", *parts)
    assert not list(server.service.directory.uploads_dir.glob("incoming-*"))


def test_a_files_name_is_shown_and_never_used_as_a_path(server: LiveServer) -> None:
    dataset = server.new_dataset()
    job = server.import_text(dataset, "x\n1\n", "../../etc/C:\\temp\\Über uns.csv")
    assert job["status"] == "completed"
    assert job["run_parameters"]["file_name"] == "Über uns.csv"


def test_a_body_larger_than_the_limit_is_413(server: LiveServer) -> None:
    body = {"name": "x" * 70_000}
    assert_problem(server.admin.post("/api/datasets", json=body), 413, "too_large")


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'"x"', b"\xff", b'{"name": "\\ud800"}', b'{"name": "a\\u0000b"}']
)
def test_a_body_that_is_no_object_is_422(server: LiveServer, content: bytes) -> None:
    answer = server.admin.post(
        "/api/datasets", content=content, headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 422, "invalid_request")


def test_a_request_id_is_echoed_when_it_is_one(server: LiveServer) -> None:
    given = server.admin.get("/health", headers={"X-Request-ID": "trace-42.a_b"})
    assert given.headers["X-Request-ID"] == "trace-42.a_b"
    odd = server.admin.get("/health", headers={"X-Request-ID": "x y<z>"})
    assert odd.headers["X-Request-ID"] != "x y<z>"
