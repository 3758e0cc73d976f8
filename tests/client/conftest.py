"""A client of the shared server, and frames to draw from."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, connect

from tests.support.live_server import LiveServer

ROWS = 400


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[Client]:
    with connect(server.url, server.token) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(server: LiveServer, client: Client) -> Dataset:
    """Columns id, region (four values) and amount (id / 4)."""
    return client.dataset(server.new_balanced_table(ROWS))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A ledger with names that need quotes and an amount that is missing."""
    regions = ("north", "east", "south", "west")
    return pd.DataFrame(
        {
            "id": range(ROWS),
            "region": [regions[row % 4] for row in range(ROWS)],
            "Amount, net": [None if row == 7 else row / 4 for row in range(ROWS)],
            "day": pd.date_range("2025-01-01", periods=ROWS, freq="h"),
        }
    )
