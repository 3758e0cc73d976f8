"""What an attempt writes below the scratch directory."""

from __future__ import annotations

from pathlib import Path

from job_runner.attempt import Scratch


def test_nothing_is_left_of_an_attempts_files_and_folder(tmp_path: Path) -> None:
    scratch, other = Scratch(tmp_path, "job-1"), Scratch(tmp_path, "job-2")
    scratch.file("left").write_text("left")
    moved = scratch.file("moved")
    moved.write_text("moved")
    moved.rename(tmp_path / "moved")
    scratch.file("never written")
    (scratch.folder / "inside").write_text("inside")
    theirs = other.file("left")
    theirs.write_text("theirs")
    scratch.clear()
    assert {path.name for path in tmp_path.iterdir()} == {"moved", theirs.name}


def test_a_folder_is_created_at_first_use(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "job-1")
    scratch.clear()
    assert not list(tmp_path.iterdir())
    assert scratch.folder.is_dir()
    assert scratch.folder == scratch.folder
