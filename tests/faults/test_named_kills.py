"""SIGKILL just before and just after every step that lasts, of everything that writes.

Each point of ``tests/faults/dying.py`` kills one process. Afterwards a normal start finds every
accepted job, runs it, and leaves nothing that is half done. ``-s`` shows the points.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.backup import restore
from storage.checking import check
from storage.data_directory import DataDirectory
from tests.faults import dying
from tests.faults.dying_processes import Ended, accept_for_later, run
from tests.faults.history import Books
from tests.faults.test_random_kills import open_books
from tests.server_process import ServerProcess

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class State:
    """A stopped server's data directory, and the books of its jobs."""

    data_dir: Path
    books: Books

    def copy(self, place: Path) -> Path:
        """A copy of the directory to work on."""
        return Path(shutil.copytree(self.data_dir, place / "data"))


def require_sound(data_dir: Path, books: Books) -> None:
    """Start and stop: every job comes to its end, and nothing else is left."""
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        list(books.send_unanswered(client))
        assert books.hold_against(client) == len(books.asked)
        assert server.terminate() == 0
    directory = DataDirectory(data_dir)
    books.hold_against_files(directory)
    assert check(directory, lambda done, what: None).faults == ()


def kill_at_every_point(
    tmp_path: Path,
    act: Callable[[Path, str | None], Ended],
    require: Callable[[Path, Ended], None],
    known: Collection[str] = (),
) -> list[str]:
    """Act once without a kill, then once for each point that this shows and that isn't ``known``.

    ``act`` takes a fresh folder and the point to die at; ``require`` checks what is left there.
    Returns the points.
    """

    def act_and_check(place: str, fatal: str | None) -> Ended:
        folder = tmp_path / place
        folder.mkdir()
        ended = act(folder, fatal)
        try:
            require(folder, ended)
        except Exception as error:
            error.add_note(f"killed {fatal}")
            raise
        shutil.rmtree(folder)
        return ended

    points = [point for point in act_and_check("whole", None).points if point not in known]
    missed = []
    for number, point in enumerate(points):
        ended = act_and_check(f"{number}", point)
        if ended.code == 0:
            missed.append(point)
        print("passed by" if ended.code == 0 else "killed", point)
    assert len(missed) <= len(points) // 10, missed
    return points


def kill_a_server(tmp_path: Path, state: State, known: Collection[str] = ()) -> list[str]:
    """Kill at every point of a server that is sent the requests of a state's books."""

    def serve(folder: Path, fatal: str | None) -> Ended:
        data_dir = state.copy(folder) if state.data_dir.exists() else folder / "data"
        return run(dying.serve, data_dir, fatal, state.books)

    return kill_at_every_point(
        tmp_path,
        serve,
        lambda folder, ended: require_sound(folder / "data", ended.known_to(state.books)),
        known,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> State:
    """One imported table."""
    data_dir = tmp_path_factory.mktemp("table") / "data"
    with ServerProcess(data_dir, forked=True) as server:
        books = open_books(server.client())
        assert server.terminate() == 0
    return State(data_dir, books)


@pytest.fixture(scope="module")
def start_points(table: State, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The points of a start and a stop with nothing to do."""
    data_dir = table.copy(tmp_path_factory.mktemp("start"))
    return run(dying.serve, data_dir, None, table.books).points


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


def test_a_first_start_an_upload_and_its_import(tmp_path: Path) -> None:
    books = Books(imports_before=0)
    books.add_import()
    points = kill_a_server(tmp_path, State(tmp_path / "nothing", books))
    assert_among(points, "submit_import", "_adopt", "publish", "_make_admin", "release")


def test_a_draw_with_its_residual(tmp_path: Path, table: State, start_points: list[str]) -> None:
    books = deepcopy(table.books)
    books.add_draw("stratified", 1, residual=True)
    points = kill_a_server(tmp_path, State(table.data_dir, books), start_points)
    assert_among(points, "submit_sampling", "keep_counts", "_adopt", "publish")


def test_a_retry_of_an_import(tmp_path: Path, table: State) -> None:
    """A crash of the retry itself; what the job does then is as in the other tests."""
    data_dir = table.copy(tmp_path / "cancelled")
    cancelled = accept_for_later(data_dir, "import")
    with ServerProcess(data_dir, forked=True) as server:
        assert server.client().post(f"/api/jobs/{cancelled}/cancel").status_code == 200
        assert server.terminate() == 0
    books = deepcopy(table.books)
    books.failed_before = 1
    books.add_retry(cancelled)
    state = State(data_dir, books)
    whole = run(dying.serve, state.copy(tmp_path / "whole-retry"), None, books).points
    points = kill_a_server(tmp_path, state, [one for one in whole if "lifecycle." not in one])
    assert_among(points, "retry", "_share_upload")


def test_a_recovery(tmp_path: Path, wreck: State, start_points: list[str]) -> None:
    """A crash of the start itself; what the jobs do then is as in the other tests."""
    first_job = "before commit in context._note, 1"
    whole = run(dying.serve, wreck.copy(tmp_path), None, wreck.books).points
    points = kill_a_server(tmp_path, wreck, whole[whole.index(first_job) :])
    assert_among(points, "recover", "sweep", "sweep_uploads", "_sweep", "_claim_while_idle")


def test_a_backup(tmp_path: Path, table: State) -> None:
    def back_up(folder: Path, fatal: str | None, name: str = "backup.tar") -> Ended:
        given = ("backup", str(folder / name), "--data-dir", str(table.data_dir))
        return run(dying.command, fatal, *given)

    def require(folder: Path, ended: Ended) -> None:
        assert back_up(folder, None, "next.tar").code == 0
        whole = sorted(path.name for path in folder.iterdir())
        assert whole in (["backup.tar", "next.tar"], ["next.tar"])
        for name in whole:
            directory = DataDirectory(folder / f"from-{name}")
            assert restore(folder / name, directory, lambda done, what: None).faults == ()

    assert_among(kill_at_every_point(tmp_path, back_up, require), "back_up")


def test_a_restore(tmp_path: Path, table: State) -> None:
    archive = str(tmp_path / "backup.tar")
    backed_up = run(dying.command, None, "backup", archive, "--data-dir", str(table.data_dir))
    assert backed_up.code == 0

    def restore_it(folder: Path, fatal: str | None, name: str = "data") -> Ended:
        return run(dying.command, fatal, "restore", archive, "--data-dir", str(folder / name))

    def require(folder: Path, ended: Ended) -> None:
        assert restore_it(folder, None, "next").code == 0
        whole = sorted(path.name for path in folder.iterdir())
        assert whole in (["data", "next"], ["next"])
        for name in whole:
            require_sound(folder / name, deepcopy(table.books))

    assert_among(kill_at_every_point(tmp_path, restore_it, require), "restore")


def assert_among(points: list[str], *functions: str) -> None:
    """The points are in these functions, too."""
    for function in functions:
        assert any(f".{function}," in point for point in points), function
