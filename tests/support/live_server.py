"""A client of a live server, with the steps that many tests take."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from werkzeug.security import generate_password_hash

import composition_root
from command_line import Listening
from contract.words import Role
from service.settings import Settings
from storage.accounts.tokens import issue_token
from storage.accounts.users import add_user
from storage.jobs.jobs import get_job
from storage.sqlite.clock import Clock, system_clock

ENDED = ("completed", "failed")
DAY = timedelta(days=1)
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


class LiveServer:
    """The admin's client of a server, and clients of other users."""

    def __init__(self, here: Listening) -> None:
        self.url = here.url
        self.service = here.service
        self.token = here.token
        self._clients: list[httpx.Client] = []
        self._draws: dict[tuple[int, str], dict[str, Any]] = {}
        self.admin = self.client(here.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()

    def client(self, token: str | None) -> httpx.Client:
        """An HTTP client that sends this token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        # No TLS here: without verify=False each client would load the certificate authorities.
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=False)
        self._clients.append(client)
        return client

    def new_user(
        self, role: Role = "analyst", lifetime: timedelta = DAY
    ) -> tuple[httpx.Client, dict[str, Any]]:
        """A new user's signed-in client, and the user; without the cost of two password hashes."""
        clock = self.service.clock
        with self.service.database.write() as tx:
            user = add_user(tx, f"us{next(_numbers):05d}", role, _password_hash(), clock)
            secret, _ = issue_token(
                tx, user.id, kind="session", name="", scope="write", lifetime=lifetime, clock=clock
            )
        return self.client(secret), vars(user)

    def new_dataset(self, client: httpx.Client | None = None) -> int:
        """The id of a new, empty dataset."""
        answer = (client or self.admin).post(
            "/api/datasets", json={"name": f"dataset {next(_numbers)}"}
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["dataset_id"])

    def new_named(self, name: str, content: str) -> int:
        """The id of a new dataset of this name with the table of a CSV file."""
        dataset_id = int(self.admin.post("/api/datasets", json={"name": name}).json()["dataset_id"])
        job = self.import_text(dataset_id, content)
        assert job["status"] == "completed", job
        return dataset_id

    def import_text(
        self,
        dataset_id: int,
        content: str | bytes,
        name: str = "table.csv",
        client: httpx.Client | None = None,
        ref: str = "main",
    ) -> dict[str, Any]:
        """Import a file's content and return the finished job."""
        data = content.encode() if isinstance(content, str) else content
        answer = (client or self.admin).post(
            f"/api/datasets/{dataset_id}/refs/{ref}/import", files={"file": (name, data)}
        )
        assert answer.status_code == 200, answer.text
        return self.finished(answer.json()["job_id"])

    def new_table(self, rows: int, client: httpx.Client | None = None) -> int:
        """The id of a new dataset with columns id, city and amount."""
        dataset_id = self.new_dataset(client)
        cities = ("Oslo", "Lima", "Kyiv", "")
        lines = [f"{row},{cities[row % 4]},{row / 4}" for row in range(rows)]
        content = "\n".join(["id,city,amount", *lines]) + "\n"
        job = self.import_text(dataset_id, content, client=client)
        assert job["status"] == "completed", job
        return dataset_id

    def new_balanced_table(self, rows: int, client: httpx.Client | None = None) -> int:
        """The id of a new dataset whose column region would make good strata."""
        dataset_id = self.new_dataset(client)
        regions = ("north", "east", "south", "west")
        lines = [f"{row},{regions[row % 4]},{row / 4}" for row in range(rows)]
        content = "\n".join(["id,region,amount", *lines]) + "\n"
        job = self.import_text(dataset_id, content, client=client)
        assert job["status"] == "completed", job
        return dataset_id

    def draw(self, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
        """Draw a sample and return the finished job."""
        answer = self.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
        assert answer.status_code == 200, answer.text
        return self.finished(answer.json()["job_id"])

    def explore(self, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
        """Run a SELECT and return the finished job."""
        answer = self.admin.post(f"/api/exploration/datasets/{dataset_id}/jobs", json=body)
        assert answer.status_code == 200, answer.text
        return self.finished(answer.json()["job_id"])

    def audit_test(self, dataset_id: int, test: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Run an audit test and return the finished job."""
        answer = self.admin.post(f"/api/datasets/{dataset_id}/audit-tests/{test}", json=body)
        assert answer.status_code == 200, answer.text
        return self.finished(answer.json()["job_id"])

    def rows(self, job_id: str, **query: Any) -> list[dict[str, Any]]:
        """A page of a sampling job's rows."""
        answer = self.admin.get(f"/api/sampling/jobs/{job_id}/data", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def draw_once(self, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
        """The finished job of this draw; for tests that only read it, which share it."""
        key = (dataset_id, json.dumps(body))
        if key not in self._draws:
            self._draws[key] = self.draw(dataset_id, body)
        return self._draws[key]

    def finished(self, job_id: str) -> dict[str, Any]:
        """A job once it has ended; the end is seen in the database, which takes no request."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with self.service.database.read() as tx:
                if get_job(tx, job_id, with_position=False).status in ENDED:
                    break
            time.sleep(0.004)
        return finished(self.admin, job_id)


@contextmanager
def live_server(settings: Settings, clock: Clock = system_clock) -> Iterator[LiveServer]:
    """A server in this process, with its client, until the block ends."""
    with (
        composition_root.serving_in_background(settings, "tests", clock=clock) as here,
        LiveServer(here) as live,
    ):
        yield live


@cache
def _password_hash() -> str:
    """A hash of small cost, so that a sign-in takes 1 ms instead of 100."""
    return generate_password_hash(PASSWORD, "scrypt:128:8:1")


def finished(client: httpx.Client, job_id: str, within_s: float = 60) -> dict[str, Any]:
    """Ask for a job until it has ended."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        if job["status"] in ENDED:
            return job
        time.sleep(0.02)
    raise AssertionError(f"job {job_id} has not ended within {within_s} s")


def csv_text(rows: int) -> str:
    """The text of a CSV file with as many rows."""
    lines = [f"{row},{row % 7},{row * 0.5}" for row in range(rows)]
    return "\n".join(["id,kind,amount", *lines]) + "\n"


def write_csv(path: Path, rows: int) -> Path:
    """A CSV file with as many rows."""
    path.write_text(csv_text(rows), encoding="utf-8")
    return path
