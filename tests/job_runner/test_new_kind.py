"""A new kind of job is one declaration and one handler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import composition_root
from application.job_submission import Submission, submit
from job_runner.attempt import JobContext
from job_runner.handlers import HANDLERS
from service.settings import Settings
from service.tables.open_tables import open_source, open_table
from storage.accounts.datasets import get_dataset
from storage.accounts.users import first_admin
from storage.jobs import kinds
from storage.jobs.kinds import JobKind, values_read
from storage.jobs.publishing import Outcome
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROWS = 12
TALLY = JobKind(
    run_type="profiling",
    marker="tally",
    action="profile_asked",
    noun="tally",
    phrase="a tally",
    fields=("rows",),
    result_of=lambda made: f"{made['rows']} rows tallied",
    long_from=kinds.LONG_READ_VALUES,
    makes_figures=True,
)


def run_tally(context: JobContext) -> Outcome:
    source = open_source(context.service, context.job)
    return Outcome({"rows": source.files.row_count})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, TALLY))
    settings = Settings(data_dir=tmp_path, memory_mb=256, duckdb_threads=1)
    handlers = {**HANDLERS, TALLY: run_tally}
    with (
        composition_root.serving_in_background(settings, "tests", handlers=handlers) as here,
        LiveServer(here) as live,
    ):
        yield live


def test_each_kind_has_one_handler() -> None:
    assert set(HANDLERS) == set(kinds.KINDS)


def test_a_new_kind_is_submitted_run_and_shown(server: LiveServer) -> None:
    dataset_id = server.new_table(ROWS)
    job_id = _submit(server, dataset_id)
    job = server.finished(job_id)
    assert (job["status"], job["run_type"], job["job_kind"]) == ("completed", "profiling", "tally")
    assert job["output_summary"]["rows"] == ROWS
    listed = server.admin.get("/api/jobs", params={"run_type": "profiling"}).json()["jobs"]
    assert [(each["id"], each["job_kind"]) for each in listed] == [(job_id, "tally")]
    reader = Reader(server, "admin")
    for path in ("/jobs", f"/jobs/{job_id}", f"/jobs/{job_id}?tab=request"):
        assert "tally" in reader.text(path).lower(), path
    for path in ("/jobs", f"/jobs/{job_id}"):
        assert "12 rows tallied" in reader.text(path), path
    assert "a tally" in reader.text("/admin/audit")


def test_a_failed_job_of_a_new_kind_is_retried(server: LiveServer) -> None:
    dataset_id = server.new_table(ROWS)
    job_id = _submit(server, dataset_id, table_key="missing")
    assert server.finished(job_id)["error_code"] == "not_found"
    answer = server.admin.post(f"/api/jobs/{job_id}/retry")
    assert answer.status_code == 200, answer.text
    assert server.finished(answer.json()["job_id"])["job_kind"] == "tally"


def _submit(server: LiveServer, dataset_id: int, table_key: str = "primary") -> str:
    service = server.service
    with service.database.read() as tx:
        user = first_admin(tx)
        assert user is not None
        dataset = get_dataset(tx, dataset_id, user)
    source = open_table(service, dataset_id, "main", None)
    parameters = {"source_ref": "main", "table_key": table_key, "tally": True}
    by = Submission(user)
    size = values_read(source.files.row_count, len(source.files.columns))
    new = by.new_job(service, TALLY, dataset, source.commit_id, parameters, size)
    return submit(service, by, new).id
