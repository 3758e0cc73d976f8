"""Servers that aren't there, aren't ours, or go away; and tokens that can't be any."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.server_process import ServerProcess

TOKEN = "a-token"


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "headers", "part"),
    [
        (200, b"<html>", {}, "answers 200, which isn't an answer of jobsvc"),
        (200, b"[1]", {}, "answers 200, which isn't an answer of jobsvc"),
        (308, b"", {"Location": "https://here/"}, "answers 308 and redirects to https://here/"),
        (200, b"broken", {"Content_Encoding": "gzip"}, "can't be reached"),
    ],
)
def test_a_foreign_server_is_one_error_line(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    headers: dict[str, str],
    part: str,
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", TOKEN)
    with answering(status, body, **headers) as url:
        failed = run("jobs", "--server", url, code=3)
    assert part in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:abc", "ftp://x", "nowhere"])
def test_an_invalid_address_is_one_error_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", TOKEN)
    failed = run("jobs", "--server", url, code=3)
    assert failed.stderr.startswith("Error: The server can't be reached: ")
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("token", ["", "  ", "sec\rret", "sec ret", "tök-secret"])
def test_an_invalid_token_is_refused_and_hidden(
    run: Run, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", token)
    failed = run("jobs", "--server", "http://127.0.0.1:9", code=2)
    assert "JOBSVC_TOKEN" in failed.stderr
    assert "sec" not in failed.stderr


def test_the_end_of_a_line_is_no_part_of_a_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSVC_TOKEN", f"{TOKEN}\r\n")
    with answering(200, b'{"jobs": [], "total": 0}') as url:
        assert "0 of 0 jobs." in run("jobs", "--server", url).stdout


def test_a_lost_server_prints_how_to_find_the_job(run: Run, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a\n1\n")
    endless = "SELECT sum(a.range) FROM range(1000000) a, range(1000000) b"
    with ServerProcess(data_dir, forked=True) as server, ThreadPoolExecutor(1) as pool:
        run("import", str(tmp_path / "one.csv"), "--dataset", "one")
        waiting = pool.submit(run, "sql", "one", endless, "--name", "endless", code=3)
        client, running = server.client(), []
        end = time.monotonic() + 30
        while not running:
            assert time.monotonic() < end
            running = client.get("/api/jobs?status=running").json()["jobs"]
        server.kill()
        output = waiting.result(30).stderr
    assert "The job continues." in output
    assert f"jobsvc watch {running[0]['id']}\n" in output
