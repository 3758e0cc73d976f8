"""A server is killed at every durable step of its requests."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from tests.faults import dying
from tests.faults.dying_processes import run, submit_for_later
from tests.faults.history import Books
from tests.faults.named_kills import State, assert_among, kill_a_server
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(900)


def test_a_first_start_an_upload_and_its_import(tmp_path: Path) -> None:
    books = Books(imports_before=0)
    books.add_import()
    points = kill_a_server(tmp_path, State(tmp_path / "nothing", books))
    assert_among(points, "submit", "move_upload", "_adopt", "publish", "_make_admin", "release")


def test_a_draw_with_its_residual(tmp_path: Path, table: State, start_points: list[str]) -> None:
    books = deepcopy(table.books)
    books.add_draw("stratified", 1, residual=True)
    points = kill_a_server(tmp_path, State(table.data_dir, books), start_points)
    assert_among(points, "submit", "keep_counts", "_adopt", "publish")


def test_a_retry_of_an_import(tmp_path: Path, table: State) -> None:
    """A crash of the retry itself; what the job does then is as in the other tests."""
    data_dir = table.copy(tmp_path / "cancelled")
    cancelled = submit_for_later(data_dir, "import")
    with ServerProcess(data_dir, forked=True) as server:
        assert server.client().post(f"/api/jobs/{cancelled}/cancel").status_code == 200
        assert server.terminate() == 0
    books = deepcopy(table.books)
    books.failed_before = 1
    books.add_retry(cancelled)
    state = State(data_dir, books)
    whole = run(dying.serve, state.copy(tmp_path / "whole-retry"), None, books).points
    points = kill_a_server(tmp_path, state, [one for one in whole if "lifecycle." not in one])
    assert_among(points, "submit", "share_upload")
