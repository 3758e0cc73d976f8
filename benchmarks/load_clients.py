"""Clients of a server, in a process of their own.

    python -m benchmarks.load_clients poll URL DATASET CLIENTS SECONDS INTERVAL TOKEN …
    python -m benchmarks.load_clients draw URL TOKEN DATASET

``poll`` does what the guide's user interface does, as many clients at once, and prints the seconds
of each kind of request as JSON; ``draw`` draws samples one after the other until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.served import DRAWN, draw_body

UNUSED = ssl.create_default_context()
"""One for all clients, which don't use it: each would read the system's certificates."""


@dataclass
class Book:
    """How long each request took, and what went wrong."""

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"create": [], "poll": [], "fetch": []}
    )
    errors: list[str] = field(default_factory=list)
    completed: int = 0


class GuideClient:
    """One user interface: creates a job, polls it, fetches its rows, and starts again."""

    def __init__(self, book: Book, url: str, token: str, dataset_id: int) -> None:
        self._book, self._dataset_id = book, dataset_id
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            verify=UNUSED,
        )

    async def use(self, until: float, interval_s: float, chance: random.Random) -> None:
        """Go on until a moment of ``time.monotonic``."""
        async with self._http:
            await asyncio.sleep(chance.uniform(0, interval_s))
            while time.monotonic() < until:
                try:
                    await self._one_job(interval_s)
                except Exception as error:
                    self._book.errors.append(repr(error))
                await asyncio.sleep(chance.uniform(0, interval_s))

    async def _one_job(self, interval_s: float) -> None:
        path = f"/api/sampling/datasets/{self._dataset_id}/jobs"
        job_id = (await self._ask("create", "POST", path, json=draw_body()))["job_id"]
        while True:
            job = await self._ask("poll", "GET", f"/api/jobs/{job_id}")
            if job["status"] in ("completed", "failed"):
                break
            await asyncio.sleep(interval_s)
        if job["status"] == "failed":
            raise RuntimeError(job["error_message"])
        page = await self._ask("fetch", "GET", f"/api/sampling/jobs/{job_id}/data?limit=100")
        if len(page["data"]) != DRAWN:
            raise RuntimeError(f"job {job_id} gave {len(page['data'])} rows")
        self._book.completed += 1

    async def _ask(self, kind: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        start = time.perf_counter()
        response = await self._http.request(method, path, **options)
        self._book.seconds[kind].append(time.perf_counter() - start)
        if response.status_code != 200:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        body: dict[str, Any] = response.json()
        return body


async def poll(
    url: str, dataset_id: int, clients: int, seconds: float, interval_s: float, tokens: list[str]
) -> Book:
    """A number of concurrent clients, and their duration."""
    book, chance = Book(), random.Random(1)
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(
            GuideClient(book, url, tokens[number % len(tokens)], dataset_id).use(
                until, interval_s, random.Random(chance.random())
            )
            for number in range(clients)
        )
    )
    return book


def draw_without_end(url: str, token: str, dataset_id: int) -> None:
    """One job after the other."""
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        while True:
            job_id = client.post(path, json=draw_body()).json()["job_id"]
            while client.get(f"/api/jobs/{job_id}").json()["status"] not in ("completed", "failed"):
                time.sleep(0.02)


def main(kind: str, url: str, *rest: str) -> None:
    """Run as the command line says."""
    if kind == "draw":
        draw_without_end(url, rest[0], int(rest[1]))
    dataset_id, clients, seconds, interval_s, *tokens = rest
    book = asyncio.run(
        poll(url, int(dataset_id), int(clients), float(seconds), float(interval_s), tokens)
    )
    print(json.dumps(vars(book)))


if __name__ == "__main__":
    main(*sys.argv[1:])
