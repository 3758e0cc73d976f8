"""``jobsvc row-root`` and ``jobsvc row-proofs``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


def test_a_root_is_built_and_proofs_are_written(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    drawn = json.loads(run("sample", "Sales", "--size", "5", "--json").stdout)
    job_id = drawn["id"]
    output = tmp_path / "proofs.json"
    refused = run("row-proofs", job_id[:8], "--output", str(output), code=1)
    assert "has no row root yet" in refused.stderr
    built = run("row-root", "Sales").stdout
    assert re.match(r"[0-9a-f]{64}  [\d,]+ rows\n$", built)
    run("row-proofs", job_id[:8], "--output", str(output))
    written = json.loads(output.read_bytes())
    assert written["root"] == built[:64]
    assert len(written["proofs"]) == 5
