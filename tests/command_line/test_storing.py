"""A prune is shown first, asked about, and then done; nothing goes by mistake."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import composition_root
from service.service import Service
from service.settings import Settings
from storage.maintenance.data_directory import DataDirectory, FilesLock
from storage.maintenance.pruning import PruneLimits
from storage.sqlite.clock import system_clock
from storage.versions.refs import delete_ref
from tests.command_line.conftest import Run
from tests.support.live_server import live_server, write_csv


def later() -> datetime:
    """A clock that is 40 days ahead."""
    return system_clock() + timedelta(days=40)


@pytest.fixture
def dropped(run: Run, tmp_path: Path) -> None:
    """A table with a sample whose ref was deleted some time ago."""
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256, stop_grace_s=0)
    with live_server(settings) as live:
        run("import", str(write_csv(tmp_path / "table.csv", 500)), "--dataset", "Sales")
        run("sample", "Sales", "--size", "10", "--name", "kept", "--seed", "1")
        run("sample", "Sales", "--size", "10", "--name", "gone", "--seed", "2")
        with live.service.database.write() as tx:
            delete_ref(tx, 1, "smpl-gone", live.service.clock)


def files(data_dir: Path) -> int:
    return len(list((data_dir / "files").glob("??/*.parquet")))


def test_storage_lists_kinds_and_the_largest_datasets(run: Run, tmp_path: Path) -> None:
    for name, rows in (("small", 10), ("large", 5000)):
        run("import", str(write_csv(tmp_path / f"{name}.csv", rows)), "--dataset", name)
    shown = run("storage", "--limit", "1").stdout
    assert "data files" in shown
    assert "large" in shown
    assert "small" not in shown
    assert "1 of 2 datasets." in shown
    assert json.loads(run("storage", "--json").stdout)["total"] == 2


@pytest.mark.usefixtures("dropped")
def test_a_dry_run_shows_what_would_go_and_removes_nothing(run: Run, data_dir: Path) -> None:
    shown = run("prune", "--dry-run", clock=later).stdout
    assert "Retention of ended jobs: unlimited." in shown
    assert "Retention of unreachable commits and files: 30 days." in shown
    assert '"Random sample of 10 rows from Sales", dataset "Sales"' in shown
    assert files(data_dir) == 3
    answer = json.loads(run("prune", "--dry-run", "--json", clock=later).stdout)
    assert {kind["kind"] for kind in answer["kinds"] if kind["count"]} >= {"commits", "data_files"}


@pytest.mark.usefixtures("dropped")
@pytest.mark.parametrize("typed", ["y\n", ""])
def test_without_the_word_nothing_goes(run: Run, data_dir: Path, typed: str) -> None:
    failed = run("prune", given=typed, code=1, clock=later)
    assert "to remove" in failed.stdout
    assert files(data_dir) == 3


@pytest.mark.usefixtures("dropped")
def test_prune_needs_confirmation_and_runs_once(run: Run, data_dir: Path) -> None:
    done = run("prune", given="prune\n", clock=later).stdout
    assert "Removed: commits 1, data files 1" in done
    assert files(data_dir) == 2
    assert "Nothing to remove." in run("prune", clock=later).stdout
    assert "0 faults" in run("check").stdout
    again = run("sample", "Sales", "--size", "10", "--seed", "1", "--name", "kept")
    assert "smpl-kept" in again.stdout


@pytest.mark.usefixtures("dropped")
def test_several_prune_calls_give_one_total(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = PruneLimits(rows=1, call_s=0)
    monkeypatch.setattr(composition_root, "Service", partial(Service, prune_limits=limits))
    found = json.loads(run("prune", "--dry-run", "--json", clock=later).stdout)
    removed = json.loads(run("prune", "--yes", "--json", clock=later).stdout)
    assert removed == {**found, "dry_run": False}


def test_json_requires_dry_run_or_yes(run: Run) -> None:
    assert "--dry-run or --yes" in run("prune", "--json", code=2, clock=later).stderr


@pytest.mark.usefixtures("dropped")
def test_a_running_backup_is_reported(run: Run, data_dir: Path) -> None:
    with FilesLock(DataDirectory(data_dir).root / "files.lock").reading():
        assert (
            "A backup, a check or another prune"
            in run("prune", "--yes", code=1, clock=later).stderr
        )
