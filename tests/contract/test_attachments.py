"""Files attached to a sample and its rows: storage, downloads, removal, review, quotas."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from application.audit import attachments
from service.settings import Settings
from storage.maintenance.checking import check
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server

PDF = b"%PDF-1.7\n%\xe2\xe3\nan invoice"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
PAGE = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(400)


@pytest.fixture
def sample(server: LiveServer, dataset: int) -> str:
    """The path of a new random sample of 4 rows."""
    body = {"method": "random", "sample_size": 4}
    return f"/api/sampling/jobs/{server.draw(dataset, body)['id']}"


def attached(
    client: httpx.Client, sample: str, name: str, content: bytes = PDF, **fields: str
) -> httpx.Response:
    return client.post(f"{sample}/attachments", files={"file": (name, content)}, data=fields)


def made(client: httpx.Client, sample: str, name: str, content: bytes = PDF, **fields: str) -> Any:
    answer = attached(client, sample, name, content, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(client: httpx.Client, sample: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{sample}/attachments", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["attachments"])


def rows_of(client: httpx.Client, sample: str) -> list[str]:
    return [item["row_id"] for item in client.get(f"{sample}/findings").json()["items"]]


def stored_files(server: LiveServer) -> set[str]:
    return {path.stem for path in server.service.directory.files_dir.glob("??/*")}


def test_items_and_lists_have_what_is_attached(server: LiveServer, sample: str) -> None:
    client = server.admin
    first, second, *_ = rows_of(client, sample)
    of_row = made(client, sample, "invoice.pdf", row_id=first, note="the invoice")
    of_sample = made(client, sample, "plan.png", PNG)
    assert (of_row["row_id"], of_row["note"], of_row["name"]) == (first, "the invoice", first)
    assert (of_row["media_type"], of_row["size_bytes"]) == ("application/pdf", len(PDF))
    assert of_row["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert (of_sample["row_id"], of_sample["name"]) == (None, None)
    assert listed(client, sample) == [of_row, of_sample]
    assert listed(client, sample, row_id=first) == [of_row]
    assert listed(client, sample, row_id=second) == []
    page = client.get(f"{sample}/findings").json()
    assert [each["id"] for each in page["attachments"]] == [of_sample["id"]]
    by_row = {item["row_id"]: item["attachments"] for item in page["items"]}
    assert [each["sha256"] for each in by_row[first]] == [of_row["sha256"]]
    assert by_row[second] == []


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("a.txt", PDF, "application/pdf"),
        ("a.pdf", PAGE, "application/octet-stream"),
        ("page.html", PAGE, "application/octet-stream"),
        ("drawing.svg", b"<svg onload='alert(1)'/>", "application/octet-stream"),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(9), "image/jpeg"),
        ("mail.eml", b"From: a@example.org\r\n\r\nHello", "application/octet-stream"),
        ("files.zip", b"PK\x03\x04" + bytes(9), "application/zip"),
        (
            "letter.DOCX",
            b"PK\x03\x04" + bytes(9),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("fake.docx", b"plain text", "application/octet-stream"),
    ],
)
def test_the_first_bytes_say_the_media_type(
    server: LiveServer, sample: str, name: str, content: bytes, media_type: str
) -> None:
    found = made(server.admin, sample, name, content)
    assert (found["file_name"], found["media_type"]) == (name, media_type)
    answer = server.admin.get(f"{sample}/attachments/{found['id']}")
    assert answer.content == content
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("given", "kept", "header"),
    [
        ("../../etc/passwd", "passwd", "attachment; filename=passwd"),
        ("C:\\temp\\a b.txt", "a b.txt", 'attachment; filename="a b.txt"'),
        (
            'a"; filename=b.html',
            'a"; filename=b.html',
            r'attachment; filename="a\"; filename=b.html"',
        ),
        ("Größe 数.pdf", "Größe 数.pdf", "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E6%95%B0.pdf"),
    ],
)
def test_names_are_no_paths_and_safe_in_headers(
    server: LiveServer, sample: str, given: str, kept: str, header: str
) -> None:
    found = made(server.admin, sample, given)
    assert found["file_name"] == kept
    answer = server.admin.get(f"{sample}/attachments/{found['id']}")
    assert header in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize(
    ("name", "content", "fields", "status", "code", "part"),
    [
        ("a.txt", b"", {}, 422, "invalid_attachment", "empty"),
        ("a.txt", b"x", {"row_id": "primary:99999"}, 404, "not_found", "isn't in the sample"),
        ("a.txt", b"x", {"note": "x" * 2001}, 422, "invalid_request", "2,000"),
        ("a\u202efdp.exe", b"x", {}, 422, "invalid_request", "The name of"),
        ("a.txt", b"x", {"row": "primary:1"}, 422, "invalid_request", "row_id"),
    ],
)
def test_what_cant_be_attached_is_refused(
    server: LiveServer,
    sample: str,
    name: str,
    content: bytes,
    fields: dict[str, str],
    status: int,
    code: str,
    part: str,
) -> None:
    before = stored_files(server)
    answer = attached(server.admin, sample, name, content, **fields)
    assert_problem(answer, status, code, part)
    assert listed(server.admin, sample) == []
    assert stored_files(server) == before


def test_a_file_of_more_than_32_mib_is_refused(server: LiveServer, sample: str) -> None:
    uploads = server.service.directory.uploads_dir
    before = set(uploads.iterdir())  # what others' retries need
    answer = attached(server.admin, sample, "a.bin", bytes(32 * 1024**2 + 1))
    assert_problem(answer, 422, "invalid_attachment", "33,554,433 bytes")
    answer = attached(server.admin, sample, "a.bin", bytes(33 * 1024**2))
    assert answer.status_code == 413
    assert set(uploads.iterdir()) <= before


def test_a_repeated_request_attaches_once(server: LiveServer, sample: str) -> None:
    client = server.admin
    row = rows_of(client, sample)[0]
    first = made(client, sample, "a.pdf", note="n", row_id=row)
    assert made(client, sample, "a.pdf", note="n", row_id=row) == first
    other_note = attached(client, sample, "a.pdf", note="other", row_id=row)
    assert_problem(other_note, 409, "already_attached", 'as "a.pdf" by')
    assert made(client, sample, "a.pdf", note="n")["id"] != first["id"]  # of the sample
    assert len(listed(client, sample)) == 2


def test_a_removed_attachment_stays_in_the_history(server: LiveServer, sample: str) -> None:
    client = server.admin
    row = rows_of(client, sample)[0]
    found = made(client, sample, "wrong.pdf", row_id=row)
    path = f"{sample}/attachments/{found['id']}"
    assert_problem(client.request("DELETE", path, json={}), 422, "invalid_request", "reason")
    removed = client.request("DELETE", path, json={"reason": "of another row"}).json()
    assert removed["removal_reason"] == "of another row"
    assert removed["removed_by_soeid"] == found["user_soeid"]
    assert listed(client, sample) == []
    assert listed(client, sample, removed=True) == [removed]
    assert client.get(f"{sample}/findings").json()["items"][0]["attachments"] == []
    assert client.get(path).content == PDF
    again = client.request("DELETE", path, json={"reason": "again"})
    assert_problem(again, 409, "conflict", "was removed by")
    assert made(client, sample, "wrong.pdf", row_id=row)["id"] != found["id"]
    missing = client.request("DELETE", f"{sample}/attachments/999999", json={"reason": "x"})
    assert_problem(missing, 404, "not_found")


def test_nothing_is_attached_or_removed_under_review(
    server: LiveServer, dataset: int, sample: str
) -> None:
    client = server.admin
    rows = rows_of(client, sample)
    found = made(client, sample, "a.pdf", row_id=rows[0])
    path = f"{sample}/attachments/{found['id']}"
    entries = [{"row_id": row, "outcome": "ok"} for row in rows]
    assert client.post(f"{sample}/findings", json={"findings": entries}).status_code == 200
    for action, person in (("submitted", client), ("signed_off", _reviewer(server, dataset))):
        step = person.post(f"{sample}/review", json={"action": action})
        assert step.status_code == 200, step.text
        refused = attached(client, sample, "b.pdf", PNG, row_id=rows[0])
        assert_problem(refused, 409, "findings_locked")
        refused = client.request("DELETE", path, json={"reason": "late"})
        assert_problem(refused, 409, "findings_locked")
    assert listed(client, sample) == [found]
    assert hashlib.sha256(PNG + b"late").hexdigest() not in stored_files(server)


def _reviewer(server: LiveServer, dataset: int) -> httpx.Client:
    client, user = server.new_user("analyst")
    body = {"user_id": user["id"], "permission": "write"}
    assert server.admin.put(f"/api/datasets/{dataset}/permissions", json=body).is_success
    return client


def test_who_attached_a_file_cant_sign_off(server: LiveServer, dataset: int, sample: str) -> None:
    client, assistant = server.admin, _reviewer(server, dataset)
    made(assistant, sample, "a.pdf")
    entries = [{"row_id": row, "outcome": "ok"} for row in rows_of(client, sample)]
    assert client.post(f"{sample}/findings", json={"findings": entries}).status_code == 200
    assert client.post(f"{sample}/review", json={"action": "submitted"}).status_code == 200
    refused = assistant.post(f"{sample}/review", json={"action": "signed_off"})
    assert_problem(refused, 403, "forbidden", "attached")


def test_a_file_of_findings_keeps_attachments(server: LiveServer, sample: str) -> None:
    client = server.admin
    row = rows_of(client, sample)[0]
    found = made(client, sample, "a.pdf", row_id=row)
    text = f"_logical_row_id,outcome\n{row},ok\n"
    answer = client.post(f"{sample}/findings", files={"file": ("list.csv", text.encode())})
    assert answer.status_code == 200, answer.text
    assert listed(client, sample) == [found]


def test_carried_findings_bring_their_attachments(server: LiveServer, dataset: int) -> None:
    client = server.admin
    body = {"method": "random", "sample_size": 3, "seed": 77}
    small = f"/api/sampling/jobs/{server.draw(dataset, body)['id']}"
    examined, other, *_ = rows_of(client, small)
    kept = made(client, small, "kept.pdf", row_id=examined)
    gone = made(client, small, "gone.png", PNG, row_id=examined)
    client.request(
        "DELETE", f"{small}/attachments/{gone['id']}", json={"reason": "wrong"}
    ).raise_for_status()
    made(client, small, "unexamined.pdf", row_id=other)
    made(client, small, "of the sample.pdf")
    finding = {"row_id": examined, "outcome": "exception"}
    assert client.post(f"{small}/findings", json=finding).status_code == 200
    large = f"/api/sampling/jobs/{server.draw(dataset, {**body, 'sample_size': 5})['id']}"
    (carried,) = listed(client, large)
    for name in ("row_id", "file_name", "sha256", "at", "user_soeid"):
        assert carried[name] == kept[name]
    assert carried["from_job_id"] == small.rpartition("/")[2]
    history = listed(client, large, removed=True)
    assert [each["file_name"] for each in history] == ["kept.pdf", "gone.png"]
    assert client.get(f"{large}/attachments/{carried['id']}").content == PDF
    path = f"{large}/attachments/{carried['id']}"
    assert client.request("DELETE", path, json={"reason": "not needed"}).status_code == 200
    assert len(listed(client, small)) == 3


def test_a_damaged_attachment_is_not_sent_and_a_check_says_so(
    server: LiveServer, sample: str
) -> None:
    content = b"evidence that a disk will damage"
    found = made(server.admin, sample, "a.txt", content)
    path = server.service.data_files.path(found["sha256"])
    path.chmod(0o600)
    path.write_bytes(content.upper())
    answer = server.admin.get(f"{sample}/attachments/{found['id']}")
    assert_problem(answer, 503, "damaged_data", "restore it from a backup")
    faults = check(server.service.directory, lambda done, what: None).faults
    assert [fault.what for fault in faults] == [f"file {found['sha256']}"]
    path.write_bytes(content)
    assert server.admin.get(f"{sample}/attachments/{found['id']}").content == content


def test_attachments_count_in_the_quota_of_the_dataset(
    server: LiveServer, dataset: int, sample: str
) -> None:
    path = f"/api/datasets/{dataset}/quota"
    used = server.admin.get(path).json()["used_bytes"]
    answer = server.admin.put(path, json={"size_mb": 1})
    assert answer.status_code == 200, answer.text
    try:
        refused = attached(server.admin, sample, "a.bin", bytes(2 * 1024**2))
        assert_problem(refused, 409, "quota_exceeded", "The dataset's")
        assert hashlib.sha256(bytes(2 * 1024**2)).hexdigest() not in stored_files(server)
        made(server.admin, sample, "a.bin", bytes(2 * 1024))
        assert server.admin.get(path).json()["used_bytes"] == used + 2 * 1024
    finally:
        assert server.admin.put(path, json={"size_mb": None}).status_code == 200


def test_the_files_of_a_sample_have_a_limit(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, memory_mb=256, attachments_max_mb=1)
    with live_server(settings) as live:
        drawn = live.draw(live.new_balanced_table(40), {"method": "random", "sample_size": 2})
        path = f"/api/sampling/jobs/{drawn['id']}"
        row = rows_of(live.admin, path)[0]
        made(live.admin, path, "a.bin", bytes(700_000))
        made(live.admin, path, "a.bin", bytes(700_000), row_id=row)  # the same file counts once
        refused = attached(live.admin, path, "b.bin", bytes(400_000))
        assert_problem(refused, 409, "attachments_full", "would exceed 1 MiB")
        assert len(listed(live.admin, path)) == 2
        assert hashlib.sha256(bytes(400_000)).hexdigest() not in stored_files(live)
        made(live.admin, path, "c.bin", bytes(300_000))


def test_the_number_of_attachments_has_a_limit(
    server: LiveServer, sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(listed(server.admin, sample))
    monkeypatch.setattr(attachments, "MAX_ATTACHMENTS", before + 1)
    made(server.admin, sample, "first.txt", b"first")
    refused = attached(server.admin, sample, "second.txt", b"second")
    assert_problem(refused, 409, "attachments_full", f"at most {before + 1} attachments")
    made(server.admin, sample, "first.txt", b"first")  # the same request again


def test_attachments_in_a_zip_file_are_audited_one_by_one(server: LiveServer, sample: str) -> None:
    sent = {made(server.admin, sample, name, name.encode())["sha256"] for name in ("c", "d")}
    answer = server.admin.get(f"{sample}/evidence", params={"attachments": "true"})
    assert answer.status_code == 200, answer.text
    query = {"action": "attachment_downloaded", "limit": 20}
    entries = server.admin.get("/api/admin/audit", params=query).json()["entries"]
    assert sent <= {entry["details"].get("sha256") for entry in entries}
    path = server.service.data_files.path(min(sent))
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(b"x")
    damaged = server.admin.get(f"{sample}/evidence", params={"attachments": "true"})
    assert_problem(damaged, 503, "damaged_data")
    path.write_bytes(content)
