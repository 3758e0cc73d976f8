"""A user of the pages without scripts."""

from __future__ import annotations

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server)
