"""The log of a real server: whom each record is about, and what no record says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

PASSWORD = "a very secret password"
WRONG_PASSWORD = "not the secret password"
CELL = "Wilhelmina-Murray"


class Session:
    """What one server was asked, and what it logged."""

    def __init__(self, server: ServerProcess) -> None:
        self.secrets: set[str] = {PASSWORD, WRONG_PASSWORD, CELL}
        self.announced = ""
        self.records: list[dict[str, Any]] = []
        self._converse(server)
        assert server.terminate() == 0
        for line in server.output:
            if line.startswith("{"):
                self.records.append(json.loads(line))
            else:
                self.announced += line

    def _converse(self, server: ServerProcess) -> None:
        client = server.client()
        self.secrets.add(client.headers["Authorization"].removeprefix("Bearer "))
        link = re.search(r"http\S+/sign-in\?\S*code=(\S+)", "".join(server.wait_for("code=")))
        assert link is not None
        self.secrets.add(link[1])
        assert client.get(link[0].replace("later=1&", "")).status_code == 200
        form = {"code": link[1], "password": PASSWORD, "again": PASSWORD}
        assert client.post("/sign-in", data=form).status_code < 400
        client.get("/sign-in", params={"code": link[1]})
        for password in (WRONG_PASSWORD, PASSWORD):
            body = {"soeid": "admin00", "password": password}
            answer = client.post("/api/users/login", json=body)
            self.secrets.add(answer.json().get("access_token", PASSWORD))
        self.user_id = answer.json()["user_id"]
        named = client.post("/api/tokens", json={"name": "scripts", "scope": "read"}).json()
        self.secrets.add(named["token"])
        client.get("/api/jobs", headers={"Authorization": f"Bearer {CELL}"})
        user = {"soeid": "bg54677", "password": PASSWORD, "role_name": "analyst"}
        user_id = client.post("/api/users", json=user).json()["id"]
        made = client.post(f"/api/users/{user_id}/sign-in-link").json()["link"]
        self.secrets.add(made.partition("code=")[2])
        self._work(client)
        self.failed = self._provoke(server, client)

    def _work(self, client: httpx.Client) -> None:
        dataset = client.post("/api/datasets", json={"name": "people"}).json()["dataset_id"]
        imports = f"/api/datasets/{dataset}/refs/main/import"
        content = f"name,age\n{CELL},33\nJonathan,35\n"
        asked = client.post(
            imports,
            files={"file": ("people.csv", content)},
            headers={"X-Request-ID": "import-of-people"},
        )
        self.job_id = asked.json()["job_id"]
        assert finished(client, self.job_id)["status"] == "completed"
        broken = client.post(imports, files={"file": ("b.csv", f"a,b\n1,2\n{CELL},4,5\n")})
        assert finished(client, broken.json()["job_id"])["status"] == "failed"
        draws = f"/api/sampling/datasets/{dataset}/jobs"
        method = {"method": "random", "sample_size": 1}
        filtered = {**method, "filters": {"expression": f"name = '{CELL}'"}}
        job = finished(client, client.post(draws, json={"rounds": [filtered]}).json()["job_id"])
        wrong = {**method, "filters": {"expression": f"age = '{CELL}'"}}
        assert client.post(draws, json={"rounds": [wrong]}).status_code == 422
        rows = client.get(f"/api/sampling/jobs/{job['id']}/data").json()["data"]
        assert rows[0]["name"] == CELL
        client.get(
            f"/api/datasets/{dataset}/refs/main/tables/primary/data", params={"columns": CELL}
        )
        with client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
            self.streamed_bytes = len(stream.read())
        client.get("/nowhere%0A2025-07-07%20INFO%20forged")
        self.dataset_id = dataset

    def _provoke(self, server: ServerProcess, client: httpx.Client) -> httpx.Response:
        """An error that nobody foresaw: an upload's directory is gone."""
        shutil.rmtree(server.data_dir / "uploads")
        path = f"/api/datasets/{self.dataset_id}/refs/main/import"
        return client.post(path, files={"file": ("p.csv", f"name\n{CELL}\n")})

    def access(self, **fields: object) -> list[dict[str, Any]]:
        """The access lines with these fields."""
        return [
            one
            for one in self.records
            if one["logger"] == "jobsvc.access" and fields.items() <= one.items()
        ]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    data_dir = tmp_path_factory.mktemp("logs") / "data"
    with ServerProcess(data_dir, log_format="json", log_level="debug") as server:
        yield Session(server)


def test_every_line_is_one_json_object(session: Session) -> None:
    assert len(session.records) > 20
    for record in session.records:
        assert {"time", "level", "logger", "message"} <= set(record)
    told_to_people = [line for line in session.announced.splitlines() if line[:1] != " "]
    assert [line.split()[0] for line in told_to_people] == ["jobsvc", "Nobody", "Stopping:"]


def test_an_access_line_tells_of_one_request(session: Session) -> None:
    (record,) = session.access(request_id="import-of-people")
    expected = {
        "level": "INFO",
        "method": "POST",
        "path": f"/api/datasets/{session.dataset_id}/refs/main/import",
        "route": "/api/datasets/{dataset_id}/refs/{ref}/import",
        "status": 200,
        "user_id": session.user_id,
    }
    assert expected.items() <= record.items()
    assert record["duration_ms"] > 0
    assert record["received_bytes"] > 100
    assert record["sent_bytes"] > 50
    (streamed,) = session.access(route="/api/jobs/{job_id}/events")
    assert streamed["sent_bytes"] == session.streamed_bytes
    assert streamed["user_id"] == session.user_id


def test_who_signs_in_with_a_wrong_token_is_nobody(session: Session) -> None:
    (record,) = session.access(route="/api/jobs", status=401)
    assert "user_id" not in record


def test_a_path_is_logged_without_its_query_on_its_own_line(session: Session) -> None:
    assert {record["path"] for record in session.access(route="/sign-in")} == {"/sign-in"}
    (forged,) = session.access(route="unmatched")
    assert forged["path"] == "/nowhere%0A2025-07-07%20INFO%20forged"


def test_a_jobs_records_carry_its_id_type_and_attempt(session: Session) -> None:
    about = {"job_id": session.job_id, "run_type": "import", "attempt": 1}
    record = [one for one in session.records if about.items() <= one.items()]
    assert [one["message"] for one in record] == [
        f"job {session.job_id} (import) starts, attempt 1",
        f"job {session.job_id} completed",
    ]
    assert all("request_id" not in one for one in record)


def test_an_unforeseen_error_is_logged_and_not_answered(session: Session) -> None:
    problem = assert_problem(session.failed, 500, "internal_error", "request id")
    assert "Traceback" not in session.failed.text
    assert "uploads" not in session.failed.text
    record = [one for one in session.records if "exception" in one]
    (one,) = [one for one in record if one.get("request_id") == problem["request_id"]]
    assert one["level"] == "ERROR"
    assert one["route"] == "/api/datasets/{dataset_id}/refs/{ref}/import"
    assert "FileNotFoundError" in one["exception"]
    assert "uploads.py" in one["exception"]


def test_no_secret_and_no_value_of_a_table_is_logged(session: Session) -> None:
    assert len(session.secrets) == 8
    logged = "\n".join(json.dumps(record, ensure_ascii=False) for record in session.records)
    assert [secret for secret in session.secrets if secret in logged] == []


UNMATCHED_LINE = (
    r"\S+ INFO jobsvc\.access GET (\S+) 404 [0-9.]+ ms \d+ bytes "
    r"\[request_id=[0-9a-f-]+ method=GET route=unmatched\]\n"
)


def test_no_path_can_imitate_another_part_of_its_line(tmp_path: Path) -> None:
    forged = "/x 200 0.1 ms 12 bytes [request_id=a user_id=1 method=GET route=/health]"
    paths = [forged, f"{forged}\n2025-07-07 INFO", "/a%20b", "/Größe", "/it's,(fine)"]
    with ServerProcess(tmp_path / "data") as server:
        client = server.client()
        for path in paths:
            assert client.get(quote(path)).status_code == 404
        client.get("/health")
        lines = [line for line in server.wait_for("GET /health ") if "jobsvc.access" in line]
    record = [re.fullmatch(UNMATCHED_LINE, line) for line in lines[:-1]]
    assert [unquote(line[1]) for line in record if line] == paths
    assert "GET /it's,(fine) 404" in lines[-2]


def test_text_tells_the_same_and_the_access_lines_can_be_left_out(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", access_log="no") as server:
        client = server.client()
        dataset = client.post("/api/datasets", json={"name": "d"}).json()["dataset_id"]
        path = f"/api/datasets/{dataset}/refs/main/import"
        job_id = client.post(path, files={"file": ("a.csv", b"x\n1\n")}).json()["job_id"]
        finished(client, job_id)
        output = "".join(server.wait_for(f"job {job_id} completed"))
        assert f"completed [job_id={job_id} run_type=import attempt=1]" in output
        assert "jobsvc.access" not in output
        assert server.terminate() == 0
