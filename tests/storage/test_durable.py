"""Work in progress lies beside its target, and nobody clears another's away."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from storage.durable import BUILDING, building_beside


def test_a_folder_to_build_in_is_gone_afterwards_whatever_happened(tmp_path: Path) -> None:
    with building_beside(tmp_path / "target") as folder:
        assert folder.parent == tmp_path
        (folder / "part").write_text("half")
    with suppress(ZeroDivisionError), building_beside(tmp_path / "target"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_cleared_and_what_is_at_work_is_not(tmp_path: Path) -> None:
    dead = tmp_path / f"{BUILDING}dead"
    dead.mkdir()
    (dead / "part").write_text("half")
    with building_beside(tmp_path / "one") as first, building_beside(tmp_path / "two") as second:
        assert sorted(tmp_path.iterdir()) == sorted([first, second])
    assert not list(tmp_path.iterdir())
