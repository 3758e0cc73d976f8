"""The guide's three JavaScript workflows, unchanged, in a browser against a live server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.watching import watch_of
from tests.support.live_server import LiveServer, finished

GUIDE = Path(__file__).parents[2] / "docs" / "JOBS_API_GUIDE.md"
WORKFLOWS = re.findall(r"```javascript\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def dataset_id(server: LiveServer) -> int:
    return server.new_table(1500)


def run(page: Page, server: LiveServer, workflow: str, names: dict[str, Any], end: str) -> Any:
    """Run a workflow as the body of a function whose parameters are the guide's free names."""
    page.goto(f"{server.url}/health")
    given = {"token": server.token, **names}
    script = f"async ({{ {', '.join(given)} }}) => {{\n{workflow}\n{end}\n}}"
    return page.evaluate(script, given)


def test_the_guide_has_three_workflows() -> None:
    assert len(WORKFLOWS) == 3


def test_creating_and_monitoring_a_job(page: Page, server: LiveServer, dataset_id: int) -> None:
    end = "return { job_id, answer: await pollJobStatus(job_id) };"
    first = run(page, server, WORKFLOWS[0], {"datasetId": dataset_id}, end)
    job = finished(server.admin, first["job_id"])
    assert job["status"] == "completed"
    # The guide's poller answers with the rows when it finds the job completed.
    if first["answer"] is None:
        poller = WORKFLOWS[0][WORKFLOWS[0].index("const pollJobStatus") :]
        end = "return { answer: await pollJobStatus(jobId) };"
        first = run(page, server, poller, {"jobId": job["id"]}, end)
    assert first["answer"]["total"] == 1000
    assert len(first["answer"]["data"]) == 100


def test_the_poller_throws_the_message_of_a_failed_job(page: Page, server: LiveServer) -> None:
    failed = server.import_text(server.new_dataset(), b"a,b\n1,2\n3,4,5\n")
    poller = WORKFLOWS[0][WORKFLOWS[0].index("const pollJobStatus") :]
    end = "try { await pollJobStatus(jobId) } catch (error) { return error.message }"
    message = run(page, server, poller, {"jobId": failed["id"]}, end)
    assert message == failed["error_message"]


def test_displaying_a_datasets_history(page: Page, server: LiveServer, dataset_id: int) -> None:
    job = server.draw(dataset_id, {"method": "random", "sample_size": 5})
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text))
    run(page, server, WORKFLOWS[1], {"datasetId": dataset_id}, "")
    assert printed == [f"Job {job['id']}: completed - Created {job['created_at']}"]


@pytest.mark.parametrize(
    ("job", "token", "expected"),
    [
        ("missing", "right", "Job not found"),
        ("failed", "wrong", "Authentication required"),
        ("failed", "right", "Job failed: "),
        ("completed", "right", None),
    ],
)
def test_handling_errors(
    page: Page, server: LiveServer, dataset_id: int, job: str, token: str, expected: str | None
) -> None:
    job_id = {
        "missing": lambda: "no-such-job",
        "failed": lambda: server.import_text(dataset_id, b"\x00")["id"],
        "completed": lambda: server.draw(dataset_id, {"method": "random", "sample_size": 1})["id"],
    }[job]()
    printed: list[str] = []
    page.on(
        "console",
        lambda message: (
            None
            if message.text.startswith("Failed to load resource")
            else printed.append(message.text)
        ),
    )
    names: dict[str, Any] = {"jobId": job_id}
    if token == "wrong":
        names["token"] = "wrong"
    with watch_of(page).expect(expected or "nothing"):
        run(page, server, WORKFLOWS[2], names, "")
    assert len(printed) == (0 if expected is None else 1)
    if expected is not None:
        assert printed[0].startswith(expected)
