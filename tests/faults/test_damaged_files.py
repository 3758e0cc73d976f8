"""Damage on disk is reported; damaged data is neither drawn from nor shown."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.maintenance.data_directory import DataDirectory, Owner
from tests.faults.dying_processes import submit_and_kill
from tests.faults.server_state import dataset_of
from tests.support.forked_process import jobsvc
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

_chance = random.Random(2)
CONTENT = "id,kind,text\n" + "".join(
    f"{row},{row % 5},{_chance.randbytes(8).hex()}\n" for row in range(3_000)
)
DRAW: dict[str, Any] = {
    "rounds": [{"method": "random", "parameters": {"sample_size": 100, "seed": 1}}],
    "export_residual": True,
}


def draw(client: httpx.Client, **changed: Any) -> httpx.Response:
    path = f"/api/sampling/datasets/{dataset_of(client)}/jobs"
    return client.post(path, json={**DRAW, **changed})


def upload(client: httpx.Client) -> httpx.Response:
    path = f"/api/datasets/{dataset_of(client)}/refs/main/import"
    return client.post(path, files={"file": ("table.csv", CONTENT)})


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A stopped server's directory with a table, a sample and a residual; and the draw's job."""
    data_dir = tmp_path_factory.mktemp("filled") / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        assert finished(client, upload(client).json()["job_id"])["status"] == "completed"
        job = finished(client, draw(client).json()["job_id"])
        assert job["status"] == "completed"
        assert server.terminate() == 0
    return data_dir, job["id"]


@pytest.fixture
def data_dir(filled: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled[0], tmp_path / "data"))


def table_file(data_dir: Path) -> Path:
    """The table's file, which is the largest."""
    return max((data_dir / "files").glob("??/*.parquet"), key=lambda path: path.stat().st_size)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    write(path, bytes(content))


def write(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)


def flip_and_hide(path: Path) -> None:
    """Change content, and put the times back, as a failing disk would."""
    times = path.stat()
    flip(path, 200)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def make_unreadable(path: Path) -> None:
    """Even root can't open a link that leads to itself."""
    path.unlink()
    path.symlink_to(path.name)


def put_a_directory_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "truncated": lambda path: write(path, path.read_bytes()[:-100]),
    "a bit of a page flipped": lambda path: flip(path, 200),
    "a bit flipped by the disk": flip_and_hide,
    "a bit of the footer flipped": lambda path: flip(path, -60),
    "garbage": lambda path: write(path, random.Random(1).randbytes(path.stat().st_size)),
    "emptied": lambda path: write(path, b""),
    "missing": lambda path: path.unlink(),
    "unreadable": make_unreadable,
    "a directory": put_a_directory_there,
}


def require_refused(client: httpx.Client, drawn_id: str) -> None:
    """Every request for the damaged table's rows reports the damage."""
    path = f"/api/datasets/{dataset_of(client)}"
    sampling = f"/api/sampling/datasets/{dataset_of(client)}"
    for answer in (
        client.get(f"{path}/refs/main/tables/primary/data"),
        client.get(f"{path}/refs/main/tables/primary/data", params={"format": "csv"}),
        client.get(f"/api/sampling/jobs/{drawn_id}/residual"),
        client.get(f"/api/sampling/jobs/{drawn_id}/reserves"),
        client.post(f"{sampling}/plan", json=DRAW),
        client.post(f"{sampling}/column-samples", json={"columns": ["kind"]}),
        draw(client, source_ref="main"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "damaged_data"), answer.text
        assert "jobsvc check" in answer.json()["detail"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_earlier_damage_is_found_at_the_first_use(
    data_dir: Path, filled: tuple[Path, str], damage: str
) -> None:
    path = table_file(data_dir)
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    DAMAGE[damage](path)
    check = jobsvc("check", "--data-dir", str(data_dir))
    assert check.returncode == 1
    assert path.stem in check.output
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        require_refused(client, filled[1])
        assert client.get("/health").status_code == 200
        sample = client.get(f"/api/sampling/jobs/{filled[1]}/data")
        assert len(sample.json()["data"]) == 100  # its own file is whole
        assert "Traceback" not in "".join(server.output)


def test_a_running_server_finds_damage_and_its_repair(
    data_dir: Path, filled: tuple[Path, str], tmp_path: Path
) -> None:
    path = table_file(data_dir)
    whole = shutil.copy2(path, tmp_path / "whole")
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        drawn = finished(client, draw(client).json()["job_id"])
        assert drawn["status"] == "completed"
        for damage, do_damage in DAMAGE.items():
            do_damage(path)
            require_refused(client, filled[1])
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            shutil.copyfile(whole, path)
            again = finished(client, draw(client).json()["job_id"])
            assert again["status"] == "completed", damage
            assert again["output_summary"]["rounds"] == drawn["output_summary"]["rounds"]


@pytest.mark.parametrize("damage", ["a bit of a page flipped", "missing"])
def test_a_job_with_a_damaged_source_publishes_nothing(data_dir: Path, damage: str) -> None:
    job_id = submit_and_kill(data_dir, "sampling")
    DAMAGE[damage](table_file(data_dir))
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        job = finished(client, job_id)
        assert (job["status"], job["error_code"]) == ("failed", "damaged_data")
        assert "jobsvc check" in job["error_message"]
        refs = client.get(f"/api/datasets/{dataset_of(client)}/refs").json()["refs"]
        assert job["run_parameters"]["output_ref"] not in {ref["name"] for ref in refs}


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_an_import_whose_upload_is_damaged_before_it_runs_fails(
    data_dir: Path, damage: str
) -> None:
    job_id = submit_and_kill(data_dir, "import")
    DAMAGE[damage](data_dir / "uploads" / job_id)
    with ServerProcess(data_dir, forked=True) as server:
        job = finished(server.client(), job_id)
        assert (job["status"], job["error_code"]) == ("failed", "damaged_data")
        assert "Import it again" in job["error_message"]
        assert server.terminate() == 0
    assert not list((data_dir / "uploads").iterdir())


DATABASE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(b"no database " * 1000),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "pages zeroed": lambda path: path.write_bytes(
        path.read_bytes()[:4096].ljust(path.stat().st_size, b"\0")
    ),
    "emptied": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DATABASE_DAMAGE)
def test_a_damaged_database_is_reported_and_no_file_removed(data_dir: Path, damage: str) -> None:
    DATABASE_DAMAGE[damage](data_dir / "jobsvc.sqlite3")
    files = sorted((data_dir / "files").glob("??/*"))
    serve = jobsvc("serve", "--port", "0", "--data-dir", str(data_dir))
    assert serve.returncode == 3
    assert "damaged" in serve.output
    assert "backup" in serve.output
    check = jobsvc("check", "--data-dir", str(data_dir))
    assert check.returncode == (3 if damage == "emptied" else 1)
    assert ("Restore a backup" in check.output) == (damage == "emptied")
    assert jobsvc(
        "backup", str(data_dir.parent / "backup.tar"), "--data-dir", str(data_dir)
    ).returncode in (1, 3)
    assert [path.name for path in data_dir.parent.iterdir()] == ["data"]
    assert sorted((data_dir / "files").glob("??/*")) == files


def test_a_running_server_reports_a_damaged_database(data_dir: Path) -> None:
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        with (data_dir / "jobsvc.sqlite3").open("r+b") as file:
            file.truncate(8192)
        answers = [client.get("/api/jobs"), client.get("/api/datasets"), client.get("/health")]
        assert {answer.status_code for answer in answers} == {503}
        assert "damaged_database" in {answer.json()["code"] for answer in answers}


@pytest.mark.parametrize("note", [b"", b"no JSON", b"[]", b'{"pid": 1}', b'{"a": "\xff"}'])
def test_what_an_earlier_owner_left_behind_is_no_hindrance(data_dir: Path, note: bytes) -> None:
    (data_dir / "owner.json").write_bytes(note)
    (data_dir / "owner.partial").write_bytes(note)
    assert jobsvc("jobs", "--data-dir", str(data_dir)).returncode == 0
    assert not (data_dir / "owner.json").exists()


def test_a_note_of_an_owner_that_is_gone_leads_nobody_astray(data_dir: Path) -> None:
    left = Owner(os.getpid(), "jobsvc serve", "then", "http://127.0.0.1:9", "its token")
    DataDirectory(data_dir).write_owner(left)
    assert jobsvc("jobs", "--data-dir", str(data_dir)).returncode == 0
