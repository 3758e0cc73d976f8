"""Delta tables attached at a version: rows, partitions, deletions, later versions, hostile logs."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.contract.test_certificates import require_accepted
from tests.support.attached_world import Place, World, attached_world
from tests.support.lake_tables import (
    VECTORS,
    add_commit,
    adds_of,
    delete_by_vector,
    delta_sales,
    remove_of,
    sales,
    vector_bytes,
    z85,
)
from tests.web_ui.reader import Reader

RANDOM = {"rounds": [{"method": "random", "parameters": {"sample_size": 60, "seed": 7}}]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("attached")) as made:
        yield made


def attached(
    world: World, name: str, place: Place = "disk", **fields: Any
) -> tuple[int, dict[str, Any]]:
    """Attach a table to a new dataset; its id and the job."""
    table = {"uri": world.uri(place, f"{name}/"), "connection": place, "format": "delta"}
    return world.attached({**table, **fields})


def put_in_store(world: World, name: str) -> None:
    """Copy a table of the folder to the object store."""
    for path in (world.folder / name).rglob("*"):
        if path.is_file():
            world.put("store", path.relative_to(world.folder).as_posix(), path.read_bytes())


def test_partitions_are_columns(world: World) -> None:
    table = delta_sales(world.folder / "parts", partition_by=["region", "day"])
    dataset, job = attached(world, "parts")
    assert job["status"] == "completed", job["error_message"]
    rows = world.rows_of(dataset)
    own = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["id"])
    assert sorted(rows, key=lambda row: row["id"]) == [
        {**row, "day": row["day"].isoformat()} for row in own
    ]
    query = {
        "sql": "SELECT region, count(*) AS n FROM data GROUP BY region ORDER BY region",
        "source_ref": "main",
    }
    answer = world.server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=query)
    assert answer.status_code == 200, answer.text
    assert [tuple(row.values()) for row in answer.json()["data"]] == [
        ("north", 500),
        ("south", 500),
        ("west", 500),
        (None, 500),
    ]
    found = world.table(dataset, "data", filters="region IS NULL AND day = '2022-01-09'").json()
    assert found["total"] == sum(row["region"] is None and row["day"].day == 9 for row in own)


@pytest.mark.parametrize("in_files", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_deleted_rows_are_never_drawn(world: World, share: float, in_files: bool) -> None:
    name = f"deleted-{share}-{in_files}"
    table = delta_sales(world.folder / name)
    version = delete_by_vector(world.folder / name, share, in_files=in_files)
    dataset, job = attached(world, name)
    assert job["status"] == "completed", job["error_message"]
    (found,) = job["output_summary"]["tables"]
    assert (found["rows"], found["source"]["deleted_rows"]) == (
        2_000 * (1 - share),
        2_000 * share,
    )
    assert found["source"]["version"] == str(version)
    step = round(1 / share)
    gone = {
        json.loads(add["stats"])["minValues"]["id"] + place
        for at, add in enumerate(adds_of(world.folder / name))
        for place in range(at % step, 500, step)
    }
    ids = [row["id"] for row in world.rows_of(dataset)]
    assert len(ids) == found["rows"]
    assert not gone.intersection(ids)
    assert gone.union(ids) == set(range(2_000))
    every = {"method": "random", "parameters": {"sample_size": len(ids), "seed": 1}}
    drawn = world.server.draw(dataset, {"rounds": [every], "export_residual": True})
    assert drawn["output_summary"]["total_sampled"] == len(ids)
    dataset, job = attached(world, name, version=table.version())
    assert job["output_summary"]["tables"][0]["rows"] == 2_000


def test_store_gives_the_same_draw_as_the_folder(world: World) -> None:
    delta_sales(world.folder / "both", partition_by=["region"])
    delete_by_vector(world.folder / "both", 0.1, in_files=True)
    put_in_store(world, "both")
    drawn = []
    for place in ("disk", "store"):
        dataset, job = attached(world, "both", place)
        assert job["status"] == "completed", job["error_message"]
        done = world.server.draw(dataset, RANDOM)
        require_accepted(world.server, done["id"], dataset)
        drawn.append(world.server.rows(done["id"]))
    assert drawn[0] == drawn[1]


def test_a_sample_stays_after_later_versions_and_a_vacuum(world: World) -> None:
    path = world.folder / "later"
    table = delta_sales(path)
    dataset, job = attached(world, "later", version=3)
    assert job["status"] == "completed", job["error_message"]
    first = world.server.draw(dataset, RANDOM)
    for at in range(20):
        write_deltalake(path, sales(2_000 + at, 2_001 + at), mode="append")
    page = Reader(world.server, "admin").page(f"/datasets/{dataset}?tab=overview")
    assert "Version 3 of the Delta table file:///" in page
    assert "Attach the newer version 23" in page
    table = DeltaTable(path)
    table.optimize.compact()
    again = world.server.draw(dataset, RANDOM)
    assert world.server.rows(first["id"]) == world.server.rows(again["id"])
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    gone = world.server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=RANDOM)
    assert (gone.status_code, gone.json()["code"]) == (409, "source_changed")
    assert "version 3 of the Delta table" in gone.json()["detail"]
    assert len(world.server.rows(first["id"])) == 60
    unreadable = Reader(world.server, "admin").get(f"/datasets/{dataset}")
    assert unreadable.status_code == 409
    assert "Attach the newer version" in unreadable.text
    answer = world.attach(
        dataset, {"uri": world.uri("disk", "later/"), "connection": "disk", "format": "delta"}
    )
    job = world.server.finished(answer.json()["job_id"])
    assert job["output_summary"]["tables"][0]["rows"] == 2_020
    commit = world.get(f"/api/datasets/{dataset}/commits/main").json()
    assert commit["tables"][0]["source"]["version"] == str(DeltaTable(path).version())
    _, job = attached(world, "later", version=2)
    assert job["error_code"] == "source_not_found"


def test_each_of_100_versions_is_attached(world: World) -> None:
    path = world.folder / "hundred"
    for at in range(100):
        write_deltalake(path, sales(at * 10, at * 10 + 10), mode="append")
    assert list((path / "_delta_log").glob("*.checkpoint.parquet"))
    for version in (0, 9, 10, 57, 99):
        dataset, job = attached(world, "hundred", version=version)
        assert job["status"] == "completed", job["error_message"]
        assert {row["id"] for row in world.rows_of(dataset)} == set(range(10 * version + 10))
    _, job = attached(world, "hundred", version=100)
    assert job["error_code"] == "version_not_found"
    assert "The newest is 99" in job["error_message"]


def test_mapped_and_later_columns(world: World) -> None:
    """Files name a column by another name; the older file lacks one."""
    path = world.folder / "mapped"
    write_deltalake(path, pa.table({"col-1": [1, 2], "gone": [5, 6]}))
    write_deltalake(
        path, pa.table({"col-1": [3], "col-2": ["x"]}), mode="append", schema_mode="merge"
    )
    (first, *_), (schema, *_) = (
        [
            json.loads(line)[kind]
            for file in sorted((path / "_delta_log").glob("*.json"))
            for line in file.read_text().splitlines()
            if kind in json.loads(line)
        ]
        for kind in ("metaData", "metaData")
    )
    fields = [
        {
            "name": name,
            "type": type_,
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": number,
                "delta.columnMapping.physicalName": physical,
            },
        }
        for number, (name, type_, physical) in enumerate(
            [("label", "string", "col-2"), ("number", "long", "col-1")], 1
        )
    ]
    assert first == schema
    add_commit(
        path,
        [
            {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
            {
                "metaData": {
                    **first,
                    "schemaString": json.dumps({"type": "struct", "fields": fields}),
                    "configuration": {"delta.columnMapping.mode": "name"},
                }
            },
        ],
    )
    dataset, job = attached(world, "mapped")
    assert job["status"] == "completed", job["error_message"]
    rows = sorted(world.rows_of(dataset), key=lambda row: row["number"])
    assert rows == [
        {"label": None, "number": 1},
        {"label": None, "number": 2},
        {"label": "x", "number": 3},
    ]


def test_values_of_partitions_keep_their_types(world: World) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int64()),
            "d": pa.array([None, 12], pa.decimal128(9, 2)),
            "t": pa.array([1_700_000_000_000_001, None], pa.timestamp("us", "UTC")),
            "f": pa.array([0.1, None], pa.float64()),
            "b": pa.array([True, None], pa.bool_()),
            "s": pa.array(["a=b/c %41 ü", None], pa.string()),
            "n": pa.array([-7, None], pa.int16()),
        }
    )
    write_deltalake(world.folder / "typed", table, partition_by=["d", "t", "f", "b", "s", "n"])
    dataset, job = attached(world, "typed")
    assert job["status"] == "completed", job["error_message"]
    types = {
        column["name"]: column["type"]
        for column in world.table(dataset, "schema").json()["columns"]
    }
    assert types == {
        "id": "BIGINT", "d": "DECIMAL(9,2)", "t": "TIMESTAMP WITH TIME ZONE", "f": "DOUBLE",
        "b": "BOOLEAN", "s": "VARCHAR", "n": "SMALLINT",
    }  # fmt: skip
    first, second = sorted(world.rows_of(dataset), key=lambda row: row["id"])
    assert first["s"] == "a=b/c %41 ü"
    assert (first["f"], first["b"], first["n"], first["d"]) == (0.1, True, -7, None)
    assert first["t"].startswith("2023-11-14T22:13:20.000001")
    assert float(second["d"]) == 12


def _edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file that the last commit adds."""
    (add,) = adds_of(path)
    change(add)
    add_commit(path, [{"add": add}])


def _vector(kind: str, place: str, size: int, count: int) -> dict[str, Any]:
    vector = {"storageType": kind, "pathOrInlineDv": place, "sizeInBytes": size}
    offset = {} if kind == "i" else {"offset": 1}
    return {**vector, "cardinality": count, **offset}


BEYOND, WITHIN = vector_bytes([2_000]), vector_bytes([1, 2, 3])
FAR = vector_bytes([10**14])
"""A bool of each position up to its last one takes more memory than there is."""
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "parent": (lambda add: add.update(path="../other/a.parquet"), "isn't in its folder"),
    "encoded": (lambda add: add.update(path="%2e%2e/other/a.parquet"), "isn't in its folder"),
    "absolute": (lambda add: add.update(path="file:///etc/passwd"), "isn't in its folder"),
    "root": (lambda add: add.update(path="/etc/passwd"), "isn't in its folder"),
    "other": (lambda add: add.update(path="s3://else/a.parquet"), "isn't in its folder"),
    "count": (
        lambda add: add.update(stats=json.dumps({"numRecords": 501})),
        "has 501 rows, and its footer says 500",
    ),
    "no file": (lambda add: add.update(path="no.parquet"), "no.parquet"),
    "no path": (lambda add: add.pop("path"), "isn't an action in JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_log_is_refused(world: World, name: str) -> None:
    change, words = HOSTILE[name]
    path = world.folder / f"hostile-{name}"
    delta_sales(path, files=1)
    _edited(path, change)
    _, job = attached(world, path.name)
    assert job["status"] == "failed"
    assert words in job["error_message"]
    assert "root:" not in job["error_message"]


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        (_vector("p", "file:///etc/passwd", 40, 1), "isn't in its folder"),
        (_vector("u", f"../..{z85(bytes(16))}", 40, 1), "isn't in its folder"),
        (_vector("u", z85(bytes(16)), 40, 1), "deletion_vector_0000"),
        (_vector("i", z85(BEYOND), len(BEYOND), 1), "has a position beyond 500 rows"),
        (_vector("i", z85(FAR), len(FAR), 1), "has a position beyond 500 rows"),
        (_vector("i", z85(BEYOND[:8]), 8, 1), "can't be read"),
        (_vector("i", z85(WITHIN), len(WITHIN), 2), "its deletion vector has 3"),
    ],
)
def test_hostile_deletion_vector_is_refused(
    world: World, vector: dict[str, Any], words: str
) -> None:
    path = world.folder / "hostile-vector"
    shutil.rmtree(path, ignore_errors=True)
    delta_sales(path, files=1)
    (add,) = adds_of(path)
    removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    changed = {**add, "deletionVector": vector}
    add_commit(path, [VECTORS, {"remove": removed}, {"add": changed}])
    _, job = attached(world, path.name)
    assert job["status"] == "failed"
    assert words in job["error_message"]


@pytest.mark.parametrize("stats", [None, json.dumps({"numRecords": 10**15})])
def test_far_position_is_refused_whatever_the_log_says(world: World, stats: str | None) -> None:
    path = world.folder / f"far-{stats is None}"
    delta_sales(path, files=1)
    (add,) = adds_of(path)
    changed = {**add, "stats": stats, "deletionVector": _vector("i", z85(FAR), len(FAR), 1)}
    add_commit(path, [VECTORS, {"add": changed}])
    _, job = attached(world, path.name)
    assert job["error_code"] == "broken_table_log"
    assert "has a position beyond 134217728 rows" in job["error_message"].replace(",", "")


@pytest.mark.parametrize("rewrites", [False, True])
def test_vectors_that_no_live_file_has_are_not_needed(world: World, rewrites: bool) -> None:
    path = world.folder / f"replaced-{rewrites}"
    delta_sales(path, files=1)
    delete_by_vector(path, 0.1, in_files=True)
    (vector,) = path.glob("deletion_vector_*.bin")
    if rewrites:
        (add,) = adds_of(path)
        shutil.copy(path / add["path"], path / "rewritten.parquet")
        plain = {name: value for name, value in add.items() if name != "deletionVector"}
        add_commit(
            path, [{"add": {**plain, "path": "rewritten.parquet"}}, {"remove": remove_of(add)}]
        )
    else:
        delete_by_vector(path, 0.5)
    vector.unlink()
    _, job = attached(world, path.name)
    assert job["status"] == "completed", job["error_message"]
    assert job["output_summary"]["tables"][0]["rows"] == (500 if rewrites else 250)
    _, job = attached(world, path.name, version=1)
    assert job["error_code"] == "source_not_found"
    assert "A vacuum may have removed it" in job["error_message"]


def test_large_vectors_in_the_log_are_refused(world: World) -> None:
    path = world.folder / "large-vector"
    delta_sales(path, files=1)
    (add,) = adds_of(path)
    vector = _vector("i", "0" * 2_000_000, 1_600_000, 3)
    add_commit(path, [VECTORS, {"add": {**add, "deletionVector": vector}}])
    _, job = attached(world, path.name)
    assert job["error_code"] == "unsupported_table"
    assert "1048576 characters" in job["error_message"].replace(",", "")


def test_deeply_nested_statistics_are_refused(world: World) -> None:
    path = world.folder / "nested"
    delta_sales(path, files=1)
    (add,) = adds_of(path)
    vector = _vector("i", z85(WITHIN), len(WITHIN), 3)
    add_commit(path, [VECTORS, {"add": {**add, "stats": "[" * 100_000, "deletionVector": vector}}])
    _, job = attached(world, "nested")
    assert job["error_code"] == "broken_table_log"


def test_sidecar_of_a_checkpoint_is_refused(world: World, tmp_path: Path) -> None:
    path = world.folder / "sidecar"
    delta_sales(path, files=1)
    DeltaTable(path).create_checkpoint()
    (checkpoint,) = (path / "_delta_log").glob("*.checkpoint.parquet")
    table = pq.read_table(checkpoint)
    place = table.schema.get_field_index("sidecar")
    outside = {
        "path": f"file://{tmp_path}/outside.parquet",
        "sizeInBytes": 1,
        "modificationTime": 1,
    }
    sidecars = pa.array([outside] + [None] * (table.num_rows - 1), table.schema.field(place).type)
    pq.write_table(table.set_column(place, "sidecar", sidecars), checkpoint)
    _, job = attached(world, "sidecar")
    assert job["error_code"] == "unsupported_table", job["error_message"]
    assert "sidecar files" in job["error_message"]


def test_file_that_is_listed_twice_is_refused(world: World) -> None:
    """With a deletion vector and without it the file counts as two."""
    path = world.folder / "twice"
    delta_sales(path, files=1)
    (add,) = adds_of(path)
    vector = _vector("i", z85(WITHIN), len(WITHIN), 3)
    add_commit(path, [VECTORS, {"add": {**add, "deletionVector": vector}}])
    _, job = attached(world, "twice")
    assert job["error_code"] == "broken_table_log"
    assert "lists a file twice" in job["error_message"]


def test_binary_partition_column_is_refused(world: World) -> None:
    table = pa.table({"id": [1], "b": pa.array([b"\xff"], pa.binary())})
    write_deltalake(world.folder / "binary", table, partition_by=["b"])
    _, job = attached(world, "binary")
    assert job["error_code"] == "unsupported_table"
    assert '"b" of the table' in job["error_message"]


@pytest.mark.parametrize("line", ['{"add": {"path"', "[1]", "{}}", '{"add": 7}', "\x00"])
def test_broken_log_is_refused(world: World, line: str) -> None:
    path = world.folder / f"broken-{line.encode().hex()}"
    delta_sales(path, files=1)
    (path / "_delta_log" / f"{1:020}.json").write_text(line)
    _, job = attached(world, path.name)
    assert job["error_code"] == "broken_table_log"
    assert "line 1 of file:///" in job["error_message"]


def test_unknown_features_are_refused_by_name(world: World) -> None:
    path = world.folder / "features"
    delta_sales(path, files=1)
    protocol = {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["v2Checkpoint"],
        "writerFeatures": ["v2Checkpoint"],
    }
    add_commit(path, [{"protocol": protocol}])
    _, job = attached(world, "features")
    assert job["error_code"] == "unsupported_table"
    assert "v2Checkpoint" in job["error_message"]


def test_changed_type_is_refused_by_name(world: World) -> None:
    path = world.folder / "widened"
    write_deltalake(path, pa.table({"id": pa.array([1], pa.int32())}))
    wider = pa.table({"id": pa.array([2], pa.int64())})
    write_deltalake(world.folder / "wider", wider)
    (add,) = adds_of(world.folder / "wider")
    shutil.copy(world.folder / "wider" / add["path"], path / "b.parquet")
    add_commit(path, [{"add": {**add, "path": "b.parquet"}}])
    _, job = attached(world, "widened")
    assert job["error_code"] == "unsupported_table"
    assert '"id" is BIGINT in file:///' in job["error_message"]


def test_log_behind_a_link_is_refused(world: World, tmp_path: Path) -> None:
    delta_sales(tmp_path / "elsewhere", files=1)
    (world.folder / "linked").mkdir()
    (world.folder / "linked" / "_delta_log").symlink_to(tmp_path / "elsewhere" / "_delta_log")
    _, job = attached(world, "linked")
    assert job["error_code"] == "source_not_found"
    assert "symbolic link" in job["error_message"]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"format": "parquet", "version": 3}, "version"),
        ({"format": "delta", "version": -1}, "version"),
        ({"format": "delta", "version": "12x"}, "version"),
        ({"format": "hudi"}, "format"),
        ({"format": "delta", "uri": ["file:///a/", "file:///b/"]}, "uri"),
    ],
)
def test_fields_that_do_not_fit_are_refused(
    world: World, fields: dict[str, Any], place: str
) -> None:
    dataset = world.server.new_dataset()
    table = {"uri": world.uri("disk", "parts/"), "connection": "disk"}
    answer = world.attach(dataset, {**table, **fields})
    assert answer.status_code == 422
    assert place in answer.json()["errors"][0]["loc"]


def test_preview_states_the_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.folder / "previewed"
    delta_sales(path, files=2, partition_by=["region"])
    version = delete_by_vector(path, 0.1)
    body = {
        "tables": [
            {
                "uri": world.uri("disk", "previewed/"),
                "connection": "disk",
                "format": "delta",
                "version": str(version),
            }
        ]
    }
    answer = world.server.admin.post("/api/datasets/attach/preview", json=body)
    assert answer.status_code == 200, answer.text
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "deltalake", None)
        refused = world.server.admin.post("/api/datasets/attach/preview", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "delta_not_installed")
    assert "install jobsvc[delta]" in refused.json()["detail"]
    other = {"tables": [{**body["tables"][0], "version": "99"}]}
    refused = world.server.admin.post("/api/datasets/attach/preview", json=other)
    assert (refused.status_code, refused.json()["code"]) == (422, "version_not_found")
    (found,) = answer.json()["tables"]
    deleted = sum(math.ceil((125 - at % 10) / 10) for at in range(8))
    assert found["source"]["version"] == str(version)
    assert found["source"]["deleted_rows"] == deleted
    assert found["row_count"] == 1_000 - deleted
    assert found["partition_columns"] == ["region"]
