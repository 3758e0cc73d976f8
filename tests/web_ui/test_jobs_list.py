"""The list of jobs: what came of each in a few words, and datasets chosen by name."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

import web_ui.dataset_choice
from tests.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, in_element
from tests.web_ui.staged_jobs import cancelled, ended_job, running_job

OUTCOME = re.compile(
    r'<td data-label="Outcome" class="few">(?:<span title="([^"]*)">\1</span>)?</td>'
)
OPTION = re.compile(r'<option value="(\d+)"( selected)?>([^<]*)</option>')


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture(scope="module")
def dataset(server: LiveServer, reader: Reader) -> int:
    return server.new_table(1234, reader.api)


@pytest.fixture
def one_offered() -> Iterator[None]:
    """The choice of datasets is of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_ui.dataset_choice, "MAX_COUNT", 1)
        yield


def outcome(reader: Reader, dataset: int) -> str:
    """That of the newest job of a dataset."""
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
    ],
)
def test_what_came_of_a_completed_job_is_told_in_a_few_words(
    reader: Reader, dataset: int, kind: str, body: dict[str, object], words: str
) -> None:
    asked = reader.api.post(f"/api/{kind}/datasets/{dataset}/jobs", json=body).json()["job_id"]
    assert finished(reader.api, asked)["status"] == "completed"
    assert outcome(reader, dataset) == words


def test_imports_running_and_failed_jobs_have_an_outcome_too(
    server: LiveServer, reader: Reader
) -> None:
    dataset = server.new_table(1500, reader.api)
    assert outcome(reader, dataset) == "1,500 rows imported"
    running = running_job(server, reader.soeid, dataset)
    assert outcome(reader, dataset) == "reading rows"
    cancelled(server, running)
    ended_job(server, reader, dataset, code="timed_out")
    assert outcome(reader, dataset) == "It failed: timed_out."


def test_datasets_are_chosen_by_name_and_namesakes_told_apart(server: LiveServer) -> None:
    reader, other = Reader(server), Reader(server)
    names = ("Zebras", "apples", "apples")
    made = [
        maker.api.post("/api/datasets", json={"name": name}).json()["dataset_id"]
        for name, maker in zip(names, (reader, reader, other), strict=True)
    ]
    share = {"user_soeid": reader.soeid, "permission": "read"}
    other.api.post("/api/datasets", json={"name": "hidden"})
    other.api.put(f"/api/datasets/{made[2]}/permissions", json=share)
    told = [(str(made[1]), "", f"apples ({made[1]})"), (str(made[2]), "", f"apples ({made[2]})")]
    assert choice(reader) == [*told, (str(made[0]), "", "Zebras")]
    assert choice(reader, dataset_id=made[0])[-1] == (str(made[0]), " selected", "Zebras")


@pytest.mark.usefixtures("one_offered")
def test_of_many_datasets_the_last_changed_are_offered_and_the_chosen_one(
    server: LiveServer,
) -> None:
    reader = Reader(server)
    first, second, third = (server.new_dataset(reader.api) for _ in range(3))
    assert [number for number, _, _ in choice(reader)] == [str(third)]
    chosen = choice(reader, dataset_id=first)
    assert {(number, mark) for number, mark, _ in chosen} == {
        (str(first), " selected"),
        (str(third), ""),
    }
    page = reader.page("/jobs", dataset_id=first)
    assert "and 1 other, from their own pages" in page
    assert f"/jobs?dataset_id={second}" in reader.page(f"/datasets/{second}?tab=draws")


def test_a_dataset_that_one_may_not_see_is_no_choice(server: LiveServer, reader: Reader) -> None:
    hidden = server.new_dataset()
    assert str(hidden) not in [number for number, _, _ in choice(reader, dataset_id=hidden)]
    assert "No job passes these filters" in in_element(
        reader.page("/jobs", dataset_id=hidden), '<div id="list"', "</form>"
    )
