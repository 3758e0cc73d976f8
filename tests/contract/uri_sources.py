"""Sources of URI imports: web servers and an object store on this machine."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

BUCKET = "audit-files"


class WebFiles(BaseHTTPRequestHandler):
    """Answers with the server's files; notes each path that was asked for."""

    server: WebServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, headers, content = self.server.files.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.path in self.server.stalling:
            self.wfile.write(content[:10])
            self.wfile.flush()
            self.server.stalled.set()
            self.server.go_on.wait(20)
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Print nothing."""


class WebServer(ThreadingHTTPServer):
    """Files by path, as (status, headers, content)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebFiles)
        self.files: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.stalling: set[str] = set()
        self.stalled, self.go_on = threading.Event(), threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing of clients that went away."""

    def put(self, path: str, content: bytes = b"", status: int = 200, **headers: str) -> None:
        """Serve a file, or another answer."""
        self.files[path] = (status, headers, content)


@contextmanager
def web_server(patch: pytest.MonkeyPatch, certificates: Path | None = None) -> Iterator[WebServer]:
    """A web server; with a folder for certificates it speaks HTTPS, and this process trusts it."""
    with WebServer() as server:
        if certificates is not None:
            authority = trustme.CA()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            authority.cert_pem.write_to_path(str(certificates / "ca.pem"))
            patch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@contextmanager
def object_store(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 service with a bucket; the environment names the service."""
    import boto3  # here, since conftest imports this module for every test
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key-of-the-environment",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-environment",
        "AWS_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()
    service.stop()
