"""SIGKILL just before and just after every step that lasts, of whatever writes.

Each point of ``tests/faults/dying.py`` kills one process. Afterwards a normal start finds every
accepted job, runs it, and leaves nothing that is half done. ``-s`` shows the points.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults import dying
from tests.faults.dying_processes import Ended, run
from tests.faults.history import Books
from tests.server_process import ServerProcess


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
    with ServerProcess(data_dir, forked=True, **dying.NO_COMPARISON) as server:
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

    shown = act_and_check("whole", None).points
    points = [point for point in _distinct_states(shown) if point not in known]
    missed = []
    for number, point in enumerate(points):
        ended = act_and_check(f"{number}", point)
        if ended.code == 0:
            missed.append(point)
        print("passed by" if ended.code == 0 else "killed", point)
    assert len(missed) <= len(points) // 10, missed
    return points


def _distinct_states(points: Sequence[str]) -> Iterator[str]:
    """The points with different states on the disk.

    What is there after a step on files is there just before the next step, too. A commit may end a
    request, so the moment after it is a point of its own.
    """
    for point, following in zip(points, [*points[1:], ""], strict=True):
        is_repeated = point.startswith("after ") and following.startswith("before ")
        if not is_repeated or "after commit" in point:
            yield point


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


def assert_among(points: list[str], *functions: str) -> None:
    """The points are in these functions, too."""
    for function in functions:
        assert any(f".{function}," in point for point in points), function
