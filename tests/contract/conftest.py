"""A table to draw from and to ask about."""

from __future__ import annotations

import pytest

from tests.live_server import LiveServer

ROWS = 2000


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    """Columns id, city (four values, one of them NULL) and amount (id / 4)."""
    return server.new_table(ROWS)
