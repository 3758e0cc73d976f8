"""A preview takes little time and space, whatever the file unpacks to."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

import composition_root
from application.import_preview import preview_import
from application.job_submission import submit_import
from http_api.routes import imports
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

LINES = 10_000_000


class HeldLooks:
    """Stands before the step that looks at a file, and lets none by before ``go_on``."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.pool = ThreadPoolExecutor(2)

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.begun.release()
        assert self.go_on.wait(30)
        return preview_import(*given, **named)

    def begin(self, client: httpx.Client) -> Future[httpx.Response]:
        """Ask for a look, and wait until it is under way."""
        asked = self.pool.submit(look, client)
        assert self.begun.acquire(timeout=30)
        return asked


def preview(server: LiveServer, content: bytes, name: str, **fields: str) -> httpx.Response:
    return server.admin.post("/api/datasets/preview", files={"file": (name, content)}, data=fields)


def parquet(directory: Path, query: str, rows_a_group: int) -> bytes:
    path = directory / "made.parquet"
    with duckdb.connect() as connection:
        options = f"FORMAT parquet, ROW_GROUP_SIZE {rows_a_group}"
        connection.execute(f"COPY ({query}) TO '{path}' ({options})")
    return path.read_bytes()


def test_of_a_parquet_file_only_the_first_rows_are_read(server: LiveServer, tmp_path: Path) -> None:
    # 2 GB of text in a file of a kilobyte, in one row group.
    rows = "SELECT 1 AS a, repeat('y', 2000) AS c FROM range(1_000_000)"
    content = parquet(tmp_path, rows, 100_000_000)
    began = time.monotonic()
    (table,) = preview(server, content, "file.parquet").json()["tables"]
    assert time.monotonic() - began < 5  # alone it is 0.02
    assert (table["row_count"], len(table["data"])) == (1_000_000, 20)
    assert table["data"][0] == {"a": 1, "c": "y" * 2000}
    assert not list(server.service.directory.scratch_dir.iterdir())
    assert not list(server.service.directory.spill_dir.iterdir())


def test_first_rows_that_hold_too_much_text_are_not_shown(
    server: LiveServer, tmp_path: Path
) -> None:
    rows = "SELECT repeat('y', 4_000_000) AS c FROM range(20)"
    answer = preview(server, parquet(tmp_path, rows, 2048), "file.parquet")
    assert_problem(answer, 422, "preview_too_large", "to see its content")
    assert not list(server.service.directory.scratch_dir.iterdir())


def test_a_file_that_breaks_duckdb_is_refused_and_others_work_on(
    server: LiveServer, tmp_path: Path
) -> None:
    dataset = server.new_table(5)
    deep = parquet(tmp_path, f"SELECT NULL::INT{'[]' * 150} AS a", 2048)
    answer = preview(server, deep, "deep.parquet")
    assert_problem(answer, 422, "unreadable_file", "200 deep")
    assert server.import_text(dataset, deep, "deep.parquet")["error_code"] == "unreadable_file"
    data = server.admin.get(f"/api/datasets/{dataset}/refs/main/tables/primary/data")
    assert (data.status_code, len(data.json()["data"])) == (200, 5)


def test_a_parquet_files_look_is_what_its_import_makes(server: LiveServer, tmp_path: Path) -> None:
    query = "SELECT range AS id, [range] AS list, uuid '550e8400-e29b-41d4-a716-446655440000' AS u"
    content = parquet(tmp_path, f"{query} FROM range(30)", 2048)
    (table,) = preview(server, content, "file.parquet").json()["tables"]
    dataset = server.new_dataset()
    job = server.import_text(dataset, content, "file.parquet")
    path = f"/api/datasets/{dataset}/refs/main/tables/primary"
    shown: dict[str, Any] = server.admin.get(f"{path}/data", params={"limit": 20}).json()
    assert table["data"] == shown["data"]
    (account,) = job["output_summary"]["tables"]
    assert (table["row_count"], table["notes"]) == (account["rows"], account["notes"])
    schema = server.admin.get(f"{path}/schema").json()
    assert [(column["name"], column["type"]) for column in table["columns"]] == [
        (column["name"], column["type"]) for column in schema["columns"]
    ]


def test_a_damaged_parquet_file_has_the_error_of_its_import(server: LiveServer) -> None:
    answer = preview(server, b"PAR1" + b"\0" * 50 + b"PAR1", "file.parquet")
    assert_problem(answer, 422, "unreadable_file", "damaged")


def test_of_gzipped_lines_that_unpack_to_much_the_beginning_is_read(server: LiveServer) -> None:
    content = gzip.compress(b"a,b\n" + b"1,2\n" * LINES, 1)
    (table,) = preview(server, content, "file.csv.gz").json()["tables"]
    assert (table["row_count"], len(table["data"])) == (None, 20)
    assert [column["type"] for column in table["columns"]] == ["BIGINT", "BIGINT"]


def test_gzipped_lines_that_unpack_to_little_are_read_as_a_whole(server: LiveServer) -> None:
    content = gzip.compress(b"a,b\n1,2\n3,4\n")
    (table,) = preview(server, content, "FILE.CSV.GZ ").json()["tables"]
    assert (table["row_count"], table["data"][1]) == (2, {"a": 3, "b": 4})
    answer = preview(server, content[:-3], "file.csv.gz")
    assert_problem(answer, 422, "unreadable_file", "gzip file is cut off")


def test_what_unpacks_to_much_and_is_not_of_lines_is_not_looked_at(server: LiveServer) -> None:
    content = gzip.compress(b"[" + b'{"a":1},' * (LINES // 2) + b'{"a":1}]', 1)
    answer = preview(server, content, "file.json.gz")
    assert_problem(answer, 422, "preview_too_large", "to see its content")


def test_a_file_of_very_many_columns_is_not_looked_at(server: LiveServer) -> None:
    names = ",".join(f"c{number}" for number in range(60_000))
    answer = preview(server, f"{names}\n{'1,' * 59_999}1\n".encode(), "file.csv")
    assert_problem(answer, 422, "unreadable_file", "60,000 columns")


def look(client: httpx.Client) -> httpx.Response:
    return client.post("/api/datasets/preview", files={"file": ("a.csv", b"a\n1\n")})


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldLooks]:
    """Previews that go on until they are let go."""
    looks = HeldLooks()
    monkeypatch.setattr(imports, "preview_import", looks)
    with looks.pool:
        yield looks
        looks.go_on.set()


def test_few_files_are_looked_at_at_once(server: LiveServer, held: HeldLooks) -> None:
    (one, _), (other, _) = server.new_user(), server.new_user()
    looks = [held.begin(one), held.begin(other)]
    busy = look(server.admin)
    held.go_on.set()
    assert [look.result().status_code for look in looks] == [200, 200]
    assert_problem(busy, 429, "too_many_previews")
    assert busy.headers["Retry-After"] == "2"
    assert look(server.admin).status_code == 200


def test_nobody_looks_at_two_files_at_once_and_keeps_others_waiting(
    server: LiveServer, held: HeldLooks
) -> None:
    (one, _), (other, _) = server.new_user(), server.new_user()
    first = held.begin(one)
    second = look(one)
    others = held.begin(other)
    held.go_on.set()
    assert_problem(second, 429, "too_many_previews")
    assert second.headers["Retry-After"] == "2"
    assert (first.result().status_code, others.result().status_code) == (200, 200)
    assert look(one).status_code == 200


def test_large_uploads_beyond_the_limit_are_refused(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small files pass: they are copied in no time."""
    settings = replace(server.service.settings, small_upload_kb=1)
    app = composition_root.build_app(replace(server.service, settings=settings))
    client = httpx.Client(
        transport=httpx.WSGITransport(app=app),
        base_url=server.url,
        headers={"Authorization": server.admin.headers["Authorization"]},
    )
    uploads = server.service.settings.http_threads // 2
    held = threading.Semaphore(0)
    go_on = threading.Event()

    def submit(*given: Any, **named: Any) -> Any:
        held.release()
        assert go_on.wait(30)
        return submit_import(*given, **named)

    monkeypatch.setattr(imports, "submit_import", submit)
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"

    def send(rows: int) -> httpx.Response:
        return client.post(path, files={"file": ("a.csv", b"a\n" + b"1\n" * rows)})

    with ThreadPoolExecutor(uploads + 1) as pool:
        asked = [pool.submit(send, 1000) for _ in range(uploads)]
        for _ in asked:
            assert held.acquire(timeout=30)
        assert_problem(
            send(1000), 429, "too_many_uploads", "large uploads can run at once for one user"
        )
        small = pool.submit(send, 1)
        assert held.acquire(timeout=30)
        go_on.set()
        answers = [one.result() for one in (*asked, small)]
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        server.finished(answer.json()["job_id"])
