"""The example notebooks run against a server, and are stored without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.client.notebooks import executed, pages, texts
from tests.live_server import LiveServer

FOLDER = Path(__file__).parents[2] / "client" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWN = {
    "first_sample": r"Total of amount: ([\d,]+) ± ([\d,]+) .*\n+True total: ([\d,]+)",
    "ledger_audit": r"(?s)Overstatement.*working_paper\.xlsx",
    "stratified_estimate": r"(?s)Plan: .* of 20,000 rows.*svydesign\(",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_its_results(
    server: LiveServer, tmp_path: Path, path: Path
) -> None:
    assert not any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
    notebook = executed(path, tmp_path, server.url, server.token)
    shown = texts(notebook)
    found = re.search(SHOWN[path.stem], shown)
    assert found, shown
    assert any("<table" in page for page in pages(notebook))
    assert "Error" not in shown
