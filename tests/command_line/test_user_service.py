"""``jobsvc service``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.command_line.conftest import Run
from tests.deployment.test_proxies import verify


def test_the_unit_is_as_systemd_reads_it(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "my 100% data"
    text = run("service", "install", "--print", "--port", "8123").stdout
    assert '"serve" "--port" "8123"\n' in text
    text = run("service", "install", "--print", "--data-dir", str(folder)).stdout
    assert str(folder).replace("%", "%%") in text
    assert Path(sys.executable).parent.name in text
    unit = tmp_path / "jobsvc.service"
    unit.write_text(text, encoding="utf-8")
    assert verify(unit) == ""


def test_a_service_that_does_not_exist_is_not_removed(run: Run) -> None:
    refused = run("service", "uninstall", code=1)
    assert "There is no service" in refused.stderr
