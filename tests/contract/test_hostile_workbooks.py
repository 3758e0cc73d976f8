"""Workbooks that attack the server: it survives, and reports what is wrong with them."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import httpx
import pytest

from import_engine.workbooks.importing import CHILD_MODULE
from tests.contract.problems import assert_problem
from tests.import_engine.raw_workbooks import STRINGS, TABLE, raw_workbook
from tests.sql_sandbox.conftest import children
from tests.support.live_server import LiveServer

COUNTED = raw_workbook(strings=STRINGS.replace("<sst", '<sst uniqueCount="4294967295"') + "</sst>")
CORNER = raw_workbook(f'{TABLE}<row r="1048576"><c r="XFD1048576"><v>7</v></c></row>')
CENTRAL = CORNER.index(b"PK\x01\x02")
LATER_ZIP = CORNER[: CENTRAL + 6] + struct.pack("<H", 99) + CORNER[CENTRAL + 8 :]


def preview(server: LiveServer, content: bytes) -> httpx.Response:
    return server.admin.post("/api/datasets/preview", files={"file": ("b.xlsx", content)})


def test_cells_in_both_corners_are_a_table(server: LiveServer) -> None:
    (table,) = preview(server, CORNER).json()["tables"]
    dataset = server.new_dataset()
    job = server.import_text(dataset, CORNER, "b.xlsx")
    (account,) = job["output_summary"]["tables"]
    assert (table["row_count"], account["rows"], account["columns"]) == (3, 3, 3)


@pytest.mark.parametrize(
    ("content", "code"),
    [(COUNTED, "workbook_too_large"), (LATER_ZIP, "unreadable_file")],
    ids=["count", "version"],
)
def test_a_hostile_workbook_is_refused_and_no_more(
    server: LiveServer, content: bytes, code: str
) -> None:
    assert_problem(preview(server, content), 422, code)
    job = server.import_text(server.new_dataset(), content, "b.xlsx")
    assert (job["status"], job["error_code"]) == ("failed", code)
    assert server.admin.get("/health").status_code == 200


def reading_processes() -> list[int]:
    """This process's children that read a workbook."""
    return [pid for pid in children() if CHILD_MODULE.encode() in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_cancelled_import_ends_its_process(server: LiveServer) -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(1, 300_000)
    )
    files = {"file": ("b.xlsx", raw_workbook(rows))}
    path = f"/api/datasets/{server.new_dataset()}/refs/main/import"
    job_id = server.admin.post(path, files=files).json()["job_id"]
    end = time.monotonic() + 20
    while not reading_processes():
        assert time.monotonic() < end
        time.sleep(0.005)
    server.admin.post(f"/api/jobs/{job_id}/cancel")
    while reading_processes():
        assert time.monotonic() < end
        time.sleep(0.005)
    assert server.finished(job_id)["error_code"] == "cancelled"
