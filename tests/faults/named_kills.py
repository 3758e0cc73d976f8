"""What SIGKILL leaves just before and just after every step that lasts, of whatever writes.

A process is stopped at each point of ``tests/faults/dying.py``, and its files are copied: a kill
at this moment would leave the same. On the copy, a normal start finds every accepted job, runs it,
and leaves nothing that is half done. ``-s`` shows the points.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import composition_root
from service.settings import Settings
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory
from tests.faults import dying
from tests.faults.dying_processes import Ended, run
from tests.faults.history import Books
from tests.support.live_server import LiveServer


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
    settings = Settings(data_dir=data_dir, **dying.NO_COMPARISON)
    # In this process, which takes half of the time of another one.
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as server,
    ):
        list(books.send_unanswered(server.admin))
        assert books.hold_against(server.admin) == len(books.asked)
    directory = DataDirectory(data_dir)
    books.hold_against_files(directory)
    assert check(directory, lambda done, what: None).faults == ()


AtPoint = Callable[[Ended], None]
"""Called at each point, while the process is stopped, with how it would have ended by a kill."""


def kill_at_every_point(
    tmp_path: Path,
    act: Callable[[Path, AtPoint], Ended],
    require: Callable[[Path, Ended], None],
    known: Collection[str] = (),
) -> list[str]:
    """Act once, and check what there is in the end and at each point that isn't ``known``.

    ``require`` checks a folder in which a process ended so. Of points with the same files and
    answers, one is checked. Returns the points.
    """
    folder = tmp_path / "whole"
    folder.mkdir()
    points: list[str] = []
    left: dict[str, tuple[Path, Ended]] = {}

    def copy(killed: Ended) -> None:
        point = killed.points[-1]
        if point in known:
            return
        points.append(point)
        answers = [note for note in killed.notes if "point" not in note]
        state = f"{answers} {_digest(folder)}"
        print("as before" if state in left else "killed", point)
        if state not in left:
            left[state] = (tmp_path / f"{len(left)}", killed)
            # Not by shutil, which makes two files of one that has two names.
            subprocess.run(["cp", "-a", folder, left[state][0]], check=True)

    ended = act(folder, copy)
    for place, end in [(folder, ended), *left.values()]:
        try:
            require(place, end)
        except Exception as error:
            error.add_note(f"killed {end.points[-1]}")
            raise
        shutil.rmtree(place)
    return points


def _digest(folder: Path) -> str:
    """Settles what is in a folder: names, contents, and which names are of one file."""
    digest = hashlib.sha256()
    names: dict[int, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("-shm"):
            continue  # SQLite's index of the log, which the first connection makes anew
        name = str(path.relative_to(folder))
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
        first_name = names.setdefault(path.stat().st_ino, name)
        digest.update(repr((name, first_name, content)).encode())
    return digest.hexdigest()


def kill_a_server(tmp_path: Path, state: State, known: Collection[str] = ()) -> list[str]:
    """Kill at every point of a server that is sent the requests of a state's books."""

    def serve(folder: Path, at_point: AtPoint) -> Ended:
        data_dir = state.copy(folder) if state.data_dir.exists() else folder / "data"
        return run(dying.serve, data_dir, dying.EACH, state.books, at_point=at_point)

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
