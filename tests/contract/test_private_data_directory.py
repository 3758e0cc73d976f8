"""No import and no attached file is read from the data directory, which holds keys and tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from import_engine.sources.reading import OpenFolder, SourceDenied, SourceNotFound
from import_engine.sources.uris import parse_prefixes
from operating_system import PrivateFolder
from service.settings import InvalidSetting, Settings
from tests.contract.problems import assert_problem
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer, live_server


@pytest.mark.parametrize("name", ["import_prefixes", "connection_prefixes"])
@pytest.mark.parametrize(
    "prefix",
    [
        "file:///",
        "file://{root}",
        "file://{root}/",
        "file://{root}/data",
        "file://localhost{root}/data/",
        "file://{root}/%64ata/",
        "file://{root}/data/uploads/",
        "file://{root}/data/owner.json",
        "file://{root}/link/",
        "file://{root}/up/data/files/",
        "s3://lake/, file://{root}/link-up/",
    ],
)
def test_prefix_over_the_data_directory_is_refused(tmp_path: Path, name: str, prefix: str) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (tmp_path / "link").symlink_to(data_dir)
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "link-up").symlink_to(tmp_path.parent)
    with pytest.raises(InvalidSetting, match=f"{name}: .*data directory"):
        Settings(data_dir=data_dir, **{name: prefix.format(root=tmp_path)})


def test_data_directory_behind_a_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "disk" / "data").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk" / "data")
    with pytest.raises(InvalidSetting, match="data directory"):
        Settings(data_dir=tmp_path / "data", import_prefixes=f"file://{tmp_path}/disk/")
    beside = f"file://{tmp_path}/data-2/, file://{tmp_path}/dat/"
    assert len(Settings(data_dir=tmp_path / "data", import_prefixes=beside).allowed_prefixes) == 2


@dataclass(frozen=True)
class Place:
    server: LiveServer
    lake: Path

    def ended(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """The job of an import or attachment into a new dataset, when it has ended."""
        path = f"/api/datasets/{self.server.new_dataset()}/refs/main/{kind}"
        answer = self.server.admin.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return self.server.finished(answer.json()["job_id"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("private")
    lake = root / "lake"
    lake.mkdir()
    parquet_file(lake / "a.parquet", "SELECT 1 AS id")
    (root / "turned").symlink_to(lake)
    settings = Settings(
        data_dir=root / "data",
        memory_mb=256,
        import_prefixes=f"file://{root}/turned/",
        connection_prefixes=f"file://{root}/lake/",
    )
    with live_server(settings) as live:
        (root / "data" / "stolen.parquet").write_bytes((lake / "a.parquet").read_bytes())
        (root / "data" / "stolen.csv").write_text("id\n1\n")
        yield Place(live, lake)


def test_connection_through_a_link_reads_no_file(place: Place) -> None:
    data_dir = place.server.service.directory.root
    for name, target in (("inner", data_dir), ("above", data_dir.parent)):
        (place.lake / name).symlink_to(target)
    for prefix in ("inner", "above", "above/data"):
        body = {"name": prefix, "prefix": f"file://{place.lake}/{prefix}/"}
        assert place.server.admin.post("/api/connections", json=body).status_code == 200
        inside = body["prefix"] + ("data/" if prefix == "above" else "")
        for uri in (f"{inside}stolen.parquet", inside, f"{inside}files/"):
            table = {"uri": uri, "connection": prefix}
            job = place.ended("attach", {"tables": [table]})
            assert (job["status"], job["error_code"]) == ("failed", "source_denied"), uri
            assert "data directory" in job["error_message"]
            shown = place.server.admin.post(
                "/api/datasets/attach/preview", json={"tables": [table]}
            )
            assert_problem(shown, 422, "source_denied", "data directory")


def test_prefix_that_is_turned_later_reads_no_file(place: Place) -> None:
    link = place.lake.parent / "turned"
    uri = f"file://{link}/"
    assert place.ended("import", {"uri": f"{uri}a.parquet"})["status"] == "completed"
    link.unlink()
    link.symlink_to(place.server.service.directory.root)
    for name in ("stolen.csv", ""):
        job = place.ended("import", {"uri": uri + name})
        assert (job["status"], job["error_code"]) == ("failed", "source_denied")
    link.unlink()
    link.symlink_to(place.lake.parent)
    job = place.ended("import", {"uri": uri})
    assert job["error_code"] == "source_not_found"
    assert '"data"' not in job["error_message"]


def test_hard_links_and_mounts_of_the_data_directory_are_not_read(place: Place) -> None:
    data_dir = place.server.service.directory.root
    (place.lake / "owner.csv").hardlink_to(data_dir / "stolen.csv")
    (place.lake / "owner.parquet").hardlink_to(data_dir / "stolen.parquet")
    body = {"name": "linked", "prefix": f"file://{place.lake}/"}
    assert place.server.admin.post("/api/connections", json=body).status_code == 200
    table = {"uri": f"file://{place.lake}/owner.parquet", "connection": "linked"}
    job = place.ended("attach", {"tables": [table]})
    assert (job["status"], job["error_code"]) == ("failed", "source_denied")


def test_folder_is_found_by_its_inode(tmp_path: Path) -> None:
    own, other = tmp_path / "data", tmp_path / "other"
    for folder in (own / "files" / "ab", other):
        folder.mkdir(parents=True)
    (own / "key").write_text("k")
    (own / "files" / "ab" / "x").write_text("x")
    (other / "x").write_text("x")
    (other / "key").hardlink_to(own / "key")
    for inside in (own, own / "key", own / "files" / "ab" / "x", own / "new", other / "key"):
        assert PrivateFolder(own).contains(inside), inside
    for outside in (tmp_path, other, other / "x", other / "new"):
        assert not PrivateFolder(own).contains(outside), outside


def test_names_added_to_the_folder_are_noticed_at_once(tmp_path: Path) -> None:
    own, other = tmp_path / "data", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
    private = PrivateFolder(own, refresh_s=1e9)
    (other / "a").write_text("a")
    assert not private.contains(other / "a")
    os.utime(own, ns=(0, 0))  # a clock that is too coarse for the next change
    assert not private.contains(other / "a")
    (own / "key").hardlink_to(other / "a")
    assert private.contains(other / "a")


def test_files_of_an_open_folder_are_checked_one_by_one(tmp_path: Path) -> None:
    own, lake = tmp_path / "data", tmp_path / "lake"
    for folder in (own, lake / "a", lake / "b"):
        folder.mkdir(parents=True)
    (own / "key").write_text("key")
    (lake / "a" / "x").write_text("ax")
    (lake / "b" / "x").write_text("bx")
    (lake / "a" / "hard").hardlink_to(own / "key")
    (lake / "a" / "soft").symlink_to(own / "key")
    (lake / "c").symlink_to(own)
    (prefix,) = parse_prefixes(f"file://{lake}/", own)
    with closing(OpenFolder()) as folder:

        def content(*names: str) -> str:
            uri = replace(prefix.below(names), allowed=len(prefix.segments))
            with os.fdopen(folder.open_file(uri)) as file:
                return file.read()

        assert [content("a", "x"), content("b", "x"), content("a", "x")] == ["ax", "bx", "ax"]
        for names in (("a", "hard"), ("c", "key")):
            with pytest.raises((SourceDenied, SourceNotFound)):
                content(*names)
        with pytest.raises(SourceNotFound, match="symbolic link"):
            content("a", "soft")
        with pytest.raises(SourceNotFound, match="There is no file"):
            content("d", "x")
        assert content("b", "x") == "bx"
