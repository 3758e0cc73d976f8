"""The examples of the client's page run, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import LiveServer

PAGE = Path(__file__).parents[2] / "docs" / "CLIENT.md"


def test_the_examples_of_the_page_run(
    server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JOBSVC_SERVER", server.url)
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, "CLIENT.md", "exec"), names)
    printed = capsys.readouterr().out
    names["client"].close()
    assert re.search(r"Total of amount \(region north\): [\d,]+ ± [\d,]+", printed)
    assert "the sample supports that errors are tolerable" in printed
    assert re.search(r"unknown_column .*Did you mean \"region\"", printed)
    assert len(names["rows"]) == 60
    assert {path.name for path in tmp_path.iterdir()} == {
        "july.html",
        "report.html",
        "certificate.json",
    }
