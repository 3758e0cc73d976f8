"""``jobsvc schedule``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import write_csv


@pytest.mark.usefixtures("serving")
def test_schedule_is_created_paused_run_and_removed(run: Run, tmp_path: Path) -> None:
    run("import", str(write_csv(tmp_path / "t.csv", 30)), "--dataset", "Ledger")
    run("sample", "Ledger", "--method", "random", "--size", "3")
    jobs = json.loads(run("jobs", "--json").stdout)["jobs"]
    job = next(one["id"] for one in jobs if one["run_type"] == "sampling")
    options = ("--zone", "Europe/Berlin", "--exclude-drawn-by", "id", "--exclude-drawn-by", "kind")
    added = run("schedule", "add", job[:8], "weekly", "0 6 * * MON", *options)
    assert "At 06:00 on Monday (Europe/Berlin)" in added.stdout
    shown = run("schedule", "preview", "0 0 29 2 *").stdout.splitlines()
    assert shown[0].endswith(" (UTC)")
    assert shown[1] == "2028-02-29T00:00Z"
    assert "id, kind" in added.stdout
    excluded = run("schedule", "exclusion", "1").stdout
    assert "3 of 30 rows are excluded by id, kind; 27 remain." in excluded
    assert job in excluded
    assert "paused" in run("schedule", "pause", "1").stdout
    assert "paused" not in run("schedule", "resume", "1").stdout
    submitted = run("schedule", "run", "1").stdout.split()[1]
    assert submitted[:8] in run("schedule", "list", "Ledger").stdout
    both = ("--exclude-drawn-by", "id", "--exclude-nothing")
    assert "either" in run("schedule", "change", "1", *both, code=2).output
    changed = run("schedule", "change", "1", "--exclude-drawn-by", "id", "--cron", "0 7 * * *")
    assert "At 07:00 every day (Europe/Berlin)" in changed.stdout
    assert "id, kind" not in changed.stdout
    nothing = run("schedule", "change", "1", "--exclude-nothing", "--misfire", "skip").stdout
    assert nothing.rstrip().endswith("admin00")
    assert "Name what changes" in run("schedule", "change", "1", code=2).output
    run("schedule", "change", "1", "--exclude-drawn-by", "id")
    twice = tmp_path / "twice.csv"
    twice.write_text("id,kind\n1,a\n1,a\n")
    run("import", str(twice), "--dataset", "Ledger")
    refused = run("schedule", "run", "1", code=1).output
    assert "The key id isn't unique" in refused
    assert "five fields" in run("schedule", "add", job[:8], "x", "daily", code=1).output
    run("schedule", "remove", "1", "--yes")
    assert "weekly" not in run("schedule", "list", "Ledger").stdout


@pytest.mark.usefixtures("serving")
def test_the_runs_of_a_schedule_are_answered_and_compared(run: Run, tmp_path: Path) -> None:
    run("import", str(write_csv(tmp_path / "t.csv", 30)), "--dataset", "Ledger")
    run("sample", "Ledger", "--method", "random", "--size", "4")
    jobs = json.loads(run("jobs", "--json").stdout)["jobs"]
    job = next(one["id"] for one in jobs if one["run_type"] == "sampling")
    run("questions", job, "--yes-no", "is_bad", "Is it bad?", "--hide", "kind")
    added = run("schedule", "add", job[:8], "weekly", "0 6 * * MON", "--same-questions")
    assert "is_bad" in added.stdout
    for answered in (4, 2):
        submitted = run("schedule", "run", "1").stdout.split()[1]
        run("watch", submitted)
        rows = json.loads(run("answers", submitted, "--json").stdout)["rows"]
        for row in rows[:answered]:
            run("answer", submitted, row["row_id"], "is_bad=yes")
    shown = ("schedule", "figures", "1", "--values", "answers", "--share", "is_bad=true")
    text = run(*shown).stdout
    assert text.startswith("Share of is_bad true, by run:")
    assert "2 runs, 1 of them preliminary, 6 of 60 rows" in text
    assert "Since last, SE" in text
    found = json.loads(run(*shown, "--json").stdout)
    assert [one["is_complete"] for one in found["runs"]] == [True, False]
