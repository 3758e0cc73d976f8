"""A server prints an address that answers, or refuses to start with a sentence."""

from __future__ import annotations

import resource
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import trustme
from jobsvc_client import JobsvcError
from jobsvc_client.transport import Transport

from command_line.connection import ApiClient
from http_api.server.host_check import AllowedHosts, is_every_address
from tests.command_line.conftest import Run
from tests.support.forked_process import ForkedProcess, run_jobsvc
from tests.support.live_server import PASSWORD
from tests.support.server_process import ServerProcess


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["::", "::0", "0.0.0.0"])
def test_the_printed_address_answers(run: Run, data_dir: Path, table: Path, host: str) -> None:
    if ":" in host and not has_ipv6():
        host = "0.0.0.0"
    run("import", str(table), "--dataset", "Sales")
    run("user", "add", "ab12345", "--role", "admin", "--password-stdin", given=PASSWORD)
    with ServerProcess(data_dir, forked=True, options=["--host", host]) as server:
        expected = "http://[::1]:" if ":" in host else "http://127.0.0.1:"
        assert server.url.startswith(expected)
        assert httpx.get(f"{server.url}/health").status_code == 200
        assert "1 of 1 jobs." in run("jobs").stdout  # finds the server by its note


@pytest.mark.parametrize("host", ["::", "::0", "0:0:0:0:0:0:0:0", "0.0.0.0", ""])
def test_every_spelling_of_every_address_is_known(host: str) -> None:
    assert is_every_address(host)
    assert AllowedHosts(host, "").include("192.0.2.7")


def run_with_few_files(arguments: Sequence[str], most: int) -> None:
    """Run the command in a process with a limit of open files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run_jobsvc(arguments)


@pytest.mark.parametrize("most", [64, 271])
def test_too_few_open_files_are_refused(data_dir: Path, most: int) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", str(data_dir))
    process = ForkedProcess(run_with_few_files, arguments, most)
    output = process.written()
    assert process.wait(60) == 1
    assert f"lets jobsvc open {most} files, and it needs 272" in output
    assert not data_dir.exists()


@pytest.fixture
def untrusted_url() -> Iterator[str]:
    """The address of a server whose certificate no known authority has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        yield f"https://127.0.0.1:{server.server_port}"
        answering.join()


def test_the_command_checks_a_servers_certificate(untrusted_url: str) -> None:
    failed = pytest.raises(JobsvcError, match="CERTIFICATE_VERIFY_FAILED")
    with ApiClient(untrusted_url, "token") as api, failed:
        api.get("/health")


def test_the_client_checks_a_servers_certificate(untrusted_url: str) -> None:
    transport = Transport(untrusted_url, "token", timeout_s=10)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        transport.http.get("/health")
    transport.close()
