"""A table to draw from and to ask about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import demo_data
from tests.support.live_server import LiveServer

ROWS = 2000


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    """Columns id, city (four values, one of them NULL) and amount (id / 4)."""
    return server.new_table(ROWS)


@pytest.fixture(scope="module")
def small_demo() -> Iterator[None]:
    """Demo data of a few rows, for tests that create them many times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_data, "ROWS", 500)
        yield
