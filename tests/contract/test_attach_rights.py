"""Who makes and uses connections, and which places they can't reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from import_engine.sources.reading import RETRIES
from tests.contract.problems import assert_problem
from tests.contract.uri_sources import BUCKET
from tests.support.attached_world import World, attached_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("rights")) as made:
        made.put("disk", "a.parquet", made.new_file("SELECT 1 AS id"))
        made.put("store", "a.parquet", made.new_file("SELECT 1 AS id"))
        yield made


def made(world: World, name: str, **body: Any) -> dict[str, Any]:
    fields = {"name": name, "prefix": f"file://{world.folder}/", **body}
    answer = world.server.admin.post("/api/connections", json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"prefix": "file:///etc/"}, "uri_not_allowed", "connection_prefixes"),
        ({"prefix": "s3://other/"}, "uri_not_allowed", "connection_prefixes"),
        ({"prefix": f"s3://{BUCKET}/"}, "uri_not_allowed", "connection_prefixes"),
        ({"prefix": f"s3://{BUCKET}/lake/../x/"}, "invalid_uri", "empty segment"),
        ({"prefix": "https://169.254.169.254/"}, "invalid_uri", "web server"),
        ({"prefix": f"s3://key:secret@{BUCKET}/lake/"}, "invalid_uri", "password"),
        ({"credentials": "AKIA/secret"}, "invalid_request", "Never send a key"),
        ({"credentials": "LAKE"}, "invalid_request", "A folder has none"),
        (
            {"prefix": f"s3://{BUCKET}/lake/", "credentials": "AKIAIOSFODNN7EXAMPLE"},
            "invalid_request",
            "AKIAIOSFODNN7EXAMPLE_AWS_ACCESS_KEY_ID",
        ),
        ({"usable_by": ["nobody-here"]}, "not_found", "nobody-here"),
        ({"aws_secret_access_key": "x"}, "invalid_request", "Unknown field"),
        ({"name": "DISK"}, "conflict", "exists already"),
    ],
)
def test_connection_outside_the_settings_is_refused(
    world: World, body: dict[str, Any], code: str, words: str
) -> None:
    fields = {"name": "new", "prefix": f"file://{world.folder}/", **body}
    answer = world.server.admin.post("/api/connections", json=fields)
    status = {"not_found": 404, "conflict": 409}.get(code, 422)
    assert_problem(answer, status, code, words)


@pytest.mark.parametrize(
    "path",
    [
        "../private/x.parquet",
        "%2e%2e/private/x.parquet",
        "..%2fprivate/x.parquet",
        "link/x.parquet",
        "link.parquet",
    ],
)
def test_no_path_leaves_the_prefix(world: World, path: str) -> None:
    private = world.folder.parent / "private"
    (private / "x.parquet").write_bytes(world.new_file("SELECT 1 AS id"))
    for name, target in (("link", private), ("link.parquet", private / "x.parquet")):
        if not (world.folder / name).is_symlink():
            (world.folder / name).symlink_to(target)
    uri = world.uri("disk", path)
    dataset = world.server.new_dataset()
    answer = world.attach(dataset, {"uri": uri, "connection": "disk"})
    if answer.status_code == 200:
        job = world.server.finished(answer.json()["job_id"])
        assert (job["status"], job["error_code"]) == ("failed", "source_not_found")
    else:
        assert_problem(answer, 422, "invalid_uri")


def test_file_that_becomes_a_link_is_refused(world: World) -> None:
    content = world.new_file("SELECT 1 AS id")
    world.put("disk", "swapped/x.parquet", content)
    dataset, _ = world.attached({"uri": world.uri("disk", "swapped/")})
    path = world.folder / "swapped" / "x.parquet"
    path.rename(world.folder.parent / "private" / "moved.parquet")
    path.symlink_to(world.folder.parent / "private" / "moved.parquet")
    assert_problem(world.table(dataset, "data"), 409, "source_changed", "swapped/x.parquet")


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://{BUCKET}/private/x.parquet",
        f"s3://{BUCKET}/lake-2/x.parquet",
        "s3://other/lake/x.parquet",
        "file:///etc/passwd",
    ],
)
def test_uri_outside_the_connection_is_refused(world: World, uri: str) -> None:
    dataset = world.server.new_dataset()
    for connection in ("store", "disk"):
        answer = world.attach(dataset, {"uri": uri, "connection": connection})
        assert_problem(answer, 422, "uri_not_allowed", "isn't under the prefix")
    assert_problem(world.attach(dataset, {"uri": uri}), 422, "invalid_request", "no connection")


@pytest.mark.parametrize("uri", ["/data/lake/a.parquet", "https://example.org/a.parquet", "a"])
@pytest.mark.parametrize("given", [{}, {"connection": "disk"}])
def test_uri_that_no_connection_reads_is_explained(
    world: World, uri: str, given: dict[str, str]
) -> None:
    answer = world.attach(world.server.new_dataset(), {"uri": uri, **given})
    problem = assert_problem(answer, 422, "invalid_uri", "reads s3://, gs://, az:// and file://")
    assert "https://" not in problem["detail"]


def test_one_of_several_connections_with_a_prefix_is_named(world: World) -> None:
    dataset = world.server.new_dataset()
    path = f"/api/connections/{made(world, 'twin')['id']}"
    table = {"uri": world.uri("disk", "a.parquet")}
    assert_problem(world.attach(dataset, table), 422, "invalid_request", '"disk", "twin"')
    assert world.attach(dataset, {**table, "connection": "twin"}).status_code == 200
    world.server.admin.delete(path)


def test_only_admins_change_connections(world: World) -> None:
    client, _ = world.server.new_user()
    connection = made(world, "admins")
    path = f"/api/connections/{connection['id']}"
    body = {"name": "mine", "prefix": f"file://{world.folder}/"}
    assert_problem(client.post("/api/connections", json=body), 403, "forbidden")
    assert_problem(client.patch(path, json={"credentials": ""}), 403, "forbidden")
    assert_problem(client.delete(path), 403, "forbidden")
    assert "admins" not in client.get("/api/connections").text


def test_users_and_groups_of_a_connection_may_use_it(world: World) -> None:
    admin, (client, user) = world.server.admin, world.server.new_user()
    dataset = world.server.new_dataset(client)
    table = {"uri": world.uri("disk", "a.parquet"), "connection": "shared"}
    path = f"/api/connections/{made(world, 'shared')['id']}"
    assert_problem(world.attach(dataset, table, client=client), 403, "forbidden", "shared")
    group = admin.post("/api/groups", json={"name": "lake readers", "users": [user["soeid"]]})
    for usable_by in (["everyone"], [user["soeid"]], ["lake readers"]):
        changed = admin.patch(path, json={"usable_by": usable_by})
        assert changed.json()["usable_by"] == usable_by
        (shown,) = client.get("/api/connections").json()["connections"]
        assert (shown["name"], shown["credentials"], shown["usable_by"]) == ("shared", None, [])
        preview = client.post(f"/api/datasets/{dataset}/attach/preview", json={"tables": [table]})
        assert preview.status_code == 200
    assert admin.delete(f"/api/groups/{group.json()['id']}").status_code == 200
    assert_problem(world.attach(dataset, table, client=client), 403, "forbidden", "shared")
    entries = admin.get("/api/admin/audit", params={"action": "connection_changed"}).json()
    assert entries["entries"][0]["details"]["usable_by"] == ["lake readers"]


def test_dataset_rights_hold_for_attaching(world: World) -> None:
    dataset = world.server.new_dataset()
    reader, user = world.server.new_user()
    stranger, _ = world.server.new_user()
    table = {"uri": world.uri("disk", "a.parquet"), "connection": "disk"}
    world.server.admin.put(
        f"/api/datasets/{dataset}/permissions",
        json={"user_id": user["id"], "permission": "read"},
    )
    assert world.attach(dataset, table, client=stranger).status_code == 404
    assert world.attach(dataset, table, client=reader).status_code == 403


def test_readers_of_a_dataset_need_no_connection(world: World) -> None:
    dataset, job = world.attached({"uri": world.uri("store", "a.parquet")})
    assert job["status"] == "completed"
    client, user = world.server.new_user("viewer")
    given = {"user_id": user["id"], "permission": "read"}
    world.server.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    assert client.get(path).json()["data"] == [{"id": 1}]


def test_deleted_or_narrowed_connection_reads_nothing(world: World) -> None:
    admin, connection = world.server.admin, made(world, "leaving")
    path = f"/api/connections/{connection['id']}"
    dataset, _ = world.attached({"uri": world.uri("disk", "a.parquet"), "connection": "leaving"})
    (world.folder / "inner").mkdir()
    admin.patch(path, json={"prefix": f"file://{world.folder}/inner/"})
    assert_problem(world.table(dataset, "data"), 422, "uri_not_allowed", "leaving")
    admin.delete(path)
    assert_problem(world.table(dataset, "data"), 409, "connection_missing", "leaving")
    made(world, "leaving")
    assert world.table(dataset, "data").status_code == 200


def test_connection_keeps_its_name(world: World) -> None:
    path = f"/api/connections/{made(world, 'named')['id']}"
    answer = world.server.admin.patch(path, json={"name": "other"})
    assert_problem(answer, 422, "invalid_request", "name")


def test_store_that_does_not_answer_is_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RETRIES, "max_retries", 0)
    monkeypatch.setenv("AWAY_AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWAY_AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWAY_AWS_SECRET_ACCESS_KEY", "a-secret")
    connection = made(world, "away", prefix=f"s3://{BUCKET}/lake/", credentials="AWAY")
    path = f"/api/connections/{connection['id']}"
    table = {"uri": world.uri("store", "a.parquet"), "connection": "away"}
    _, job = world.attached(table)
    assert job["error_code"] == "source_unavailable"
    assert "a-secret" not in job["error_message"]
    world.server.admin.patch(path, json={"credentials": "LAKE"})
    dataset, job = world.attached(table)
    assert job["status"] == "completed", job["error_message"]
    world.server.admin.patch(path, json={"credentials": "AWAY"})
    assert_problem(world.table(dataset, "data"), 503, "source_unavailable", "a.parquet")


class Refusing(BaseHTTPRequestHandler):
    """An object store that accepts no key."""

    def do_GET(self) -> None:
        self.send_error(403)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Write no log."""


def test_error_of_refused_credentials_names_the_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        for name, value in (
            ("ENDPOINT", f"http://127.0.0.1:{store.server_port}"),
            ("ACCESS_KEY_ID", "a-key"),
            ("SECRET_ACCESS_KEY", "a-secret"),
        ):
            monkeypatch.setenv(f"REFUSED_AWS_{name}", value)
        made(world, "refused", prefix=f"s3://{BUCKET}/lake/", credentials="REFUSED")
        for name in ("a.parquet", ""):
            _, job = world.attached({"uri": world.uri("store", name), "connection": "refused"})
            assert job["error_code"] == "source_denied"
            assert 'The connection "refused"' in job["error_message"]
        store.shutdown()


def test_credentials_are_variables_of_the_server(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"s3://{BUCKET}/lake/"
    monkeypatch.setenv("OTHER_AWS_ACCESS_KEY_ID", "a-key")
    path = f"/api/connections/{made(world, 'keys', prefix=prefix, credentials='OTHER')['id']}"
    monkeypatch.delenv("OTHER_AWS_ACCESS_KEY_ID")
    assert world.server.admin.patch(path, json={"usable_by": []}).status_code == 200
    refused = world.server.admin.patch(path, json={"credentials": "NONE"})
    assert_problem(refused, 422, "invalid_request", "NONE_AWS_")
    dataset = world.server.new_dataset()
    table = {"uri": world.uri("store", "a.parquet"), "connection": "keys"}
    assert_problem(world.attach(dataset, table), 503, "credentials_missing", "OTHER_AWS_", '"keys"')
    monkeypatch.setenv("OTHER_AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("OTHER_AWS_SECRET_ACCESS_KEY", "a-secret")
    assert world.attach(dataset, table).status_code == 200
    with world.server.service.database.read() as tx:
        for name in ("connections", "jobs", "audit_log"):
            for row in tx.execute(f"SELECT * FROM {name}"):
                assert "a-secret" not in str(tuple(row))
