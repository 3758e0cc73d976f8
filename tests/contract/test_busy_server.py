"""What hostile or heavy requests under way leave to everybody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from parquet_tables.database import ParquetDatabase, is_limited
from parquet_tables.tables import TableFiles
from tests.contract.permission_rows import Row
from tests.contract.permission_scene import Scene, scene_settings
from tests.contract.permission_table import TABLE
from tests.contract.test_exploration_limits import ENDLESS
from tests.contract.test_permissions import kind_of_token, sent
from tests.support.live_server import finished, live_server
from tests.support.server_process import ServerProcess

ROWS = 1_000_000
PASSWORD = "a long password"
NO_LIMIT = ("/metrics", "/jobs", "/retry")
"""Metrics read DuckDB's memory use; a submission may read the row numbers of a residual."""


def client_of(server: ServerProcess, token: str | None) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60)


def new_user(server: ServerProcess, admin: httpx.Client, soeid: str) -> str:
    body = {"soeid": soeid, "role_name": "admin", "password": PASSWORD}
    assert admin.post("/api/users", json=body).status_code == 200
    login = {"soeid": soeid, "password": PASSWORD}
    with client_of(server, None) as nobody:
        return str(nobody.post("/api/users/login", json=login).json()["access_token"])


def heavy_requests(
    server: ServerProcess, token: str, dataset: int, ref: str
) -> list[Callable[[], httpx.Response]]:
    """Twenty slow requests: plans, sorted pages, queries, downloads and sign-ins."""
    source = {"source_ref": ref, "table_key": "result"}
    plan = {
        **source,
        "method": "stratified",
        "parameters": {"sample_size": 10, "strata_columns": ["key"]},
    }
    rows = f"/api/datasets/{dataset}/refs/{ref}/tables/result/data"
    deep = {"order_by": "key", "offset": ROWS - 10}

    def asked(method: str, path: str, own: str | None = token, **given: Any) -> Any:
        def ask() -> httpx.Response:
            with client_of(server, own) as client:
                return client.request(method, path, **given)

        return ask

    wrong = {"soeid": "nobody0", "password": "not this one"}
    sampling = f"/api/sampling/datasets/{dataset}"
    query = f"/api/exploration/datasets/{dataset}/query"
    return [
        *(asked("POST", f"{sampling}/plan", json=plan) for _ in range(4)),
        *(asked("POST", f"{sampling}/sample", json=plan) for _ in range(4)),
        *(asked("GET", rows, params=deep) for _ in range(2)),
        *(asked("GET", rows, params={**deep, "format": "csv"}) for _ in range(2)),
        *(asked("POST", query, json={"sql": ENDLESS}) for _ in range(4)),
        *(asked("POST", "/api/users/login", None, json=wrong) for _ in range(4)),
    ]


def test_heavy_requests_of_one_user_leave_others_their_answers(tmp_path: Path) -> None:
    limits = {"read_limit_s": 1, "download_limit_s": 1, "sql_preview_limit_s": 1}
    with ServerProcess(tmp_path / "data", forked=True, memory_mb=512, **limits) as server:
        admin = server.client()
        dataset = admin.post("/api/datasets", json={"name": "large"}).json()["dataset_id"]
        small = {"file": ("a.csv", b"a\n1\n")}
        asked = admin.post(f"/api/datasets/{dataset}/refs/main/import", files=small)
        finished(admin, asked.json()["job_id"])
        sql = f"SELECT range AS id, hash(range) AS key FROM range({ROWS})"
        asked = admin.post(
            f"/api/exploration/datasets/{dataset}/jobs", json={"sql": sql, "output_name": "large"}
        )
        job = finished(admin, asked.json()["job_id"])
        assert job["status"] == "completed", job
        token = new_user(server, admin, "hostile")
        requests = heavy_requests(server, token, dataset, "expl-large")
        with ThreadPoolExecutor(len(requests)) as pool:
            answers = [pool.submit(one) for one in requests]
            slowest = 0.0
            while not all(answer.done() for answer in answers):
                for path in ("/health", f"/api/jobs/{job['id']}"):
                    began = time.monotonic()
                    assert admin.get(path).status_code == 200
                    slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1
        ended = [answer.result() for answer in answers]
        assert {answer.status_code for answer in ended} <= {200, 401, 422, 429}
        for answer in ended:
            if answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) >= 1
            if answer.status_code == 422:
                assert answer.json()["code"] in ("request_too_slow", "sql_timeout"), answer.text
        assert sum(answer.status_code == 429 for answer in ended) >= 4
        # Every place has come back.
        source = {"source_ref": "expl-large", "table_key": "result"}
        again = {"source_ref": "main", "method": "random", "parameters": {"sample_size": 1}}
        path = f"/api/sampling/datasets/{dataset}/plan"
        with client_of(server, token) as client:
            for _ in range(10):
                assert client.post(path, json=again).status_code == 200
        with client_of(server, token) as leaving, suppress(httpx.ReadTimeout):
            slow = {
                "method": "stratified",
                "parameters": {"sample_size": 10, "strata_columns": ["key"]},
            }
            leaving.post(path, json={**source, **slow}, timeout=0.05)
        server.wait_for(f"POST {path} 408")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, small_demo: None) -> Iterator[Scene]:
    settings = scene_settings(tmp_path_factory, "busy")
    with live_server(settings) as live:
        yield Scene(live)


@pytest.mark.parametrize(
    "row", [one for one in TABLE if not one.route.endswith(NO_LIMIT)], ids=lambda row: row.route
)
def test_a_request_reads_tables_within_a_limit(
    scene: Scene, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlimited: list[str] = []
    cursor = ParquetDatabase.cursor

    def checked(
        database: ParquetDatabase, *tables: TableFiles | None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if threading.current_thread().name.startswith("waitress") and not is_limited():
            unlimited.append(threading.current_thread().name)
        return cursor(database, *tables)

    monkeypatch.setattr(ParquetDatabase, "cursor", checked)
    owner = scene.people["admin"]
    secret = scene.token_of(owner, **kind_of_token("admin", row))[0]
    answer = sent(scene.server.client(None), row, row.ask(scene, owner), secret)
    assert answer.status_code < 500
    assert not unlimited
