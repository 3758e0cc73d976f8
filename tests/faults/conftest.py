"""A stopped server with one table, and the points of its starts."""

from __future__ import annotations

import pytest

from tests.faults import dying
from tests.faults.dying_processes import run
from tests.faults.named_kills import State
from tests.faults.test_random_kills import open_books
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> State:
    """One imported table."""
    data_dir = tmp_path_factory.mktemp("table") / "data"
    with ServerProcess(data_dir, forked=True) as server:
        books = open_books(server.client())
        assert server.terminate() == 0
    return State(data_dir, books)


@pytest.fixture(scope="module")
def start_points(table: State, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The points of a start and a stop with nothing to do."""
    data_dir = table.copy(tmp_path_factory.mktemp("start"))
    return run(dying.serve, data_dir, None, table.books).points
