"""The next row of a review and an answer, with no entry and with almost all: in milliseconds.

``jobsvc`` runs in this process. A sample of as many rows is drawn and asked a question with second
readings. The first rows are taken and answered by requests; the others are filled into the
database, and the last rows are taken in the same way. "Locked" is how long the request's longest
write transaction keeps other writers waiting, from its begin to its commit, without the sync.

    python -m benchmarks.review_queue [--rows 200 2000 10000] [--rounds 20]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

import composition_root
from benchmarks.served import answer, csv_text, draw_body
from service.service import Service
from service.settings import Settings
from storage.audit.findings import NewEntry, enter_findings
from storage.sqlite.clock import system_clock
from tests.support.live_server import LiveServer

QUESTION = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}
GOAL_LOCKED_MS, GOAL_RATIO = 10.0, 1.5


class Measured:
    """Requests of this thread, and how long each one's longest write transaction was open."""

    def __init__(self, service: Service, token: str) -> None:
        self.client: FlaskClient = composition_root.build_app(service).test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        self.began, self.locked_ms = 0.0, 0.0
        with service.database.read() as tx:  # the connection of this thread
            tx.set_trace_callback(self._saw)

    def _saw(self, statement: str) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            self.began = time.perf_counter()
        elif statement.startswith("COMMIT") and self.began:
            self.locked_ms = max(self.locked_ms, (time.perf_counter() - self.began) * 1_000)
            self.began = 0.0

    def post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float, float]:
        """The answer of a request, its milliseconds, and those under the lock."""
        self.locked_ms, start = 0.0, time.perf_counter()
        found = self.client.post(path, json=body)
        taken = (time.perf_counter() - start) * 1_000
        if found.status_code != 200:
            raise SystemExit(f"{path}: {found.status} {found.text}")
        return dict(found.get_json()), taken, self.locked_ms


def take(measured: Measured, job: str, rounds: int) -> list[float]:
    """The medians of so many rows: of next and its lock, of an answer and its lock."""
    path, times = f"/api/sampling/jobs/{job}", []
    for _ in range(rounds):
        found, next_ms, next_locked = measured.post(f"{path}/review-queue/next", {})
        body = {"row_id": found["row"]["row_id"], "answers": {"is_bad": True}}
        _, answer_ms, answer_locked = measured.post(f"{path}/answers", body)
        times.append((next_ms, next_locked, answer_ms, answer_locked))
    return [statistics.median(column) for column in zip(*times, strict=True)]


def fill(live: LiveServer, job: str, left: int) -> None:
    """Enter answers about all rows but some that have none, as another user."""
    _, user = live.new_user()
    rows = []
    for offset in range(0, 10**6, 100):
        query = {"offset": offset, "limit": 100}
        page = answer(live.admin.get(f"/api/sampling/jobs/{job}/answers", params=query))["rows"]
        rows += [each["row_id"] for each in page if each["first"] is None]
        if len(page) < 100:
            break
    new = [NewEntry(row_id, None, answers={"is_bad": True}) for row_id in rows[:-left]]
    with live.service.database.write() as tx:
        enter_findings(tx, job, user["id"], new, system_clock)


def measure(live: LiveServer, rows: int, rounds: int) -> None:
    """Print a line of the first rows of a sample, and one of the last."""
    dataset = live.new_dataset()
    live.import_text(dataset, csv_text(2 * rows))
    job = str(live.draw(dataset, draw_body(rows))["id"])
    asked = {"questions": [QUESTION], "second_readings": 0.1}
    answer(live.admin.put(f"/api/sampling/jobs/{job}/questions", json=asked))
    measured = Measured(live.service, live.token)
    take(measured, job, 3)  # the first requests read the rows of the draw
    first = take(measured, job, rounds)
    fill(live, job, rounds + 3)
    take(measured, job, 3)
    last = take(measured, job, rounds)
    for title, found in (("first", first), ("last", last)):
        print(f"{rows:>8,}{title:>8}" + "".join(f"{each:10.1f}" for each in found), flush=True)
    ratio = max(last[0] / first[0], last[2] / first[2])
    locked = max(*first[1::2], *last[1::2])
    is_met = locked < GOAL_LOCKED_MS and ratio <= GOAL_RATIO
    print(f"         ratio {ratio:.2f}, locked {locked:.1f} ms: {'met' if is_met else 'missed'}")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 2_000, 10_000])
    parser.add_argument("--rounds", type=int, default=20, help="rows of each median (20)")
    given = parser.parse_args()
    heads = ("next ms", "locked", "answer ms", "locked")
    print(f"{'rows':>8}{'':>8}" + "".join(f"{each:>10}" for each in heads))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), compare_samples=False)
        with (
            composition_root.serving_in_background(settings, "benchmark") as here,
            LiveServer(here) as live,
        ):
            for rows in given.rows:
                measure(live, rows, given.rounds)


if __name__ == "__main__":
    main()
