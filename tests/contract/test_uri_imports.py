"""Imports from URIs: web servers, an object store, and folders of the server."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from service.settings import Settings
from tests.contract.problems import assert_problem
from tests.contract.uri_sources import BUCKET, WebServer, object_store, web_server
from tests.support.live_server import LiveServer, live_server
from tests.support.slow_peers import Hold, drips_headers, silent, slow_peer

CSV = b"id,amount\n1,2.5\n2,4\n"


@dataclass(frozen=True)
class Sources:
    """A server and the sources that it may read."""

    server: LiveServer
    web: WebServer
    other_web: WebServer
    objects: Any
    folder: Path

    def web_uri(self, path: str) -> str:
        return f"https://localhost:{self.web.server_port}{path}"

    def answer(self, uri: str, dataset: int | None = None, **body: Any) -> Any:
        dataset = dataset or self.server.new_dataset()
        path = f"/api/datasets/{dataset}/refs/main/import"
        return self.server.admin.post(path, json={"uri": uri, **body})

    def job(self, uri: str, dataset: int | None = None, **body: Any) -> dict[str, Any]:
        answer = self.answer(uri, dataset, **body)
        assert answer.status_code == 200, answer.text
        return self.server.finished(answer.json()["job_id"])

    def rows(self, uri: str) -> list[dict[str, Any]]:
        """The rows of the table that a URI becomes."""
        dataset = self.server.new_dataset()
        job = self.job(uri, dataset)
        assert job["status"] == "completed", job["error_message"]
        path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
        rows: list[dict[str, Any]] = self.server.admin.get(path).json()["data"]
        return rows


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "open").mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        web_server(patch, tmp_path_factory.mktemp("certificates")) as web,
        web_server(patch) as other_web,
        object_store(patch) as objects,
    ):
        prefixes = (
            f"https://localhost:{web.server_port}/exports/",
            f"http://127.0.0.1:{other_web.server_port}/exports/",
            f"s3://{BUCKET}/2025/",
            f"file://{folder}/open/",
        )
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("uris"),
            memory_mb=256,
            upload_max_mb=9,
            import_prefixes=", ".join(prefixes),
        )
        with live_server(settings) as live:
            yield Sources(live, web, other_web, objects, folder / "open")
            assert not list(live.service.directory.scratch_dir.iterdir())


def test_a_file_of_a_web_server_is_imported(sources: Sources) -> None:
    sources.web.put("/exports/a%20b.csv", CSV)
    job = sources.job(sources.web_uri("/exports/a b.csv"), commit_message="Q1")
    assert job["status"] == "completed", job["error_message"]
    assert job["output_summary"]["size_bytes"] == len(CSV)
    assert job["output_summary"]["tables"][0]["rows"] == 2
    assert job["run_parameters"] == {
        "ref": "main",
        "uri": sources.web_uri("/exports/a%20b.csv"),
        "file_name": "a b.csv",
        "commit_message": "Q1",
    }


def test_options_hold_for_a_uri_and_a_key_gives_one_job(sources: Sources) -> None:
    sources.web.put("/exports/points.csv", b"id;amount\n1;1.234\n2;5.678\n")
    dataset, headers = sources.server.new_dataset(), {"Idempotency-Key": "points"}
    body = {"uri": sources.web_uri("/exports/points.csv"), "options": {"decimal": ","}}
    path = f"/api/datasets/{dataset}/refs/main/import"
    answers = [sources.server.admin.post(path, json=body, headers=headers) for _ in range(2)]
    (job_id,) = {answer.json()["job_id"] for answer in answers}
    job = sources.server.finished(job_id)
    assert job["run_parameters"]["options"] == {"decimal": ","}
    (total,) = job["output_summary"]["tables"][0]["control_totals"][1:]
    assert (total["column"], total["sum"]) == ("amount", "6912")
    other = {**body, "options": {"decimal": "."}}
    clash = sources.server.admin.post(path, json=other, headers=headers)
    assert_problem(clash, 409, "idempotency_key_reused")
    wrong = sources.answer(body["uri"], options={"decimal": "x"})
    assert_problem(wrong, 422, "invalid_option", "decimal")


def test_an_object_is_imported_in_pieces(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("import_engine.sources.reading.PIECE_BYTES", 64)
    content = "id\n" + "".join(f"{n}\n" for n in range(500))
    sources.objects.put_object(Bucket=BUCKET, Key="2025/ä 1%20.csv", Body=content.encode())
    rows = sources.rows(f"s3://{BUCKET}/2025/ä 1%20.csv")
    assert [row["id"] for row in rows[:3]] == [0, 1, 2]


def test_an_object_that_changes_meanwhile_is_refused(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    from import_engine.sources.reading import SourceUnavailable, open_source
    from import_engine.sources.uris import parse_uri

    monkeypatch.setattr("import_engine.sources.reading.PIECE_BYTES", 8)
    sources.objects.put_object(Bucket=BUCKET, Key="2025/moving.csv", Body=CSV)
    with open_source(parse_uri(f"s3://{BUCKET}/2025/moving.csv")) as source:
        assert next(source.pieces) == CSV[:8]
        sources.objects.put_object(Bucket=BUCKET, Key="2025/moving.csv", Body=CSV + b"3,4\n")
        with pytest.raises(SourceUnavailable, match="changed"):
            next(source.pieces)


def test_files_of_a_folder_become_one_table(sources: Sources) -> None:
    for number in (2, 1):
        sources.objects.put_object(
            Bucket=BUCKET, Key=f"2025/parts/part-{number}.csv", Body=f"id\n{number}\n".encode()
        )
    sources.objects.put_object(Bucket=BUCKET, Key="2025/parts/_SUCCESS", Body=b"")
    assert [row["id"] for row in sources.rows(f"s3://{BUCKET}/2025/parts/")] == [1, 2]
    (sources.folder / "months").mkdir()
    for number in (1, 2):
        path = sources.folder / "months" / f"{number}.parquet"
        duckdb.sql(f"SELECT {number}::BIGINT AS month").write_parquet(str(path))
    uri = f"file://{sources.folder}/months/"
    assert [row["month"] for row in sources.rows(uri)] == [1, 2]
    notes = sources.job(uri)["output_summary"]["tables"][0]["notes"]
    assert notes == ["2 files were read in the order of their names."]


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({"a.csv": "x\n1\n", "b.csv": "x\ntext\n"}, '"x" is BIGINT in a.csv and VARCHAR in b.csv'),
        ({"a.csv": "x\n1\n", "b.csv": "x,y\n1,2\n"}, 'b.csv has the column "y"'),
        ({"a.csv": "x\n1\n", "b.json": "[]"}, "different kinds"),
        ({"a.csv": "x\n1\n", "b/c.csv": "x\n1\n"}, 'has folders, such as "b"'),
        ({"_hidden": ""}, "or it has no files"),
        ({"_delta_log/0.json": "{}", "a.csv": "x\n1\n"}, "belongs to a Delta table"),
    ],
)
def test_a_folder_that_is_no_table_is_explained(
    sources: Sources, tmp_path: Path, files: dict[str, str], part: str
) -> None:
    folder = sources.folder / tmp_path.name
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    job = sources.job(f"file://{folder}/")
    assert job["status"] == "failed"
    assert part in job["error_message"]


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost:{port}/exports-old/a.csv",
        "https://localhost:{port}/",
        "https://localhost/exports/a.csv",
        "https://localhost.example.org:{port}/exports/a.csv",
        "http://localhost:{port}/exports/a.csv",
        "s3://other-bucket/2025/a.csv",
        "s3://audit-files/2026/a.csv",
        "file:///etc/passwd",
    ],
)
def test_a_uri_outside_the_prefixes_is_refused(sources: Sources, uri: str) -> None:
    answer = sources.answer(uri.format(port=sources.web.server_port))
    assert_problem(answer, 422, "uri_not_allowed", "import_prefixes", f"s3://{BUCKET}/2025/")


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("https://user:hidden-word@localhost/exports/a.csv", "password"),
        ("https://localhost/exports/a.csv?token=hidden-word", "query"),
        ("s3://audit-files/2025/../2026/a.csv", '".."'),
        ("https://localhost/exports/%2e%2E/a.csv", '".."'),
        ("https://localhost/exports/..%2Fa.csv", "%2F"),
        ("https://localhost/exports/..;/a.csv", '".."'),
        ("https://localhost/exports/%252e%252e/a.csv", '".."'),
        ("https://localhost/exports/..%252Fa.csv", "%2F"),
        ("https://localhost/exports\\..\\a.csv", "\\"),
        ("ftp://localhost/a.csv", "starts with one of https://"),
        ("ledger.csv", "starts with one of https://"),
        ("https:///a.csv", "host"),
    ],
)
def test_a_uri_that_is_not_plain_is_refused(sources: Sources, uri: str, part: str) -> None:
    answer = sources.answer(uri)
    assert_problem(answer, 422, "invalid_uri", part)
    assert answer.json()["errors"][0]["loc"] == ["body", "uri"]
    assert "hidden-word" not in answer.text


def test_a_body_is_a_form_or_json_with_known_fields(sources: Sources) -> None:
    answer = sources.answer("s3://b/x.csv", options_={})
    assert_problem(answer, 422, "invalid_request", "Unknown field")
    dataset = sources.server.new_dataset()
    empty = sources.server.admin.post(f"/api/datasets/{dataset}/refs/main/import", json={})
    assert_problem(empty, 422, "invalid_request", "uri")


def test_no_prefix_allows_no_uri_and_says_how(server: LiveServer) -> None:
    path = f"/api/datasets/{server.new_dataset()}/refs/main/import"
    answer = server.admin.post(path, json={"uri": "https://example.org/a.csv"})
    assert_problem(answer, 422, "uri_not_allowed", "An administrator", "import_prefixes")


def test_a_redirect_is_not_followed(sources: Sources) -> None:
    here = sources.other_web
    here.put("/secret.csv", CSV)
    away = f"http://127.0.0.1:{here.server_port}"
    here.put("/exports/away.csv", status=302, Location=f"{away}/secret.csv")
    job = sources.job(f"{away}/exports/away.csv")
    assert job["error_code"] == "source_not_found"
    assert "redirects" in job["error_message"]
    assert "/secret.csv" not in here.asked


def test_a_link_out_of_a_folder_is_not_followed(sources: Sources) -> None:
    secret = sources.folder.parent / "secret"
    secret.mkdir(exist_ok=True)
    (secret / "s.csv").write_bytes(CSV)
    (sources.folder / "link.csv").symlink_to(secret / "s.csv")
    (sources.folder / "links").symlink_to(secret)
    for end in ("link.csv", "links/s.csv", "links/"):
        job = sources.job(f"file://{sources.folder}/{end}")
        assert job["error_code"] == "source_not_found", end


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "source_not_found"), (403, "source_denied"), (500, "source_unavailable")],
)
def test_a_refusal_of_the_source_is_explained(sources: Sources, status: int, code: str) -> None:
    sources.web.put("/exports/refused.csv", status=status)
    job = sources.job(sources.web_uri("/exports/refused.csv"))
    assert (job["status"], job["error_code"]) == ("failed", code)


def test_a_missing_object_names_the_uri_and_no_credential(
    sources: Sources, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    uri = f"s3://{BUCKET}/2025/missing.csv"
    job = sources.job(uri)
    assert job["error_code"] == "source_not_found"
    assert uri in job["error_message"]
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    refused = sources.job(uri)
    assert refused["error_code"] == "source_unavailable"
    seen = caplog.text + str(job) + str(refused)
    assert "secret-of-the-environment" not in seen
    assert "key-of-the-environment" not in seen


@pytest.mark.parametrize("declared", [True, False])
def test_a_download_beyond_the_limit_is_stopped(sources: Sources, declared: bool) -> None:
    content = b"x\n" + b"1\n" * (5 * 1024**2)
    if declared:
        sources.web.put("/exports/large.csv", content)
    else:
        sources.web.put("/exports/large.csv", content, **{"Content-Length": ""})
    job = sources.job(sources.web_uri("/exports/large.csv"))
    assert (job["status"], job["error_code"]) == ("failed", "source_too_large")
    assert "9 MiB" in job["error_message"]


def test_a_failed_download_can_be_retried(sources: Sources) -> None:
    sources.web.put("/exports/late.csv", status=503)
    job = sources.job(sources.web_uri("/exports/late.csv"))
    assert job["status"] == "failed"
    sources.web.put("/exports/late.csv", CSV)
    answer = sources.server.admin.post(f"/api/jobs/{job['id']}/retry")
    assert answer.status_code == 200, answer.text
    retried = sources.server.finished(answer.json()["job_id"])
    assert retried["status"] == "completed", retried["error_message"]
    assert retried["retry_of"] == job["id"]


def test_a_running_download_is_cancelled(sources: Sources) -> None:
    content = b"x\n" + b"1\n" * 200_000
    sources.web.put("/exports/slow.csv", content)
    sources.web.stalling.add("/exports/slow.csv")
    answer = sources.answer(sources.web_uri("/exports/slow.csv"))
    job_id = answer.json()["job_id"]
    assert sources.web.stalled.wait(20)
    cancelled = sources.server.admin.post(f"/api/jobs/{job_id}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    sources.web.go_on.set()
    job = sources.server.finished(job_id)
    assert job["error_code"] == "cancelled"


def test_obstore_is_imported_by_its_first_use_alone() -> None:
    import subprocess
    import sys

    check = "import sys, composition_root; print('obstore' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def preview(sources: Sources, uri: str, **body: Any) -> Any:
    return sources.server.admin.post("/api/datasets/preview", json={"uri": uri, **body})


def test_a_small_file_of_a_uri_is_previewed_whole(sources: Sources) -> None:
    sources.web.put("/exports/small.csv", b"id;amount\n1;1.234\n2;5.678\n")
    uri = sources.web_uri("/exports/small.csv")
    found = preview(sources, uri).json()
    (table,) = found["tables"]
    assert (table["row_count"], [each["name"] for each in table["columns"]]) == (
        2,
        ["id", "amount"],
    )
    assert [question["code"] for question in table["questions"]] == ["ambiguous_number"]
    assert found["raw_lines"][0] == "id;amount"
    (answered,) = preview(sources, uri, options={"thousands": "."}).json()["tables"]
    assert [row["amount"] for row in answered["data"]] == [1234, 5678]


LARGE = (
    "id,name,amount\n" + "".join(f"{n},name {n},{n}\n" for n in range(3000)) + "Total,,4498500\n"
)


@pytest.mark.parametrize("source", ["web", "store", "folder"])
def test_of_a_large_file_of_a_uri_little_is_read(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr("application.import_preview.BEGINNING_BYTES", 2000)
    monkeypatch.setattr("application.import_preview.END_BYTES", 200)
    if source == "web":
        sources.web.put("/exports/large.csv", LARGE.encode())
        uri = sources.web_uri("/exports/large.csv")
    elif source == "store":
        sources.objects.put_object(Bucket=BUCKET, Key="2025/large.csv", Body=LARGE.encode())
        uri = f"s3://{BUCKET}/2025/large.csv"
    else:
        (sources.folder / "large.csv").write_text(LARGE)
        uri = (sources.folder / "large.csv").as_uri()
    (table,) = preview(sources, uri).json()["tables"]
    assert (table["row_count"], len(table["data"])) == (None, 20)
    assert [column["type"] for column in table["columns"]] == ["BIGINT", "VARCHAR", "BIGINT"]
    has_end = any("Total,,4498500" in note for note in table["notes"])
    assert has_end == (source != "web")


def test_of_large_packed_text_the_beginning_is_read(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.import_preview.MAX_BYTES", 3000)
    monkeypatch.setattr("application.import_preview.BEGINNING_BYTES", 2000)
    (sources.folder / "large.csv.gz").write_bytes(gzip.compress(LARGE.encode()))
    (table,) = preview(sources, (sources.folder / "large.csv.gz").as_uri()).json()["tables"]
    assert (table["row_count"], table["data"][0]["name"]) == (None, "name 0")
    (sources.folder / "large.json").write_text('[{"a": 1}' + ', {"a": 2}' * 1000 + "]")
    refused = preview(sources, (sources.folder / "large.json").as_uri())
    assert_problem(refused, 422, "preview_too_large")


def test_of_a_folder_the_first_file_is_previewed(sources: Sources) -> None:
    (sources.folder / "by month").mkdir()
    for month in ("02", "01"):
        (sources.folder / "by month" / f"{month}.csv").write_text(f"id,month\n1,m{month}\n")
    (table,) = preview(sources, (sources.folder / "by month").as_uri() + "/").json()["tables"]
    assert table["data"] == [{"id": 1, "month": "m01"}]
    assert table["notes"][0] == "These are rows of 01.csv, the first of 2 files."


def test_a_preview_of_a_uri_is_refused_as_its_import(sources: Sources) -> None:
    viewer, _ = sources.server.new_user("viewer")
    uri = sources.web_uri("/exports/none.csv")
    assert_problem(preview(sources, "file:///etc/passwd"), 422, "uri_not_allowed")
    assert_problem(preview(sources, uri), 422, "source_not_found")
    assert_problem(preview(sources, sources.web_uri("/exports/a.doc")), 422, "unreadable_file")
    body = {"uri": uri}
    assert_problem(viewer.post("/api/datasets/preview", json=body), 403, "forbidden")
    wrong = preview(sources, uri, options={"decimal": "x"})
    assert_problem(wrong, 422, "invalid_option", "decimal")


def test_headers_that_drip_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from import_engine.sources.reading import SourceUnavailable, open_source
    from import_engine.sources.uris import parse_uri

    monkeypatch.setattr("import_engine.sources.reading.WEB_TIMEOUT_S", 0.5)
    with (
        slow_peer(drips_headers) as port,
        pytest.raises(SourceUnavailable, match="didn't answer in time"),
        open_source(parse_uri(f"http://127.0.0.1:{port}/a.csv")),
    ):
        pass


@pytest.mark.parametrize("hold", [silent, drips_headers])
def test_an_object_store_that_is_silent_gets_one_time_limit(
    monkeypatch: pytest.MonkeyPatch, hold: Hold
) -> None:
    from import_engine.sources import reading
    from import_engine.sources.uris import parse_uri

    monkeypatch.setitem(reading.STORE_TIMEOUTS, "timeout", "1s")
    monkeypatch.setitem(reading.RETRIES, "retry_timeout", timedelta(seconds=0.5))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    with slow_peer(hold) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        begun = time.monotonic()
        with (
            pytest.raises(reading.SourceUnavailable, match="didn't answer"),
            reading.open_source(parse_uri("s3://silent/a.csv")),
        ):
            pass
        assert 0.9 < time.monotonic() - begun < 3
