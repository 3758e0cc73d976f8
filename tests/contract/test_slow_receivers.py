"""Receivers that hold connections delay the messages of their own user, and no stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.contract.deliveries import newest_delivery
from tests.support.live_server import LiveServer, live_server
from tests.support.mail_server import DOMAIN, SENDER
from tests.support.server_process import ServerProcess
from tests.support.slow_peers import (
    deaf_peer,
    drips_headers,
    drips_interim,
    drips_smtp,
    drips_status,
    silent,
    slow_peer,
)
from tests.support.webhook_receiver import receiver

HOLDS = (silent, drips_status, drips_headers, drips_interim)
OTHERS_WITHIN_S, STOP_WITHIN_S = 5, 10


@pytest.fixture(scope="module")
def peers() -> Iterator[list[str]]:
    """The addresses of 20 slow receivers."""
    with ExitStack() as opened:
        found = [
            f"http://127.0.0.1:{opened.enter_context(slow_peer(hold))}/"
            for hold in HOLDS
            for _ in range(4)
        ]
        found += [f"http://127.0.0.1:{opened.enter_context(deaf_peer())}/" for _ in range(2)]
        found += [f"https://127.0.0.1:{opened.enter_context(slow_peer(silent))}/" for _ in range(2)]
        yield found


def webhook_of(client: httpx.Client, url: str) -> str:
    """The path of a new webhook, to which a test was sent."""
    made = client.post("/api/webhooks", json={"url": url})
    assert made.status_code == 200, made.text
    path = f"/api/webhooks/{made.json()['id']}"
    assert client.post(f"{path}/test").status_code == 200
    return path


def test_twenty_slow_receivers_delay_no_other_user_and_no_stop(
    tmp_path: Path, peers: list[str]
) -> None:
    with receiver() as hooks, slow_peer(drips_smtp) as mail_port:
        settings = {
            "webhook_prefixes": ", ".join([*peers, f"{hooks.url}/"]),
            "smtp_server": f"127.0.0.1:{mail_port}",
            "smtp_security": "none",
            "smtp_sender": SENDER,
            "email_domains": DOMAIN,
        }
        with ServerProcess(tmp_path / "data", **settings) as server:
            admin = server.client()
            name, password = "other01", "correct horse battery"
            new = {"soeid": name, "role_name": "analyst", "password": password}
            assert admin.post("/api/users", json=new).status_code == 200
            signed = admin.post("/api/users/login", json={"soeid": name, "password": password})
            other = server.client()
            other.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
            body = {"address": f"admin@{DOMAIN}"}
            assert admin.put("/api/users/me/email", json=body).status_code == 200
            assert admin.post("/api/users/me/email/test").status_code == 200
            for peer in peers:
                webhook_of(admin, peer)
            time.sleep(1)  # all threads that they can hold are held
            begun = time.monotonic()
            webhook_of(other, f"{hooks.url}/other")
            hooks.wait("/other")
            assert time.monotonic() - begun < OTHERS_WITHIN_S
            stopped = time.monotonic()
            assert server.terminate() == 0
            assert time.monotonic() - stopped < STOP_WITHIN_S


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, peers: list[str]) -> Iterator[LiveServer]:
    with slow_peer(drips_smtp) as mail_port:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("slow"),
            memory_mb=128,
            webhook_prefixes=", ".join(peers),
            smtp_server=f"127.0.0.1:{mail_port}",
            smtp_security="none",
            smtp_sender=SENDER,
            email_domains=DOMAIN,
            delivery_limit_s=1,
            smtp_limit_s=1,
            delivery_delays_s=(),
        )
        with live_server(settings) as live:
            yield live


def test_one_limit_holds_for_the_whole_attempt(server: LiveServer, peers: list[str]) -> None:
    for client, urls in (
        (server.new_user()[0], peers[: len(HOLDS) * 4 : 4]),
        (server.new_user()[0], peers[len(HOLDS) * 4 :]),
    ):
        paths = [webhook_of(client, url) for url in urls]
        for path in paths:
            assert newest_delivery(client, path)["problem"] == "The receiver didn't answer in time."


def test_one_limit_holds_for_the_whole_dialogue_with_a_mail_server(server: LiveServer) -> None:
    client, user = server.new_user()
    client.put("/api/users/me/email", json={"address": f"{user['soeid']}@{DOMAIN}"})
    assert client.post("/api/users/me/email/test").status_code == 200
    problem = newest_delivery(client, "/api/users/me/email")["problem"]
    assert problem == "The mail server didn't answer in time."
