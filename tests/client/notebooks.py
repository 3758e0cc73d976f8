"""Executes a notebook against a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


def executed(path: Path, folder: Path, url: str, token: str) -> Any:
    """The notebook after its execution in a folder; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    environment = {**os.environ, "JOBSVC_SERVER": url, "JOBSVC_TOKEN": token}
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment)
    return notebook


def texts(notebook: Any) -> str:
    """What the cells printed and showed, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


def pages(notebook: Any) -> list[str]:
    """What the cells showed as HTML."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [
        output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})
    ]
