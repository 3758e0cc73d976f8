"""A server behind nginx and behind Caddy, by the files of ``deploy/``."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from tests.support.server_process import ServerProcess

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "jobsvc.example.com"
START_S = 20


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        end = time.monotonic() + START_S
        while True:
            assert process.poll() is None, f"{command[0]} ended"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
            else:
                break
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("behind-a-proxy")
    with ServerProcess(
        folder / "data", trusted_proxy="127.0.0.1", allowed_hosts=NAME, memory_mb=256
    ) as started:
        yield started


@contextmanager
def nginx(server: ServerProcess, folder: Path) -> Iterator[httpx.Client]:
    port = free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/certs/jobsvc.pem", str(folder / "cert.pem")),
        ("/etc/ssl/private/jobsvc.key", str(folder / "key.pem")),
        ("http://127.0.0.1:8000", server.url.replace("localhost", "127.0.0.1")),
    ):
        assert old in site
        site = site.replace(old, new)
    paths = " ".join(
        f"{kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}} "
        f"http {{ access_log off; {paths}\n{site}\n}}",
        encoding="utf-8",
    )
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    command = [str(shutil.which("nginx", path="/usr/sbin:/usr/bin")), "-c", str(config)]
    with running(command, port), client_of(f"https://127.0.0.1:{port}", context) as client:
        yield client


@contextmanager
def caddy(server: ServerProcess, folder: Path) -> Iterator[httpx.Client]:
    port = free_port()
    upstream = server.url.replace("http://", "").replace("localhost", "127.0.0.1")
    command = ["caddy", "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    with (
        running(
            command,
            port,
            JOBSVC_NAME=f"http://{NAME}:{port}",
            JOBSVC_UPSTREAM=upstream,
            XDG_DATA_HOME=str(folder),
            XDG_CONFIG_HOME=str(folder),
            CADDY_ADMIN="off",
        ),
        client_of(f"http://127.0.0.1:{port}", ssl.create_default_context()) as client,
    ):
        yield client


def client_of(url: str, context: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        verify=context,
        headers={"Host": NAME},
        timeout=30,
        transport=_Named(verify=context),
    )


class _Named(httpx.HTTPTransport):
    """Connects to the address, but names the host to TLS."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = NAME
        return super().handle_request(request)


Proxy = Callable[[ServerProcess, Path], "contextmanager[Iterator[httpx.Client]]"]


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_a_proxy_passes_uploads_events_and_the_client(
    server: ServerProcess, tmp_path: Path, proxy: Proxy
) -> None:
    owner = server.client()
    token = owner.headers["Authorization"]
    with proxy(server, tmp_path) as client:  # type: ignore[attr-defined]
        assert client.get("/health").json()["status"] == "ok"
        page = client.get("/sign-in")
        assert page.status_code == 200
        signed_in = {"Authorization": token, "X-Forwarded-For": "203.0.113.9"}
        dataset = client.post(
            "/api/datasets", json={"name": proxy.__name__}, headers=signed_in
        ).json()["dataset_id"]
        rows = "".join(f"{row},{'x' * 40}\n" for row in range(60_000))  # 2.8 MB
        answer = client.post(
            f"/api/datasets/{dataset}/refs/main/import",
            files={"file": ("rows.csv", f"id,text\n{rows}")},
            headers=signed_in,
        )
        assert answer.status_code == 200, answer.text
        path = f"/api/jobs/{answer.json()['job_id']}/events"
        with client.stream("GET", path, headers=signed_in) as events:
            last = [line for line in events.iter_lines() if line.startswith("data:")][-1]
        assert '"completed"' in last
    audit = owner.get("/api/admin/audit", params={"limit": 20}).json()["entries"]
    addresses = {entry["client_address"] for entry in audit if entry["dataset_id"] == dataset}
    assert addresses == {"127.0.0.1"}  # not what the client claimed


def test_units_are_as_systemd_reads_them(tmp_path: Path) -> None:
    unit = tmp_path / "jobsvc.service"
    text = (DEPLOY / "jobsvc.service").read_text(encoding="utf-8")
    text = text.replace("/opt/jobsvc/bin/jobsvc", "/bin/true").replace("User=jobsvc", "User=root")
    unit.write_text(text, encoding="utf-8")
    checked = verify(unit)
    assert checked == ""
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"Overall exposure level for jobsvc.service: ([\d.]+)", exposure)
    assert found is not None
    assert float(found[1]) < 2


def verify(unit: Path) -> str:
    """What systemd finds wrong with a unit."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in lines if unit.name in line)
