"""A user without a level in a dataset can't even learn that it exists."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import composition_root
from service.settings import Settings
from storage.accounts.datasets import delete_group_permission, delete_permission, put_permission
from storage.accounts.tokens import revoke_token
from storage.accounts.users import remove_user
from tests.contract.permission_rows import Ask, Row
from tests.contract.permission_scene import RANDOM, Scene
from tests.contract.permission_table import TABLE
from tests.contract.problems import assert_problem
from tests.contract.test_permissions import kind_of_token, sent
from tests.support.attached_world import small_lake
from tests.support.live_server import live_server

HIDDEN = [row for row in TABLE if "<int:dataset_id>" in row.route or "<job_id>" in row.route]
"""The routes of one dataset or job."""
ABSENT_DATASET, ABSENT_JOB = "999999999", "00000000-0000-4000-8000-000000000000"
OWN_EACH_TIME = {"x-request-id", "date", "content-length"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, small_demo: None) -> Iterator[Scene]:
    lake = small_lake(tmp_path_factory.mktemp("lake"))
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("hidden"), memory_mb=256, connection_prefixes=lake
    )
    with live_server(settings) as live:
        yield Scene(live)


@pytest.fixture(scope="module")
def client(scene: Scene) -> httpx.Client:
    return scene.server.client(None)


def absent(ask: Ask) -> Ask:
    """The same request about a dataset or a job that never was."""
    path = re.sub(r"/datasets/\d+", f"/datasets/{ABSENT_DATASET}", ask.path)
    path = re.sub(r"/jobs/[0-9a-f-]{36}", f"/jobs/{ABSENT_JOB}", path)
    return Ask(path, ask.body, ask.files, ask.form)


def without_ids(text: str) -> str:
    """A text without what names the dataset, the job or the request."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    return re.sub(r'\b([Dd]ataset(?:":")?|datasets/) ?\d+', r"\1 ID", text)


def test_every_route_of_a_dataset_or_a_job_is_hidden_from_whoever_has_no_level_there() -> None:
    assert len(HIDDEN) > 40
    assert {row.statuses.nobody for row in HIDDEN} == {404}


@pytest.mark.parametrize("row", HIDDEN, ids=lambda row: row.route)
def test_a_hidden_dataset_answers_like_one_that_is_not_there(
    scene: Scene, client: httpx.Client, row: Row
) -> None:
    nobody = scene.people["nobody"]
    secret, _ = scene.token_of(nobody, **kind_of_token("nobody", row))
    ask = row.ask(scene, nobody)
    there, missing = (sent(client, row, one, secret) for one in (ask, absent(ask)))
    assert there.status_code == missing.status_code == 404
    headers = [
        {name: value for name, value in answer.headers.items() if name not in OWN_EACH_TIME}
        for answer in (there, missing)
    ]
    assert headers[0] == headers[1]
    assert without_ids(there.text) == without_ids(missing.text)


class Direct:
    """The app without a server between, so that it answers in this very thread."""

    def __init__(self, scene: Scene) -> None:
        self._web = composition_root.build_app(scene.service).test_client(use_cookies=False)

    def request(self, method: str, path: str, **given: Any) -> Any:
        """Ask the app."""
        files, form = given.pop("files"), given.pop("data")
        if files is not None:
            name, content = files["file"]
            form = {"file": (io.BytesIO(content), name)}
        return self._web.open(path, method=method, data=form, **given)


@pytest.fixture(scope="module")
def direct(scene: Scene) -> Direct:
    return Direct(scene)


def statements(scene: Scene, direct: Any, row: Row, ask: Ask) -> list[str]:
    """What SQLite is asked while the app answers a token that it hasn't seen before."""
    ran: list[str] = []
    secret, _ = scene.token_of(scene.people["nobody"], **kind_of_token("nobody", row))
    connection = scene.service.database.single()
    connection.set_trace_callback(ran.append)
    try:
        answer = sent(direct, row, ask, secret)
    finally:
        connection.set_trace_callback(None)
    assert answer.status_code == 404
    return [re.sub(r"'[^']*'|\b\d+\b", "?", one) for one in ran]


@pytest.mark.parametrize("row", HIDDEN, ids=lambda row: row.route)
def test_a_hidden_dataset_takes_the_same_work_as_one_that_is_not_there(
    scene: Scene, direct: Direct, row: Row
) -> None:
    """The same statements and nothing else, so that the time reveals nothing either."""
    ask = row.ask(scene, scene.people["nobody"])
    there = statements(scene, direct, row, ask)
    missing = statements(scene, direct, row, absent(ask))
    assert there == missing
    assert any("dataset_access" in one for one in there)
    assert not any("commits" in one for one in there), "no table is looked for"


def asked(scene: Scene, name: str) -> httpx.Client:
    return scene.server.client(scene.token_of(scene.people[name])[0])


def test_lists_and_totals_leave_hidden_datasets_and_their_jobs_out(scene: Scene) -> None:
    nobody, admin = asked(scene, "nobody"), asked(scene, "admin")
    mine = nobody.post("/api/datasets", json={"name": "my own"}).json()
    assert admin.get("/api/datasets").json()["total"] > 1
    for query in ({}, {"q": "dataset"}, {"sort": "name"}):
        listed = nobody.get("/api/datasets", params=query).json()
        ids = [one["id"] for one in listed["datasets"]]
        assert (ids, listed["total"]) in (([mine["id"]], 1), ([], 0))
    assert admin.get("/api/jobs").json()["total"] >= 2
    for narrowed in (
        {},
        {"dataset_id": scene.dataset},
        {"user_soeid": "admin00"},
        {"user_id": 1},
        {"run_type": "sampling"},
        {"status": "completed"},
        {"order": "oldest", "limit": 1},
    ):
        jobs = nobody.get("/api/jobs", params=narrowed).json()
        assert (jobs["jobs"], jobs["total"]) == ([], 0)


def test_ones_own_work_goes_out_of_sight_with_the_permission(scene: Scene) -> None:
    dataset = scene.server.new_table(10)
    scene.share(dataset)
    writer = asked(scene, "writer")
    path = f"/api/sampling/datasets/{dataset}/jobs"
    key = {"Idempotency-Key": "once"}
    made = writer.post(path, json=RANDOM, headers=key).json()["job_id"]
    scene.server.finished(made)
    before = writer.get("/api/sampling/users/me/history").json()["total"]
    with scene.service.database.write() as tx:
        delete_group_permission(tx, dataset, scene.writers)
    assert writer.get("/api/sampling/users/me/history").json()["total"] == before - 1
    assert made not in writer.get("/api/jobs", params={"limit": 1000}).text
    for answer in (
        writer.post(path, json=RANDOM, headers=key),
        writer.get(f"/api/jobs/{made}"),
        writer.get(f"/api/sampling/jobs/{made}/data"),
        writer.post(f"/api/jobs/{made}/cancel"),
        writer.post(f"/api/jobs/{made}/retry", headers=key),
    ):
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("end", ["level", "token", "user"])
def test_an_open_stream_ends_with_what_it_was_opened_by(scene: Scene, end: str) -> None:
    service, watcher, job_id = scene.service, scene.person(), scene.job("running")
    secret, token_id = scene.token_of(watcher)
    with service.database.write() as tx:
        put_permission(tx, scene.dataset, watcher.id, "read")
    path = f"/api/jobs/{job_id}/events"
    with scene.server.client(secret).stream("GET", path) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: job"
        with service.database.write() as tx:
            if end == "level":
                delete_permission(tx, scene.dataset, watcher.id)
            elif end == "token":
                revoke_token(tx, token_id)
            else:
                remove_user(tx, watcher.id, service.clock)
        assert all(line.startswith("data: ") or not line for line in lines)


def test_a_key_of_ones_own_meets_no_one_elses(scene: Scene) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    path = f"/api/sampling/datasets/{scene.dataset}/jobs"
    jobs = {
        asked(scene, name).post(path, json=RANDOM, headers=key).json()["job_id"]
        for name in ("writer", "owner")
    }
    assert len(jobs) == 2


def test_the_commit_of_a_hidden_dataset_is_unknown_elsewhere(scene: Scene) -> None:
    nobody = asked(scene, "nobody")
    own = nobody.post("/api/datasets", json={"name": "elsewhere"}).json()["id"]
    ref = scene.server.admin.get(f"/api/datasets/{scene.dataset}/refs/main").json()
    texts = []
    for commit in (ref["commit_id"], "ab" * 32):
        answers = [
            nobody.get(f"/api/datasets/{own}/commits/{commit}"),
            nobody.get(f"/api/datasets/{own}/commits/{commit}/data"),
            nobody.post(f"/api/datasets/{own}/refs", json={"name": "theirs", "source_ref": commit}),
            nobody.post(
                f"/api/sampling/datasets/{own}/jobs", json={**RANDOM, "source_ref": commit}
            ),
        ]
        documents = [assert_problem(answer, 404, "not_found") for answer in answers]
        texts.append([one["detail"].replace(commit, "COMMIT") for one in documents])
    assert texts[0] == texts[1]


def test_a_name_conflict_tells_only_of_what_one_sees(scene: Scene) -> None:
    admin, writer = asked(scene, "admin"), asked(scene, "writer")
    secret = admin.post("/api/datasets", json={"name": "Merger"}).json()["id"]
    shared = scene.empty_dataset()
    renamed = writer.patch(f"/api/datasets/{shared}", json={"name": "Merger"})
    assert renamed.status_code == 200
    assert writer.post("/api/datasets", json={"name": "Merger"}).status_code == 200
    answer = admin.patch(f"/api/datasets/{secret}", json={"name": "merger"})
    assert_problem(answer, 409, "conflict", "merger")
