"""SIGKILL between a job's end and the answer of its receiver: each message comes, with one id."""

from __future__ import annotations

from pathlib import Path

from tests.faults.test_random_kills import open_books
from tests.support.live_server import finished
from tests.support.mail_server import DOMAIN, mail_server
from tests.support.server_process import ServerProcess
from tests.support.webhook_receiver import receiver

JOBS = 3


def test_no_kill_loses_a_message_or_changes_its_id(tmp_path: Path) -> None:
    address = f"an12345@{DOMAIN}"
    with receiver() as hooks, mail_server(tmp_path) as mails:
        mails.held.add(address)
        settings = {"webhook_prefixes": f"{hooks.url}/", **mails.settings()}
        with ServerProcess(tmp_path / "data", forked=True, **settings) as server:
            client = server.client()
            dataset = open_books(client).dataset_id
            made = [
                client.post("/api/webhooks", json={"url": f"{hooks.url}{path}"}).json()
                for path in ("/hang", "/quick")
            ]
            body = {"address": address, "events": ["job.completed"]}
            assert client.put("/api/users/me/email", json=body).status_code == 200
            jobs = []
            for seed in range(JOBS):
                body = {"method": "random", "sample_size": 2, "seed": seed}
                answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
                jobs.append(answer.json()["job_id"])
            for job in jobs:
                assert finished(client, job)["status"] == "completed"
            (interrupted,) = hooks.wait("/hang")  # came, and isn't answered; two more wait
            (interrupted_mail,) = mails.wait(address)
            server.kill()
        hooks.release.set()
        mails.release.set()
        with ServerProcess(tmp_path / "data", forked=True, **settings) as server:
            hooks.wait("/hang", JOBS + 1)
            hooks.wait("/quick", JOBS)
            mails.wait(address, JOBS + 1)
            client = server.client()
            logs = {
                webhook["url"]: client.get(f"/api/webhooks/{webhook['id']}/deliveries").json()
                for webhook in made
            }
            assert server.terminate() == 0
    for path, webhook in zip(("/hang", "/quick"), made, strict=True):
        messages = hooks.at(path)
        assert {message.data["job_id"] for message in messages} == set(jobs)
        assert len({message.id for message in messages}) == JOBS
        assert all(message.verified(webhook["secret"]) for message in messages)
        assert logs[webhook["url"]]["total"] == JOBS
    assert [message.id for message in hooks.at("/hang")].count(interrupted.id) == 2
    ids = [mail.id for mail in mails.to(address)]
    assert len(set(ids)) == JOBS
    assert ids.count(interrupted_mail.id) == 2
    assert all(any(job in mail.text for mail in mails.to(address)) for job in jobs)
