"""An app over a service in which nothing happens, so that its database stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from werkzeug.test import Client, TestResponse

import composition_root
from http_api.server.metrics import Metrics
from service.service import Service
from service.settings import Settings
from storage.accounts.tokens import issue_token
from storage.accounts.users import first_admin

LISTED = "/api/jobs"


class Stage:
    """The app, its admin's token of an hour."""

    def __init__(self, running: Service) -> None:
        self.now = datetime.now(UTC)
        self.metrics = Metrics()
        self.service = replace(running, clock=lambda: self.now)
        with self.service.database.write() as tx:
            admin = first_admin(tx)
            assert admin is not None
            self.user_id = admin.id
            self.token, _ = issue_token(
                tx,
                admin.id,
                kind="session",
                name="",
                scope="read",
                lifetime=timedelta(hours=1),
                clock=self.service.clock,
            )
        app = composition_root.build_app(self.service, self.metrics)
        self.client: Client = app.test_client(use_cookies=False)

    def ask(self, path: str = LISTED, method: str = "GET", **headers: str) -> TestResponse:
        """Ask with the token; underscores in headers' names stand for hyphens."""
        given = {"Authorization": f"Bearer {self.token}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, headers=given)


@contextmanager
def quiet_stage(data_dir: Path) -> Iterator[Stage]:
    """A stage for one test."""
    settings = Settings(data_dir=data_dir, memory_mb=128)
    with composition_root.running_service(settings, "tests") as service:
        yield Stage(service)
