"""What a user notices of another one: the times of ``GET /api/jobs/{id}`` alone and beside a load.

One user's 2,000 draws wait and run, or 200 clients sign in with a wrong password again and again
and ignore ``Retry-After``. The reader and the load are processes of their own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks.figures import in_ms, percentile, print_goal
from benchmarks.load_clients import UNUSED
from benchmarks.served import ROOT, Served, answer, draw_body

JOBS, SIGN_INS = 2_000, 200
WARM_UP_S = 3.0
READ_EVERY_S = 0.02
P95_GOAL = 3.0
"""How many times as long the slowest of 20 requests may take beside a load."""


def measure(served: Served, seconds: float, jobs: int = JOBS, sign_ins: int = SIGN_INS) -> None:
    """Print the times of a reader alone, and beside each load."""
    dataset_id = served.tiny_table()
    reader, writer = served.analysts(2, dataset_id)
    (job_id,) = served.draw(dataset_id, 1)
    alone = _read(served, reader, job_id, seconds)
    print(f"GET /api/jobs/{{id}} every {1_000 * READ_EVERY_S:g} ms:\n  alone: {in_ms(alone)}")
    loads = {
        f"{jobs:,} draws of another user": ["draws", writer, str(dataset_id), str(jobs)],
        f"{sign_ins} clients that sign in wrongly": ["sign-ins", str(sign_ins)],
    }
    for name, arguments in loads.items():
        with _load(served, arguments):
            beside = _read(served, reader, job_id, seconds)
        print(f"  beside {name}: {in_ms(beside)}")
        ratio = percentile(beside, 0.95) / percentile(alone, 0.95)
        print_goal(f"95th percentile beside {name}", ratio, "x alone", most=P95_GOAL)


@contextmanager
def _load(served: Served, arguments: list[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.load_neighbours", served.url, *arguments]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        time.sleep(WARM_UP_S)
        if process.poll() is not None:
            raise SystemExit(f"the load ended early: {' '.join(arguments)}")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _read(served: Served, token: str, job_id: str, seconds: float) -> list[float]:
    times = []
    end = time.monotonic() + seconds
    with served.client(token) as client:
        while time.monotonic() < end:
            start = time.perf_counter()
            answer(client.get(f"/api/jobs/{job_id}"))
            times.append(time.perf_counter() - start)
            time.sleep(READ_EVERY_S)
    return times


def submit_draws(url: str, token: str, dataset_id: str, count: int) -> None:
    """Submit so many draws as fast as the server takes them, then wait until the process ends."""
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
        submitted = 0
        while submitted < count:
            response = client.post(path, json=draw_body())
            if response.status_code == 429:
                time.sleep(0.1)
            else:
                answer(response)
                submitted += 1
    time.sleep(3_600)


async def sign_in_wrongly(url: str, count: int) -> None:
    """Sign in from so many clients, without a pause."""

    async def one(number: int) -> None:
        given = {"soeid": f"no{number:05d}", "password": "wrong password"}
        async with httpx.AsyncClient(base_url=url, timeout=120, verify=UNUSED) as client:
            while True:
                try:
                    await client.post("/api/users/login", json=given)
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)

    await asyncio.gather(*(one(number) for number in range(count)))


if __name__ == "__main__":
    _, url, kind, *rest = sys.argv
    if kind == "draws":
        submit_draws(url, rest[0], rest[1], int(rest[2]))
    else:
        asyncio.run(sign_in_wrongly(url, int(rest[0])))
