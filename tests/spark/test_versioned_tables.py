"""Versions of Delta and Iceberg tables, and folders' columns: both engines draw the same rows."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.spark.cluster import TOKEN, SparkCluster, spark_home
from tests.support.attached_world import parquet_file
from tests.support.lake_tables import (
    delete_by_vector,
    delete_in_iceberg,
    delta_sales,
    iceberg_sales,
)
from tests.support.live_server import LiveServer, finished, live_server

# In a worker of xdist the main module has no file, which pyspark takes for a doctest.
vars(sys.modules["__main__"]).setdefault("__file__", __file__)

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:.*RETRIES_EXCEEDED"),  # the client's, beside its error
]
ROUNDS = [
    {
        "method": "stratified",
        "parameters": {"strata_columns": ["region"], "sample_size": 90, "seed": 7},
        "filters": {"expression": "day >= '2022-01-09' AND amount > 20"},
    },
    {
        "method": "weighted",
        "parameters": {"weight_column": "amount", "sample_size": 40, "seed": 8},
    },
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a lake")
    delta_sales(folder / "delta", partition_by=["region", "day"])
    delete_by_vector(folder / "delta", 0.1)
    delta_sales(folder / "one", files=1)
    table = iceberg_sales(folder, "iceberg", files=3)
    delete_in_iceberg(table, 0.1)
    table = iceberg_sales(folder, "renamed", files=2)
    with table.update_schema() as update:
        update.rename_column("amount", "sum")
    with table.update_schema() as update:
        update.rename_column("label", "amount_text")
        update.rename_column("sum", "amount")
    for at, (region, day) in enumerate((region, day) for region in "ab" for day in (8, 9, 10)):
        path = folder / f"hive/region={region}/day=2022-01-{day:02}/x.parquet"
        path.parent.mkdir(parents=True)
        parquet_file(path, f"SELECT range AS id, range * 7 % 1000 AS amount FROM range({400 + at})")
    path = folder / "single/region=a/day=2022-01-09/x.parquet"
    path.parent.mkdir(parents=True)
    parquet_file(path, "SELECT range AS id, range * 7 % 1000 AS amount FROM range(400)")
    return folder


@pytest.fixture(scope="module")
def live(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    prefix = f"{lake.as_uri()}/"
    with (
        SparkCluster(spark_home("4"), tmp_path_factory.mktemp("cluster")) as cluster,
        live_server(
            Settings(
                data_dir=tmp_path_factory.mktemp("beside") / "data",
                connection_prefixes=prefix,
                spark_remote=cluster.remote,
                spark_token=TOKEN,
            )
        ) as running,
    ):
        running.admin.post("/api/connections", json={"name": "lake", "prefix": prefix})
        yield running


def shown_statement(certificate: httpx.Response) -> str:
    """The signed statement of a certificate."""
    return base64.b64decode(certificate.json()["payload"]).decode()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("delta", {"format": "delta"}),
        ("one", {"format": "delta"}),
        ("iceberg", {"format": "iceberg"}),
        ("renamed", {"format": "iceberg"}),
        ("hive", {}),
        ("single", {}),
    ],
)
def test_both_engines_draw_the_same_rows(
    live: LiveServer, lake: Path, name: str, fields: dict[str, Any]
) -> None:
    dataset = live.new_dataset()
    answer = live.admin.post(
        f"/api/datasets/{dataset}/refs/main/attach",
        json={"tables": [{"uri": f"{lake.as_uri()}/{name}/", **fields}]},
    )
    job = live.finished(answer.json()["job_id"])
    assert job["status"] == "completed", job["error_message"]
    digests, rows = [], []
    for engine in ("spark", "duckdb"):
        body = {"rounds": ROUNDS, "engine": engine}
        answer = live.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
        assert answer.status_code == 200, answer.text
        done = finished(live.admin, answer.json()["job_id"], within_s=300)
        assert done["status"] == "completed", done["error_message"]
        certificate = live.admin.get(f"/api/sampling/jobs/{done['id']}/certificate")
        assert certificate.status_code == 200, certificate.text
        digests.append(re.findall(r'"ordinals_sha256": ?"(\w{64})"', shown_statement(certificate)))
        rows.append(live.rows(done["id"], limit=1_000))
    assert digests[0] == digests[1]
    assert len(digests[0]) == len(ROUNDS)
    assert rows[0] == rows[1]
    assert len(rows[0]) > 100
