"""Singular and plural on pages."""

from __future__ import annotations

import re

import pytest

from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader
from tests.web_ui.staged_jobs import ended_job

SLIP = re.compile(
    r"(?<![\d.,])1 (?:\w+ )?(rows|columns|jobs|warnings|notices|alerts|tables|strata)\b"
)


@pytest.fixture(scope="module")
def lonely(server: LiveServer, reader: Reader) -> int:
    """A dataset with a table of one row and one column."""
    dataset = server.new_dataset(reader.api)
    server.import_text(dataset, "id\n17\n", client=reader.api)
    return dataset


def done(reader: Reader, kind: str, dataset: int, **body: object) -> str:
    path = f"/api/{kind}/datasets/{dataset}/jobs"
    job_id = str(reader.api.post(path, json=body).json()["job_id"])
    assert finished(reader.api, job_id)["status"] == "completed"
    return job_id


def test_pages_use_the_singular(reader: Reader, lonely: int) -> None:
    draw = {"method": "random", "parameters": {"sample_size": 1}}
    sampled = done(reader, "sampling", lonely, **draw)
    profiled = done(reader, "profiling", lonely)
    reported = done(reader, "exploration", lonely)
    for path in (
        f"/jobs/{sampled}",
        f"/jobs/{sampled}?tab=rows",
        f"/jobs/{sampled}?tab=comparison",
        f"/jobs/{profiled}",
        f"/jobs/{reported}",
        f"/jobs?dataset_id={lonely}",
        f"/datasets/{lonely}?tab=data",
        f"/datasets/{lonely}?tab=data&filters=id+%3D+17",
        f"/datasets/{lonely}?tab=profile",
        f"/datasets/{lonely}?tab=history",
        f"/datasets/{lonely}?tab=history&with=main",
    ):
        text = reader.text(path)
        assert not SLIP.findall(text), (path, SLIP.search(text))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (
            "did=cancel&done=1&refused=1",
            "1 job cancelled. 1 job unchanged: already ended, or view access only.",
        ),
        (
            "did=retry&done=2&refused=3",
            "2 jobs retried. 3 jobs unchanged: can't be retried, or view access only.",
        ),
        (
            "did=retry&done=0&refused=1",
            "0 jobs retried. 1 job unchanged: can't be retried, or view access only.",
        ),
    ],
)
def test_the_result_of_an_action_is_counted(reader: Reader, outcome: str, words: str) -> None:
    assert words in reader.text(f"/jobs?{outcome}")


def test_an_ended_job_is_not_cancelled(server: LiveServer, reader: Reader) -> None:
    job = ended_job(server, reader, server.new_dataset(reader.api))
    redirect = reader.post("/jobs", job=job, action="cancel", back="/jobs").headers["Location"]
    assert "1 job unchanged: already ended, or view access only." in reader.text(redirect)
