"""The start page names what waits, and lists of samples show how far each is examined."""

from __future__ import annotations

import pytest

from tests.support.live_server import LiveServer
from tests.support.reviewed_texts import drawn, table_text
from tests.web_ui.reader import Reader

ROWS = 4


@pytest.fixture
def owner(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture
def job(server: LiveServer, owner: Reader) -> str:
    return drawn(server, owner.api, table_text(40), ROWS)


def enter(owner: Reader, job: str, *outcomes: str) -> None:
    path = f"/api/sampling/jobs/{job}/findings"
    items = owner.api.get(path).json()["items"]
    found = [
        {"row_id": item["row_id"], "outcome": outcome}
        for item, outcome in zip(items, outcomes, strict=False)
    ]
    answer = owner.api.post(path, json={"findings": found})
    assert answer.status_code == 200, answer.text


def test_nothing_waits_on_an_empty_server(owner: Reader) -> None:
    assert "What waits for me Nothing waits for you." in owner.text("/")


def test_rows_without_a_finding_are_named_and_counted(owner: Reader, job: str) -> None:
    assert "Nothing waits for you." in owner.text("/")
    assert "Examined" not in owner.text("/")
    enter(owner, job, "exception", "ok", "ok")
    page = owner.page("/")
    assert f'href="/jobs/{job}?tab=findings"' in page
    text = owner.text("/")
    assert "1 row has no finding in the sample review" in text
    assert "3 of 4 In progress · 1 exception" in text
    assert "3 of 4 examined In progress · 1 exception" in owner.text("/jobs", run_type="sampling")


def test_more_than_eight_entries_are_folded(server: LiveServer, owner: Reader, job: str) -> None:
    dataset = owner.api.get(f"/api/jobs/{job}").json()["dataset_id"]
    for seed in range(9):
        body = {"method": "random", "sample_size": 2, "seed": seed + 50}
        path = f"/api/sampling/datasets/{dataset}/jobs"
        other = owner.api.post(path, json=body).json()["job_id"]
        assert server.finished(other)["status"] == "completed"
        enter(owner, other, "ok")
    page = owner.page("/")
    assert "<summary>1 more</summary>" in page
    assert page.count("no finding in the sample") == 9


def test_samples_are_filtered_by_the_state_of_their_review(owner: Reader, job: str) -> None:
    enter(owner, job, *["ok"] * ROWS)
    step = {"action": "submitted"}
    assert owner.api.post(f"/api/sampling/jobs/{job}/review", json=step).is_success
    dataset = owner.api.get(f"/api/jobs/{job}").json()["dataset_id"]
    link, tab = f'href="/jobs/{job}"', f"/datasets/{dataset}"
    assert link in owner.page(tab, tab="draws", review_state="submitted")
    empty = owner.page(tab, tab="draws", review_state="open")
    assert link not in empty
    assert "No sample is in this state." in empty
    listed = owner.page("/jobs", review_state="submitted")
    assert link in listed
    assert "Review: Submitted for review" in listed
    assert link not in owner.page("/jobs", review_state="signed_off")
    for path in ("/jobs", tab):
        wrong = owner.text(path, tab="draws", review_state="done")
        assert "review state: Must be one of: open, returned, submitted" in wrong
