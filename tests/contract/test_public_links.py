"""The setting ``public_url`` gives the address of every link that leaves the server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from application.sessions import COOKIE
from service.settings import Settings
from tests.support.live_server import LiveServer, live_server
from tests.support.webhook_receiver import Receiver, receiver

PUBLIC_URL = "https://jobs.bank.example"


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hooks: Receiver) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("links"),
        memory_mb=256,
        webhook_prefixes=f"{hooks.url}/",
        public_url=f"{PUBLIC_URL}/",
        compare_samples=False,
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def job(server: LiveServer, hooks: Receiver) -> dict[str, object]:
    added = server.admin.post("/api/webhooks", json={"url": f"{hooks.url}/jobs"}).json()
    server.admin.post(f"/api/webhooks/{added['id']}/test")
    hooks.wait("/jobs")
    job = server.draw(server.new_table(20), {"method": "random", "sample_size": 2})
    return {**job, "secret": added["secret"]}


def test_the_message_to_a_webhook_links_to_its_page(
    hooks: Receiver, job: dict[str, object]
) -> None:
    test, *_, drawn = hooks.wait("/jobs", 3)  # and the import
    bodies = [message.verified(str(job["secret"])) for message in (test, drawn)]
    assert [body["data"]["url"] for body in bodies] == [
        f"{PUBLIC_URL}/account",
        f"{PUBLIC_URL}/jobs/{job['id']}",
    ]


def test_a_sign_in_link_has_the_public_address(server: LiveServer) -> None:
    added = server.admin.post("/api/users", json={"soeid": "anna", "role_name": "viewer"}).json()
    assert added["link"].startswith(f"{PUBLIC_URL}/sign-in?code=")
    origin = {"Origin": server.url}
    again = server.admin.post(f"/api/users/{added['id']}/sign-in-link", headers=origin).json()
    assert again["link"].startswith(f"{PUBLIC_URL}/sign-in?code=")


def test_a_working_paper_names_the_address_of_its_sample(
    server: LiveServer, job: dict[str, object]
) -> None:
    paper = server.admin.get(f"/api/sampling/jobs/{job['id']}/working-paper?format=html")
    assert paper.status_code == 200, paper.text
    assert f"{PUBLIC_URL}/jobs/{job['id']}" in paper.text


def test_code_of_a_request_has_the_public_address(server: LiveServer) -> None:
    client, _ = server.new_user("admin")
    _, secret = client.headers["Authorization"].split()
    page = httpx.get(f"{server.url}/datasets/1/draw", cookies={COOKIE: secret}, timeout=60)
    assert PUBLIC_URL in page.text
    assert server.url not in page.text
