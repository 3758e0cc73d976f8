"""Comparisons on a server that makes none by itself: made once somebody asks, or not yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import composition_root
from job_runner.settings import Settings
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.live_server import LiveServer


@pytest.fixture
def asked_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("asked"), memory_mb=256, compare_samples=False
    )
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as live,
    ):
        yield live


def test_with_the_setting_off_samples_are_compared_when_somebody_asks(
    asked_only: LiveServer,
) -> None:
    job = asked_only.draw(asked_only.new_table(200), one("random", sample_size=50))
    asked_only.service.quiet.ask("the end of the queue", lambda report: None, 30)
    path = f"/api/jobs/{job['id']}"
    assert "comparison" not in asked_only.admin.get(path).json()["output_summary"]
    found = asked_only.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    told = asked_only.admin.get(path).json()["output_summary"]["comparison"]
    assert told["verdict"] == found["verdict"]


def test_while_it_is_being_made_one_is_asked_to_come_again(asked_only: LiveServer) -> None:
    job = asked_only.draw(asked_only.new_table(200), one("random", sample_size=50))
    asked_only.service.quiet.stop()
    answer = asked_only.admin.get(f"/api/sampling/jobs/{job['id']}/comparison")
    assert_problem(answer, 409, "comparison_not_ready", "Ask again")
    assert int(answer.headers["Retry-After"]) > 0
