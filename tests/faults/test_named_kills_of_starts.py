"""A start after a crash, a backup and a restore, killed at each of their lasting steps."""

from __future__ import annotations

import signal
from copy import deepcopy
from pathlib import Path

import pytest

from storage.maintenance.backup import restore
from storage.maintenance.data_directory import DataDirectory
from tests.faults import dying
from tests.faults.dying_processes import Ended, run
from tests.faults.named_kills import (
    AtPoint,
    State,
    assert_among,
    kill_a_server,
    kill_at_every_point,
    require_sound,
)
from tests.support.forked_process import jobsvc

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wreck(table: State, tmp_path_factory: pytest.TempPathFactory) -> State:
    """What a crash and then some may leave: a running job, waiting jobs, and strays everywhere."""
    data_dir = table.copy(tmp_path_factory.mktemp("wreck"))
    books = deepcopy(table.books)
    books.add_import()
    books.add_draw("stratified", 2, residual=True)
    ended = run(dying.serve, data_dir, "before commit in * > publishing.publish, 1", books)
    assert ended.code == -signal.SIGKILL
    for stray in (
        f"files/ab/{'ab' * 32}.parquet",
        "uploads/incoming-1",
        "scratch/job/rows.parquet",
        "spill/duckdb_temp_storage-0.tmp",
        "counts/a.part",
    ):
        path = data_dir / stray
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
    return State(data_dir, ended.known_to(books))


def test_a_recovery(tmp_path: Path, wreck: State, start_points: list[str]) -> None:
    """A crash of the start itself; what the jobs do then is as in the other tests."""
    first_job = "before commit in attempt._record_progress, 1"
    whole = run(dying.serve, wreck.copy(tmp_path), None, wreck.books).points
    points = kill_a_server(tmp_path, wreck, whole[whole.index(first_job) :])
    assert_among(points, "recover", "sweep", "sweep_uploads", "_sweep", "_claimed")


def test_a_backup(tmp_path: Path, table: State) -> None:
    def given(folder: Path, name: str) -> tuple[str, ...]:
        return ("backup", str(folder / name), "--data-dir", str(table.data_dir))

    def back_up(folder: Path, at_point: AtPoint) -> Ended:
        return run(dying.command, dying.EACH, *given(folder, "backup.tar"), at_point=at_point)

    def require(folder: Path, ended: Ended) -> None:
        assert run(dying.command, None, *given(folder, "next.tar")).code == 0
        whole = sorted(path.name for path in folder.iterdir())
        assert whole in (["backup.tar", "next.tar"], ["next.tar"])
        for name in whole:
            directory = DataDirectory(folder / f"from-{name}")
            assert restore(folder / name, directory, lambda done, what: None).faults == ()

    assert_among(kill_at_every_point(tmp_path, back_up, require), "_name")


def test_a_restore(tmp_path: Path, table: State) -> None:
    archive = str(tmp_path / "backup.tar")
    backed_up = run(dying.command, None, "backup", archive, "--data-dir", str(table.data_dir))
    assert backed_up.code == 0

    def given(folder: Path, name: str) -> tuple[str, ...]:
        return ("restore", archive, "--data-dir", str(folder / name))

    def restore_it(folder: Path, at_point: AtPoint) -> Ended:
        return run(dying.command, dying.EACH, *given(folder, "data"), at_point=at_point)

    def require(folder: Path, ended: Ended) -> None:
        assert run(dying.command, None, *given(folder, "next")).code == 0
        whole = sorted(path.name for path in folder.iterdir())
        assert whole in (["data", "next"], ["next"])
        for name in whole:
            require_sound(folder / name, deepcopy(table.books))

    assert_among(kill_at_every_point(tmp_path, restore_it, require), "_put_there_at_once")


def test_a_restore_into_an_empty_directory(tmp_path: Path, table: State) -> None:
    archive = str(tmp_path / "backup.tar")
    backed_up = run(dying.command, None, "backup", archive, "--data-dir", str(table.data_dir))
    assert backed_up.code == 0

    def given(folder: Path) -> tuple[str, ...]:
        (folder / "data").mkdir(exist_ok=True)
        return ("restore", archive, "--data-dir", str(folder / "data"))

    def restore_it(folder: Path, at_point: AtPoint) -> Ended:
        return run(dying.command, dying.EACH, *given(folder), at_point=at_point)

    def require(folder: Path, ended: Ended) -> None:
        data_dir = folder / "data"
        if not (data_dir / "jobsvc.sqlite3").exists():
            if list(data_dir.iterdir()):
                refused = jobsvc("serve", "--port", "0", "--data-dir", str(data_dir))
                assert refused.returncode == 3
                assert "was interrupted" in refused.output
            assert run(dying.command, None, *given(folder)).code == 0
        require_sound(data_dir, deepcopy(table.books))
        assert not list(data_dir.glob(".*"))

    assert_among(kill_at_every_point(tmp_path, restore_it, require), "_move")
