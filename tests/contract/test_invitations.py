"""Invitations: sent or handed over, accepted once, by a new user or by an account."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from application.sessions import COOKIE, CSRF_FIELD, csrf_token
from service.settings import Settings
from storage.accounts.invitations import invitation_of
from storage.sqlite.clock import system_clock
from tests.contract.problems import assert_problem
from tests.contract.scraping import changes, scraped, series
from tests.support.live_server import PASSWORD, LiveServer, live_server
from tests.support.mail_server import DOMAIN, MailServer, mail_server

PUBLIC_URL = "https://jobs.bank.example"


class MovedClock:
    """The system's clock, moved."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.by


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture(scope="module")
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, mails: MailServer, clock: MovedClock
) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("invitations"),
        memory_mb=256,
        public_url=PUBLIC_URL,
        **mails.settings(),
    )
    with live_server(settings, clock) as live:
        live.admin.post("/api/groups", json={"name": "Auditors"}).raise_for_status()
        yield live


_addresses = itertools.count(2)


def visitor(server: LiveServer) -> httpx.Client:
    """A browser at an address of its own, of which no failure is known."""
    transport = httpx.HTTPTransport(local_address=f"127.0.0.{next(_addresses)}")
    browser = server.client(None)
    browser._mounts, browser._transport = {}, transport
    return browser


def invited(server: LiveServer, address: str, **more: Any) -> dict[str, Any]:
    answer = server.admin.post("/api/invitations", json={"address": address, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def code_of(link: str) -> str:
    assert link.startswith(f"{PUBLIC_URL}/invitation?code="), link
    return link.partition("code=")[2]


def accepted(
    server: LiveServer, code: str, soeid: str, browser: httpx.Client | None = None, **more: str
) -> httpx.Response:
    form = {"code": code, "soeid": soeid, "password": PASSWORD, "again": PASSWORD, **more}
    return (browser or visitor(server)).post("/invitation", data=form)


def shown(server: LiveServer, code: str, browser: httpx.Client | None = None) -> httpx.Response:
    return (browser or visitor(server)).get("/invitation", params={"code": code})


def joined(server: LiveServer, client: httpx.Client, code: str) -> httpx.Response:
    _, secret = client.headers["Authorization"].split()
    data = {CSRF_FIELD: csrf_token(secret), "code": code}
    cookie = {"Cookie": f"{COOKIE}={secret}"}
    return server.client(None).post("/invitation/join", data=data, headers=cookie)


def test_an_invited_person_chooses_name_and_password(server: LiveServer, mails: MailServer) -> None:
    address = f"anna.meier@{DOMAIN}"
    made = invited(server, address, role_name="viewer", groups=["auditors"])
    assert made["link"] is None
    assert made["sent_at"] is not None
    assert made["groups"] == ["Auditors"]
    (mail,) = mails.wait(address)
    assert mail.message["Subject"] == "[jobsvc] Invitation"
    (link,) = re.findall(r"https://\S+", mail.text)
    page = shown(server, code_of(link))
    assert address in page.text
    assert "Auditors" in page.text
    answer = accepted(server, code_of(link), "anna")
    assert answer.status_code == 303, answer.text
    session = answer.cookies[COOKIE]
    me = server.client(session).get("/api/users/me").json()
    assert (me["soeid"], me["role_name"]) == ("anna", "viewer")
    (group,) = server.admin.get("/api/groups", params={"q": "Auditors"}).json()["groups"]
    users = server.admin.get(f"/api/groups/{group['id']}").json()["users"]
    assert "anna" in [user["soeid"] for user in users]
    entries = server.admin.get("/api/admin/audit").json()["entries"]
    sentences = [entry["sentence"] for entry in entries]
    assert f"anna accepted the invitation of {address} as viewer" in sentences
    assert accepted(server, code_of(link), "anna2").status_code == 404


def test_the_code_is_nowhere_in_the_database(server: LiveServer) -> None:
    code = code_of(invited(server, f"hash@{DOMAIN}", show_link=True)["link"])
    with server.service.database.read() as tx:
        dump = "\n".join(tx.iterdump())
    assert code not in dump


def test_a_used_withdrawn_replaced_expired_or_wrong_link_has_one_answer(
    server: LiveServer, clock: MovedClock
) -> None:
    links = {
        how: invited(server, f"{how}@{DOMAIN}", show_link=True)
        for how in ("used", "withdrawn", "replaced", "expired")
    }
    codes = {how: code_of(made["link"]) for how, made in links.items()}
    assert accepted(server, codes["used"], "used1").status_code == 303
    server.admin.delete(f"/api/invitations/{links['withdrawn']['id']}").raise_for_status()
    path = f"/api/invitations/{links['replaced']['id']}/resend"
    again = server.admin.post(path, json={"show_link": True}).json()
    assert shown(server, code_of(again["link"])).status_code == 200
    clock.by = timedelta(days=8)
    try:
        client, _ = server.new_user("admin")
        listed = client.get("/api/invitations").json()["invitations"]
        assert {one["address"]: one["has_expired"] for one in listed}[f"expired@{DOMAIN}"]
        answers = [shown(server, code) for code in (*codes.values(), "wrong")]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
    finally:
        clock.by = timedelta()


def test_names_in_use_are_refused_and_throttled(server: LiveServer) -> None:
    _, other = server.new_user()
    code = code_of(invited(server, f"names@{DOMAIN}", show_link=True)["link"])
    assert "The passwords differ" in accepted(server, code, "n1", again="another one").text
    browser = visitor(server)
    refused = accepted(server, code, "Auditors", browser)
    assert refused.status_code == 422
    assert "exists already" in refused.text
    tried = [accepted(server, code, other["soeid"], browser).status_code for _ in range(8)]
    assert set(tried) == {422, 429}
    assert accepted(server, code, "free1").status_code == 303


def test_an_account_joins_and_its_role_only_rises(server: LiveServer) -> None:
    viewer, user = server.new_user("viewer")
    code = code_of(invited(server, f"rise@{DOMAIN}", show_link=True, groups=["Auditors"])["link"])
    assert joined(server, viewer, code).status_code == 303
    assert viewer.get("/api/users/me").json()["role_name"] == "analyst"
    analyst, _ = server.new_user("analyst")
    lower = invited(server, f"lower@{DOMAIN}", show_link=True, role_name="viewer")
    assert joined(server, analyst, code_of(lower["link"])).status_code == 303
    assert analyst.get("/api/users/me").json()["role_name"] == "analyst"
    found = server.admin.get("/api/users", params={"q": user["soeid"]}).json()["users"]
    assert found[0]["groups"] == ["Auditors"]


def test_an_address_is_invited_once_and_sent_again(server: LiveServer, mails: MailServer) -> None:
    address = f"twice@{DOMAIN}"
    made = invited(server, address)
    again = server.admin.post("/api/invitations", json={"address": address.upper()})
    assert_problem(again, 409, "conflict", "already")
    answer = server.admin.post(f"/api/invitations/{made['id']}/resend", json={})
    assert answer.json()["link"] is None
    first, second = mails.wait(address, 2)
    assert first.text != second.text
    code = code_of(re.findall(r"https://\S+", first.text)[0])
    assert shown(server, code).status_code == 404


def test_a_refused_mail_leaves_the_link_to_hand_over(server: LiveServer, mails: MailServer) -> None:
    address = f"full@{DOMAIN}"
    mails.answers[address] = "552 mailbox full"
    before = scraped(server.admin)
    made = invited(server, address)
    assert made["problem"] == "The mail server answered 552 mailbox full."
    failed = series("jobsvc_delivery_attempts_total", kind="email", result="failed")
    assert changes(before, scraped(server.admin), failed[0]) == {failed: 1}
    assert made["sent_at"] is None
    assert shown(server, code_of(made["link"])).status_code == 200


def test_refusals_name_the_field(server: LiveServer) -> None:
    def refused(**body: Any) -> httpx.Response:
        return server.admin.post("/api/invitations", json=body)

    for address in ("nobody", "anna@elsewhere.example"):
        answer = refused(address=address)
        assert_problem(answer, 422, "invalid_value")
        assert answer.json()["errors"][0]["loc"] == ["body", "address"]
    answer = refused(address=f"a@{DOMAIN}", groups=["Nobodies"])
    assert_problem(answer, 404, "not_found", "Nobodies")
    assert refused(address="anna@elsewhere.example", show_link=True).status_code == 200


def test_invitations_are_limited_for_each_admin(server: LiveServer) -> None:
    client, _ = server.new_user("admin")
    for number in range(60):
        body = {"address": f"many{number}@{DOMAIN}", "show_link": True}
        assert client.post("/api/invitations", json=body).status_code == 200
    body = {"address": f"more@{DOMAIN}", "show_link": True}
    answer = client.post("/api/invitations", json=body)
    assert_problem(answer, 429, "too_many_messages", "60 invitations")


def test_a_deleted_group_is_left_out(server: LiveServer) -> None:
    group = server.admin.post("/api/groups", json={"name": "Gone"}).json()
    code = code_of(invited(server, f"gone@{DOMAIN}", show_link=True, groups=["Gone"])["link"])
    server.admin.delete(f"/api/groups/{group['id']}").raise_for_status()
    assert accepted(server, code, "gone1").status_code == 303


def test_without_a_mail_server_the_admin_gets_the_link(tmp_path: Any) -> None:
    with live_server(Settings(data_dir=tmp_path, memory_mb=256)) as live:
        made = live.admin.post("/api/invitations", json={"address": "a@b.example"}).json()
        assert made["link"].startswith(f"{live.url}/invitation?code=")
        assert made["sent_at"] is None
        assert accepted(live, made["link"].partition("code=")[2], "anna").status_code == 303


@pytest.mark.parametrize("ends", ["removed", "demoted"])
def test_invitation_ends_with_the_rights_of_its_administrator(
    server: LiveServer, ends: str
) -> None:
    other, user = server.new_user("admin")
    body = {"address": f"{ends}@{DOMAIN}", "role_name": "admin", "groups": ["Auditors"]}
    with other:
        answer = other.post("/api/invitations", json={**body, "show_link": True})
    assert answer.status_code == 200, answer.text
    code = code_of(answer.json()["link"])
    path = f"/api/users/{user['id']}"
    if ends == "removed":
        server.admin.delete(path).raise_for_status()
    else:
        server.admin.patch(path, json={"role_name": "analyst"}).raise_for_status()
    with server.service.database.read() as tx:
        assert invitation_of(tx, code, server.service.clock) is None
    left = server.admin.get("/api/invitations").json()["invitations"]
    assert not [each for each in left if each["address"] == f"{ends}@{DOMAIN}"]
