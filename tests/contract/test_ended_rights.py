"""Writes of a request whose user loses a right between the first check and the transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from application.sessions import COOKIE, CSRF_FIELD, csrf_token
from storage.accounts.datasets import delete_permission, put_group_permission, put_permission
from storage.accounts.groups import remove_member
from storage.accounts.tokens import revoke_token
from storage.accounts.users import User, change_user, remove_user
from storage.sqlite.database import Database, Transaction
from tests.contract.permission_rows import Ask, Row
from tests.contract.permission_scene import Scene, scene_settings
from tests.contract.permission_table import TABLE
from tests.contract.problems import assert_problem
from tests.support.live_server import live_server

NEEDS_NO_TOKEN_ANY_MORE = {
    "POST /api/users/logout",
    "POST /sign-out",
    "POST /sign-in",
    "POST /api/users/login",
    "POST /api/users/token",
}
ROWS = [
    row
    for row in TABLE
    if row.route.split()[0] not in ("GET", "HEAD") and row.route not in NEEDS_NO_TOKEN_ANY_MORE
]
End = Callable[[Transaction, Scene, User, int], None]


def remove(tx: Transaction, scene: Scene, user: User, token_id: int) -> None:
    remove_user(tx, user.id, scene.service.clock)


def end_token(tx: Transaction, scene: Scene, user: User, token_id: int) -> None:
    revoke_token(tx, token_id)


def demote(tx: Transaction, scene: Scene, user: User, token_id: int) -> None:
    change_user(tx, user.id, role_name="viewer", password_hash=None)


class HeldWrite:
    """Holds the next write transaction of a request before it begins."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self._write = Database.write
        self._lock, self._is_armed = threading.Lock(), True

    def __call__(self, database: Database, **options: Any) -> AbstractContextManager[Transaction]:
        with self._lock:
            is_held = self._is_armed and threading.current_thread().name.startswith("waitress")
            self._is_armed = self._is_armed and not is_held
        if is_held:
            self.begun.set()
            assert self.may_go_on.wait(30)
        return self._write(database, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, small_demo: None) -> Iterator[Scene]:
    settings = scene_settings(tmp_path_factory, "ended")
    with live_server(settings) as live:
        yield Scene(live)


def ask_held(scene: Scene, row: Row, ask: Ask, user: User, end: End) -> tuple[httpx.Response, bool]:
    """The answer, and whether the request came to a write; the right ends just before it."""
    held = HeldWrite()
    kind: dict[str, Any] = (
        {"kind": "session", "lifetime": timedelta(hours=1)} if row.kind == "page" else {}
    )
    secret, token_id = scene.token_of(user, **kind)
    client = scene.server.client(None)
    given: dict[str, Any] = {"json": ask.body, "files": ask.files, "data": ask.form}
    if row.kind == "page":
        client.headers["Cookie"] = f"{COOKIE}={secret}"
        given["data"] = {**(ask.form or {}), CSRF_FIELD: csrf_token(secret)}
    else:
        client.headers["Authorization"] = f"Bearer {secret}"

    def request() -> httpx.Response:
        try:
            return client.request(row.route.split()[0], ask.path, **given)
        finally:
            held.begun.set()

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(Database, "write", lambda *given, **named: held(*given, **named))
        asked = pool.submit(request)
        assert held.begun.wait(30)
        writes = not asked.done()
        with scene.service.database.write() as tx:
            end(tx, scene, user, token_id)
        held.may_go_on.set()
        return asked.result(), writes


def entries(scene: Scene) -> int:
    with scene.service.database.read() as tx:
        return int(tx.execute("SELECT count(*) FROM audit_log").fetchone()[0])


@pytest.mark.parametrize("end", [remove, end_token, demote])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.route)
def test_a_right_that_ends_in_flight_writes_nothing(scene: Scene, row: Row, end: End) -> None:
    if end is demote and row.statuses.viewer != 403:
        return  # a viewer may do it, too
    user = scene.person("admin")
    ask = row.ask(scene, user)
    before = entries(scene)
    answer, writes = ask_held(scene, row, ask, user, end)
    if not writes:
        return  # it only reads
    if row.route == "POST /jobs":  # the page counts what it couldn't do
        assert "done=0&refused=1" in answer.headers["Location"]
    else:
        assert answer.status_code in ((403, 404) if end is demote else (401,)), answer.text
    assert entries(scene) == before


def test_a_level_that_ends_in_flight_writes_nothing(scene: Scene) -> None:
    user, dataset = scene.person(), scene.empty_dataset()
    with scene.service.database.write() as tx:
        put_permission(tx, dataset, user.id, "admin")

    def end(tx: Transaction, scene: Scene, user: User, token_id: int) -> None:
        delete_permission(tx, dataset, user.id)

    (row,) = [one for one in TABLE if one.route == "DELETE /api/datasets/<int:dataset_id>"]
    answer, writes = ask_held(scene, row, Ask(f"/api/datasets/{dataset}"), user, end)
    assert writes
    assert_problem(answer, 404, "not_found")


def test_a_membership_that_ends_in_flight_writes_nothing(scene: Scene) -> None:
    user, dataset = scene.person(), scene.empty_dataset()
    group = scene.group(user)
    with scene.service.database.write() as tx:
        put_group_permission(tx, dataset, group, "admin")

    def end(tx: Transaction, scene: Scene, user: User, token_id: int) -> None:
        remove_member(tx, group, user)

    (row,) = [one for one in TABLE if one.route == "DELETE /api/datasets/<int:dataset_id>"]
    answer, writes = ask_held(scene, row, Ask(f"/api/datasets/{dataset}"), user, end)
    assert writes
    assert_problem(answer, 404, "not_found")
