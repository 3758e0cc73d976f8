"""An OpenID provider that holds connections delays no other request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from application.providers.answers import SignInAttempt
from tests.support.server_process import ServerProcess
from tests.support.slow_peers import Hold, drips_body, drips_headers, silent, slow_peer

REQUESTS = 64
OTHERS_WITHIN_S = 4.0
ANSWERED_WITHIN_S = 15


@contextmanager
def listed_provider(token_port: int) -> Iterator[str]:
    """The issuer of a provider whose metadata are quick, and whose tokens are at another port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        issuer = f"http://127.0.0.1:{listening.server_address[1]}"
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"http://127.0.0.1:{token_port}/token",
                "jwks_uri": f"{issuer}/jwks",
            },
            "/jwks": {"keys": [RSAKey.generate_key(2048).as_dict(private=False)]},
        }
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield issuer
        finally:
            listening.shutdown()


def while_others_wait(server: ServerProcess, send: Callable[[httpx.Client], int]) -> list[int]:
    """Send many requests at once; meanwhile another user's are quick. Return the statuses."""
    me = server.client()
    assert me.get("/api/users/me").status_code == 200
    with httpx.Client(base_url=server.url, timeout=60, verify=False) as many:
        many.get("/health")
        with ThreadPoolExecutor(REQUESTS) as pool:
            begun = time.monotonic()
            sent = [pool.submit(send, many) for _ in range(REQUESTS)]
            slowest = 0.0
            while not all(one.done() for one in sent):
                before = time.monotonic()
                assert me.get("/api/users/me").status_code == 200
                slowest = max(slowest, time.monotonic() - before)
                time.sleep(0.05)
            assert time.monotonic() - begun < ANSWERED_WITHIN_S
            assert slowest < OTHERS_WITHIN_S
            return [one.result() for one in sent]


def settings_of(issuer: str) -> dict[str, str]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": "jobsvc",
        "role_without_group": "viewer",
        "access_log": "no",
    }


@pytest.mark.parametrize("hold", [silent, drips_headers, drips_body])
def test_a_silent_provider_delays_no_other_request(tmp_path: Path, hold: Hold) -> None:
    with slow_peer(hold) as port:
        issuer = f"http://127.0.0.1:{port}"
        with ServerProcess(tmp_path / "data", **settings_of(issuer)) as server:
            statuses = while_others_wait(
                server, lambda client: client.get("/sign-in/provider").status_code
            )
            assert set(statuses) == {429, 503}
            begun = time.monotonic()
            failed = httpx.get(f"{server.url}/sign-in/provider")  # the failure is remembered
            assert time.monotonic() - begun < 4  # the response is held for up to two seconds
            assert (failed.status_code, failed.headers["Retry-After"]) == (503, "5")
            assert "can't be used (no answer in time)" in failed.text.replace("&#39;", "'")


def test_a_silent_token_endpoint_delays_no_other_request(tmp_path: Path) -> None:
    attempt = SignInAttempt.to_page("/")
    with (
        slow_peer(silent) as port,
        listed_provider(port) as issuer,
        ServerProcess(tmp_path / "data", **settings_of(issuer)) as server,
    ):
        assert httpx.get(f"{server.url}/sign-in/provider").status_code == 303

        def send(client: httpx.Client) -> int:
            return client.get(
                "/sign-in/provider/return",
                params={"state": attempt.state, "code": "a code"},
                headers={"Cookie": f"jobsvc_sign_in={attempt.text()}"},
            ).status_code

        assert set(while_others_wait(server, send)) == {429, 503}
        # A password needs no provider.
        form = {"soeid": "nobody", "password": "wrong password"}
        assert httpx.post(f"{server.url}/sign-in", data=form).status_code == 401
