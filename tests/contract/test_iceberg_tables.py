"""Iceberg tables attached at a snapshot: rows, partitions, deletes, renamed and later columns."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table as IcebergTable
from pyiceberg.types import BinaryType, IntegerType, LongType
from pyroaring import BitMap64

from import_engine.sources.uris import SourceUri, parse_uri
from import_engine.table_formats import iceberg
from job_runner.attempt import JobInterrupted, OutgrewShortLane
from service.errors import ServiceStopping
from tests.contract.uri_sources import BUCKET
from tests.support.attached_world import World, attached_world
from tests.support.lake_tables import (
    delete_in_iceberg,
    edit_metadata,
    iceberg_catalog,
    iceberg_sales,
    sales,
)
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("attached")) as made:
        yield made


def attached(world: World, name: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Attach a table of the folder to a new dataset; its id and the job."""
    table = {"uri": world.uri("disk", f"{name}/"), "connection": "disk", "format": "iceberg"}
    return world.attached({**table, **fields})


@pytest.mark.parametrize("content", ["positions", "vectors"])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_deleted_rows_are_left_out(world: World, share: float, content: str) -> None:
    name = f"deleted_{round(100 * share)}_{content}"
    table = iceberg_sales(world.folder, name)
    before = table.current_snapshot()
    version = delete_in_iceberg(table, share, content)
    dataset, job = attached(world, name)
    assert job["status"] == "completed", job["error_message"]
    (found,) = job["output_summary"]["tables"]
    assert found["rows"] == 2_000 * (1 - share)
    assert found["source"]["version"] == str(version)
    rows = world.rows_of(dataset)
    step = round(1 / share)
    ids = {row["id"] for row in rows}
    assert len(rows) == len(ids) == found["rows"]
    dataset, job = attached(world, name, version=before.snapshot_id)
    assert job["output_summary"]["tables"][0]["rows"] == 2_000
    assert step > 1


def test_partitions_renamed_and_later_columns(world: World) -> None:
    table = iceberg_sales(world.folder, "evolved", files=2, partition_by="region")
    with table.update_schema() as update:
        update.rename_column("label", "text")
    with table.update_schema() as update:
        update.add_column("label", IntegerType())
        update.delete_column("day")
    later = (
        sales(1_000, 1_500).drop_columns(["day"]).rename_columns(["id", "region", "amount", "text"])
    )
    table.append(later.append_column("label", later["amount"]))
    dataset, job = attached(world, "evolved")
    assert job["status"] == "completed", job["error_message"]
    rows = sorted(world.rows_of(dataset), key=lambda row: row["id"])
    own = sorted(table.scan().to_arrow().to_pylist(), key=lambda row: row["id"])
    assert rows == own
    drawn = world.server.draw(
        dataset,
        {"rounds": [{"method": "random", "parameters": {"sample_size": 1_500, "seed": 1}}]},
    )
    assert drawn["status"] == "completed", drawn["error_message"]


def test_equality_deletes_are_refused_by_name(world: World) -> None:
    table = iceberg_sales(world.folder, "equality", files=1)
    delete_in_iceberg(table, 0.5, "equality")
    _, job = attached(world, "equality")
    assert job["error_code"] == "unsupported_table"
    assert "equality deletes" in job["error_message"]


def test_widened_type_is_refused_by_name(world: World) -> None:
    table = iceberg_sales(world.folder, "widened", files=1)
    with table.update_schema() as update:
        update.update_column("amount", LongType())
    later = sales(500, 600)
    table.append(later.set_column(3, "amount", later["amount"].cast("int64")))
    _, job = attached(world, "widened")
    assert job["error_code"] == "unsupported_table"
    assert '"amount" is INTEGER' in job["error_message"]
    assert "BIGINT in the table" in job["error_message"]


def test_paths_outside_of_the_table_are_refused(world: World, tmp_path: Path) -> None:
    table = iceberg_sales(world.folder, "outside", files=1)
    stolen = Path(table.current_snapshot().manifest_list.removeprefix("file://"))
    elsewhere = tmp_path / "list.avro"
    elsewhere.write_bytes(stolen.read_bytes())

    def change(metadata: dict[str, Any]) -> dict[str, Any]:
        for snapshot in metadata["snapshots"]:
            snapshot["manifest-list"] = f"file://{elsewhere}"
        return metadata

    edit_metadata(table, change)
    _, job = attached(world, "outside")
    assert job["error_code"] == "broken_table_log"
    assert "isn't in its folder" in job["error_message"]


def test_files_of_another_table_are_refused(world: World) -> None:
    catalog = iceberg_catalog(world.folder)
    table = catalog.create_table(
        "db.lying", schema=sales(0, 1).schema, location=f"file://{world.folder}/lying"
    )
    other = iceberg_sales(world.folder, "other", files=1)
    path = next(iter(other.scan().plan_files())).file.file_path
    table.add_files([path])
    _, job = attached(world, "lying")
    assert job["error_code"] == "broken_table_log"
    assert "isn't in its folder" in job["error_message"]


@pytest.mark.parametrize("content", [b"{", b"{}", b"[1]", b"\xff"])
def test_broken_metadata_is_refused(world: World, content: bytes) -> None:
    name = f"broken-{content.hex()}"
    world.put("disk", f"{name}/metadata/v1.metadata.json", content)
    _, job = attached(world, name)
    assert job["error_code"] == "broken_table_log", job["error_message"]


def test_unknown_snapshot_is_refused(world: World) -> None:
    iceberg_sales(world.folder, "few", files=1)
    _, job = attached(world, "few", version=1)
    assert job["error_code"] == "version_not_found"
    _, job = attached(world, "nothing")
    assert job["error_code"] == "source_not_found"


def test_table_in_an_object_store(world: World) -> None:
    base = f"s3://{BUCKET}/lake/stored"
    catalog = iceberg_catalog(
        base,
        **{
            "s3.endpoint": os.environ["AWS_ENDPOINT"],
            "s3.access-key-id": "key",
            "s3.secret-access-key": "secret",
            "s3.region": "us-east-1",
        },
    )
    table = catalog.create_table("db.stored", schema=sales(0, 1).schema, location=base)
    table.append(sales(0, 500))
    table.append(sales(500, 900))
    first = table.metadata.snapshots[0].snapshot_id
    uri = world.uri("store", "stored/")
    for more, rows in (({}, 900), ({"version": first}, 500), ({"version": str(first)}, 500)):
        dataset, job = world.attached(
            {"uri": uri, "connection": "store", "format": "iceberg", **more}
        )
        assert job["status"] == "completed", job["error_message"]
        assert {row["id"] for row in world.rows_of(dataset)} == set(range(rows))
    page = Reader(world.server, "admin").page(f"/datasets/{dataset}?tab=overview")
    assert f"Snapshot {first} of the Iceberg table {uri}" in page
    assert "Attach the newer snapshot" in page


def _without(table: IcebergTable, column: str) -> None:
    """Write the files of a table anew without a column, as Hive's files lack their partition."""
    for task in table.scan().plan_files():
        path = Path(task.file.file_path.removeprefix("file://"))
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns([column]), path)


@pytest.mark.parametrize("column", ["region", "day"])
def test_partition_column_that_files_lack_is_of_the_metadata(world: World, column: str) -> None:
    table = iceberg_sales(world.folder, f"lacking_{column}", files=2, partition_by=column)
    own = table.scan().to_arrow().to_pylist()
    _without(table, column)
    dataset, job = attached(world, f"lacking_{column}")
    assert job["status"] == "completed", job["error_message"]
    rows = sorted(world.rows_of(dataset), key=lambda row: row["id"])
    assert rows == [
        {**row, "day": row["day"].isoformat()} for row in sorted(own, key=lambda row: row["id"])
    ]


def test_partition_value_has_the_type_of_its_snapshot(world: World) -> None:
    """The current schema has no such column any more."""
    table = iceberg_sales(world.folder, "dropped", files=1, partition_by="day")
    first = table.current_snapshot().snapshot_id
    _without(table, "day")
    with table.update_spec() as spec:
        spec.remove_field("day")
    with table.update_schema() as update:
        update.delete_column("day")
    dataset, job = attached(world, "dropped", version=first)
    assert job["status"] == "completed", job["error_message"]
    assert {row["day"] for row in world.rows_of(dataset)} == {
        "2022-01-08", "2022-01-09", "2022-01-10",
    }  # fmt: skip


def test_binary_partition_column_is_refused(world: World) -> None:
    table = iceberg_sales(world.folder, "binary", files=1)
    with table.update_schema() as update:
        update.add_column("code", BinaryType())
    with table.update_spec() as spec:
        spec.add_identity("code")
    rows = sales(500, 501)
    table.append(rows.append_column("code", pa.array([b"\xff"], pa.large_binary())))
    _, job = attached(world, "binary")
    assert job["error_code"] == "unsupported_table", job["error_message"]
    assert '"code" of the table' in job["error_message"]


@pytest.mark.parametrize("content", ["positions", "vectors"])
def test_deletes_are_counted_before_they_are_expanded(
    world: World, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = iceberg_sales(world.folder, f"counted_{content}", files=1)
    delete_in_iceberg(table, 0.5, content)
    monkeypatch.setattr(iceberg, "MAX_DELETED_ROWS", 249)
    _, job = attached(world, f"counted_{content}")
    assert job["error_code"] == "unsupported_table", job["error_message"]


def test_large_vector_is_never_expanded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = BitMap64()
    huge.add_range(0, 10**9)
    monkeypatch.setattr(iceberg, "_vectors", lambda *_: [(path, huge)])
    table = iceberg_sales(world.folder, "huge", files=1)
    (task,) = table.scan().plan_files()
    path = task.file.file_path
    delete_in_iceberg(table, 0.5, "vectors")
    _, job = attached(world, "huge")
    assert job["error_code"] == "broken_table_log"
    assert "has 250 rows, and it has 1,000,000,000" in job["error_message"]


@pytest.mark.parametrize("error", [ServiceStopping, JobInterrupted, OutgrewShortLane])
def test_interruption_stays_one(
    world: World, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    iceberg_sales(world.folder, f"stopping_{error.__name__}", files=1)
    table = parse_uri(world.uri("disk", f"stopping_{error.__name__}/"))

    class Connection:
        def content(self, uri: SourceUri, most: int) -> bytes:
            return Path("/", *uri.segments).read_bytes()

        def names(self, folder: SourceUri, step: object) -> list[str]:
            return [path.name for path in Path("/", *folder.segments).iterdir()]

    def step() -> None:
        raise error

    with pytest.raises(error):
        iceberg.read_iceberg(Connection(), duckdb.connect(), table, None, Path(), step)


def test_gzipped_metadata_has_a_limit() -> None:
    uri = parse_uri("file:///t/metadata/v1.gz.metadata.json")
    packed = gzip.compress(b"{}" + b" " * 1_000)
    assert len(iceberg._unpacked(packed, uri)) == 1_002
    with pytest.raises(iceberg.BrokenLog, match="more than 1,001 bytes"):
        iceberg._unpacked(packed, uri, 1_001)
    with pytest.raises(iceberg.BrokenLog, match="can't be decompressed"):
        iceberg._unpacked(packed[:20][::-1], uri)


def test_a_compressed_deletion_vector_is_refused_before_it_grows(world: World) -> None:
    table = iceberg_sales(world.folder, "compressed", files=1)
    delete_in_iceberg(table, 0.5, "vectors")
    (path,) = (world.folder / "compressed" / "data").glob("*.puffin")
    content = path.read_bytes()
    codec = b'"type": "deletion-vector-v1", "compression-codec": "zstd"'
    footer_bytes = int.from_bytes(content[-12:-8], "little") + len(codec) - 28
    changed = content.replace(b'"type": "deletion-vector-v1"', codec)
    path.write_bytes(changed[:-12] + footer_bytes.to_bytes(4, "little") + changed[-8:])
    _, job = attached(world, "compressed")
    assert job["error_code"] == "broken_table_log"
    assert "deletes-0.puffin is compressed" in job["error_message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "isn't known"),
        ('{"current-snapshot-id": -1}', None),
        (" " * 10_000_001, "isn't known"),
    ],
)
def test_page_says_whether_the_newest_snapshot_is_known(
    world: World, content: str, words: str | None
) -> None:
    name = f"look-{len(content)}"
    iceberg_sales(world.folder, name, files=1)
    dataset, job = attached(world, name)
    assert job["status"] == "completed", job["error_message"]
    world.put("disk", f"{name}/metadata/99999-a.metadata.json", content.encode())
    page = Reader(world.server, "admin").page(f"/datasets/{dataset}?tab=overview")
    assert "Attach the newer" not in page
    assert ("isn't known" in page) == (words is not None)
