"""``jobsvc ledger``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.command_line.conftest import Run


def test_a_ledger_is_listed_checked_and_written(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    run("sample", "Sales", "--size", "5")
    run("sample", "Sales", "--size", "1")
    listed = run("ledger", "Sales").stdout
    assert "drew 5 rows of table primary" in listed
    assert "drew 1 row of" in listed
    assert "2 of 2 entries." in listed
    path = tmp_path / "ledger.json"
    checked = run("ledger", "Sales", "--check", "--output", str(path)).stdout
    assert checked == "2 entries checked; no fault.\n"
    assert len(json.loads(path.read_bytes())["entries"]) == 2


def test_a_changed_entry_is_found(run: Run, filled: Path) -> None:
    assert run("ledger", "Sales", "--check").stdout.startswith("1 entry checked")
    name = "ledger_entries_never_change"
    with closing(sqlite3.connect(filled / "jobsvc.sqlite3")) as connection, connection:
        (guard,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = ?", [name]
        ).fetchone()
        connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE ledger_entries SET body = json_set(body, '$.rows', 1)")
        connection.execute(guard)
    found = run("ledger", "Sales", "--check", code=1).stdout
    assert found == "Entry 1 of the ledger of dataset 1 isn't what its digest says.\n"
