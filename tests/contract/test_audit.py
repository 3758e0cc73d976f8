"""What the audit trail records: every change, every sign-in, every read of rows, and no secret."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import composition_root
from service.settings import Settings
from tests.contract.audit_table import CHANGES, OF_SOMEONE_ELSE, RANDOM, UNTOLD
from tests.contract.problems import assert_problem
from tests.support.attached_world import small_lake
from tests.support.audit_world import World
from tests.support.live_server import PASSWORD, LiveServer, live_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of its own: other tests count the admins of the shared one."""
    lake = small_lake(tmp_path_factory.mktemp("lake"))
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("audited"),
        memory_mb=256,
        connection_prefixes=lake,
        webhook_prefixes="http://127.0.0.1:9/",
        smtp_server="127.0.0.1:9",
        smtp_sender="jobsvc@bank.example",
        email_domains="bank.example",
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def world(server: LiveServer) -> World:
    client, user = server.new_user("admin")
    dataset = server.new_table(40)
    draw = server.draw(dataset, {"method": "random", "sample_size": 4, "export_residual": True})
    return World(server, client, user, dataset, draw["id"])


def entries(server: LiveServer, **query: Any) -> list[dict[str, Any]]:
    answer = server.admin.get("/api/admin/audit", params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


def told_by(server: LiveServer, answer: httpx.Response) -> list[dict[str, Any]]:
    """The entries that a request left."""
    request_id = answer.headers["X-Request-ID"]
    return [entry for entry in entries(server) if entry["request_id"] == request_id]


def test_every_route_that_changes_something_is_here(server: LiveServer) -> None:
    """Whoever adds a route adds a row to CHANGES, or to UNTOLD with the reason."""
    routes = {
        f"{method} {rule.rule}"
        for rule in composition_root.build_app(server.service).url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert routes == set(CHANGES) | set(UNTOLD)


@pytest.mark.parametrize("route", CHANGES)
def test_a_change_is_recorded_with_user_and_origin(world: World, route: str) -> None:
    action, given = CHANGES[route]
    path, body = given(world)
    answer = world.client.request(route.split()[0], path, **body)
    assert answer.status_code in (200, 303), answer.text
    (entry,) = told_by(world.server, answer)
    assert entry["action"] == action
    assert entry["client_address"] == "127.0.0.1"
    if path not in OF_SOMEONE_ELSE:
        assert (entry["user_id"], entry["token_kind"]) == (world.user["id"], "session")
    if f"/datasets/{world.dataset}/" in f"{path}/":
        assert entry["dataset_id"] == world.dataset
    tokens = [world.client.headers["Authorization"].split()[1], PASSWORD]
    assert not any(secret in json.dumps(entry) for secret in tokens)


def test_an_undone_dismissal_is_recorded(world: World) -> None:
    path = f"/api/jobs/{world.job('failed')}"
    answers = [world.server.admin.patch(path, json={"dismissed": each}) for each in (True, False)]
    assert [told_by(world.server, answer)[0]["action"] for answer in answers] == [
        "job_dismissed",
        "dismissal_undone",
    ]


def test_a_password_set_by_a_link_is_recorded_with_its_session(world: World) -> None:
    form = {"code": world.link_code(), "password": PASSWORD, "again": PASSWORD}
    answer = world.server.client(None).post("/sign-in", data=form)
    begun, setting = told_by(world.server, answer)
    assert (setting["action"], begun["action"]) == ("password_set", "signed_in")
    assert setting["object_id"] == str(setting["user_id"]) == str(begun["user_id"])


def test_a_plan_is_not_recorded(world: World) -> None:
    path = f"/api/sampling/datasets/{world.dataset}/plan"
    assert told_by(world.server, world.server.admin.post(path, json=RANDOM)) == []


def test_a_change_that_was_refused_leaves_no_entry(world: World) -> None:
    body = {"name": "again", "source_ref": "no such ref"}
    answer = world.server.admin.post(f"/api/datasets/{world.dataset}/refs", json=body)
    assert answer.status_code == 404
    assert told_by(world.server, answer) == []


def test_a_repeated_request_is_recorded_once(world: World) -> None:
    path = f"/api/sampling/datasets/{world.dataset}/jobs"
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [world.server.admin.post(path, json=RANDOM, headers=headers) for _ in range(2)]
    assert [len(told_by(world.server, answer)) for answer in answers] == [1, 0]


def test_a_failed_sign_in_is_recorded_with_its_name(world: World) -> None:
    nobody = world.server.client(None)
    soeid = world.other()["soeid"]
    for tried, recorded in ((soeid, soeid), ("nobody7", ""), ("my password!", "")):
        login = {"soeid": tried, "password": "not this one"}
        answer = nobody.post("/api/users/login", json=login)
        assert_problem(answer, 401, "bad_credentials")
        (entry,) = told_by(world.server, answer)
        assert (entry["action"], entry["user_soeid"]) == ("sign_in_failed", recorded)
        assert (entry["user_id"], entry["details"]) == (None, {})


@pytest.mark.parametrize("file_format", ["csv", "parquet", "arrow", "xlsx"])
def test_every_download_is_recorded(world: World, file_format: str) -> None:
    for path, table in (
        (f"/api/datasets/{world.dataset}/refs/main/tables/primary/data", "primary"),
        (f"/api/datasets/{world.dataset}/commits/main/data", "primary"),
        (f"/api/sampling/jobs/{world.draw}/data", "sample"),
        (f"/api/sampling/jobs/{world.draw}/residual", "residual"),
    ):
        for _ in range(2):
            answer = world.server.admin.get(path, params={"format": file_format, "limit": 2})
            (entry,) = told_by(world.server, answer)
            assert (entry["action"], entry["object_id"]) == ("rows_downloaded", table)
            assert entry["dataset_id"] == world.dataset
            assert entry["details"]["format"] == file_format
            assert ("job_id" in entry["details"]) == ("/jobs/" in path)


def test_pages_of_a_table_are_recorded_hourly_for_each_user(world: World) -> None:
    pages = f"/api/datasets/{world.dataset}/refs/main/tables/primary/data"
    readers = [world.server.new_user("admin")[0] for _ in range(2)]
    recorded = [
        len(told_by(world.server, reader.get(pages, params={"offset": offset})))
        for offset in (0, 10, 20)
        for reader in readers
    ]
    assert recorded == [1, 1, 0, 0, 0, 0]
    other_table = readers[0].get(f"/api/sampling/jobs/{world.draw}/data")
    reserves = readers[0].get(f"/api/sampling/jobs/{world.draw}/reserves")
    compared = readers[0].get(f"/api/sampling/jobs/{world.draw}/comparison")
    shown = ((other_table, "rows"), (reserves, "reserves"), (compared, "comparison"))
    for answer, what in shown:
        (entry,) = told_by(world.server, answer)
        assert (entry["action"], entry["details"]["what"]) == ("rows_viewed", what)
        assert entry["details"]["job_id"] == world.draw


def test_a_new_password_is_recorded(world: World) -> None:
    client, user = world.server.new_user()
    body = {"password": "quite another one", "current_password": "a guess"}
    answer = client.patch(f"/api/users/{user['id']}", json=body)
    (entry,) = told_by(world.server, answer)
    assert (entry["action"], entry["user_soeid"]) == ("sign_in_failed", user["soeid"])
    body["current_password"] = PASSWORD
    answer = client.patch(f"/api/users/{user['id']}", json=body)
    (entry,) = told_by(world.server, answer)
    assert (entry["action"], entry["object_id"]) == ("password_changed", str(user["id"]))
    assert entry["user_soeid"] == user["soeid"]


def test_the_first_start_is_recorded(server: LiveServer) -> None:
    total = server.admin.get("/api/admin/audit").json()["total"]
    second, first = entries(server, offset=total - 2)
    assert (first["action"], first["details"]["soeid"]) == ("user_added", "admin00")
    assert first["sentence"] == "the server created the user admin00 as admin"
    assert (second["action"], second["details"]["kind"]) == ("token_made", "operator")
    assert first["user_id"] is first["client_address"] is first["token_id"] is None


def test_entries_are_found_by_user_action_dataset_object_and_time(world: World) -> None:
    client, user = world.server.new_user()
    made = client.post("/api/datasets", json={"name": "traced"}).json()
    client.patch(f"/api/datasets/{made['id']}", json={"name": "traced again"})
    of_dataset = entries(world.server, dataset_id=made["id"])
    assert [entry["action"] for entry in of_dataset] == ["dataset_changed", "dataset_made"]
    assert (
        entries(world.server, user_id=user["id"], action="dataset_made,ref_made") == of_dataset[1:]
    )
    by_name = entries(world.server, user_soeid=user["soeid"].upper(), after=made["created_at"])
    assert by_name == of_dataset
    assert entries(world.server, dataset_id=made["id"], before=made["created_at"]) == []
    body = {"soeid": "traced", "role_name": "analyst"}
    added = world.server.admin.post("/api/users", json=body).json()
    about_user = entries(world.server, object_id=str(added["id"]), action="user_added")
    assert about_user[0]["details"] == body
    page = world.server.admin.get("/api/admin/audit", params={"limit": 1, "offset": 1}).json()
    assert (len(page["entries"]), page["limit"], page["offset"]) == (1, 1, 1)
    assert page["total"] >= 3


def test_only_admins_read_it_and_nobody_changes_it(server: LiveServer) -> None:
    for role in ("viewer", "analyst"):
        client, _ = server.new_user(role)
        assert_problem(client.get("/api/admin/audit"), 403, "forbidden", "admin")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = server.admin.request(method, "/api/admin/audit")
        assert_problem(answer, 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("query", "part"),
    [("action=sang", "signed_in"), ("after=yesterday", "time"), ("usr=1", "user_id")],
)
def test_a_filter_that_cannot_be_is_refused(server: LiveServer, query: str, part: str) -> None:
    answer = server.admin.get(f"/api/admin/audit?{query}")
    assert_problem(answer, 422, "invalid_request", part)
