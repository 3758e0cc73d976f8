"""``jobsvc answer --file``, ``answers --as-table`` and Label Studio's formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def sample(run: Run, table: Path) -> str:
    """A sample of 5 of 700 rows with two questions."""
    run("import", str(table), "--dataset", "Sales")
    drawn = run("sample", "Sales", "--size", "5", "--seed", "7", "--json")
    sample = str(json.loads(drawn.stdout)["id"])
    asked = ("--yes-no", "is_bad", "Is it bad?", "--text", "why", "Why?", "--optional", "why")
    run("questions", sample, *asked)
    return sample


def test_answers_go_out_and_come_back(run: Run, sample: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    run("answers", sample, "--output", str(file))
    lines = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    lines[0]["is_bad"], lines[1]["is_bad"], lines[1]["why"] = "yes", "no", "fine"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    preview = run("answer", sample, "--file", str(file), "--preview").stdout
    assert "5 lines by _logical_row_id: 2 new, 3 empty." in preview
    assert "is_bad=yes" in preview
    entered = run("answer", sample, "--file", str(file)).stdout
    assert "2 of 5 rows answered" in entered
    made = run("answers", sample, "--as-table", "labels").stdout
    assert made.startswith("5 rows, ")
    assert "ref expl-labels" in made
    bad = run("sql", "Sales", "SELECT count(*) AS n FROM l WHERE is_bad", "--with", "l=expl-labels")
    assert "1" in bad.stdout.split()


def test_a_project_of_label_studio(run: Run, sample: str, tmp_path: Path) -> None:
    tasks, interface = tmp_path / "tasks.json", tmp_path / "interface.xml"
    run("answers", sample, "--format", "label_studio", "--output", str(tasks))
    run("questions", sample, "--label-studio", str(interface))
    assert '<Choices name="is_bad"' in interface.read_text()
    project = json.loads(tasks.read_text())
    for task in project:
        result = {"from_name": "is_bad", "type": "choices", "value": {"choices": ["No"]}}
        task["annotations"] = [{"completed_by": 3, "created_at": "2026", "result": [result]}]
    export = tmp_path / "project.json"
    export.write_text(json.dumps(project))
    assert "5 of 5 rows answered" in run("answer", sample, "--file", str(export)).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("answer",), "Give a ROW and its answers, or --file."),
        (("answer", "primary:1", "--preview"), "need --file"),
        (("answers", "--with-readers"), "needs --as-table"),
        (("answers", "--as-table", "a", "--format", "csv"), "Give --as-table"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    run: Run, sample: str, arguments: tuple[str, ...], sentence: str
) -> None:
    command, *others = arguments
    assert sentence in run(command, sample, *others, code=2).stderr
