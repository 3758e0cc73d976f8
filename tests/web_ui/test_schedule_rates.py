"""The rate over the weeks on the page of a schedule: each state of its runs, and its workbook."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from application.schedules.figures_sheet import MAX_POINTS
from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, words

QUESTIONS = {
    "questions": [
        {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"},
        {"name": "kind", "type": "choice", "text": "Which?", "choices": ["wrong", "<rude>"]},
        {"name": "stars", "type": "number", "text": "How many?", "required": False},
    ]
}
SIZE = 10


class Weekly:
    """A schedule with questions, whose runs the tests begin."""

    def __init__(self, server: LiveServer) -> None:
        self.reader = Reader(server)
        self.dataset = server.new_table(200, self.reader.api)
        body = {"method": "random", "sample_size": SIZE, "output_name": "first"}
        path = f"/api/sampling/datasets/{self.dataset}/jobs"
        job = self.reader.api.post(path, json=body).json()["job_id"]
        assert finished(self.reader.api, job)["status"] == "completed"
        self.first = job
        made = self.reader.api.post(
            "/api/schedules",
            json={"job_id": job, "name": "weekly", "cron": "0 6 * * 1", "questions": QUESTIONS},
        )
        assert made.status_code == 200, made.text
        self.id = made.json()["id"]

    def run(self, answered: int = SIZE, bad: int = 2) -> str:
        """A run, with some of its rows answered."""
        job = self.reader.api.post(f"/api/schedules/{self.id}/run").json()["job_id"]
        assert finished(self.reader.api, job)["status"] == "completed"
        path = f"/api/sampling/jobs/{job}"
        rows = self.reader.api.get(f"{path}/answers", params={"limit": SIZE}).json()["rows"]
        answers = [
            {
                "row_id": row["row_id"],
                "answers": {"is_bad": place < bad, "kind": "<rude>", "stars": 4},
            }
            for place, row in enumerate(rows[:answered])
        ]
        if answers:
            sent = self.reader.api.post(f"{path}/answers", json={"answers": answers})
            assert sent.status_code == 200, sent.text
        return str(job)

    def page(self, **figure: str) -> str:
        query = {"tab": "schedules", "runs": str(self.id), **figure}
        return self.reader.page(f"/datasets/{self.dataset}", **query)


@pytest.fixture
def weekly(server: LiveServer) -> Weekly:
    return Weekly(server)


def test_the_list_names_the_questions(weekly: Weekly) -> None:
    text = words(weekly.page())
    assert "Each sample asks is_bad, kind, stars." in text
    assert "No run" not in text


def test_a_schedule_without_runs_has_no_picture(weekly: Weekly) -> None:
    page = weekly.page()
    assert "Share of is_bad true, by run" in words(page)
    assert 'class="picture"' not in page.split('id="runs"')[1].split("</section>")[0]


def test_a_run_without_answers_says_so(weekly: Weekly) -> None:
    weekly.run(answered=0)
    text = words(weekly.page())
    assert "No row is answered yet." in text
    assert "preliminary" in text


def test_one_complete_run_has_no_change(weekly: Weekly) -> None:
    weekly.run()
    page = weekly.page()
    text = words(page)
    assert "20.00 %" in text
    assert "complete" in text
    assert "At least two runs need a figure before they can be pooled." in text
    assert 'circle class="sample"' in page
    assert "assumes independent samples" not in text


def test_a_partly_answered_run_is_preliminary(weekly: Weekly) -> None:
    weekly.run()
    weekly.run(answered=4, bad=2)
    page = weekly.page()
    text = words(page)
    assert "1 run is preliminary: 6 of 10 rows aren't answered yet" in text
    assert "2 runs, 1 of them preliminary" in text
    assert 'circle class="open"' in page
    assert "Circles: preliminary, as answers are lacking." in text
    assert "30.00 %" in text  # the change since the last
    assert "assumes independent samples" in text


@pytest.mark.parametrize(
    ("figure", "title", "estimate"),
    [
        ({"statistic": "mean", "column": "stars"}, "Mean of stars, by run", "4"),
        (
            {"statistic": "proportion", "column": "kind", "value": "<rude>"},
            "Share of kind <rude>, by run",
            "100.00 %",
        ),
    ],
)
def test_each_question_has_a_figure(
    weekly: Weekly, figure: dict[str, str], title: str, estimate: str
) -> None:
    weekly.run()
    page = weekly.page(values="answers", **figure)
    assert title in words(page)
    assert estimate in words(page)
    assert "<rude>" not in page
    assert "kind: &lt;rude&gt;" in page


def test_a_wrong_figure_is_a_problem_on_the_page(weekly: Weekly) -> None:
    weekly.run()
    text = words(weekly.page(values="answers", statistic="mean", column="nothing"))
    assert 'no column "nothing"' in text.replace("“", '"').replace("”", '"')


def test_sixty_runs_are_a_picture_and_a_table(weekly: Weekly) -> None:
    for _ in range(MAX_POINTS):
        weekly.run(answered=0)
    weekly.run()
    weekly.run(answered=5)
    page = weekly.page()
    rows = page.split('id="runs"')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr>") == 50  # the newest
    assert page.count("<circle") == 2


def test_the_workbook_has_what_the_page_has(weekly: Weekly) -> None:
    weekly.run()
    weekly.run(bad=4)
    path = f"/datasets/{weekly.dataset}/schedules/{weekly.id}/figures.xlsx"
    answer = weekly.reader.get(path)
    assert answer.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Runs"]
    cells = [cell for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None]
    assert "Share of is_bad true, by run" in cells
    assert cells.count("complete") == 2
    assert any(isinstance(cell, float) and abs(cell - 0.4) < 1e-9 for cell in cells)
    assert (
        weekly.reader.get(path.replace(f"schedules/{weekly.id}", "schedules/999")).status_code
        == 404
    )
    other = weekly.reader.get(f"/datasets/999999/schedules/{weekly.id}/figures.xlsx")
    assert other.status_code == 404


def test_the_request_tab_offers_the_same_questions(weekly: Weekly) -> None:
    job: dict[str, Any] = weekly.reader.api.get(f"/api/jobs/{weekly.first}").json()
    assert "Ask the same" not in weekly.reader.text(f"/jobs/{job['id']}", tab="request")
    path = f"/api/sampling/jobs/{job['id']}/questions"
    assert weekly.reader.api.put(path, json=QUESTIONS).status_code == 200
    text = weekly.reader.text(f"/jobs/{job['id']}", tab="request")
    assert "Ask the same of each sample: is_bad, kind, stars" in text


def test_a_run_shows_its_request_without_questions(weekly: Weekly) -> None:
    job = weekly.run()
    assert "is_bad" not in weekly.reader.page(f"/jobs/{job}", tab="request").split("Repeat on")[0]
