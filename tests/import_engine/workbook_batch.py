"""The child process that imports many workbooks, with the limits of an import of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from import_engine.workbooks.importing import DEFAULT_LIMITS, WorkbookRequest
from import_engine.workbooks.sheets import answer_to
from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.progress import ProgressCallback, ignore_progress


def main() -> None:
    """Import the workbooks that the request names, and log how each ended."""
    limits = ProcessLimits(DEFAULT_LIMITS.memory_mb, DEFAULT_LIMITS.threads, DEFAULT_LIMITS.cpu_s)
    serve_one(json.loads, lambda _: limits, _ends)


def _ends(request: dict[str, Any], _: ProgressCallback) -> dict[str, Any]:
    folder = Path(request["folder"])
    with Path(request["log"]).open("w") as log:
        for number in request["numbers"]:
            destination = folder / f"out-{number}"
            destination.mkdir()
            one = WorkbookRequest(folder / f"{number}.xlsx", destination, 32_768, DEFAULT_LIMITS)
            answer = answer_to(one, ignore_progress)
            log.write(json.dumps([number, answer.get("error", "tables")]) + "\n")
            log.flush()
    return {}
