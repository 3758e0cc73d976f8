"""``jobsvc webhook``."""

from __future__ import annotations

import pytest

from tests.command_line.conftest import Run
from tests.support.webhook_receiver import receiver


@pytest.mark.usefixtures("created")
def test_webhook_is_created_tested_and_removed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as hooks:
        monkeypatch.setenv("JOBSVC_WEBHOOK_PREFIXES", f"{hooks.url}/")
        hooks.answers["/broken"] = 500
        secret = run("webhook", "add", f"{hooks.url}/cli").stdout.splitlines()[-1]
        assert "Delivered: status 204." in run("webhook", "test", "1").stdout
        assert hooks.wait("/cli")[0].verified(secret)["type"] == "webhook.test"
        run("webhook", "add", f"{hooks.url}/broken", "--event", "job.failed")
        assert "status 500" in run("webhook", "test", "2", code=1).output
        listed = run("webhook", "list").stdout
        assert "job.failed" in listed
        assert secret not in listed
        assert "delivered" in run("webhook", "deliveries", "1").stdout
        run("webhook", "send-again", "1", "1")
        for _ in range(30):  # a command may end before its service has sent
            if len(hooks.at("/cli")) == 2:
                break
            run("webhook", "deliveries", "1")
        assert len({message.id for message in hooks.wait("/cli", 2)}) == 1
        hooks.answers["/broken"] = 410
        gone = run("webhook", "test", "2", code=1).output
        assert "status 410. The webhook is disabled" in gone
        assert "jobsvc webhook enable 2" in gone
        assert "disabled" in run("webhook", "list").stdout
        run("webhook", "enable", "2")
        assert "disabled" not in run("webhook", "list").stdout
        run("webhook", "remove", "1", "--yes")
        assert f"{hooks.url}/cli" not in run("webhook", "list").stdout
