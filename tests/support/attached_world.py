"""A server with two connections: a folder, and a bucket of an object store on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import httpx
import pytest

from service.settings import Settings
from tests.contract.uri_sources import BUCKET, object_store
from tests.support.live_server import LiveServer, live_server

Place = Literal["disk", "store"]
PLACES: tuple[Place, ...] = ("disk", "store")
ROWS = (700, 0, 1_300, 500)
"""Rows of the files of the usual table."""
LEDGER = (
    "SELECT range AS id, ['north', 'east', 'south', NULL][range % 4 + 1] AS region, "
    "CAST(range % 97 - 10 AS DECIMAL(12,2)) AS amount, range / 3 AS score, "
    "TIMESTAMP '2025-01-01' + INTERVAL (range) MINUTE AS at FROM range(?, ?)"
)


def parquet_file(path: Path, sql: str, *params: int) -> bytes:
    """Write a query's rows to a Parquet file of another program, and return its bytes."""
    with _writer().cursor() as cursor:
        cursor.execute(
            f"COPY ({sql}) TO '{path}' "
            "(FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION uncompressed)",
            list(params),
        )
    return path.read_bytes()


@cache
def _writer() -> duckdb.DuckDBPyConnection:
    """One instance for all files: to open one takes longer than to write a file."""
    return duckdb.connect()


def small_lake(folder: Path) -> str:
    """Write ``a.parquet`` into a folder, and return the folder's URI as a prefix."""
    parquet_file(folder / "a.parquet", "SELECT 1 AS id")
    return f"file://{folder}/"


@dataclass(frozen=True)
class World:
    """The server, the folder of the connection ``disk``, and the client of the bucket."""

    server: LiveServer
    folder: Path
    objects: Any
    scratch: Path

    def uri(self, place: Place, name: str) -> str:
        return f"file://{self.folder}/{name}" if place == "disk" else f"s3://{BUCKET}/lake/{name}"

    def put(self, place: Place, name: str, content: bytes) -> None:
        """Write a file, as a new file with the same name if there is one."""
        if place == "store":
            self.objects.put_object(Bucket=BUCKET, Key=f"lake/{name}", Body=content)
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    def remove(self, place: Place, name: str) -> None:
        if place == "store":
            self.objects.delete_object(Bucket=BUCKET, Key=f"lake/{name}")
        else:
            (self.folder / name).unlink()

    def new_file(self, sql: str, *params: int) -> bytes:
        return parquet_file(self.scratch / "new.parquet", sql, *params)

    def put_ledger(self, place: Place, name: str) -> None:
        """Write the files of the usual table to a folder, as f0, f1, f2, f3."""
        start = 0
        for at, rows in enumerate(ROWS):
            self.put(place, f"{name}/f{at}.parquet", self.new_file(LEDGER, start, start + rows))
            start += rows

    def attach(
        self, dataset: int, *tables: dict[str, Any], client: httpx.Client | None = None
    ) -> httpx.Response:
        path = f"/api/datasets/{dataset}/refs/main/attach"
        return (client or self.server.admin).post(path, json={"tables": list(tables)})

    def attached(self, *tables: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Attach tables to a new dataset; return its id and the finished job."""
        dataset = self.server.new_dataset()
        answer = self.attach(dataset, *tables)
        assert answer.status_code == 200, answer.text
        return dataset, self.server.finished(answer.json()["job_id"])

    def ledger(self, place: Place, name: str) -> int:
        """The id of a new dataset with the usual table, attached."""
        self.put_ledger(place, name)
        dataset, job = self.attached({"uri": self.uri(place, f"{name}/"), "connection": place})
        assert job["status"] == "completed", job["error_message"]
        return dataset

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.server.admin.get(path, params=query)

    def table(self, dataset: int, what: str, **query: Any) -> httpx.Response:
        return self.get(f"/api/datasets/{dataset}/refs/main/tables/primary/{what}", **query)

    def rows_of(self, dataset: int) -> list[dict[str, Any]]:
        """All rows of the table of main."""
        rows: list[dict[str, Any]] = []
        while True:
            found = self.table(dataset, "data", limit=1_000, offset=len(rows))
            assert found.status_code == 200, found.text
            rows += found.json()["data"]
            if len(rows) >= found.json()["total"]:
                return rows


@contextmanager
def attached_world(folder: Path) -> Iterator[World]:
    """Start the server and the object store, and make the connections."""
    lake = folder / "lake"
    for path in (lake, folder / "scratch", folder / "private"):
        path.mkdir()
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as objects:
        patch.setenv("LAKE_AWS_ACCESS_KEY_ID", "key-of-the-lake")
        patch.setenv("LAKE_AWS_SECRET_ACCESS_KEY", "secret-of-the-lake")
        settings = Settings(
            data_dir=folder / "data",
            memory_mb=256,
            compare_samples=False,  # those that are requested are compared
            connection_prefixes=f"file://{lake}/, s3://{BUCKET}/lake/",
        )
        with live_server(settings) as live:
            for name, prefix, credentials in (
                ("disk", f"file://{lake}/", ""),
                ("store", f"s3://{BUCKET}/lake/", "LAKE"),
            ):
                body = {"name": name, "prefix": prefix, "credentials": credentials}
                made = live.admin.post("/api/connections", json=body)
                assert made.status_code == 200, made.text
            yield World(live, lake, objects, folder / "scratch")
