"""Delta tables attached at a version: rows, partitions, deletions, later versions, hostile logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.attached_world import World, attached_world
from tests.support.lake_tables import delete_by_vector, delta_sales


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("attached")) as made:
        yield made


def attached(world: World, name: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Attach a table of the folder to a new dataset; its id and the job."""
    table = {"uri": world.uri("disk", f"{name}/"), "connection": "disk", "format": "delta"}
    return world.attached({**table, **fields})


def rows_of(world: World, dataset: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        found = world.table(dataset, "data", limit=1_000, offset=len(rows))
        assert found.status_code == 200, found.text
        rows += found.json()["data"]
        if len(rows) >= found.json()["total"]:
            return rows


def test_partitions_are_columns(world: World) -> None:
    table = delta_sales(world.folder / "parts", partition_by=["region", "day"])
    dataset, job = attached(world, "parts")
    assert job["status"] == "completed", job["error_message"]
    rows = rows_of(world, dataset)
    own = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["id"])
    assert len(rows) == 2_000
    for row, expected in zip(sorted(rows, key=lambda row: row["id"]), own, strict=True):
        assert row == {**expected, "day": expected["day"].isoformat()}


@pytest.mark.parametrize("in_files", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_deleted_rows_are_left_out(world: World, share: float, in_files: bool) -> None:
    name = f"deleted-{share}-{in_files}"
    delta_sales(world.folder / name)
    delete_by_vector(world.folder / name, share, in_files=in_files)
    dataset, job = attached(world, name)
    assert job["status"] == "completed", job["error_message"]
    rows = rows_of(world, dataset)
    assert len(rows) == 2_000 * (1 - share)
