"""The log has the verdict of each comparison, or why there is none."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live_server import LiveServer

LOGGER = logging.getLogger("jobsvc.comparisons")
WITHIN_S = 10


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    level = LOGGER.level
    LOGGER.addHandler(caplog.handler)
    LOGGER.setLevel(logging.INFO)
    yield caplog
    LOGGER.setLevel(level)
    LOGGER.removeHandler(caplog.handler)


def line_of(lines: pytest.LogCaptureFixture, job_id: str) -> str:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        for line in lines.messages:
            if line.startswith(f"job {job_id} compared"):
                return line
        time.sleep(0.01)
    raise AssertionError(lines.messages)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"method": "random", "parameters": {"sample_size": 200, "seed": 1}}, "representative"),
        ({"method": "systematic", "parameters": {"interval": 4, "start": 2}}, "differs"),
        (
            {"method": "cluster", "parameters": {"cluster_column": "city", "num_clusters": 2}},
            "inconclusive",
        ),
    ],
)
def test_the_log_tells_what_a_comparison_found(
    server: LiveServer, lines: pytest.LogCaptureFixture, body: dict[str, Any], words: str
) -> None:
    job = server.draw(server.new_table(2000), body)
    found = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    assert line_of(lines, job["id"]).endswith(f" compared: {words}"), found["verdict"]
