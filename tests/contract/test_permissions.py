"""Every route, asked by everyone; and what may be learned of datasets that one may not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import httpx
import pytest

import composition_root
from application.sessions import COOKIE, CSRF_FIELD, csrf_token
from storage.accounts.users import remove_user
from storage.jobs.jobs import get_job
from tests.contract.permission_rows import Ask, Row
from tests.contract.permission_scene import ASKERS, Scene, scene_settings
from tests.contract.permission_table import TABLE
from tests.support.live_server import live_server


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, small_demo: None) -> Iterator[Scene]:
    """A server of its own: it gets several admins."""
    settings = scene_settings(tmp_path_factory, "asked")
    with live_server(settings) as live:
        yield Scene(live)


@pytest.fixture(scope="module")
def client(scene: Scene) -> httpx.Client:
    return scene.server.client(None)


def sent(client: httpx.Client, row: Row, ask: Ask, secret: str | None) -> httpx.Response:
    """Ask with a token; pages with the session's cookie and the pages' own value."""
    method = row.route.split()[0]
    given: dict[str, Any] = {"headers": {}, "json": ask.body, "files": ask.files}
    form = ask.form
    if secret is not None and row.kind == "page":
        given["headers"]["Cookie"] = f"{COOKIE}={secret}"
        form = None if form is None else {**form, CSRF_FIELD: csrf_token(secret)}
    elif secret is not None:
        given["headers"]["Authorization"] = f"Bearer {secret}"
    answer = client.request(method, ask.path, data=form, **given)
    while answer.status_code == 409 and "comparison_not_ready" in answer.text:
        answer = client.request(method, ask.path, data=form, **given)
    return answer


def kind_of_token(asker: str, row: Row) -> dict[str, Any]:
    """Pages are for sessions; the API takes any token."""
    if asker == "read_token":
        return {"scope": "read"}
    return {"kind": "session", "lifetime": timedelta(hours=1)} if row.kind == "page" else {}


def test_every_route_is_in_the_table_once(scene: Scene) -> None:
    """Whoever adds a route adds its row to permission_table.TABLE."""
    routes = [
        f"{method} {rule.rule}"
        for rule in composition_root.build_app(scene.service).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    listed = [row.route for row in TABLE]
    assert set(routes) - set(listed) == set()
    assert sorted(listed) == sorted(routes)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route)
def test_a_route_answers_each_asker_as_the_table_says(
    scene: Scene, client: httpx.Client, row: Row
) -> None:
    answered = {}
    for name in ASKERS:
        asker = scene.people[name]
        secret, _ = scene.token_of(asker, **kind_of_token(name, row))
        answered[name] = sent(client, row, row.ask(scene, asker), secret).status_code
    assert answered == asdict(row.statuses)


@pytest.fixture(scope="module")
def worthless(scene: Scene) -> dict[str, str | None]:
    """No token, that of a removed admin, and one that has expired."""
    removed = scene.person("admin")
    secret, _ = scene.token_of(removed)
    with scene.service.database.write() as tx:
        remove_user(tx, removed.id, scene.service.clock)
    lifetime = timedelta(seconds=-1)
    expired, _ = scene.token_of(scene.people["admin"], kind="session", lifetime=lifetime)
    return {"stranger": None, "removed": secret, "expired": expired}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route)
def test_a_token_that_no_longer_works_is_worth_no_more_than_none(
    scene: Scene, client: httpx.Client, worthless: dict[str, str | None], row: Row
) -> None:
    ask = row.ask(scene, scene.people["admin"])
    for who, secret in worthless.items():
        answer = sent(client, row, ask, secret)
        if row.kind == "page" and row.route.startswith("POST") and row.route != "POST /sign-out":
            assert answer.status_code == 401, who
        elif row.kind == "page":
            assert answer.status_code == 303, who
            assert answer.headers["Location"].startswith("/sign-in"), who
        elif row.kind == "public":
            assert answer.status_code == row.statuses.viewer, who
        else:
            assert answer.status_code == 401, who
            assert answer.headers["WWW-Authenticate"] == "Bearer", who


@pytest.mark.parametrize("who", ["viewer", "nobody", "reader"])
def test_the_form_for_many_jobs_leaves_alone_what_one_may_not_change(
    scene: Scene, client: httpx.Client, who: str
) -> None:
    (row,) = (row for row in TABLE if row.route == "POST /jobs")
    secret, _ = scene.token_of(scene.people[who], **kind_of_token(who, row))
    ask = row.ask(scene, scene.people[who])
    assert sent(client, row, ask, secret).status_code == 303
    assert ask.form is not None
    with scene.service.database.read() as tx:
        assert get_job(tx, ask.form["job"]).status == "running"
