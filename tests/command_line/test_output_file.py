"""A file that rows are written to: there whole, or as it was."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from command_line.output import CommandFailed, OutputFile, output_file
from tests.command_line.conftest import Run
from tests.support.live_server import write_csv


def written(target: Path, content: bytes) -> None:
    with output_file(target) as file:
        assert file is not None
        file.write(content)


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    with output_file(target) as file:
        assert file is not None
        file.write(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_existing_files_unchanged(tmp_path: Path) -> None:
    target, others = tmp_path / "rows.csv", tmp_path / "rows.csv.partial"
    target.write_bytes(b"before")
    others.write_bytes(b"precious")

    def refused() -> None:
        with output_file(target) as file:
            assert file is not None
            file.write(b"half of")
            raise CommandFailed("refused")

    with pytest.raises(CommandFailed, match="refused"):
        refused()
    assert (target.read_bytes(), others.read_bytes()) == (b"before", b"precious")
    assert sorted(tmp_path.iterdir()) == [target, others]


def test_a_file_keeps_its_permissions_and_a_link_leads_to_it(tmp_path: Path) -> None:
    target, link = tmp_path / "rows.csv", tmp_path / "link.csv"
    target.write_bytes(b"before")
    target.chmod(0o600)
    link.symlink_to(target)
    written(link, b"after")
    assert link.is_symlink()
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"after", 0o600)


def test_no_file_is_wanted_without_a_name() -> None:
    with output_file(None) as file:
        assert file is None


def test_a_failed_write_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = OutputFile(folder / "rows.csv")
    shutil.rmtree(folder)
    with pytest.raises(CommandFailed, match=r"rows\.csv can't be written: No such file"):
        file.finish()
    file.drop()


@pytest.mark.parametrize(
    "command",
    [
        ("sample", "Sales", "--size", "5", "--output", "{}/x.csv"),
        ("sql", "Sales", "SELECT 1", "--output", "{}/x.csv"),
        ("explore", "Sales", "--output", "{}/x.html"),
    ],
)
def test_an_unwritable_file_is_refused_before_a_job(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    run("import", str(write_csv(tmp_path / "sales.csv", 50)), "--dataset", "Sales")
    nowhere = tmp_path / "nowhere"
    failed = run(*(word.format(nowhere) for word in command), code=1)
    assert f"{nowhere}/x." in failed.stderr
    assert "can't be written: No such file" in failed.stderr
    assert "1 of 1 jobs." in run("jobs").stdout
