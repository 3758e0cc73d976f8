"""Webhooks: signed messages about jobs, retries, the log, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import WebhookVerificationError

from application.notifications import posting
from service.settings import InvalidSetting, Settings
from storage.accounts.datasets import put_permission
from storage.notifications.receivers import MAX_WEBHOOKS
from tests.contract.deliveries import newest_delivery, review_sample
from tests.contract.problems import assert_problem
from tests.contract.scraping import changes, scraped, scraped_until, series
from tests.support.live_server import LiveServer, live_server
from tests.support.webhook_receiver import Receiver, receiver

ATTEMPTS = 3


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as found:
        found.answers = {"/broken": 500, "/gone": 410, "/moved": 307, "/mended": 500}
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hooks: Receiver) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("webhooks"),
        memory_mb=256,
        webhook_prefixes=f"{hooks.url}/, http://127.0.0.1:9/",
        delivery_delays_s=(0.01,) * (ATTEMPTS - 1),
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    return server.new_table(20)


def added(client: httpx.Client, url: str, **body: Any) -> dict[str, Any]:
    """A new webhook, with its secret."""
    answer = client.post("/api/webhooks", json={"url": url, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ended(client: httpx.Client, webhook: dict[str, Any]) -> dict[str, Any]:
    """The newest delivery of a webhook once it doesn't wait."""
    return newest_delivery(client, f"/api/webhooks/{webhook['id']}")


def test_the_message_about_a_job_has_a_valid_signature(
    server: LiveServer, hooks: Receiver, dataset_id: int
) -> None:
    webhook = added(server.admin, f"{hooks.url}/jobs")
    job = server.draw(dataset_id, {"method": "random", "sample_size": 2, "output_name": "q1"})
    (message,) = hooks.wait("/jobs")
    body = message.verified(webhook["secret"])
    assert body["type"] == "job.completed"
    assert body["timestamp"] == job["completed_at"]
    listed = server.admin.get(f"/api/datasets/{dataset_id}/commits/smpl-q1").json()
    assert body["data"] == {
        "job_id": job["id"],
        "run_type": "sampling",
        "dataset_id": dataset_id,
        "schedule_id": None,
        "status": "completed",
        "output_ref": "smpl-q1",
        "output_commit_id": listed["commit_id"],
        "error_code": None,
    }
    with pytest.raises(WebhookVerificationError):
        message.verified(added(server.admin, f"{hooks.url}/other")["secret"])
    log = ended(server.admin, webhook)
    assert (log["state"], log["attempts"], log["response_status"]) == ("delivered", 1, 204)
    assert log["message_id"] == message.id


def test_failed_jobs_and_reviews_send_messages(
    server: LiveServer, hooks: Receiver, dataset_id: int
) -> None:
    added(server.admin, f"{hooks.url}/failed", events=["job.failed"])
    added(server.admin, f"{hooks.url}/reviewed", events=["sample.reviewed"])
    failed = server.explore(dataset_id, {"sql": 'SELECT CAST(city AS INTEGER) AS x FROM "primary"'})
    assert failed["status"] == "failed"
    (message,) = hooks.wait("/failed")
    assert (message.data["status"], message.data["job_id"]) == ("failed", failed["id"])
    assert message.data["error_code"] == failed["error_code"]
    job = server.draw(dataset_id, {"method": "random", "sample_size": 2})
    reviewer, user = server.new_user()
    with server.service.database.write() as tx:
        put_permission(tx, dataset_id, user["id"], "write")
    added(reviewer, f"{hooks.url}/asked", events=["review.requested"])
    added(server.admin, f"{hooks.url}/prepared", events=["review.requested"])
    review_sample(server.admin, reviewer, job["id"])
    (asked,) = hooks.wait("/asked")
    assert asked.data == {
        "job_id": job["id"],
        "dataset_id": dataset_id,
        "action": "submitted",
    }
    assert hooks.at("/prepared") == []
    (reviewed,) = hooks.wait("/reviewed")
    assert reviewed.data["action"] == "signed_off"
    assert reviewed.data["job_id"] == job["id"]


def test_a_failed_delivery_is_retried_with_its_id_and_given_up(
    server: LiveServer, hooks: Receiver
) -> None:
    webhook = added(server.admin, f"{hooks.url}/broken")
    server.admin.post(f"/api/webhooks/{webhook['id']}/test")
    log = ended(server.admin, webhook)
    assert (log["state"], log["attempts"], log["response_status"]) == ("failed", ATTEMPTS, 500)
    assert log["problem"] == "The receiver answered with status 500."
    messages = hooks.wait("/broken", ATTEMPTS)
    assert {message.id for message in messages} == {log["message_id"]}
    assert all(message.verified(webhook["secret"]) for message in messages)


def test_a_message_is_sent_again_with_its_id(server: LiveServer, hooks: Receiver) -> None:
    webhook = added(server.admin, f"{hooks.url}/mended")
    path = f"/api/webhooks/{webhook['id']}"
    server.admin.post(f"{path}/test")
    failed = ended(server.admin, webhook)
    hooks.answers["/mended"] = 200
    again = server.admin.post(f"{path}/deliveries/{failed['id']}/send-again").json()
    assert (again["state"], again["attempts"]) == ("waiting", 0)
    assert ended(server.admin, webhook)["state"] == "delivered"
    assert {message.id for message in hooks.at("/mended")} == {failed["message_id"]}
    missing = server.admin.post(f"{path}/deliveries/999999/send-again")
    assert_problem(missing, 404, "not_found")


def test_status_410_disables_until_enabled(server: LiveServer, hooks: Receiver) -> None:
    webhook = added(server.admin, f"{hooks.url}/gone")
    path = f"/api/webhooks/{webhook['id']}"
    server.admin.post(f"{path}/test")
    assert ended(server.admin, webhook)["attempts"] == 1
    listed = server.admin.get("/api/webhooks").json()["webhooks"]
    assert next(one for one in listed if one["id"] == webhook["id"])["disabled_at"] is not None
    assert_problem(server.admin.post(f"{path}/test"), 409, "conflict")
    entries = server.admin.get("/api/admin/audit", params={"action": "webhook_disabled"}).json()
    assert entries["entries"][0]["object_id"] == str(webhook["id"])
    assert len(hooks.at("/gone")) == 1
    hooks.answers["/gone"] = 200
    disabled = server.admin.patch(path, json={"enabled": False})
    assert_problem(disabled, 422, "invalid_request", "delete it instead")
    enabled = server.admin.patch(path, json={"enabled": True}).json()
    assert (enabled["enabled"], enabled["disabled_at"]) == (True, None)
    again = server.admin.patch(path, json={"enabled": True})
    assert_problem(again, 409, "conflict", "isn't disabled")
    server.admin.post(f"{path}/test")
    assert ended(server.admin, webhook)["state"] == "delivered"


def test_attempts_and_waiting_messages_are_counted(server: LiveServer, hooks: Receiver) -> None:
    before = scraped(server.admin)
    for path in ("counted", "broken"):
        webhook = added(server.admin, f"{hooks.url}/{path}")
        server.admin.post(f"/api/webhooks/{webhook['id']}/test")
        ended(server.admin, webhook)
    attempts = {
        result: series("jobsvc_delivery_attempts_total", kind="webhook", result=result)
        for result in ("delivered", "postponed", "failed")
    }
    after = scraped_until(server.admin, attempts["failed"], before[attempts["failed"]] + 1)
    assert changes(before, after, "jobsvc_delivery_attempts") == {
        attempts["delivered"]: 1,
        attempts["postponed"]: ATTEMPTS - 1,
        attempts["failed"]: 1,
    }
    waiting = series("jobsvc_deliveries_waiting", kind="webhook")
    oldest = series("jobsvc_delivery_oldest_waiting_seconds", kind="webhook")
    assert (after[waiting], after[oldest]) == (0, 0)


def test_a_redirect_is_not_followed(server: LiveServer, hooks: Receiver) -> None:
    webhook = added(server.admin, f"{hooks.url}/moved")
    server.admin.post(f"/api/webhooks/{webhook['id']}/test")
    assert "redirects" in ended(server.admin, webhook)["problem"]
    assert hooks.at("/elsewhere") == []


def test_a_receiver_that_is_down_is_named(server: LiveServer) -> None:
    webhook = added(server.admin, "http://127.0.0.1:9/")
    server.admin.post(f"/api/webhooks/{webhook['id']}/test")
    log = ended(server.admin, webhook)
    assert log["problem"] == "The connection failed (ConnectError)."
    assert log["response_status"] is None


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:10/", "uri_not_allowed"),
        ("https://127.0.0.1:9/", "uri_not_allowed"),
        ("http://user:password@127.0.0.1:9/", "invalid_uri"),
        ("http://127.0.0.1:9/?key=1", "invalid_uri"),
        ("file:///etc/passwd", "uri_not_allowed"),
    ],
)
def test_other_receivers_are_refused(server: LiveServer, url: str, code: str) -> None:
    assert_problem(server.admin.post("/api/webhooks", json={"url": url}), 422, code)


def test_a_query_is_refused_in_the_words_of_webhooks(server: LiveServer) -> None:
    answer = server.admin.post("/api/webhooks", json={"url": "http://127.0.0.1:9/?key=abc"})
    assert_problem(answer, 422, "invalid_uri", "The URL of a webhook has no query")
    assert "abc" not in answer.text


@pytest.mark.parametrize("prefix", ["http://169.254.169.254/", "s3://bucket/"])
def test_settings_allow_no_link_local_or_stored_receiver(prefix: str) -> None:
    with pytest.raises(InvalidSetting, match="webhook_prefixes"):
        Settings(webhook_prefixes=prefix)


def test_nothing_is_sent_to_a_link_local_address(
    server: LiveServer, hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "is_link_local", lambda address: address == "127.0.0.1")
    webhook = added(server.admin, f"{hooks.url}/link-local")
    server.admin.post(f"/api/webhooks/{webhook['id']}/test")
    assert "link-local" in ended(server.admin, webhook)["problem"]
    assert hooks.at("/link-local") == []


def test_webhook_of_a_dataset_ends_with_the_right_to_read_it(
    server: LiveServer, hooks: Receiver, dataset_id: int
) -> None:
    client, user = server.new_user()
    body = {"url": f"{hooks.url}/dataset", "dataset_id": dataset_id}
    assert_problem(client.post("/api/webhooks", json=body), 404, "not_found")
    with server.service.database.write() as tx:
        put_permission(tx, dataset_id, user["id"], "read")
    webhook = added(client, **body)
    job = server.draw(dataset_id, {"method": "random", "sample_size": 2})
    (message,) = hooks.wait("/dataset")
    assert message.data["job_id"] == job["id"]
    given = {"user_id": user["id"]}
    path = f"/api/datasets/{dataset_id}/permissions"
    assert server.admin.request("DELETE", path, json=given).status_code == 200
    server.draw(dataset_id, {"method": "random", "sample_size": 3})
    log = ended(client, webhook)
    assert (log["state"], log["attempts"]) == ("failed", 1)
    assert "can't read the dataset" in log["problem"]
    assert len(hooks.at("/dataset")) == 1


def test_webhooks_of_others_are_hidden_and_end_with_their_user(
    server: LiveServer, hooks: Receiver
) -> None:
    owner, user = server.new_user()
    other, _ = server.new_user()
    webhook = added(owner, f"{hooks.url}/owned")
    path = f"/api/webhooks/{webhook['id']}"
    assert other.get("/api/webhooks").json()["webhooks"] == []
    for answer in (
        other.get(f"{path}/deliveries"),
        other.post(f"{path}/test"),
        other.delete(path),
    ):
        assert_problem(answer, 404, "not_found")
    assert "secret" not in owner.get("/api/webhooks").json()["webhooks"][0]
    for _ in range(MAX_WEBHOOKS - 1):
        added(owner, f"{hooks.url}/owned")
    assert_problem(owner.post("/api/webhooks", json={"url": f"{hooks.url}/x"}), 409, "conflict")
    server.admin.post(f"{path}/test")
    assert ended(server.admin, webhook)["state"] == "delivered"
    assert server.admin.delete(f"/api/users/{user['id']}").status_code == 200
    assert_problem(server.admin.get(f"{path}/deliveries"), 404, "not_found")


def test_a_slow_receiver_delays_no_other(server: LiveServer, hooks: Receiver) -> None:
    slow = added(server.admin, f"{hooks.url}/hang")
    for _ in range(3):
        server.admin.post(f"/api/webhooks/{slow['id']}/test")
    hooks.wait("/hang")
    scrape = scraped(server.admin)
    assert scrape[series("jobsvc_deliveries_waiting", kind="webhook")] == 3
    assert scrape[series("jobsvc_delivery_oldest_waiting_seconds", kind="webhook")] > 0
    quick = added(server.admin, f"{hooks.url}/quick")
    server.admin.post(f"/api/webhooks/{quick['id']}/test")
    hooks.wait("/quick")
    assert len(hooks.at("/hang")) == 1
    hooks.release.set()
    hooks.wait("/hang", 3)
