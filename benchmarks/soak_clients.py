"""The work of a soak's clients: one kind after the other, at random.

Every kind says which statuses it expects; anything else is a failure of the soak.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.served import csv_text

ENDED = ("completed", "failed")
METHODS: tuple[dict[str, Any], ...] = (
    {"method": "random", "parameters": {"sample_size": 200}},
    {"method": "reservoir", "parameters": {"sample_fraction": 0.01}},
    {"method": "stratified", "parameters": {"strata_columns": ["kind"], "sample_size": 200}},
    {"method": "systematic", "parameters": {"interval": 100}},
    {"method": "cluster", "parameters": {"cluster_column": "kind", "num_clusters": 2}},
    {"method": "weighted", "parameters": {"sample_size": 200, "weight_column": "amount"}},
)
FILTERS = (None, {"expression": "kind IN (1, 2, 3)"}, {"expression": "amount > 50"})


@dataclass
class Tally:
    """The observations of all clients."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def answers(self) -> int:
        """How many answers there were."""
        return sum(self.statuses.values())


class SoakClient:
    """One user of the server."""

    def __init__(self, http: httpx.Client, dataset_id: int, seed: int, tally: Tally) -> None:
        self._http, self._dataset_id, self._tally = http, dataset_id, tally
        self._chance = random.Random(seed)
        self._drawn: list[str] = []
        self._kinds: tuple[tuple[Callable[[], None], int], ...] = (
            (self._draw, 30),
            (self._lists, 20),
            (self._rows, 15),
            (self._downloads, 5),
            (self._import, 5),
            (self._cancel, 5),
            (self._follow, 3),
            (self._at_once, 5),
            (self._wrong, 12),
        )

    def step(self) -> None:
        """One piece of work of any kind."""
        (kind,) = self._chance.choices(*zip(*self._kinds, strict=True))
        name = kind.__name__.strip("_")
        with self._tally.lock:
            self._tally.kinds[name] += 1
        try:
            kind()
        except (httpx.HTTPError, AssertionError, KeyError) as error:
            with self._tally.lock:
                self._tally.failures.append((name, repr(error)))

    def _ask(self, method: str, path: str, expected: int = 200, **options: Any) -> httpx.Response:
        response = self._http.request(method, path, **options)
        with self._tally.lock:
            self._tally.statuses[response.status_code] += 1
        assert response.status_code == expected, f"{method} {path}: {response.text[:300]}"
        return response

    def _body(self) -> dict[str, Any]:
        rounds = []
        for _ in range(self._chance.randint(1, 3)):
            chosen = self._chance.choice(FILTERS)
            filtered = {} if chosen is None else {"filters": chosen}
            rounds.append({**self._chance.choice(METHODS), **filtered})
        return {"rounds": rounds, "export_residual": self._chance.random() < 0.3}

    def _accepted(self) -> str:
        path = f"/api/sampling/datasets/{self._dataset_id}/jobs"
        return str(self._ask("POST", path, json=self._body()).json()["job_id"])

    def _ended(self, job_id: str) -> dict[str, Any]:
        while True:
            job: dict[str, Any] = self._ask("GET", f"/api/jobs/{job_id}").json()
            if job["status"] in ENDED:
                return job
            time.sleep(0.05)

    def _draw(self) -> None:
        job = self._ended(self._accepted())
        assert job["status"] == "completed", job["error_message"]
        self._drawn = [*self._drawn[-20:], job["id"]]

    def _lists(self) -> None:
        for path in (
            f"/api/jobs?dataset_id={self._dataset_id}&run_type=sampling",
            "/api/jobs?status=failed&limit=20",
            "/api/datasets",
            f"/api/datasets/{self._dataset_id}/refs?limit=50",
            "/api/sampling/users/me/history?limit=20",
        ):
            self._ask("GET", path)

    def _rows(self) -> None:
        for job_id in self._drawn[-2:]:
            self._ask("GET", f"/api/sampling/jobs/{job_id}/data?limit=100")
            self._ask("GET", f"/api/jobs/{job_id}/logs")
        path = f"/api/datasets/{self._dataset_id}/refs/main/tables/primary/data"
        self._ask("GET", path, params={"offset": self._chance.randrange(900), "limit": 100})

    def _downloads(self) -> None:
        for job_id in self._drawn[-1:]:
            for form in ("csv", "parquet", "arrow"):
                self._ask("GET", f"/api/sampling/jobs/{job_id}/data?format={form}")

    def _import(self) -> None:
        path = f"/api/datasets/{self._dataset_id}/refs/main/import"
        rows = self._chance.randint(15_000, 20_000)
        file = {"file": ("table.csv", csv_text(rows))}
        job = self._ended(self._ask("POST", path, files=file).json()["job_id"])
        # Imports of several clients at once may meet: one of them moves the ref first.
        assert job["status"] == "completed" or job["error_code"] == "ref_moved", job

    def _cancel(self) -> None:
        job_id = self._accepted()
        response = self._http.post(f"/api/jobs/{job_id}/cancel")
        with self._tally.lock:
            self._tally.statuses[response.status_code] += 1
        assert response.status_code in (200, 409), response.text  # it may have ended before
        job = self._ended(job_id)
        assert job["status"] == "completed" or job["error_code"] == "cancelled", job

    def _follow(self) -> None:
        job_id = self._accepted()
        with self._http.stream("GET", f"/api/jobs/{job_id}/events") as response:
            with self._tally.lock:
                self._tally.statuses[response.status_code] += 1
            text = "".join(response.iter_text())
        if response.status_code == 200:
            assert '"completed"' in text, text[-300:]
        else:
            assert response.status_code == 429, text  # half of the threads stream already

    def _at_once(self) -> None:
        body = {"method": "random", "parameters": {"sample_size": 50}}
        path = f"/api/sampling/datasets/{self._dataset_id}"
        self._ask("POST", f"{path}/sample", json=body)
        self._ask("POST", f"{path}/plan", json=self._body())
        self._ask("POST", f"{path}/column-samples", json={"columns": ["kind"]})

    def _wrong(self) -> None:
        path = f"/api/sampling/datasets/{self._dataset_id}/jobs"
        kinds: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
            ("GET", "/api/jobs/no-such-job", 404, {}),
            ("GET", "/api/jobs?limit=0", 422, {}),
            ("GET", "/api/jobs", 401, {"headers": {"Authorization": "Bearer wrong"}}),
            ("GET", "/api/datasets/999999", 404, {}),
            ("POST", path, 422, {"json": {"rounds": [{"method": "random", "parameters": {}}]}}),
            ("POST", path, 422, {"json": {"rounds": [{"method": "telepathy", "parameters": {}}]}}),
            ("POST", path, 422, {"json": self._body() | {"source_reff": "main"}}),
            ("POST", path, 404, {"json": self._body() | {"source_ref": "no-such-ref"}}),
        )
        method, asked, status, options = self._chance.choice(kinds)
        self._ask(method, asked, status, **options)


def work(url: str, token: str, dataset_id: int, until: float, seed: int, tally: Tally) -> None:
    """One client's work until a moment of ``time.monotonic``."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
        client = SoakClient(http, dataset_id, seed, tally)
        while time.monotonic() < until:
            client.step()
