"""Control characters in names don't reach the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line.output import escaped, escaped_lines
from tests.command_line.conftest import Run

ESCAPE, C1, TURNED = "\x1b[2K", "\x9b31m", "\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a{ESCAPE}b", r"a\x1b[2Kb"),
        (C1, r"\x9b31m"),
        (f"{TURNED}txt", r"\u202etxt"),
        ("two\nlines\ttab", r"two\nlines\ttab"),
        ("\ud800", r"\ud800"),
        ("Größe 数量 مبلغ \u200f", "Größe 数量 مبلغ \u200f"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert escaped(shown) == shown


def test_lines_stay_lines_where_they_may() -> None:
    assert escaped_lines(f"one\n{ESCAPE}two") == "one\n\\x1b[2Ktwo"


def test_no_name_reaches_a_terminal_as_a_command(run: Run, tmp_path: Path) -> None:
    table, named = tmp_path / "x.csv", tmp_path / f"x{ESCAPE}{C1}.csv"
    for path in (table, named):
        path.write_text(f'"id{ESCAPE}","{C1}"\n1,2\n')
    text = f"red{ESCAPE}{C1}"
    shown = [
        run("import", str(table), "--dataset", "red", "--message", text).output,
        run("audit", "--action", "import_asked").output,
        run("storage").output,
        run("sql", "red", "SELECT * FROM data").output,
        run("jobs").output,
        run("jobs", "--json").output,
        run("import", str(table), "--dataset", text, code=1).output,
        run("import", str(named), "--dataset", "red", code=1).output,
        run("import", str(table), "--dataset", "red", "--ref", f"a{ESCAPE}", code=1).output,
    ]
    for output in shown:
        assert not set(output) & {"\x1b", "\x9b"}, output
    (job,) = json.loads(shown[5])["jobs"]
    assert job["dataset_name"] == "red"
