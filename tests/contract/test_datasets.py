"""Datasets, permissions, refs, history, tables and rows."""

from __future__ import annotations

import csv
import io

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def dataset_id(server: LiveServer) -> int:
    """1,000 rows on main, then 1,200."""
    made = server.new_table(1000)
    lines = "\n".join(f"{row},Oslo,{row}" for row in range(1200))
    assert server.import_text(made, f"id,city,amount\n{lines}\n")["status"] == "completed"
    return made


def test_a_new_dataset_has_an_empty_main(server: LiveServer) -> None:
    body = {"name": "A new one", "description": "d", "tags": ["t"]}
    made = server.admin.post("/api/datasets", json=body).json()
    assert made["id"] == made["dataset_id"]
    assert (made["permission"], made["tags"]) == ("admin", ["t"])
    refs = server.admin.get(f"/api/datasets/{made['id']}/refs").json()
    assert [(ref["name"], ref["commit_id"]) for ref in refs["refs"]] == [("main", None)]
    tables = server.admin.get(f"/api/datasets/{made['id']}/refs/main/tables")
    assert_problem(tables, 404, "not_found", "no commit yet")
    history = server.admin.get(f"/api/datasets/{made['id']}/history").json()
    assert (history["commits"], history["total"]) == ([], 0)


def test_datasets_are_listed_searched_changed_and_removed(server: LiveServer) -> None:
    client, _ = server.new_user()
    first = client.post("/api/datasets", json={"name": "Alpha", "tags": ["x"]}).json()
    client.post("/api/datasets", json={"name": "Beta"})
    assert_problem(client.post("/api/datasets", json={"name": "alpha"}), 409, "conflict", "alpha")
    names = [one["name"] for one in client.get("/api/datasets?sort=name").json()["datasets"]]
    assert names == ["Alpha", "Beta"]
    found = client.get("/api/datasets", params={"q": "alp", "tag": "x"}).json()
    assert (found["total"], found["datasets"][0]["id"]) == (1, first["id"])
    changed = client.patch(f"/api/datasets/{first['id']}", json={"name": "Gamma"}).json()
    assert (changed["name"], changed["tags"]) == ("Gamma", ["x"])
    assert client.delete(f"/api/datasets/{first['id']}").status_code == 200
    assert_problem(client.get(f"/api/datasets/{first['id']}"), 404, "not_found")


def test_a_refusal_says_what_one_may_do(server: LiveServer) -> None:
    reader, user = server.new_user()
    path = f"/api/datasets/{server.new_dataset()}"
    grant = {"user_id": user["id"], "permission": "read"}
    assert server.admin.put(f"{path}/permissions", json=grant).is_success
    number = path.rpartition("/")[2]
    refused = reader.post(f"{path}/refs", json={"name": "q", "source_ref": "main"})
    sentence = f"This requires the right {{}} in dataset {number}; yours is read."
    assert_problem(refused, 403, "forbidden", sentence.format("write"))
    refused = reader.delete(path)
    assert_problem(refused, 403, "forbidden", sentence.format("admin"))
    empty = server.admin.post("/api/datasets", json={"name": "With tags", "tags": [None]})
    assert_problem(empty, 422, "invalid_request", "Give a value.")


def test_what_one_may_not_see_answers_like_what_is_not_there(server: LiveServer) -> None:
    stranger, _ = server.new_user()
    hidden = server.new_table(3)
    job = server.draw(hidden, {"method": "random", "sample_size": 1})
    for there, missing in (
        (f"/api/datasets/{hidden}", "/api/datasets/999999"),
        (f"/api/datasets/{hidden}/refs", "/api/datasets/999999/refs"),
        (f"/api/jobs/{job['id']}", "/api/jobs/none"),
        (f"/api/sampling/jobs/{job['id']}/data", "/api/sampling/jobs/none/data"),
    ):
        documents = [
            assert_problem(stranger.get(path), 404, "not_found") for path in (there, missing)
        ]
        texts = [
            document["detail"].replace(old, "?")
            for document, old in zip(documents, (job["id"], "none"), strict=True)
        ]
        assert texts[0].replace(str(hidden), "?") == texts[1].replace("999999", "?")
    assert stranger.get("/api/jobs", params={"dataset_id": hidden}).json()["total"] == 0


def test_levels_reach_as_far_as_they_say(server: LiveServer) -> None:
    reader, user = server.new_user()
    dataset = server.new_table(5)
    path = f"/api/datasets/{dataset}/permissions"
    given = server.admin.put(path, json={"user_id": user["id"], "permission": "read"})
    assert given.status_code == 200
    assert reader.get(f"/api/datasets/{dataset}").json()["permission"] == "read"
    draw = {"method": "random", "sample_size": 1}
    jobs = f"/api/sampling/datasets/{dataset}/jobs"
    assert_problem(reader.post(jobs, json=draw), 403, "forbidden", "right write")
    server.admin.put(path, json={"user_id": user["id"], "permission": "write"})
    assert reader.post(jobs, json=draw).status_code == 200
    assert_problem(reader.delete(f"/api/datasets/{dataset}"), 403, "forbidden", "right admin")
    levels = server.admin.request("DELETE", path, json={"user_id": user["id"]}).json()
    assert user["id"] not in [one["user_id"] for one in levels["permissions"]]
    assert_problem(reader.get(f"/api/datasets/{dataset}"), 404, "not_found")


def test_history_shows_imports_newest_first(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/datasets/{dataset_id}/history"
    history = server.admin.get(path, params={"source_ref": "main", "limit": 1}).json()
    assert history["total"] == 2
    (newest,) = history["commits"]
    assert newest["tables"][0]["row_count"] == 1200
    assert newest["message"] == "Import table.csv"
    older = server.admin.get(path, params={"offset": 1}).json()["commits"][0]
    assert newest["parent_commit_id"] == older["commit_id"]
    commit = server.admin.get(f"/api/datasets/{dataset_id}/commits/{older['commit_id'][:8]}")
    assert commit.json() == older


def test_a_ref_names_a_commit_and_copies_nothing(server: LiveServer, dataset_id: int) -> None:
    refs = f"/api/datasets/{dataset_id}/refs"
    made = server.admin.post(refs, json={"name": "v2", "source_ref": "main"}).json()
    older = server.admin.get(f"/api/datasets/{dataset_id}/history?offset=1").json()["commits"][0]
    body = {"name": "v1", "source_ref": older["commit_id"]}
    assert server.admin.post(refs, json=body).json()["commit_id"] == older["commit_id"]
    assert_problem(server.admin.post(refs, json=body), 409, "conflict", "v1")
    overview = server.admin.get(f"/api/datasets/{dataset_id}/overview").json()
    rows = {ref["name"]: ref["tables"][0]["row_count"] for ref in overview["refs"]}
    assert rows == {"main": 1200, "v1": 1000, "v2": 1200}
    assert made["commit_id"] != older["commit_id"]
    assert server.admin.delete(f"{refs}/v1").status_code == 200
    assert server.admin.delete(f"{refs}/v2").status_code == 200
    assert_problem(server.admin.delete(f"{refs}/main"), 409, "conflict", "main")
    assert_problem(server.admin.delete(f"{refs}/v1"), 404, "not_found", "Available: main")


def test_a_schema_names_columns_and_types(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/schema"
    schema = server.admin.get(path).json()
    assert [column["name"] for column in schema["columns"]] == ["id", "city", "amount"]
    assert schema["columns"][0]["type"] == "BIGINT"
    whole = server.admin.get(f"/api/datasets/{dataset_id}/commits/main/schema").json()
    assert whole["tables"] == [schema]


def test_a_schema_tells_distinct_counts_once_a_profile_is_kept(
    server: LiveServer, dataset_id: int
) -> None:
    table = f"/api/datasets/{dataset_id}/refs/main/tables/primary"
    counted = {"distinct": "true"}
    before = server.admin.get(f"{table}/schema", params=counted).json()["columns"]
    assert before[1] == {
        "name": "city",
        "type": "VARCHAR",
        "distinct": None,
        "distinct_exact": None,
    }
    profile = server.admin.get(f"{table}/analysis").json()["columns"]
    after = server.admin.get(f"{table}/schema", params=counted).json()["columns"]
    assert [one["distinct"] for one in after] == [one["distinct"]["value"] for one in profile]
    assert after[1]["distinct_exact"]


def test_rows_are_paged_in_file_order(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/data"
    page = server.admin.get(path, params={"offset": 1195, "limit": 10, "columns": "amount,id"})
    body = page.json()
    assert [row["id"] for row in body["data"]] == list(range(1195, 1200))
    assert body["columns"] == ["amount", "id"]
    assert list(body["data"][0]) == ["amount", "id"]
    assert (body["total"], body["offset"], body["limit"]) == (1200, 1195, 10)
    first = server.admin.get(path).json()
    assert len(first["data"]) == 100
    assert first["limit"] == 100
    commit = server.admin.get(f"/api/datasets/{dataset_id}/commits/main/data").json()
    assert commit == first


@pytest.mark.parametrize("file_format", ["csv", "parquet", "arrow"])
def test_a_download_has_every_row_unless_limited(
    server: LiveServer, dataset_id: int, file_format: str
) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/data"
    whole = server.admin.get(path, params={"format": file_format})
    assert whole.status_code == 200
    assert f'.{file_format}"' in whole.headers["Content-Disposition"].replace("'", '"') + '"'
    limited = server.admin.get(path, params={"format": file_format, "limit": 5, "offset": 7})
    assert 0 < len(limited.content) < len(whole.content)
    if file_format == "csv":
        assert len(list(csv.DictReader(io.StringIO(whole.text)))) == 1200
        ids = [row["id"] for row in csv.DictReader(io.StringIO(limited.text))]
        assert ids == ["7", "8", "9", "10", "11"]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("limit=0", ["limit", "1"]),
        ("limit=1001", ["limit", "1000"]),
        ("limit=ten", ["limit", "whole number", "ten"]),
        ("limit=1_0", ["limit", "whole number"]),
        ("limit=1.0", ["limit", "whole number"]),
        ("offset=-1", ["offset", "0"]),
        ("offset=99999999999999999999", ["offset"]),
        ("format=xml", ["format", "json, csv, parquet, arrow"]),
        ("columns=idd", ["idd", 'Did you mean "id"', "id, city, amount"]),
        ("columns=id,,city", ["columns has an empty name"]),
        ("colums=id", ["colums", 'Did you mean "columns"']),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_the_culprit(
    server: LiveServer, dataset_id: int, query: str, parts: list[str]
) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/data?{query}"
    answer = server.admin.get(path)
    document = assert_problem(answer, 422, answer.json()["code"], *parts)
    assert document["errors"][0]["loc"][0] == "query"


def test_an_offset_past_the_end_is_an_empty_page(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/data?offset=5000"
    assert server.admin.get(path).json()["data"] == []


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("refs/mian/tables", ['"mian"', "main"]),
        ("refs/main/tables/primry/data", ['"primry"', "primary"]),
        ("commits/0000000/data", ['"0000000"', "main"]),
        ("history?source_ref=nope", ['"nope"', "main"]),
        ("nothing", ["address doesn't exist"]),
    ],
)
def test_what_is_not_there_is_404_with_the_choices(
    server: LiveServer, dataset_id: int, path: str, parts: list[str]
) -> None:
    answer = server.admin.get(f"/api/datasets/{dataset_id}/{path}")
    assert_problem(answer, 404, "not_found", *parts)


def test_an_id_no_database_can_hold_is_not_there(server: LiveServer) -> None:
    assert_problem(server.admin.get(f"/api/datasets/{10**30}"), 404, "not_found")


@pytest.mark.parametrize("name", [" ", "\u200f\u202e", "\n\t", "\u2028"])
def test_a_name_has_a_visible_character(server: LiveServer, name: str) -> None:
    dataset = server.new_dataset()
    for answer in (
        server.admin.post("/api/datasets", json={"name": name}),
        server.admin.patch(f"/api/datasets/{dataset}", json={"name": name}),
        server.admin.post("/api/tokens", json={"name": name}),
        server.admin.post("/api/groups", json={"name": f"{name}\u2060"}),
    ):
        assert_problem(answer, 422, "invalid_request", "visible character")
