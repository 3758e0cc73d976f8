"""A server with long names, many refs, and jobs in every state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.settings import Settings
from storage.jobs.submission import NewJob, insert_job
from tests.support.live_server import LiveServer, finished, live_server

LONG = "A name so long that it takes more than one line on most screens, and four on a narrow one"
BLANKLESS = "Averyveryverylongnamewithoutanyblanks" * 5
ROWS = 12
FILTER = (
    "id > 3 AND (city = 'Oslo' OR city IS NULL OR id IN (" + ", ".join(map(str, range(12))) + "))"
)


@dataclass(frozen=True)
class World:
    """A server with the ids of its users, datasets and jobs."""

    server: LiveServer
    admin: str
    newcomer: str
    dataset: int
    empty: int
    crowded: int
    panel: int
    jobs: dict[str, str]
    """Ids of jobs: draw, import, failed, profile, row proofs, report, query, pending, running."""


ROW_DIFF = {
    "source_ref": "smpl-compared",
    "table_key": "primary",
    "compare_to": {"source_ref": "main"},
    "keys": ["id"],
}
"""The rows of the table that aren't in the sample."""


@contextmanager
def shown_world(data_dir: Path) -> Iterator[World]:
    """Run the server within the block."""
    with live_server(Settings(data_dir=data_dir, memory_mb=256)) as server:
        yield fill(server)


def fill(server: LiveServer) -> World:
    """Make the users, datasets and jobs."""
    admin, who = server.new_user("admin")
    _, newcomer = server.new_user()
    dataset = _dataset(admin, "Sales", tags=["sales"], description="What was sold, and where.")
    imported = server.import_text(dataset, _table(), client=admin)
    drawn = _drawn(admin, dataset)
    admin.put(
        f"/api/datasets/{dataset}/permissions",
        json={"user_soeid": newcomer["soeid"], "permission": "read"},
    )
    admin.post("/api/tokens", json={"name": "nightly", "scope": "read"})
    template = {"rounds": [{"method": "random", "parameters": {"sample_size": 3}}]}
    admin.post("/api/sampling/templates", json={"name": "Three rows", "body": template})
    empty = _dataset(admin, BLANKLESS, tags=["t" * 90], description=BLANKLESS)
    failed = server.import_text(empty, "a,b\n1,2\n3,4,5\n", f"{'a' * 150}.csv", client=admin)
    return World(
        server,
        who["soeid"],
        newcomer["soeid"],
        dataset,
        empty,
        _crowded(server, admin),
        _panel(admin, dataset),
        {
            "draw": drawn,
            "import": imported["id"],
            "failed": failed["id"],
            "profile": _completed(admin, "profiling", dataset),
            "row proofs": _ended(admin, f"/api/datasets/{dataset}/row-roots"),
            "report": _completed(admin, "exploration", dataset),
            "row diff": _completed(admin, "exploration", dataset, **ROW_DIFF),
            "query": _completed(admin, "exploration", dataset, sql="SELECT city FROM data"),
            "pending": _held(server, dataset, who["id"], "pending"),
            "running": _held(server, dataset, who["id"], "running"),
        },
    )


def _dataset(client: httpx.Client, name: str, **given: Any) -> int:
    answer = client.post("/api/datasets", json={"name": name, **given})
    return int(answer.json()["dataset_id"])


def _table() -> str:
    cities = ("Oslo", "Lima", "Kyiv", "")
    rows = [f'{row},{cities[row % 4]},{row * 1234.5},"{"words " * 30}"' for row in range(ROWS)]
    return "\n".join(["id,city,amount,remark", *rows]) + "\n"


def _drawn(client: httpx.Client, dataset: int) -> str:
    strata = {"strata_columns": ["city"], "sample_size": 6, "seed": 7}
    body = {
        "rounds": [
            {"method": "stratified", "parameters": strata},
            {
                "method": "random",
                "parameters": {"sample_size": 3},
                "filters": {"expression": FILTER},
            },
        ],
        "export_residual": True,
        "output_name": "compared",
    }
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    job = finished(client, answer.json()["job_id"])
    assert job["status"] == "completed", job
    deadline = time.monotonic() + 100
    path = f"/api/sampling/jobs/{job['id']}/comparison"
    while (compared := client.get(path)).status_code == 409:  # after a wait by the server
        assert time.monotonic() < deadline
    assert compared.status_code == 200, compared.text
    return str(job["id"])


def _panel(client: httpx.Client, dataset: int) -> int:
    """A panel with two waves."""
    drawn = {"method": "random", "parameters": {"sample_size": 6}, "order": {"key": ["id"]}}
    body = {"name": "Follow the sales", "round": drawn, "rotation": "50%"}
    panel = client.post(f"/api/sampling/datasets/{dataset}/panels", json=body).json()["id"]
    for _ in range(2):
        _ended(client, f"/api/sampling/panels/{panel}/waves")
    return int(panel)


def _completed(client: httpx.Client, kind: str, dataset: int, **body: Any) -> str:
    return _ended(client, f"/api/{kind}/datasets/{dataset}/jobs", **body)


def _ended(client: httpx.Client, path: str, **body: Any) -> str:
    answer = client.post(path, json=body)
    job = finished(client, answer.json()["job_id"])
    assert job["status"] == "completed", job
    return str(job["id"])


def _crowded(server: LiveServer, client: httpx.Client) -> int:
    """A dataset with many tags, refs and columns with long names."""
    tags = [f"tag number {number}" for number in range(30)]
    dataset = _dataset(client, LONG, tags=tags, description="Words and words. " * 30)
    names = [f"column_{number}_of_a_wide_table" for number in range(15)]
    table = f"{','.join(names)}\n{','.join(map(str, range(15)))}\n"
    server.import_text(dataset, table, client=client)
    for number in range(8):
        name = f"ref-{number:03}-of-a-long-name-that-someone-thought-of"
        client.post(f"/api/datasets/{dataset}/refs", json={"name": name, "source_ref": "main"})
    client.delete(f"/api/datasets/{dataset}/refs/{name}")
    client.delete(f"/api/datasets/{_dataset(client, BLANKLESS[:150])}")
    return dataset


def _held(server: LiveServer, dataset: int, user_id: int, status: str) -> str:
    """A job with a fixed status; a trigger prevents a claim."""
    service = server.service
    job_id = service.new_id()
    parameters = {
        "ref": "main",
        "file_name": "later.csv",
        "size_bytes": 12345,
        "commit_message": "",
    }
    with service.database.write() as tx:
        insert_job(
            tx,
            NewJob(job_id, "import", dataset, user_id, None, parameters),
            service.clock,
            service.settings.waiting_jobs_max,
        )
        if status == "pending":
            tx.execute(
                "CREATE TRIGGER held_pending BEFORE UPDATE OF status ON jobs "
                f"WHEN OLD.id = '{job_id}' BEGIN SELECT RAISE(IGNORE); END"
            )
        else:
            tx.execute(
                "UPDATE jobs SET status = 'running', started_at = created_at, attempt = 1, "
                "progress = 40, progress_message = 'reading rows' WHERE id = ?",
                (job_id,),
            )
    return job_id
