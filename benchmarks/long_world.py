"""A data directory with 100,000 jobs and a table of 60 million rows, made through the real server.

Used by ``benchmarks.pages``. The history is that of ``benchmarks.long_history``; the table is
TPC-H's ``lineitem`` of scale 10, imported, profiled and drawn from over HTTP. It is made once and
kept, since that takes some minutes.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.contenders import TPCHGEN
from benchmarks.long_history import build_history
from benchmarks.served import PASSWORD, Served, answer, finished, jobsvc_serve

JOBS = 100_000
ADMIN = "pg00001"
STRATA = ("l_returnflag", "l_shipmode")
IMPORT_S = 3_600


@dataclass(frozen=True)
class LongWorld:
    """Ids of the large dataset and of its draw, import and profile."""

    dataset: int
    draw: str
    imported: str
    profile: str
    rows: int


def long_world(folder: Path, scale: int, jobs: int = JOBS) -> tuple[Path, LongWorld]:
    """The data directory and what is in it, made unless it is there already."""
    data_dir, note = folder / f"pages-{scale}", folder / f"pages-{scale}.json"
    if note.exists():
        return data_dir, LongWorld(**json.loads(note.read_text(encoding="utf-8")))
    table = _lineitem(folder, scale)
    data_dir.mkdir(mode=0o700, parents=True)
    build_history(data_dir / "jobsvc.sqlite3", jobs)
    with jobsvc_serve(data_dir=data_dir) as served:
        world = _fill(served, table)
    note.write_text(json.dumps(asdict(world)), encoding="utf-8")
    return data_dir, world


def _lineitem(folder: Path, scale: int) -> Path:
    made = folder / f"tpch-{scale}" / "lineitem.parquet"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        command = [TPCHGEN, "parquet", "-s", str(scale), "-T", "lineitem", "-o", made.parent]
        subprocess.run(command, check=True)
    return made


def _fill(served: Served, table: Path) -> LongWorld:
    """An admin who can sign in, the table, its profile, and a sample of it."""
    with served.client() as operator:
        given = {"soeid": ADMIN, "role_name": "admin", "password": PASSWORD}
        answer(operator.post("/api/users", json=given))
        login = {"soeid": ADMIN, "password": PASSWORD}
        token = answer(operator.post("/api/users/login", json=login))["access_token"]
    with served.client(token) as client:
        made = answer(client.post("/api/datasets", json={"name": "Line items", "tags": ["tpch"]}))
        dataset = int(made["id"])
        with table.open("rb") as file:
            imported = _job(
                client,
                f"/api/datasets/{dataset}/refs/main/import",
                files={"file": (table.name, file)},
                timeout=IMPORT_S,
            )
        profile = _job(client, f"/api/profiling/datasets/{dataset}/jobs", json={})
        strata = {"strata_columns": STRATA, "sample_size": 1_000, "seed": 7}
        body = {
            "rounds": [{"method": "stratified", "parameters": strata}],
            "export_residual": True,
            "output_name": "lines",
        }
        draw = _job(client, f"/api/sampling/datasets/{dataset}/jobs", json=body)
        rows = int(imported["output_summary"]["tables"][0]["rows"])
        return LongWorld(dataset, draw["id"], imported["id"], profile["id"], rows)


def _job(client: httpx.Client, path: str, **given: Any) -> dict[str, Any]:
    return finished(client, answer(client.post(path, **given))["job_id"])
