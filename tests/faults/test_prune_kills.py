"""What SIGKILL leaves just before and just after every lasting step of a prune is whole.

The next prune removes what is left, so that it all ends as if no kill had been.
"""

from __future__ import annotations

import os
from collections.abc import Set
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

import composition_root
from service.service import Service
from storage.maintenance.checking import check, open_to_read
from storage.maintenance.data_directory import DataDirectory
from storage.maintenance.pruning import PruneLimits
from storage.sqlite.clock import system_clock
from tests.faults import dying
from tests.faults.dying_processes import Ended, run
from tests.faults.history import Books
from tests.faults.named_kills import AtPoint, State, assert_among, kill_at_every_point
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(900)

SETTINGS = {"JOBSVC_KEEP_JOBS_DAYS": "20", "JOBSVC_KEEP_LOGS_DAYS": "30"}
Left = dict[str, Set[object]]


def prune_later(fatal: str | None, data_dir: Path) -> None:
    """Prune, forty days after everything happened, a row at a time."""
    os.environ.update(SETTINGS)
    limits = PruneLimits(rows=1)
    composition_root.Service = partial(Service, prune_limits=limits)  # type: ignore[misc,assignment]
    later = timedelta(days=40)
    command = ("prune", "--yes", "--data-dir", str(data_dir))
    dying.command(fatal, *command, clock=lambda: system_clock() + later)


def left_in(data_dir: Path) -> Left:
    """What commits, jobs, datasets, data files and uploads there are."""
    directory = DataDirectory(data_dir)
    connection = open_to_read(directory.database_path)
    left: Left = {
        table: {row[0] for row in connection.execute(f"SELECT id FROM {table}")}
        for table in ("commits", "jobs", "datasets")
    }
    connection.close()
    left["files"] = {path.stem for path in directory.files_dir.glob("??/*")}
    left["uploads"] = {path.name for path in directory.uploads_dir.iterdir()}
    return left


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> State:
    """A table with samples, two of them dropped, a removed dataset and a failed import."""
    data_dir = tmp_path_factory.mktemp("littered") / "data"
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        retained, removed = (table_in(client, name) for name in ("retained", "removed"))
        for number in range(4):
            draw(client, retained, f"s{number}")
        draw(client, removed, "s")
        for name in ("smpl-s0", "smpl-s1"):
            assert client.delete(f"/api/datasets/{retained}/refs/{name}").status_code == 200
        broken = import_file(client, retained, "a,b\n1,2\n3,4,5\n")
        assert broken["status"] == "failed"
        assert client.delete(f"/api/datasets/{removed}").status_code == 200
        assert server.terminate() == 0
    return State(data_dir, Books())


def table_in(client: httpx.Client, name: str) -> int:
    dataset_id = int(client.post("/api/datasets", json={"name": name}).json()["id"])
    content = "id,kind\n" + "\n".join(f"{row},{row % 5}" for row in range(500)) + "\n"
    assert import_file(client, dataset_id, content)["status"] == "completed"
    return dataset_id


def import_file(client: httpx.Client, dataset_id: int, content: str) -> dict[str, object]:
    path = f"/api/datasets/{dataset_id}/refs/main/import"
    accepted = client.post(path, files={"file": ("table.csv", content)}).json()
    return finished(client, accepted["job_id"])


def draw(client: httpx.Client, dataset_id: int, name: str) -> None:
    parameters = {"sample_size": 50, "strata_columns": ["kind"], "seed": name}
    body = {
        "rounds": [{"method": "stratified", "parameters": parameters}],
        "export_residual": True,
        "output_name": name,
    }
    answer = client.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    assert finished(client, answer.json()["job_id"])["status"] == "completed"


def test_a_prune(tmp_path: Path, littered: State) -> None:
    before = left_in(littered.data_dir)
    whole: list[Left] = []

    def prune(folder: Path, at_point: AtPoint) -> Ended:
        return run(prune_later, dying.EACH, littered.copy(folder), at_point=at_point)

    def require(folder: Path, ended: Ended) -> None:
        data_dir = folder / "data"
        assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()
        if not whole:
            whole.append(left_in(data_dir))
        for kind, things in left_in(data_dir).items():
            assert whole[0][kind] <= things <= before[kind], kind
        assert run(prune_later, None, data_dir).code == 0
        assert left_in(data_dir) == whole[0]
        assert check(DataDirectory(data_dir), lambda done, what: None).faults == ()

    start = run(prune_later, None, prepared(tmp_path, littered)).points
    points = kill_at_every_point(tmp_path, prune, require, known=start)
    for function in ("_expired", "_refs", "_commits", "_jobs", "_log_entries", "_datasets"):
        assert any(f"pruning._remove{function}" in point for point in points), function
    assert_among(points, "_record", "remove")
    assert len(whole[0]["commits"]) == 3
    assert len(whole[0]["jobs"]) == 3


def prepared(tmp_path: Path, littered: State) -> Path:
    """A directory in which there is nothing left to prune."""
    folder = tmp_path / "start"
    folder.mkdir()
    data_dir = littered.copy(folder)
    assert run(prune_later, None, data_dir).code == 0
    return data_dir
