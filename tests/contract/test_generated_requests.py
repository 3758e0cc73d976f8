"""Generated requests to all operations: no server error, and each answer fits its schema.

``--schema-cases 150`` sends that number for each operation; see docs/RELIABILITY.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings
from tests.contract.generated_requests import send_all
from tests.support.live_server import live_server


@pytest.mark.timeout(4 * 3600)
def test_generated_requests_get_documented_answers(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = Settings(data_dir=tmp_path, workers=2, memory_mb=512)
    with live_server(settings) as server:
        outcome = send_all(server, request.config.getoption("--schema-cases"))
    print(outcome.summary())
    assert not outcome.failures, "\n\n".join(outcome.failures[:20])
    assert outcome.cases > 60
