"""Runs the command in this process, over a data directory of its own, with real HTTP beneath."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import composition_root
from command_line import Composition, command
from operating_system import stop_signals
from service.settings import Settings
from storage.contents import DATABASE
from storage.sqlite.clock import Clock, system_clock
from storage.sqlite.database import Database
from tests.support.live_server import LiveServer, live_server, write_csv

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for the commands of a module whose ``data_dir`` is the server's.

    Each of its commands saves 0.2 s, since it starts no server.
    """
    folder = tmp_path_factory.mktemp("served") / "data"
    settings = Settings(data_dir=folder, memory_mb=256, stop_grace_s=0)
    with live_server(settings) as live:
        yield live


@pytest.fixture
def serving(data_dir: Path) -> Iterator[LiveServer]:
    """A server of the test's own, so that none of its commands starts one."""
    with live_server(Settings(data_dir=data_dir, memory_mb=256, stop_grace_s=0)) as live:
        yield live


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "sales 2024.csv", 700)


@pytest.fixture(autouse=True)
def signal_handlers() -> Iterator[None]:
    """Restore the handlers that a command in this process may set: its stop ends the process."""
    before = {number: signal.getsignal(number) for number in stop_signals()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("JOBSVC_DATA_DIR", str(data_dir))
    monkeypatch.setenv("JOBSVC_MEMORY_MB", "256")
    monkeypatch.chdir(tmp_path)

    def run_command(
        *arguments: str, given: str | None = None, code: int = 0, clock: Clock = system_clock
    ) -> Result:
        composition = Composition(
            partial(composition_root.listening, clock=clock),
            partial(composition_root.serving_in_background, clock=clock),
        )
        result = CliRunner().invoke(command, list(arguments), obj=composition, input=given)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run_command


@pytest.fixture
def created(data_dir: Path) -> Path:
    """A data directory without a dataset."""
    data_dir.mkdir(mode=0o700)
    Database(data_dir / DATABASE).close()
    return data_dir


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a table, a sample and a residual, which no test changes."""
    folder = tmp_path_factory.mktemp("filled")
    table = write_csv(folder / "table.csv", 500)
    with live_server(
        Settings(data_dir=folder / "data", memory_mb=256, compare_samples=False)
    ) as live:
        dataset_id = live.new_named("Sales", table.read_text(encoding="utf-8"))
        round_ = {"method": "random", "parameters": {"sample_size": 10, "seed": 4}}
        live.draw(dataset_id, {"rounds": [round_], "export_residual": True, "output_name": "q1"})
    return folder / "data"


@pytest.fixture
def filled(run: Run, filled_once: Path, data_dir: Path) -> Path:
    """A copy of this data directory, as the commands' own."""
    shutil.copytree(filled_once, data_dir)
    return data_dir


def stored(data_dir: Path) -> list[Path]:
    """The data files, the smallest first."""
    return sorted((data_dir / "files").glob("??/*.parquet"), key=lambda path: path.stat().st_size)


def paths_of(group: click.Group) -> list[tuple[str, ...]]:
    """The names that lead to each command of a group and of the groups in it."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        inner = paths_of(one) if isinstance(one, click.Group) else [()]
        found += [(name, *path) for path in inner]
    return found
