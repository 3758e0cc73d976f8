"""``jobsvc classification``: precision, recall and missed rows of a model or rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def sample(served: LiveServer) -> str:
    """A sample of rows of which every fifth is bad, with a score and classes."""
    dataset = served.new_dataset()
    lines = [
        f"{row},{row % 5 == 0},{(7 * row % 10) / 10},{'xyz'[row % 3]},{'xyz'[row % 4 % 3]},{row}"
        for row in range(600)
    ]
    served.import_text(dataset, "\n".join(["id,is_bad,score,label,guess,amount", *lines]) + "\n")
    step = {"method": "random", "parameters": {"sample_size": 200, "seed": 3}}
    return str(served.draw(dataset, {"rounds": [step]})["id"])


def test_figures_are_a_table_and_json(run: Run, sample: str) -> None:
    options = ("--truth", "is_bad", "--flagged", "score", "--threshold", "0.5")
    shown = run("classification", sample, *options, "--amount", "amount").stdout
    for text in ("Recall", "Missed rows", "Missed amount", "Not flagged", "score is 0.5 or more"):
        assert text in shown
    found = json.loads(run("classification", sample, *options, "--json").stdout)
    assert found["threshold"] == 0.5
    assert sum(cell["n"] for cell in found["groups"][0]["confusion"]) == 200


def test_classes_are_listed_with_their_means(run: Run, sample: str) -> None:
    shown = run("classification", sample, "--truth", "label", "--flagged", "guess").stdout
    assert "Recall, mean of classes" in shown
    assert "All classes" in shown
    options = ("--truth", "label", "--positive", "x", "--flagged", "guess", "--flagged-value", "x")
    assert "Bad: label is x. Flagged: guess is x." in run("classification", sample, *options).stdout


def test_a_score_without_a_threshold_is_refused(run: Run, sample: str) -> None:
    refused = run("classification", sample, "--truth", "is_bad", "--flagged", "score", code=1)
    assert "two ways" in refused.output
    assert "--threshold" in refused.output
