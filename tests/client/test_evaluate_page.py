"""The page "Evaluate a model": its tutorial against a server, and the same figures in R."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.documented_commands import PageRun, blocks
from tests.support.live_server import LiveServer, live_server
from tests.test_docs import PAGES

(PAGE,) = (page for page in PAGES if page.name == "EVALUATE_A_MODEL.md")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256, compare_samples=False)
    with live_server(settings) as live:
        monkeypatch.setenv("JOBSVC_SERVER", live.url)
        monkeypatch.setenv("JOBSVC_TOKEN", live.token)
        yield live


def test_the_tutorial_gives_the_figures_of_the_page(
    world: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PageRun(PAGE, tmp_path, world, {}, {}).run()
    (code,) = (block.text for block in blocks(PAGE) if block.language == "r")
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    mean, error = map(float, done.stdout.split()[-2:])
    text = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"The mean is (\S+) and the standard error (\S+)\. ", text)
    assert (mean, error) == pytest.approx(tuple(map(float, shown)), abs=5e-7)
