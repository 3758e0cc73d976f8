"""The example notebooks run against a server, and are stored without outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.support.live_server import LiveServer

FOLDER = Path(__file__).parents[2] / "client" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWN = {
    "evaluate_a_model": r"(?s)people alone +0\.\d+ +0\.\d+.*both +0\.0\d+ "
    r".*recall +0\.\d+.*At 06:00 on Monday",
    "first_sample": r"Total of amount: ([\d,]+) ± ([\d,]+) .*\n+(?:Note: .*\n+)*True total: "
    r"([\d,]+)",
    "ledger_audit": r"(?s)Overstatement.*working_paper\.xlsx",
    "stratified_estimate": r"(?s)Plan: .* of 20,000 rows.*svydesign\(",
}


@pytest.fixture(scope="module")
def kernel(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One kernel for all notebooks, whose start takes most of the time."""
    manager = KernelManager(kernel_name="python3")
    environment = {"JOBSVC_SERVER": server.url, "JOBSVC_TOKEN": server.token}
    folder = str(tmp_path_factory.mktemp("notebooks"))
    manager.start_kernel(env={**os.environ, **environment}, cwd=folder)
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def executed(path: Path, kernel: KernelManager) -> Any:
    """The notebook after its execution, without names of others; an error is raised."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client = NotebookClient(notebook, timeout=60, km=kernel)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_its_results(kernel: KernelManager, path: Path) -> None:
    assert not any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
    outputs = [
        output for cell in executed(path, kernel).cells for output in cell.get("outputs", [])
    ]
    shown = "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
    assert re.search(SHOWN[path.stem], shown), shown
    assert any("<table" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)
