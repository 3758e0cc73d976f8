"""A changed, removed, truncated or replaced file of an attached table: each read refuses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.attached_world import LEDGER, PLACES, ROWS, Place, World, attached_world

Change = Callable[[World, Place, str], None]
DRAW = {"method": "random", "parameters": {"sample_size": 20, "seed": 7}}
NAME = "f2.parquet"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("changing")) as made:
        yield made


def other_rows(world: World) -> bytes:
    """A file of other rows that is as large as ``NAME``: its texts are replaced."""
    start = ROWS[0] + ROWS[1]
    content = world.new_file(LEDGER, start, start + ROWS[2])
    other = content.replace(b"north", b"nerth")
    assert len(other) == len(content)
    assert other != content
    return other


def replace_by_same_size(world: World, place: Place, name: str) -> None:
    world.put(place, name, other_rows(world))


def remove(world: World, place: Place, name: str) -> None:
    world.remove(place, name)


def truncate(world: World, place: Place, name: str) -> None:
    world.put(place, name, other_rows(world)[:-100])


def overwrite_in_place(world: World, place: Place, name: str) -> None:
    if place == "store":
        return replace_by_same_size(world, place, name)
    with (world.folder / name).open("r+b") as file:
        file.write(other_rows(world))
    return None


def replace_with_same_time(world: World, place: Place, name: str) -> None:
    path = world.folder / name
    before, kept = path.stat(), path.with_suffix(".old")
    path.rename(kept)  # so that the new file has another inode
    path.write_bytes(other_rows(world))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    kept.unlink()


CHANGES: dict[Place, tuple[Change, ...]] = {
    "disk": (
        replace_by_same_size,
        remove,
        truncate,
        overwrite_in_place,
        replace_with_same_time,
    ),
    "store": (replace_by_same_size, remove, truncate),
}
"""Objects of a store are replaced as a whole, at the store's own time."""


@pytest.mark.parametrize(
    ("place", "change"),
    [(place, change) for place, changes in CHANGES.items() for change in changes],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_each_read_refuses_a_changed_file(world: World, place: Place, change: Change) -> None:
    server, folder = world.server, f"{place}-{change.__name__}"
    dataset = world.ledger(place, folder)
    before = server.draw(dataset, {"rounds": [DRAW], "export_residual": True})
    profiled = server.admin.post(f"/api/profiling/datasets/{dataset}/jobs", json={}).json()
    server.finished(profiled["job_id"])
    answers = {"data": world.table(dataset, "data"), "analysis": world.table(dataset, "analysis")}
    assert [answer.status_code for answer in answers.values()] == [200, 200]
    assert world.get(f"/api/sampling/jobs/{before['id']}/reserves", limit=3).status_code == 200
    etag = answers["data"].headers.get("ETag", "")

    change(world, place, f"{folder}/{NAME}")

    def refused(answer: Any) -> None:
        assert_problem(answer, 409, "source_changed", f"{folder}/{NAME}")

    draws = f"/api/sampling/datasets/{dataset}/jobs"
    refused(server.admin.post(draws, json={"rounds": [DRAW]}))
    refused(server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [DRAW]}))
    refused(server.admin.post(f"/api/sampling/datasets/{dataset}/sample", json=DRAW))
    for query in ({}, {"limit": 1}, {"filters": "id > 5"}, {"format": "csv"}):
        refused(world.table(dataset, "data", **query))
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    refused(server.admin.get(path, headers={"If-None-Match": etag}))
    refused(world.table(dataset, "analysis"))
    drawn = f"/api/sampling/jobs/{before['id']}"
    refused(world.get(f"{drawn}/residual"))
    refused(world.get(f"{drawn}/reserves", limit=3))
    refused(
        server.admin.post(
            f"/api/exploration/datasets/{dataset}/query", json={"sql": "SELECT * FROM data"}
        )
    )
    refused(server.admin.post(f"/api/profiling/datasets/{dataset}/jobs", json={}))
    sampled = world.get(f"/api/sampling/jobs/{before['id']}/data")
    assert sampled.status_code == 200  # the sample is a file of the store


@pytest.mark.parametrize("place", PLACES)
def test_file_that_changes_during_a_read_is_refused(world: World, place: Place) -> None:
    from import_engine.sources.connections import SourceChanged
    from service.tables.open_tables import open_table

    dataset, name = world.ledger(place, f"{place}-during"), f"{place}-during/{NAME}"
    service = world.server.service
    opened = open_table(service, dataset, "main", None)
    paths = [str(file.path) for file in opened.files.files]
    with service.parquet.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM read_parquet(?)", [paths]).fetchone()
    overwrite_in_place(world, place, name)

    def read() -> None:
        with service.parquet.cursor() as cursor:
            cursor.execute("SELECT sum(id) FROM read_parquet(?)", [paths]).fetchall()

    with pytest.raises(SourceChanged, match=NAME):
        read()


def test_a_file_of_a_folder_is_restored_in_place(world: World) -> None:
    dataset = world.ledger("disk", "in-place")
    path = world.folder / "in-place" / NAME
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    overwrite_in_place(world, "disk", f"in-place/{NAME}")
    assert_problem(world.table(dataset, "data"), 409, "source_changed", "cp -p")
    shutil.copy2(copy, path)  # as cp -p: into the same file, with the old time
    assert world.table(dataset, "data").status_code == 200
    away = path.rename(path.with_suffix(".away"))
    assert_problem(
        world.table(dataset, "data"), 409, "source_changed", "or move the same file back"
    )
    copy.rename(path)
    assert_problem(world.table(dataset, "data"), 409, "source_changed", "was replaced by another")
    away.replace(path)
    assert world.table(dataset, "data").status_code == 200


def test_restored_file_is_read_again(world: World) -> None:
    dataset = world.ledger("store", "restored")
    name = f"restored/{NAME}"
    content = world.objects.get_object(Bucket="audit-files", Key=f"lake/{name}")["Body"].read()
    remove(world, "store", name)
    assert_problem(world.table(dataset, "data"), 409, "source_changed", name)
    world.put("store", name, content)
    assert world.table(dataset, "data").status_code == 200


def test_attaching_again_makes_a_version_with_the_new_rows(world: World) -> None:
    dataset = world.ledger("disk", "again")
    replace_by_same_size(world, "disk", f"again/{NAME}")
    answer = world.attach(dataset, {"uri": world.uri("disk", "again/")})
    job = world.server.finished(answer.json()["job_id"])
    assert job["status"] == "completed"
    (table,) = job["output_summary"]["tables"]
    rows = sum(ROWS)
    assert table["rows_before"] == rows
    assert f"had {rows:,} rows in this table; this one has {rows:,}" in table["notes"][0]
    data = world.table(dataset, "data", offset=ROWS[0], limit=4).json()["data"]
    assert {row["region"] for row in data} == {"nerth", "east", "south", None}
