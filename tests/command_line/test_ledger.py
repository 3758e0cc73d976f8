"""``jobsvc ledger`` and ``jobsvc certificate``."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.command_line.conftest import Run
from verifiers import verify_sample


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


def test_a_certificate_is_written_with_its_files(run: Run, filled: Path, tmp_path: Path) -> None:
    jobs = json.loads(run("jobs", "--json").stdout)["jobs"]
    (sample,) = (each["id"] for each in jobs if each["run_type"] == "sampling")
    folder = tmp_path / "files" / "q1"
    written = run("certificate", sample[:8], "--output", str(folder), "--data").stdout
    names = ["certificate.json", "data.csv", "ledger.json", "public-key.txt", "sample.csv"]
    assert ", ".join(names) in written
    assert sorted(path.name for path in folder.iterdir()) == names
    payload = base64.b64decode(json.loads((folder / "certificate.json").read_bytes())["payload"])
    subject = json.loads(payload)["subject"][-1]["digest"]["sha256"]
    assert hashlib.sha256((folder / "sample.csv").read_bytes()).hexdigest() == subject
    key = bytes.fromhex((folder / "public-key.txt").read_text())
    assert hashlib.sha256(key).hexdigest() in written
    run("certificate", sample, "--output", str(folder), "--number", "2", code=1)


def test_a_keyed_draw_is_checked_by_the_verifier(run: Run, filled: Path, tmp_path: Path) -> None:
    keyed = ("--key", "kind", "--start", "0.25", "--duplicates", "number")
    drawn = json.loads(
        run("sample", "Sales", *keyed, "--size", "3", "--seed", "7", "--json").stdout
    )
    run("certificate", drawn["id"], "--output", str(tmp_path), "--data")
    program = [sys.executable, verify_sample.__file__, str(tmp_path)]
    checked = subprocess.run(program, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "from the place 0.25, equal keys numbered\n" in checked.stdout
    assert (
        "L2  checked             round 1 (random) was drawn again from the data\n" in checked.stdout
    )
