"""What a server has: its one dataset, jobs that go on, files that its database names."""

from __future__ import annotations

import time
from typing import Any

import httpx

from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Database
from storage.versions.manifests import referenced_files


def dataset_of(client: httpx.Client) -> int:
    """The one dataset's id; makes it if it isn't there."""
    found = client.get("/api/datasets").json()["datasets"]
    if not found:
        found = [client.post("/api/datasets", json={"name": "table"}).json()]
    return int(found[0]["id"])


def named_by(directory: DataDirectory) -> set[str]:
    """The hashes of all data files that the database of a stopped server names."""
    database = Database(directory.database_path)
    with database.read() as tx:
        named = referenced_files(tx)
    database.close()
    return named


def assert_no_strays(directory: DataDirectory, named: set[str]) -> None:
    """The directory of a stopped server holds what its database names, and nothing else."""
    assert {path.stem for path in directory.files_dir.glob("??/*")} == named
    for empty in (directory.uploads_dir, directory.scratch_dir, directory.spill_dir):
        assert not list(empty.iterdir()), empty
    suffixes = {path.suffix for path in directory.counts_dir.iterdir()}
    assert suffixes <= {".parquet", ".json"}, "an incomplete cached report"
    assert directory.owner() is None


def wait_until_idle(client: httpx.Client, dataset_id: int, within_s: float = 600) -> None:
    """Wait until no job of the dataset waits or runs."""
    end = time.monotonic() + within_s
    query: dict[str, Any] = {"dataset_id": dataset_id, "status": "pending,running", "limit": 1}
    while client.get("/api/jobs", params=query).json()["total"]:
        assert time.monotonic() < end, "jobs have not ended"
        time.sleep(0.02)
