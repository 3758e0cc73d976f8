"""Open pages while the server is killed and restarted."""

from __future__ import annotations

import random
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.watching import watch_of
from tests.support.live_server import PASSWORD, finished
from tests.support.server_process import ServerProcess

SOEID = "re00001"
AWAY = "The server does not respond. Retrying."
NO_ANSWER = "net::ERR_"
PATIENCE_MS = 30_000
HOLD = """CREATE TRIGGER held BEFORE UPDATE OF status ON jobs WHEN OLD.run_type = 'sampling'
BEGIN SELECT RAISE(IGNORE); END"""


def test_open_pages_recover_from_a_restart(page: Page, tmp_path: Path) -> None:
    """A job's page, the list of jobs and a new draw, in three tabs of one session."""
    data_dir, options = tmp_path / "data", ["--port", str(_free_port())]
    with ServerProcess(data_dir, forked=True, options=options) as server:
        dataset = _table(server.client())
        _change(data_dir, HOLD)
        draw = f"/api/sampling/datasets/{dataset}/jobs"
        body = {"method": "random", "parameters": {"sample_size": 3}}
        waiting = server.client().post(draw, json=body).json()["job_id"]
        sign_in(page, server.url, SOEID, f"/jobs/{waiting}")
        expect(page.locator("#state")).to_have_text("pending")
        jobs, form = page.context.new_page(), page.context.new_page()
        jobs.goto(f"{server.url}/jobs")
        form.goto(f"{server.url}/datasets/{dataset}/draw")
        expect(form.get_by_text("50 of 50 rows will be drawn.")).to_be_visible()
        with watch_of(page).expect(NO_ANSWER):
            server.kill()
            form.get_by_label("Rows", exact=True).fill("20")
            for open_page in (page, jobs, form):
                expect(open_page.get_by_text(AWAY).first).to_be_visible(timeout=PATIENCE_MS)
            _change(data_dir, "DROP TRIGGER held")
            with ServerProcess(data_dir, forked=True, options=options):
                _check_recovery(page, jobs, form, waiting)


def _check_recovery(page: Page, jobs: Page, form: Page, waiting: str) -> None:
    """The pages recover without input."""
    expect(form.get_by_text("20 of 50 rows will be drawn.")).to_be_visible(timeout=PATIENCE_MS)
    expect(form.get_by_text(AWAY)).to_have_count(0)
    expect(page.locator("#state")).to_have_text("completed", timeout=PATIENCE_MS)
    row = jobs.get_by_role("row").filter(has_text=waiting[:8])
    expect(row).to_contain_text("completed", timeout=PATIENCE_MS)
    expect(jobs.locator("#live")).to_have_text("")
    page.get_by_role("link", name="Rows", exact=True).click()
    expect(page.get_by_role("region", name="Rows").get_by_role("row")).to_have_count(4)
    form.get_by_role("button", name="Draw sample").click()
    expect(form.get_by_text("20 of 50 rows drawn")).to_be_visible(timeout=PATIENCE_MS)
    for open_page in (page, jobs, form):
        open_page.goto("about:blank")  # no request is open when the server ends


def _free_port() -> int:
    """A port below the ephemeral range."""
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


def _table(client: httpx.Client) -> int:
    """A dataset of 50 rows, and an admin with a password."""
    user = {"soeid": SOEID, "role_name": "admin", "password": PASSWORD}
    assert client.post("/api/users", json=user).status_code == 200
    dataset = int(client.post("/api/datasets", json={"name": "Here to stay"}).json()["id"])
    file = ("t.csv", "id,amount\n" + "".join(f"{row},{row / 4}\n" for row in range(50)))
    answer = client.post(f"/api/datasets/{dataset}/refs/main/import", files={"file": file})
    finished(client, answer.json()["job_id"])
    return dataset


def _change(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / "jobsvc.sqlite3", timeout=30)) as connection:
        connection.execute(statement)
        connection.commit()
