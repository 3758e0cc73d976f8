"""Every curl line of the guide, run by curl against a live server."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.live_server import PASSWORD, LiveServer

GUIDE = (Path(__file__).parents[2] / "docs" / "JOBS_API_GUIDE.md").read_text(encoding="utf-8")
LINES = [
    block
    for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)
    if block.startswith("curl")
]
GUIDE_JOB = "917f045a-ec63-47a1-b192-35149508f452"


@pytest.fixture(scope="module")
def job_id(server: LiveServer) -> str:
    """A completed draw, and the user that the guide names with a failed job."""
    user = {"soeid": "bg54677", "role_name": "analyst", "password": PASSWORD}
    assert server.admin.post("/api/users", json=user).status_code == 200
    login = {"soeid": "bg54677", "password": PASSWORD}
    token = server.client(None).post("/api/users/login", json=login).json()["access_token"]
    theirs = server.client(token)
    server.import_text(server.new_dataset(theirs), b"\x00", client=theirs)
    dataset_id = server.new_table(300)
    return str(server.draw(dataset_id, {"method": "random", "sample_size": 150})["id"])


def test_the_guide_has_five_curl_lines() -> None:
    assert len(LINES) == 5


@pytest.mark.parametrize("line", LINES)
def test_a_curl_line_of_the_guide_works(server: LiveServer, job_id: str, line: str) -> None:
    """The address stays as it is; the guide's placeholders get real values."""
    command = line.strip().replace("{token}", server.token).replace(GUIDE_JOB, job_id)
    where = urlsplit(server.url)
    reached = f"--connect-to localhost:8000:{where.hostname}:{where.port} --silent --fail"
    done = subprocess.run(
        ["bash", "-c", command.replace("curl", f"curl {reached}", 1)],
        capture_output=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    if "/data?limit=100" in line:
        assert len(answer["data"]) == 100
    elif GUIDE_JOB in line:
        assert (answer["id"], answer["status"]) == (job_id, "completed")
    else:
        assert set(answer) == {"jobs", "total", "offset", "limit"}
    if "status=failed" in line:
        assert [job["user_soeid"] for job in answer["jobs"]] == ["bg54677"]
        assert answer["jobs"][0]["status"] == "failed"
    if "limit=20" in line:
        assert answer["limit"] == 20
        assert answer["jobs"]
