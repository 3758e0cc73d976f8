"""The tab "Model" of a sample: figures, pictures, groups, classes, and what is missing."""

from __future__ import annotations

import io

import numpy as np
import openpyxl
import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def sample(server: LiveServer, reader: Reader) -> str:
    """Rows of two teams with truth, a judge, its score, classes and one class that is alone."""
    dataset = server.new_dataset(reader.api)
    random = np.random.default_rng(8)
    lines = []
    for row in range(2000):
        bad = bool(random.random() < 0.2)
        score = round(float(random.beta(5, 3) if bad else random.beta(1.5, 6)), 3)
        label = "=bad" if bad else "<good>"
        guess = label if random.random() < 0.9 else "<good>"
        lines.append(
            f"{row},{bad},{score >= 0.5},{score},{label},{guess},same,{row % 90},{'ab'[row % 2]}"
        )
    head = "id,is_bad,judge,score,label,guess,alone,amount,team"
    server.import_text(dataset, "\n".join([head, *lines]) + "\n", client=reader.api)
    step = {"method": "random", "parameters": {"sample_size": 300, "seed": 4}}
    return str(server.draw(dataset, {"rounds": [step]})["id"])


PLAIN = {"tab": "model", "truth": "is_bad", "flagged": "judge"}


def test_columns_are_chosen_first(reader: Reader, sample: str) -> None:
    page = reader.page(f"/jobs/{sample}", tab="model")
    assert "Evaluate a model" in page
    assert "Choose the column with the truth" in page
    assert "confusion-title" not in page


def test_figures_have_intervals_and_pictures(reader: Reader, sample: str) -> None:
    page = reader.page(f"/jobs/{sample}", **PLAIN, amount_column="amount")
    for name in ("People alone", "Judge alone", "Both", "Recall", "Missed amount"):
        assert name in page
    assert 'aria-label="All rows: Bad, Flagged ' in page
    assert page.count("<title>Bad, Flagged:") == 2
    assert page.count("<title>Not bad, Not flagged:") == 2
    text = reader.text(f"/jobs/{sample}", **PLAIN)
    assert "Bad: is_bad is true. Flagged: judge is true." in text
    assert "From 300 sampled rows with truth and flag." in text
    assert "jobsvc classification" in text


def test_a_threshold_is_shown(reader: Reader, sample: str) -> None:
    query = {**PLAIN, "flagged": "score", "threshold": "0.5"}
    text = reader.text(f"/jobs/{sample}", **query)
    assert "Flagged: score is 0.5 or more." in text


def test_a_score_without_a_threshold_is_refused(reader: Reader, sample: str) -> None:
    text = reader.text(f"/jobs/{sample}", **{**PLAIN, "flagged": "score"})
    assert "can be read in two ways" in text
    assert "Truth and flag" not in text


def test_groups_have_pictures_of_their_own(reader: Reader, sample: str) -> None:
    page = reader.page(f"/jobs/{sample}", **PLAIN, by="team")
    assert 'aria-label="Precision: a ' in page
    assert 'aria-label="Recall: a ' in page
    assert 'aria-label="team a: Bad, Flagged ' in page


def test_classes_are_escaped_and_drawn(reader: Reader, sample: str) -> None:
    page = reader.page(f"/jobs/{sample}", tab="model", truth="label", flagged="guess")
    assert "&lt;good&gt;" in page
    assert "<good>" not in page
    assert "mean of classes" in page
    assert 'aria-label="Recall: ' in page


def test_one_class_alone_isnt_compared(reader: Reader, sample: str) -> None:
    query = {"tab": "model", "truth": "alone", "flagged": "alone"}
    assert "same column" in reader.text(f"/jobs/{sample}", **query)
    text = reader.text(f"/jobs/{sample}", tab="model", truth="alone", flagged="judge")
    assert "two ways" in text


def test_no_missed_row_is_a_warning(reader: Reader, sample: str) -> None:
    query = {**PLAIN, "flagged": "score", "threshold": "0.01"}
    text = reader.text(f"/jobs/{sample}", **query)
    assert "No bad row was found among the sampled rows without a flag" in text
    assert "rows may be missed" in text


def test_no_answers_yet_is_said(reader: Reader, sample: str) -> None:
    text = reader.text(f"/jobs/{sample}", **PLAIN, values="answers")
    assert "No drawn row has" in text
    assert "Truth and flag" not in text


def test_files_have_all_figures(reader: Reader, sample: str) -> None:
    query = {"truth": "label", "flagged": "guess"}
    table = reader.get(f"/jobs/{sample}/classification.csv", **query)
    assert table.status_code == 200
    lines = table.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("class,figure,truth,flagged,estimate,standard_error")
    assert any(line.startswith("'=bad,Recall") for line in lines)
    assert sum(",Rows," in line for line in lines) == 4
    book = reader.get(f"/jobs/{sample}/classification.xlsx", **query)
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).active
    assert sheet is not None
    assert sheet["A1"].value == "Evaluation of a model"
    assert reader.get(f"/jobs/{sample}/classification.csv").status_code == 404
