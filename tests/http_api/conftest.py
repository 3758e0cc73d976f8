"""What several tests of the HTTP side need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_api.stage import Stage, quiet_stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An app over a service in which nothing happens."""
    with quiet_stage(tmp_path) as built:
        yield built
