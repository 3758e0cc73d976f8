"""``jobsvc questions``, ``review-next``, ``answer``, ``answers``, ``reviewers``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def sample(run: Run, table: Path) -> str:
    """A sample of 3 of 700 rows."""
    run("import", str(table), "--dataset", "Sales")
    drawn = run("sample", "Sales", "--size", "3", "--seed", "7", "--json")
    return str(json.loads(drawn.stdout)["id"])


def test_a_sample_is_asked_and_answered(run: Run, sample: str, tmp_path: Path) -> None:
    asked = run(
        *("questions", sample, "--yes-no", "is_bad", "Is it bad?", "--amount", "loss", "How much?"),
        *("--choice", "sort", "Which?", "spam, rude", "--optional", "sort", "--hide", "amount"),
    ).stdout
    assert "Which?      spam, rude  optional" in asked
    assert "Hidden: amount." in asked
    row = json.loads(run("review-next", sample, "--json").stdout)["row"]["row_id"]
    shown = run("review-next", sample).stdout
    assert f"Row {row}" in shown
    assert "amount: " not in shown
    refused = run("answer", sample, row, "is_bad=perhaps", code=2)
    assert '"perhaps" is neither yes nor no' in refused.output
    refused = run("answer", sample, row, "is_bad=yes", code=1)
    assert 'The question "loss" needs an answer' in refused.output
    answers = ("is_bad=Yes", "loss=1,234.50", "sort=rude")
    entered = run("answer", sample, row, *answers, "--note", "n").stdout
    assert "1 of 3 rows answered" in entered
    assert "is_bad=yes, sort=rude, loss=1234.50" in run("answers", sample).stdout
    output = tmp_path / "answers.csv"
    run("answers", sample, "--output", str(output))
    with output.open(encoding="utf-8-sig", newline="") as file:
        (line,) = [each for each in csv.DictReader(file) if each["Counts"]]
    assert (line["is_bad"], line["loss"], line["sort"]) == ("true", "1234.50", "rude")
    second = json.loads(run("review-next", sample, "--json").stdout)["row"]["row_id"]
    run("answer", sample, second, "--outcome", "not_examinable")
    assert "The row is released" not in run("review-next", sample, "--release").stdout
    assert "2 of 3" in run("review-queues").stdout


def test_questions_come_from_a_file_and_reviewers_by_name(
    run: Run, sample: str, tmp_path: Path
) -> None:
    file = tmp_path / "questions.json"
    file.write_text(json.dumps([{"name": "why", "type": "text", "text": "Why?"}]))
    run("user", "add", "ann", "--role", "viewer")
    run("questions", sample, "--file", str(file), "--reviewer", "ann")
    assert "Why?" in run("questions", sample).stdout
    assert "ann" in run("reviewers", sample).stdout
    assert "ann" not in run("reviewers", sample, "--remove", "ann").stdout
    file.write_text("{")
    refused = run("questions", sample, "--file", str(file), code=2)
    assert "The file is no JSON" in refused.output
    file.write_text('{"name": "why"}')
    assert "no JSON array" in run("questions", sample, "--file", str(file), code=2).output
    file.write_text('[{"type": "text", "text": "Why?"}, 5]')
    refused = run("questions", sample, "--file", str(file), code=1)
    assert "name" in refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize("first", [("--hide", "amount"), ("--show", "kind")])
def test_what_no_option_names_stays_as_it_is(run: Run, sample: str, first: tuple[str, str]) -> None:
    run("user", "add", "bob", "--role", "viewer")

    def asked(*options: str) -> dict[str, Any]:
        run("questions", sample, *options)
        return dict(json.loads(run("questions", sample, "--json").stdout))

    columns = asked()["shown"]
    shown = ["kind"] if first[0] == "--show" else [each for each in columns if each != "amount"]
    assert asked(*first)["shown"] == shown
    before = asked("--choice", "sort", "Which?", "spam,rude", "--second-readings", "50%")
    assert before["shown"] == shown
    assert asked("--reviewer", "bob") == before
    assert [each["name"] for each in before["questions"]] == ["sort"]
    assert asked("--hide", "ID")["shown"] == ["kind"]
    assert (
        "All columns are hidden"
        in run(
            *("questions", sample), *(part for name in columns for part in ("--hide", name)), code=2
        ).output
    )
    assert asked("--show", "amount")["shown"] == ["amount"]
