"""The first run: the demo in the browser, and a server that nobody else can use yet."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import composition_root
from application.demo_data import write_demo_file
from service.settings import Settings
from tests.command_line.conftest import Run
from tests.support.live_server import LiveServer
from tests.support.server_process import START_S, ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LEDGER = "a82004671f3c8298e6403cecf0ba55b5fd3b341e86286b7ecad6d9ceebeefc95"
SAMPLE_PAGE = r"<title>first-sample"


def test_the_demo_ledger_is_always_the_same(tmp_path: Path) -> None:
    write_demo_file(tmp_path / "ledger.csv")
    assert hashlib.sha256((tmp_path / "ledger.csv").read_bytes()).hexdigest() == LEDGER


def test_the_demo_draws_a_sample_once(run: Run, tmp_path: Path) -> None:
    first = run("demo", "--output", "sample.csv").stdout
    (shown,) = re.findall(r"```\n(Imported .*?)```", README, re.DOTALL)
    for line in re.sub(r"job \S+, .*", "job …", shown).splitlines():
        assert line.split("…")[0] in first
    assert " serve --open --data-dir" in first
    with (tmp_path / "sample.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 400
    assert {len(row["document"]) for row in rows} == {12}  # leading zeros stay
    (job,) = re.findall("job ([0-9a-f-]{36})", first)
    second = run("demo")
    again = second.stdout
    assert ", given by JOBSVC_DATA_DIR." in second.stderr
    assert job in again
    assert "Imported" not in again


def test_the_demo_ends_in_the_browser_on_its_sample(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part; mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    variables = {"PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s", "JOBSVC_MEMORY_MB": "256"}
    command = [sys.executable, "-m", "jobsvc", "demo", "--open", "--data-dir", "data"]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **variables}) as process:
        end = time.monotonic() + START_S
        while not opened.exists():
            assert time.monotonic() < end, "no browser was opened"
            time.sleep(0.02)
        link = opened.read_text()
        with httpx.Client(follow_redirects=True) as client:
            assert re.search(SAMPLE_PAGE, client.get(link).text)
            assert "/account#password" in client.get(httpx.URL(link).join("/")).text
        assert httpx.get(link, follow_redirects=True).status_code == 404  # it works once
        process.send_signal(signal.SIGINT)
        assert process.wait(START_S) == 0


def test_the_demo_refuses_a_server_nobody_named(run: Run, data_dir: Path) -> None:
    with ServerProcess(data_dir, forked=True) as server:
        assert f"The server {server.url} runs on" in run("demo", code=1).stderr
        assert server.client().get("/api/datasets").json()["total"] == 0


def test_only_the_own_computer_signs_in_without_a_password(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", memory_mb=256, trusted_proxy="127.0.0.1")
    with (
        composition_root.serving_in_background(settings, "tests") as here,
        LiveServer(here) as server,
        httpx.Client(
            base_url=here.url, headers={"Authorization": f"Bearer {here.token}"}
        ) as operator,
    ):
        _, user = server.new_user()
        me = operator.get("/api/users/me").json()
        for user_id, address, place in (
            (me["id"], "192.0.2.7", "Set password"),
            (user["id"], "127.0.0.1", "Sign in"),  # has a password
            (me["id"], "127.0.0.1", "Home"),
        ):
            link = operator.post(f"/api/users/{user_id}/sign-in-link").json()["link"]
            page = httpx.get(
                f"{link}&later=1",
                headers={"X-Forwarded-For": address},
                follow_redirects=False,
            )
            if page.is_redirect:
                cookies = dict(page.cookies)
                page = httpx.get(f"{server.url}{page.headers['Location']}", cookies=cookies)
            assert re.search(f"<h1[^>]*>{place}", page.text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_a_server_without_a_password_stays_on_this_computer(
    run: Run, data_dir: Path, host: str
) -> None:
    refused = run("serve", "--port", "0", "--host", host, code=1)
    assert "no administrator has a password" in refused.stderr


def test_a_mistyped_directory_of_an_import_is_refused(
    run: Run, table: Path, tmp_path: Path
) -> None:
    mistyped = tmp_path / "dta"
    refused = run("import", str(table), "--dataset", "x", "--data-dir", str(mistyped), code=3)
    assert "No data directory at" in refused.stderr
    assert not mistyped.exists()
