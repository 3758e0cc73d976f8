"""``jobsvc email``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.support.mail_server import DOMAIN, mail_server

ADDRESS = f"an12345@{DOMAIN}"


@pytest.mark.usefixtures("created")
def test_email_is_set_tested_and_removed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "sends no e-mails" in run("email", "set", ADDRESS, code=1).output
    with mail_server(tmp_path) as mails:
        for name, value in mails.settings().items():
            monkeypatch.setenv(f"JOBSVC_{name.upper()}", value)
        refused = run("email", "set", "an@other.example", code=1).output
        assert f"addresses of {DOMAIN} only" in refused
        assert (
            f"{ADDRESS} receives job.failed, schedule.failed,"
            in run("email", "set", ADDRESS).stdout
        )
        assert "Delivered: status 250." in run("email", "test").stdout
        (mail,) = mails.wait(ADDRESS)
        assert mail.message["Subject"] == "[jobsvc] Test message"
        run("email", "set", ADDRESS, "--event", "review.requested")
        assert run("email", "show").stdout == f"{ADDRESS} receives review.requested.\n"
        mails.answers[ADDRESS] = "550 No such user"
        assert "550 No such user" in run("email", "test", code=1).output
        del mails.answers[ADDRESS]
        assert "email.test" in run("email", "deliveries").stdout
        run("email", "send-again", "2")
        for _ in range(30):  # a command may end before its service has sent
            if len(mails.to(ADDRESS)) == 2:
                break
            run("email", "deliveries")
        assert len({each.id for each in mails.wait(ADDRESS, 2)}) == 2
        run("email", "remove", "--yes")
        assert "no e-mail address" in run("email", "show", code=1).output
