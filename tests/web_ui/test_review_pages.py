"""The pages of reviewers, and the tab "Labels" of a sample, in every state."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from tests.support.live_server import LiveServer
from tests.support.reviewed_texts import (
    HIDDEN,
    PLANTED,
    QUESTION,
    answer_rows,
    asked,
    drawn,
    next_row,
    table_text,
)
from tests.web_ui.reader import Reader

ROWS = 6


@pytest.fixture
def owner(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture
def job(server: LiveServer, owner: Reader) -> str:
    return drawn(server, owner.api, table_text(40), ROWS)


def reviewer_of(server: LiveServer, owner: Reader, job: str) -> Reader:
    """A user who is a reviewer of the sample and sees no dataset."""
    found = Reader(server, "viewer")
    body = {"reviewers": [found.soeid]}
    assert owner.api.put(f"/api/sampling/jobs/{job}/reviewers", json=body).status_code == 200
    return found


def enter_finding(owner: Reader, job: str) -> None:
    path = f"/api/sampling/jobs/{job}/findings"
    row = owner.api.get(path).json()["items"][0]["row_id"]
    answer = owner.api.post(path, json={"row_id": row, "outcome": "ok"})
    assert answer.status_code == 200, answer.text


def take_step(reader: Reader, job: str, action: str) -> None:
    answer = reader.api.post(f"/api/sampling/jobs/{job}/review", json={"action": action})
    assert answer.status_code == 200, answer.text


def test_before_the_first_entry_both_tabs_are_there(owner: Reader, job: str) -> None:
    page = unescape(owner.page(f"/jobs/{job}", tab="labels"))
    assert "tab=findings" in page
    assert "Ask people about each row" in page
    assert "on the tab Labels, before the first finding" in owner.text(
        f"/jobs/{job}", tab="findings"
    )
    for name in HIDDEN:
        assert f'name="hidden" value="{name}" checked' in page
    assert 'name="hidden" value="conversation">' in page


@pytest.mark.parametrize(
    ("body", "hidden"),
    [({"shown": ["conversation"]}, {"channel", *HIDDEN}), ({"hidden": []}, set())],
)
def test_the_form_has_the_stored_columns(
    owner: Reader, job: str, body: dict[str, list[str]], hidden: set[str]
) -> None:
    """Also those that are hidden because others are shown; nothing is proposed any more."""
    asked(owner.api, job, **{"hidden": [], **body})
    page = unescape(owner.page(f"/jobs/{job}", tab="labels"))
    assert set(re.findall(r'name="hidden" value="([^"]+)" checked', page)) == hidden
    assert "may be a judge’s" not in page


def test_findings_hide_the_tab_labels(owner: Reader, job: str) -> None:
    enter_finding(owner, job)
    assert "tab=labels" not in owner.page(f"/jobs/{job}")
    assert "tab=findings" in owner.page(f"/jobs/{job}")


def test_own_questions_hide_the_tab_findings(owner: Reader, job: str) -> None:
    asked(owner.api, job)
    page = owner.page(f"/jobs/{job}", tab="labels")
    assert "tab=findings" not in page
    for kind in ("csv", "xlsx", "jsonl"):
        assert f"/answers?format={kind}" in page
    for text in ("Is the answer bad?", "0 of 6 rows answered", "Change the questions", *HIDDEN):
        assert text in unescape(owner.text(f"/jobs/{job}", tab="labels"))


def test_a_reader_sees_no_form(server: LiveServer, owner: Reader, job: str) -> None:
    reader = Reader(server)
    dataset = owner.api.get(f"/api/jobs/{job}").json()["dataset_id"]
    granted = {"user_soeid": reader.soeid, "permission": "read"}
    path = f"/api/datasets/{dataset}/permissions"
    assert owner.api.put(path, json=granted).status_code == 200
    assert "This sample has no questions." in reader.text(f"/jobs/{job}", tab="labels")
    asked(owner.api, job)
    page = reader.page(f"/jobs/{job}", tab="labels")
    assert "Add reviewers" not in page
    assert "Submit for review" not in page


def test_answers_of_two_persons_are_listed(server: LiveServer, owner: Reader, job: str) -> None:
    asked(owner.api, job, second_readings=1)
    ann, bob = (reviewer_of(server, owner, job) for _ in range(2))
    answer_rows(ann.api, job, 4)
    text = owner.text(f"/jobs/{job}", tab="labels")
    assert "4 of 6 rows answered" in text
    assert "0 of 6 second readings" in text
    assert f"{ann.soeid} 4 0 0" in text
    answer_rows(bob.api, job, 6, lies=1)
    answer_rows(ann.api, job, 2)
    text = owner.text(f"/jobs/{job}", tab="labels")
    assert "6 of 6 rows answered" in text
    assert "1 difference to decide" in text
    shown = {
        "differing": 1,
        "open": 0,
        "mine": 0,
        "notes": 0,
        "unknown": ROWS,
    }
    for chosen, rows in shown.items():
        page = owner.page(f"/jobs/{job}", tab="labels", rows=chosen)
        assert page.count("tab=why&amp;row=") == rows, chosen
    row = next_row(owner.api, job, "decide")
    assert row is not None
    body = {"row_id": row["row_id"], "answers": {"is_bad": True}, "note": "<b>clear</b>"}
    assert owner.api.post(f"/api/sampling/jobs/{job}/answers", json=body).status_code == 200
    page = owner.page(f"/jobs/{job}", tab="labels", rows="notes")
    assert "&lt;b&gt;clear&lt;/b&gt;" in page
    assert "<b>clear" not in page
    assert "1 decided" in page


def test_answers_are_submitted_and_signed_off(server: LiveServer, owner: Reader, job: str) -> None:
    asked(owner.api, job)
    answer_rows(owner.api, job, ROWS)
    page = owner.page(f"/jobs/{job}", tab="labels")
    assert "Submit for review" in page
    assert "Change the questions" not in page
    take_step(owner, job, "submitted")
    text = owner.text(f"/jobs/{job}", tab="labels")
    assert "Another person signs off: you entered or submitted answers." in text
    admin = Reader(server, "admin")
    assert "Sign off" in admin.text(f"/jobs/{job}", tab="labels")
    take_step(admin, job, "signed_off")
    text = owner.text(f"/jobs/{job}", tab="labels")
    assert "Signed off" in text
    assert f"{admin.soeid} signed the answers off" in text


def test_a_deleted_sample_takes_no_questions(owner: Reader, job: str) -> None:
    found = owner.api.get(f"/api/jobs/{job}").json()
    ref = found["output_summary"]["output_ref"]
    path = f"/api/datasets/{found['dataset_id']}/refs/{ref}"
    assert owner.api.delete(path).status_code == 200
    page = owner.page(f"/jobs/{job}", tab="labels")
    assert "This sample has no questions." in page
    assert 'id="ask"' not in page


def test_a_reviewer_alone_comes_to_the_reviews(server: LiveServer, owner: Reader, job: str) -> None:
    asked(owner.api, job)
    reviewer = reviewer_of(server, owner, job)
    answer = reviewer.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review")
    text = reviewer.text("/review")
    assert "0 of 6" in text
    assert "Read rows" in text
    page = reviewer.page(f"/review/{job}")
    assert f'href="/jobs/{job}' not in page
    assert reviewer.get(f"/jobs/{job}").status_code == 404
    for planted in PLANTED:
        assert planted not in page + text
    assert reviewer.get(f"/review/{job[:8]}").headers["Location"] == f"/review/{job}"


def test_the_start_page_names_rows_that_wait(server: LiveServer, owner: Reader, job: str) -> None:
    assert 'href="/review"' not in owner.page("/")
    asked(owner.api, job)
    assert "6 rows wait for you in the sample" in owner.text("/")
    assert 'href="/review"' in owner.page("/datasets")
    answer_rows(owner.api, job, ROWS)
    assert "wait for you" not in owner.text("/")


def test_a_queue_that_waits_behind_finished_ones_is_named(
    server: LiveServer, owner: Reader, job: str
) -> None:
    asked(owner.api, job)
    reviewer = reviewer_of(server, owner, job)
    dataset = owner.api.get(f"/api/jobs/{job}").json()["dataset_id"]
    for seed in range(8):  # as many as the start page names
        body = {"method": "random", "sample_size": 1, "seed": seed + 50}
        path = f"/api/sampling/datasets/{dataset}/jobs"
        newer = owner.api.post(path, json=body).json()["job_id"]
        assert server.finished(newer)["status"] == "completed"
        asked(owner.api, newer, reviewers=[reviewer.soeid])
        answer_rows(reviewer.api, newer, 1)
    assert "6 rows wait for you in the sample" in owner.text("/")
    assert reviewer.get("/").headers["Location"] == "/review"


def test_another_user_finds_no_queue(server: LiveServer, owner: Reader, job: str) -> None:
    asked(owner.api, job)
    other = Reader(server)
    assert other.get(f"/review/{job}").status_code == 404
    assert "Nothing to review" in other.text("/review")


def test_questions_are_escaped(owner: Reader, job: str) -> None:
    text = "<script>alert(\"x\")</script> & 'y'"
    asked(owner.api, job, questions=[{**QUESTION, "text": text, "help": text}])
    for page in (owner.page(f"/review/{job}"), owner.page(f"/jobs/{job}", tab="labels")):
        assert "<script>alert" not in page
    page = owner.page(f"/review/{job}")
    settings = unescape(page.split('data-settings="', 1)[1].split('"', 1)[0])
    assert json.loads(settings)["questions"][0]["text"] == text
