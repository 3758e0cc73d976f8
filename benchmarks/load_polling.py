"""Many clients that poll as the guide does, and one that waits for its job.

The clients live in a process of their own. Times are as a client sees them, so they hold the
client's own work as well: about a millisecond a request for httpx.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.figures import in_ms, percentile, print_goal
from benchmarks.served import ROOT, Served, draw_body

USERS = 10
CLIENTS = 200
INTERVAL_S = 5.0
WAIT_S = 0.002
WARM_UP = 20
P50_GOAL_MS, P99_GOAL_MS = 25, 100


def measure_clients(
    served: Served, seconds: float, clients: int = CLIENTS, interval_s: float = INTERVAL_S
) -> None:
    """Print what ``clients`` user interfaces see."""
    dataset_id = served.tiny_table()
    tokens = served.analysts(min(USERS, clients), dataset_id)
    command = [sys.executable, "-m", "benchmarks.load_clients", "poll", served.url]
    numbers = [str(number) for number in (dataset_id, clients, seconds, interval_s)]
    said = subprocess.run(
        [*command, *numbers, *tokens], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    book: dict[str, Any] = json.loads(said)
    print(f"{clients} clients, each polls every {interval_s:g} s, for {seconds:g} s:")
    print(f"  jobs completed and their rows fetched: {book['completed']}")
    for kind, route in (
        ("create", "POST /api/sampling/datasets/{id}/jobs"),
        ("poll", "GET /api/jobs/{id}"),
        ("fetch", "GET /api/sampling/jobs/{id}/data"),
    ):
        print(f"  {route:40}{in_ms(book['seconds'][kind])}")
    for error in book["errors"][:3]:
        print(f"  {error}")
    print_goal("errors", len(book["errors"]), "errors", most=0)


def measure_wait(served: Served, jobs: int) -> None:
    """Print how long a tiny draw takes from its POST to its completion."""
    dataset_id = served.tiny_table()
    waits = _waits(served, dataset_id, jobs + WARM_UP)[WARM_UP:]
    print(f"a draw of 100 of 1,000 rows, POST to completed, polled every {1000 * WAIT_S:g} ms:")
    print(f"  {in_ms(waits)}")
    print_goal("p50", 1_000 * percentile(waits, 0.5), "ms", most=P50_GOAL_MS)
    print_goal("p99", 1_000 * percentile(waits, 0.99), "ms", most=P99_GOAL_MS)


def _waits(served: Served, dataset_id: int, jobs: int) -> list[float]:
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: str | None = None) -> dict[str, Any]:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        said = response.read()
        if response.status != 200:
            raise SystemExit(f"{method} {path}: {response.status} {said!r}")
        answer: dict[str, Any] = json.loads(said)
        return answer

    path, body = f"/api/sampling/datasets/{dataset_id}/jobs", json.dumps(draw_body())
    waits = []
    for _ in range(jobs):
        start = time.perf_counter()
        job_id = ask("POST", path, body)["job_id"]
        while (job := ask("GET", f"/api/jobs/{job_id}"))["status"] != "completed":
            if job["status"] == "failed":
                raise SystemExit(f"job {job_id} failed: {job['error_message']}")
            time.sleep(WAIT_S)
        waits.append(time.perf_counter() - start)
    connection.close()
    return waits
