"""E-mails about jobs, schedules and reviews, by a real mail server with STARTTLS and a sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from application.notifications.sending import attempt
from import_engine.sources.exchange import Exchange
from service.settings import Settings
from storage.accounts.datasets import put_permission
from storage.accounts.users import get_user
from storage.jobs.schedules import Problem, advance_schedule, get_schedule
from storage.notifications.receivers import DueDelivery, get_email, list_deliveries
from tests.contract.deliveries import newest_delivery, review_sample
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer, live_server
from tests.support.mail_server import DOMAIN, SENDER, MailServer, mail_server

PATH = "/api/users/me/email"
ATTEMPTS = 3
PUBLIC_URL = "https://jobs.bank.example"


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("emails"),
        memory_mb=256,
        public_url=PUBLIC_URL,
        webhook_prefixes="http://127.0.0.1:9/",
        delivery_delays_s=(0.01,) * (ATTEMPTS - 1),
        compare_samples=False,
        **mails.settings(),
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    return server.new_table(20)


def with_address(
    server: LiveServer, *events: str, dataset_id: int | None = None
) -> tuple[httpx.Client, dict[str, Any], str]:
    """A new user who can write to a dataset, with an e-mail address for these events."""
    client, user = server.new_user()
    if dataset_id is not None:
        with server.service.database.write() as tx:
            put_permission(tx, dataset_id, user["id"], "write")
    address = f"{user['soeid']}@{DOMAIN}"
    body = {"address": address, **({"events": events} if events else {})}
    answer = client.put(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return client, user, address


def drawn(client: httpx.Client, server: LiveServer, dataset_id: int, **more: Any) -> dict[str, Any]:
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    answer = client.post(path, json={"method": "random", "sample_size": 2, **more})
    assert answer.status_code == 200, answer.text
    return server.finished(answer.json()["job_id"])


def test_a_completed_job_sends_a_plain_text(
    server: LiveServer, mails: MailServer, dataset_id: int
) -> None:
    dataset = "Prüfung – 会计"
    server.admin.patch(f"/api/datasets/{dataset_id}", json={"name": dataset})
    client, user, address = with_address(server, "job.completed", dataset_id=dataset_id)
    job = drawn(client, server, dataset_id, output_name="Q1 2026")
    (mail,) = mails.wait(address)
    assert (mail.sender, mail.recipients) == (SENDER, (address,))
    assert mail.message["Subject"] == f"[jobsvc] Sample Q1-2026 of {dataset}: completed"
    assert mail.message["From"] == f"jobsvc <{SENDER}>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message.get_content_type() == "text/plain"
    assert mail.text.splitlines() == [
        f"Dataset: {dataset}",
        "Result:  completed, 2 rows",
        f"Job:     {job['id']}",
        f"Open:    {PUBLIC_URL}/jobs/{job['id']}",
        "",
        f"Sent to {user['soeid']}, who has set this address in jobsvc, under My account.",
    ]
    log = newest_delivery(client, PATH)
    assert (log["state"], log["attempts"], log["response_status"]) == ("delivered", 1, 250)
    assert mail.id == f"<{log['message_id']}@{DOMAIN}>"


def test_failed_jobs_and_runs_send_messages(
    server: LiveServer, mails: MailServer, dataset_id: int
) -> None:
    client, _, address = with_address(server, dataset_id=dataset_id)
    job = drawn(client, server, dataset_id)  # no message about a completed job by default
    body = {"job_id": job["id"], "name": "weekly", "cron": "0 6 * * 1"}
    made = client.post("/api/schedules", json=body).json()
    service = server.service
    problem = Problem(
        "invalid_key",
        "The key {keys} is that of {examples}. Add a column to `exclude_drawn_by`.",
        {"keys": "city", "examples": 'city "Erding"'},
    )
    with service.database.write() as tx:
        schedule, now = get_schedule(tx, made["id"]), service.clock()
        advance_schedule(tx, schedule, now, now + timedelta(days=7), problem=problem)
    service.wake_sender()
    (mail,) = mails.wait(address)
    assert mail.message["Subject"].endswith(": a run was not submitted")
    assert "Schedule weekly of " in mail.message["Subject"]
    assert "a run was not submitted (invalid_key)" in mail.text
    assert "The key city is that of …. Add a column to “Exclude drawn rows by”." in mail.text
    assert f"{PUBLIC_URL}/datasets/{dataset_id}?tab=schedules" in mail.text
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    sql = {"sql": 'SELECT CAST(city AS INTEGER) AS x FROM "primary"'}
    failed = server.finished(client.post(path, json=sql).json()["job_id"])
    _, mail = mails.wait(address, 2)
    assert mail.message["Subject"].endswith(": failed")
    assert f"failed ({failed['error_code']})" in mail.text
    assert failed["error_message"] not in mail.text  # it may quote values


def test_a_review_is_requested_and_answered(
    server: LiveServer, mails: MailServer, dataset_id: int
) -> None:
    reviewer, _, of_reviewer = with_address(server, "review.requested", dataset_id=dataset_id)
    preparer, prepared_by, of_preparer = with_address(
        server, "sample.reviewed", dataset_id=dataset_id
    )
    job = drawn(preparer, server, dataset_id)
    review_sample(preparer, reviewer, job["id"])
    (request,) = mails.wait(of_reviewer)
    assert f"review requested by {prepared_by['soeid']}" in request.text
    assert f"{PUBLIC_URL}/jobs/{job['id']}?tab=findings" in request.text
    (answered,) = mails.wait(of_preparer)
    assert answered.message["Subject"].endswith(": findings signed off")


@pytest.mark.parametrize(("status", "attempts"), [(450, ATTEMPTS), (550, 1)])
def test_temporary_refusals_are_retried_and_others_are_not(
    server: LiveServer, mails: MailServer, status: int, attempts: int
) -> None:
    client, _, address = with_address(server)
    mails.answers[address] = f"{status} 4.2.2 Mailbox\ttrouble"
    client.post(f"{PATH}/test")
    log = newest_delivery(client, PATH)
    assert (log["state"], log["attempts"], log["response_status"]) == ("failed", attempts, status)
    assert log["problem"] == f"The mail server answered {status} 4.2.2 Mailbox trouble."
    del mails.answers[address]
    again = client.post(f"{PATH}/deliveries/{log['id']}/send-again").json()
    assert again["message_id"] == log["message_id"]
    (mail,) = mails.wait(address)
    assert mail.id == f"<{log['message_id']}@{DOMAIN}>"
    assert "reach this address" in mail.text


def test_names_get_into_no_header(server: LiveServer, mails: MailServer) -> None:
    client, _, address = with_address(server, "job.completed")
    name = f"a\r\nBcc: victim@{DOMAIN}\r\n\r\nbody\u202e\x00 {'long ' * 60}"
    made = client.post("/api/datasets", json={"name": name})
    if made.status_code == 200:
        dataset = made.json()["id"]
    else:  # a name that the API refuses can be in an older database
        dataset = client.post("/api/datasets", json={"name": "a"}).json()["id"]
        with server.service.database.write() as tx:
            tx.execute("UPDATE datasets SET name = ? WHERE id = ?", (name, dataset))
    server.import_text(dataset, "a\n1\n2\n3\n")
    drawn(client, server, dataset)
    (mail,) = mails.wait(address)
    assert mail.message["Bcc"] is None
    assert mails.to(f"victim@{DOMAIN}") == []
    assert f"of a Bcc: victim@{DOMAIN} body long" in mail.message["Subject"]
    assert len(mail.message["Subject"]) < 200
    assert mail.text.splitlines()[0].startswith(f"Dataset: a Bcc: victim@{DOMAIN} body long")


@pytest.mark.parametrize(
    "address",
    [
        "an12345@elsewhere.example",
        f"an12345@sub.{DOMAIN}",
        f"an12345@{DOMAIN}\r\nBcc: victim@{DOMAIN}",
        f"an12345@{DOMAIN}, victim@{DOMAIN}",
        f"Name <an12345@{DOMAIN}>",
        f"ä@{DOMAIN}",
        "an12345",
        f"{'a' * 250}@{DOMAIN}",
    ],
)
def test_other_addresses_are_refused(server: LiveServer, address: str) -> None:
    answer = server.admin.put(PATH, json={"address": address})
    assert answer.status_code == 422
    assert_problem(server.admin.get(PATH), 404, "not_found")


def test_an_address_is_its_user_s_alone_and_ends_with_them(
    server: LiveServer, mails: MailServer
) -> None:
    client, user, address = with_address(server)
    assert_problem(server.admin.get(PATH), 404, "not_found", "no e-mail address")
    assert address not in server.admin.get("/api/webhooks").text
    client.post(f"{PATH}/test")
    mails.wait(address)
    assert client.delete(PATH).status_code == 200
    assert_problem(client.post(f"{PATH}/test"), 404, "not_found")
    client.put(PATH, json={"address": address})
    assert server.admin.delete(f"/api/users/{user['id']}").status_code == 200
    with server.service.database.read() as tx:
        (left,) = tx.execute("SELECT count(*) FROM receivers WHERE user_id = ?", (user["id"],))
    assert left[0] == 0


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"smtp_server": "127.0.0.1:{port}"}, "certificate is invalid: IP address mismatch"),
        ({"smtp_password": "wrong"}, "refused the sign-in (535"),
        ({"smtp_user": "", "smtp_password": ""}, "answered 530"),
        ({"smtp_server": "127.0.0.1:9"}, "failed (ConnectionRefusedError)"),
        ({"smtp_server": ""}, "sends no e-mails"),
        ({"email_domains": "other.example"}, "addresses of other.example only"),
        ({"smtp_security": "tls", "smtp_server": "localhost:{tls_port}"}, None),
        ({"smtp_security": "tls"}, "failed (SSLError)"),
    ],
)
def test_faults_of_the_settings_are_named_and_may_pass(
    server: LiveServer, mails: MailServer, changed: dict[str, str], problem: str | None
) -> None:
    client, user, address = with_address(server)
    client.post(f"{PATH}/test")
    mails.wait(address)
    with server.service.database.read() as tx:
        receiver = get_email(tx, get_user(tx, user["id"]))
        ((sent,), _) = list_deliveries(tx, receiver, 0, 1)
    places = {"port": mails.port, "tls_port": mails.tls_port}
    settings = replace(
        server.service.settings, **{name: text.format(**places) for name, text in changed.items()}
    )
    due = DueDelivery(
        *(sent.id, sent.message_id, receiver.id, "email", sent.event, sent.payload, 0),
        *(address, None, user["id"], None, ""),
    )
    with httpx.Client() as unused:
        here = replace(server.service, settings=settings)
        outcome = attempt(here, unused, due, Exchange(settings.smtp_limit_s))
    if problem is None:
        assert outcome.problem is None
        first, second = mails.wait(address, 2)
        assert first.id == second.id
    else:
        assert problem in str(outcome.problem)
        assert outcome.may_retry


def test_without_a_public_url_a_mail_has_no_link(
    server: LiveServer, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, address = with_address(server)
    monkeypatch.setitem(vars(server.service.settings), "public_url", "")
    client.post(f"{PATH}/test")
    (mail,) = mails.wait(address)
    assert "://" not in mail.text


def test_a_slow_mail_server_delays_no_webhook(server: LiveServer, mails: MailServer) -> None:
    slow, _, first = with_address(server)
    other, _, second = with_address(server)
    mails.held.add(first)
    slow.post(f"{PATH}/test")
    mails.wait(first)
    other.post(f"{PATH}/test")
    webhook = other.post("/api/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["id"]
    other.post(f"/api/webhooks/{webhook}/test")
    delivery = newest_delivery(other, f"/api/webhooks/{webhook}")
    assert delivery["attempts"] == ATTEMPTS
    assert mails.to(second) == []  # one e-mail at a time
    mails.release.set()
    mails.wait(second)


def test_tests_and_repeated_messages_are_limited_for_each_user(
    server: LiveServer, mails: MailServer
) -> None:
    client, _, address = with_address(server)
    sent = client.post(f"{PATH}/test").json()["id"]
    answers = [client.post(f"{PATH}/test") for _ in range(8)]
    answers.append(client.post(f"{PATH}/deliveries/{sent}/send-again"))
    assert {answer.status_code for answer in answers} == {200}
    for path in ("test", f"deliveries/{sent}/send-again"):
        refused = client.post(f"{PATH}/{path}")
        assert_problem(refused, 429, "too_many_messages", "At most 10 tests")
        assert 0 < int(refused.headers["Retry-After"]) <= 600
    assert len(mails.wait(address, 9)) <= 10
    other, _, other_address = with_address(server)
    assert other.post(f"{PATH}/test").status_code == 200
    mails.wait(other_address)
