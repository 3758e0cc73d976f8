"""The list of jobs: outcomes and the dataset filter."""

from __future__ import annotations

import html
import re

import pytest

from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, in_element
from tests.web_ui.staged_jobs import FILE, cancelled, ended_job, running_job
from web_ui.pages.jobs import MAX_DATASET_OPTIONS

OUTCOME = re.compile(
    r'<td data-label="Outcome" class="few">(?:<span title="([^"]*)">\1</span>)?</td>'
)
OPTION = re.compile(r'<option value="(\d+)"( selected)?>([^<]*)</option>')


@pytest.fixture(scope="module")
def dataset(server: LiveServer, reader: Reader) -> int:
    return server.new_table(1234, reader.api)


def outcome(reader: Reader, dataset: int) -> str:
    """The outcome of the latest job of a dataset."""
    page = reader.page("/jobs", dataset_id=dataset)
    return html.unescape(OUTCOME.findall(page)[0])


def choice(reader: Reader, **query: object) -> list[tuple[str, str, str]]:
    page = reader.page("/jobs", **query)
    return OPTION.findall(page.split('<select id="dataset_id"', 1)[1].split("</select>", 1)[0])


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("sampling", {"method": "random", "parameters": {"sample_size": 5}}, "5 of 1,234 rows"),
        ("profiling", {}, "profile of 3 columns"),
        ("exploration", {}, "report of 3 columns"),
        ("exploration", {"sql": "SELECT 1 AS one"}, "1 row found"),
        ("exploration", {"compare_to": {"source_ref": "main"}, "keys": ["id"]}, "0 rows changed"),
    ],
)
def test_a_completed_job_shows_its_outcome(
    reader: Reader, dataset: int, kind: str, body: dict[str, object], words: str
) -> None:
    job_id = reader.api.post(f"/api/{kind}/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert finished(reader.api, job_id)["status"] == "completed"
    assert outcome(reader, dataset) == words


def test_imports_running_and_failed_jobs_show_an_outcome(
    server: LiveServer, reader: Reader
) -> None:
    dataset = server.new_table(1500, reader.api)
    assert outcome(reader, dataset) == "1,500 rows imported"
    running = running_job(server, reader.soeid, dataset)
    assert outcome(reader, dataset) == "reading rows"
    cancelled(server, running)
    ended_job(server, reader, dataset, code="timed_out")
    assert outcome(reader, dataset) == "It failed: timed_out."


def test_datasets_of_equal_names_show_their_id(server: LiveServer) -> None:
    reader, other = Reader(server), Reader(server)
    names = ("Zebras", "apples", "apples")
    made = [
        maker.api.post("/api/datasets", json={"name": name}).json()["dataset_id"]
        for name, maker in zip(names, (reader, reader, other), strict=True)
    ]
    share = {"user_soeid": reader.soeid, "permission": "read"}
    other.api.post("/api/datasets", json={"name": "hidden"})
    other.api.put(f"/api/datasets/{made[2]}/permissions", json=share)
    expected = [
        (str(made[1]), "", f"apples ({made[1]})"),
        (str(made[2]), "", f"apples ({made[2]})"),
    ]
    assert choice(reader) == [*expected, (str(made[0]), "", "Zebras")]
    assert choice(reader, dataset_id=made[0])[-1] == (str(made[0]), " selected", "Zebras")


def test_the_latest_datasets_and_the_chosen_one_are_listed(server: LiveServer) -> None:
    reader = Reader(server)
    first, second, *latest = (
        server.new_dataset(reader.api) for _ in range(MAX_DATASET_OPTIONS + 2)
    )
    assert {int(number) for number, _, _ in choice(reader)} == set(latest)
    chosen = choice(reader, dataset_id=first)
    assert {int(number) for number, _, _ in chosen} == {first, *latest}
    assert [int(number) for number, mark, _ in chosen if mark == " selected"] == [first]
    page = reader.page("/jobs", dataset_id=first)
    assert "and 1 other, on their pages" in page
    assert f"/jobs?dataset_id={second}" in reader.page(f"/datasets/{second}?tab=draws")


def test_a_hidden_dataset_is_not_listed(server: LiveServer, reader: Reader) -> None:
    hidden = server.new_dataset()
    assert str(hidden) not in [number for number, _, _ in choice(reader, dataset_id=hidden)]
    assert "No job matches these filters" in in_element(
        reader.page("/jobs", dataset_id=hidden), '<div id="list"', "</form>"
    )


def test_a_bulk_retry_links_the_new_jobs(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(5, reader.api)
    failed = ended_job(server, reader, dataset, code="timed_out", file=FILE)
    unresolved = {"dataset_id": dataset, "unresolved": "true"}
    assert failed in reader.page("/jobs", **unresolved)
    back = f"/jobs?dataset_id={dataset}&unresolved=true"
    redirect = reader.post("/jobs", action="retry", job=failed, back=back)
    page = reader.page(redirect.headers["Location"])
    (new,) = re.findall(r'New: <a href="/jobs/([0-9a-f-]{36})">', page)
    assert reader.api.get(f"/api/jobs/{new}").json()["retry_of"] == failed
    assert "1 job retried." in page
    assert f'value="{failed}"' not in reader.page("/jobs", **unresolved)


def test_a_failure_is_dismissed_and_the_dismissal_undone(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(5, reader.api)
    failed = ended_job(server, reader, dataset, code="timed_out")
    path = f"/jobs?dataset_id={dataset}&unresolved=true"
    redirect = reader.post("/jobs", action="dismiss", job=failed, back=path)
    page = reader.page(redirect.headers["Location"])
    assert "1 job dismissed." in page
    assert "No failed job waits for a retry or a dismissal." in page
    assert f'value="{failed}"><button type="submit" name="action" value="undo">' in page
    assert '<small class="soft">dismissed</small>' in reader.page("/jobs", dataset_id=dataset)
    redirect = reader.post("/jobs", action="undo", job=failed, back=path)
    assert f'value="{failed}"' in reader.page(redirect.headers["Location"])
    refused = reader.post("/jobs", action="remove", job=failed)
    assert refused.status_code == 422


def test_filters_are_chips_that_can_be_removed(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(5, reader.api)
    page = reader.page("/jobs", dataset_id=dataset, status="completed")
    chips = re.findall(r'<a class="chip" href="([^"]*)"[^>]*>([^<]*) ✕</a>', page)
    assert [text.partition(":")[0] for _, text in chips] == ["State", "Dataset"]
    assert html.unescape(chips[0][0]) == f"/jobs?dataset_id={dataset}"


@pytest.mark.parametrize("done", ["²", "9" * 5000, "-1"])
def test_an_invalid_outcome_is_ignored(reader: Reader, done: str) -> None:
    assert reader.get("/jobs", did="cancel", done=done, refused="0").status_code == 200
