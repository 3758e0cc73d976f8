"""Attached tables: draws and reads of files where they are, in a folder and an object store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.contract.test_certificates import require_accepted
from tests.support.attached_world import LEDGER, PLACES, ROWS, Place, World, attached_world

TOTAL = sum(ROWS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("attached")) as made:
        yield made


@pytest.fixture(scope="module", params=PLACES)
def ledger(request: pytest.FixtureRequest, world: World) -> int:
    """A dataset with the usual table, attached from each place."""
    place: Place = request.param
    return world.ledger(place, f"ledger-{place}")


@pytest.fixture(scope="module")
def imported(world: World) -> int:
    """A dataset with the same rows, imported."""
    dataset = world.server.new_dataset()
    content = world.new_file(LEDGER, 0, TOTAL)
    job = world.server.import_text(dataset, content, "ledger.parquet")
    assert job["status"] == "completed", job["error_message"]
    return dataset


def test_commit_names_files_where_they_are(world: World, ledger: int) -> None:
    (table,) = world.get(f"/api/datasets/{ledger}/refs/main/tables").json()["tables"]
    assert (table["table_key"], table["row_count"]) == ("primary", TOTAL)
    commit = world.get(f"/api/datasets/{ledger}/commits/main").json()
    assert commit["tables"][0]["attached_files"] == len(ROWS)
    with world.server.service.database.read() as tx:
        rows = tx.execute("SELECT manifest FROM commits WHERE dataset_id = ?", [ledger]).fetchall()
        (files,) = tx.execute(
            "SELECT count(*) FROM commit_files WHERE dataset_id = ?", [ledger]
        ).fetchone()
    assert files == 0
    (text,) = [row["manifest"] for row in rows]
    assert [f'"rows":{rows},' in text for rows in ROWS] == [True] * 4
    assert "secret" not in text
    assert "key-of" not in text


SEEDED: list[dict[str, Any]] = [
    {"method": "random", "parameters": {"sample_size": 40, "seed": 7}},
    {
        "method": "stratified",
        "parameters": {"strata_columns": ["region"], "sample_size": 60, "seed": 7},
    },
    {"method": "systematic", "parameters": {"interval": 53, "seed": 7}},
    {
        "method": "cluster",
        "parameters": {"cluster_column": "amount", "num_clusters": 4, "seed": 7},
    },
    {
        "method": "weighted",
        "parameters": {"weight_column": "score", "sample_size": 30, "seed": 7},
    },
    {
        "method": "monetary_unit",
        "parameters": {"book_column": "amount", "sample_size": 30, "seed": 7},
    },
]


@pytest.mark.parametrize("drawn", SEEDED, ids=lambda drawn: drawn["method"])
def test_same_rows_are_drawn_as_from_an_import(
    world: World, ledger: int, imported: int, drawn: dict[str, Any]
) -> None:
    rounds = [drawn, {**SEEDED[0], "filters": {"expression": "region = 'east' AND id > 100"}}]
    body = {"rounds": rounds, "export_residual": True}
    jobs = [world.server.draw(dataset, body) for dataset in (ledger, imported)]
    assert [job["status"] for job in jobs] == ["completed"] * 2, jobs[0]["error_message"]
    first, second = (world.server.rows(job["id"], limit=1000) for job in jobs)
    assert first == second
    residuals = [
        world.get(f"/api/sampling/jobs/{job['id']}/residual", limit=5, offset=1200).json()
        for job in jobs
    ]
    assert residuals[0]["data"] == residuals[1]["data"]
    assert residuals[0]["total"] == TOTAL - len(first)


def test_draw_from_the_residual_reads_attached_files(world: World, ledger: int) -> None:
    first = world.server.draw(ledger, {"rounds": [SEEDED[0]], "export_residual": True})
    ref = first["output_summary"]["output_ref"]
    body = {"rounds": [SEEDED[1]], "source_ref": ref, "table_key": "residual"}
    second = world.server.draw(ledger, body)
    assert second["status"] == "completed", second["error_message"]
    ids = [{row["id"] for row in world.server.rows(job["id"])} for job in (first, second)]
    assert ids[0].isdisjoint(ids[1])


def test_pages_exports_and_views_equal_those_of_an_import(
    world: World, ledger: int, imported: int
) -> None:
    for query in (
        {"offset": 690, "limit": 20},
        {"filters": "region = 'south'", "limit": 7},
        {"order_by": "amount", "order_desc": "true", "limit": 5},
    ):
        pages = [world.table(dataset, "data", **query) for dataset in (ledger, imported)]
        first, second = (page.json()["data"] for page in pages)
        assert first == second != []
    for format_ in ("csv", "arrow", "xlsx"):
        files = [world.table(dataset, "data", format=format_) for dataset in (ledger, imported)]
        assert [file.status_code for file in files] == [200, 200]
        if format_ == "csv":
            assert files[0].content == files[1].content


def test_profile_plan_estimates_and_comparisons_work(world: World, ledger: int) -> None:
    server = world.server
    profile = server.admin.post(f"/api/profiling/datasets/{ledger}/jobs", json={})
    assert server.finished(profile.json()["job_id"])["status"] == "completed"
    assert world.table(ledger, "analysis").status_code == 200
    plan = server.admin.post(
        f"/api/sampling/datasets/{ledger}/plan", json={"rounds": [SEEDED[1]]}
    ).json()
    assert plan["rounds"][0]["eligible_rows"] == TOTAL
    job = server.draw(ledger, {"rounds": [SEEDED[1]]})
    estimates = server.admin.post(
        f"/api/sampling/jobs/{job['id']}/estimates",
        json={
            "statistics": [{"statistic": "mean", "column": "score"}],
            "calibrate": {"method": "regression", "columns": ["id"]},
        },
    )
    assert estimates.status_code == 200, estimates.text
    compared = server.explore(
        ledger, {"compare_to": {"source_ref": job["output_summary"]["output_ref"]}}
    )
    assert compared["status"] == "completed", compared["error_message"]


def test_sql_reads_attached_tables(world: World, ledger: int) -> None:
    job = world.server.draw(ledger, {"rounds": [SEEDED[0]], "export_residual": True})
    ref = job["output_summary"]["output_ref"]
    path = f"/api/exploration/datasets/{ledger}/query"
    for source, table, rows in (("main", "data", TOTAL), (ref, "residual", TOTAL - 40)):
        body = {"sql": f"SELECT count(*) AS n, sum(id) AS s FROM {table}", "source_ref": source}
        answer = world.server.admin.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"][0]["n"] == rows
    saved = world.server.explore(
        ledger, {"sql": "SELECT region, count(*) AS n FROM data GROUP BY 1"}
    )
    assert saved["status"] == "completed", saved["error_message"]
    foreign = "SELECT * FROM read_parquet('attached://x.parquet')"
    assert world.server.admin.post(path, json={"sql": foreign}).status_code == 422


@pytest.mark.parametrize("key", ["a/b", "../x", ".", ".."])
def test_a_table_key_is_one_part_of_an_address(world: World, key: str) -> None:
    body = {"tables": [{"table_key": key, "uri": world.uri("store", "shown/")}]}
    answer = world.server.admin.post("/api/datasets/attach/preview", json=body)
    assert_problem(answer, 422, "invalid_request", "has no slash")


def test_preview_states_files_rows_columns_and_bytes(world: World) -> None:
    world.put_ledger("store", "shown")
    dataset = world.server.new_dataset()
    body = {"tables": [{"table_key": "t", "uri": world.uri("store", "shown/")}]}
    found = world.server.admin.post(f"/api/datasets/{dataset}/attach/preview", json=body)
    assert found.status_code == 200, found.text
    (table,) = found.json()["tables"]
    assert (table["connection"], table["file_count"], table["row_count"]) == ("store", 4, TOTAL)
    assert [file["row_count"] for file in table["files"]] == list(ROWS)
    assert table["size_bytes"] == sum(file["size_bytes"] for file in table["files"])
    assert table["columns"][2] == {"name": "amount", "type": "DECIMAL(12,2)"}
    assert not world.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT uuid() AS code", ['"code"', "UUID", "a1.parquet"]),
        ("SELECT [1] AS list", ['"list"', "INTEGER[]"]),
        ("SELECT {'a': 1} AS pair", ['"pair"', "STRUCT"]),
        ("SELECT 1 AS file_row_number", ['"file_row_number"', "reserved"]),
    ],
)
def test_columns_that_cannot_be_served_are_refused(
    world: World, sql: str, words: list[str]
) -> None:
    world.put("disk", "odd/a1.parquet", world.new_file(sql))
    dataset, job = world.attached({"uri": world.uri("disk", "odd/a1.parquet")})
    assert (job["status"], job["error_code"]) == ("failed", "unservable_file")
    assert all(word in job["error_message"] for word in words), job["error_message"]
    assert not world.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"]


def test_files_with_other_columns_are_refused_by_name(world: World) -> None:
    world.put("store", "mixed/a.parquet", world.new_file("SELECT 1 AS id, 'x' AS word"))
    world.put("store", "mixed/b.parquet", world.new_file("SELECT 1 AS id, 2 AS word"))
    _, job = world.attached({"uri": world.uri("store", "mixed/")})
    assert job["error_code"] == "unservable_file"
    assert 'the column "word" is VARCHAR in s3://' in job["error_message"]
    assert "lake/mixed/b.parquet" in job["error_message"]


@pytest.mark.parametrize("content", [b"no Parquet", b"", b"id,amount\n1,2\n3,4\n"])
def test_other_files_are_refused_by_name(world: World, content: bytes) -> None:
    world.put("disk", "text/notes.txt", content)
    _, job = world.attached({"uri": world.uri("disk", "text/"), "connection": "disk"})
    assert job["error_code"] == "unreadable_file"
    assert "text/notes.txt: It isn't a Parquet file" in job["error_message"]
    assert str(world.server.service.directory.root) not in job["error_message"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("log", "folder", "words"),
    [
        ("_delta_log/00000000000000000000.json", "", "a Delta table"),
        ("_delta_log/00000000000000000000.json", "region=AT/", "a Delta table"),
        ("metadata/00000-a.metadata.json", "", "an Iceberg table"),
        ("metadata/00000-a.metadata.json", "data/", "an Iceberg table"),
        (".hoodie/hoodie.properties", "", "a Hudi table"),
    ],
)
def test_folder_of_a_table_format_is_refused(
    world: World, place: Place, log: str, folder: str, words: str
) -> None:
    table = f"{words.split()[1]}-{len(folder)}"
    content = world.new_file("SELECT 1 AS id")
    world.put(place, f"{table}/{log}", b"{}")
    world.put(place, f"{table}/{folder}a.parquet", content)
    uri = world.uri(place, f"{table}/{folder}")
    dataset, job = world.attached({"uri": uri, "connection": place})
    assert words in job["error_message"]
    remedy = "Export a snapshot" if "Hudi" in words else f"the format {words.split()[1].lower()}"
    assert remedy in job["error_message"]
    preview = f"/api/datasets/{dataset}/attach/preview"
    body: dict[str, Any] = {"tables": [{"uri": uri, "connection": place}]}
    assert words in world.server.admin.post(preview, json=body).text
    body["tables"][0]["uri"] = f"{uri}a.parquet"
    assert world.server.admin.post(preview, json=body).status_code == 200


def test_folder_named_metadata_alone_is_no_table_format(world: World) -> None:
    world.put("disk", "plain/metadata/notes.json", b"{}")
    world.put("disk", "plain/data/a.parquet", world.new_file("SELECT 1 AS id"))
    _, job = world.attached({"uri": world.uri("disk", "plain/data/"), "connection": "disk"})
    assert job["status"] == "completed", job["error_message"]


def test_column_in_a_folder_name_is_a_column(world: World) -> None:
    for region in ("AT", "DE"):
        content = world.new_file("SELECT 1 AS id, 2025 AS year")
        world.put("store", f"hive/year=2024/region={region}/a.parquet", content)
    uris = [world.uri("store", f"hive/year=2024/region={region}/") for region in ("AT", "DE")]
    table = {"uri": uris, "connection": "store"}
    dataset, job = world.attached(table)
    trust, note = job["output_summary"]["tables"][0]["notes"]
    assert "not checked" in trust
    assert note == "Columns whose values are in names of folders: region."
    assert [tuple(row.values()) for row in world.table(dataset, "data").json()["data"]] == [
        (1, 2025, "AT"),  # the files' own column is theirs
        (1, 2025, "DE"),
    ]
    path = f"/api/datasets/{dataset}/attach/preview"
    preview = world.server.admin.post(path, json={"tables": [table]}).json()
    assert preview["tables"][0]["notes"] == [trust, note]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nope/", "There is no folder"),
        ("nope.parquet", "The URI of a folder ends with a slash."),
        ("outer/*.parquet", "outer/ has no file that matches *.parquet."),
        ("outer/*/b*.parquet", "outer/ has no file that matches */b*.parquet."),
    ],
)
def test_missing_files_are_explained(world: World, place: Place, name: str, words: str) -> None:
    world.put(place, "outer/inner/a.parquet", b"")
    _, job = world.attached({"uri": world.uri(place, name), "connection": place})
    assert job["error_code"] == "source_not_found"
    assert words in job["error_message"]


def test_symbolic_links_are_refused_by_name(world: World) -> None:
    world.put("disk", "target/a.parquet", world.new_file("SELECT 1 AS id"))
    (world.folder / "links").mkdir()
    (world.folder / "links" / "b.parquet").symlink_to(world.folder / "target" / "a.parquet")
    for name in ("links/", "links/b.parquet"):
        _, job = world.attached({"uri": world.uri("disk", name), "connection": "disk"})
        assert "links/b.parquet is or goes through a symbolic link" in job["error_message"]


def test_file_named_twice_is_refused(world: World) -> None:
    world.put_ledger("disk", "twice")
    uris = [world.uri("disk", "twice/"), world.uri("disk", "twice/f0.parquet")]
    _, job = world.attached({"uri": uris})
    assert job["error_code"] == "unreadable_file"
    assert "f0.parquet is named twice" in job["error_message"]


def test_rows_are_in_the_order_of_the_uris(world: World) -> None:
    world.put_ledger("disk", "order")
    uris = [world.uri("disk", f"order/f{at}.parquet") for at in (3, 0)]
    dataset, _ = world.attached({"uri": uris, "connection": "disk"})
    data = world.table(dataset, "data", offset=499, limit=2).json()["data"]
    assert [row["id"] for row in data] == [TOTAL - 1, 0]


def test_removed_dataset_leaves_the_files(world: World) -> None:
    dataset = world.ledger("disk", "kept")
    assert world.server.admin.delete(f"/api/datasets/{dataset}").status_code == 200
    world.server.admin.post("/api/admin/prune", json={"keep_unreachable_days": 0})
    assert len(list((world.folder / "kept").iterdir())) == 4


def test_requests_are_checked_before_the_job(world: World) -> None:
    dataset = world.server.new_dataset()
    uri = world.uri("disk", "x.parquet")
    one = {"uri": uri, "connection": "disk"}
    assert_problem(world.attach(dataset), 422, "invalid_request")
    assert_problem(world.attach(dataset, one, one), 422, "invalid_request", "primary")
    assert_problem(world.attach(dataset, {"uri": []}), 422, "invalid_request")
    assert_problem(world.attach(dataset, {"uri": 5}), 422, "invalid_request")
    assert_problem(world.attach(dataset, {**one, "connection": "none"}), 403, "forbidden")
    answer = world.server.admin.post(
        f"/api/datasets/{dataset}/refs/none/attach", json={"tables": [one]}
    )
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("place", PLACES)
def test_runs_over_a_growing_folder_share_no_row_and_are_certified(
    world: World, place: Place
) -> None:
    server, name = world.server, f"growing-{place}"
    dataset = world.ledger(place, name)
    first = server.draw(dataset, {"method": "random", "sample_size": 500})
    require_accepted(server, first["id"], dataset)
    body = {
        "job_id": first["id"],
        "name": "yearly",
        "cron": "0 0 1 1 *",
        "exclude_drawn_by": ["id"],
    }
    schedule = server.admin.post("/api/schedules", json=body).json()["id"]
    world.put(place, f"{name}/f9.parquet", world.new_file(LEDGER, TOTAL, TOTAL + 300))
    answer = world.attach(dataset, {"uri": world.uri(place, f"{name}/"), "connection": place})
    assert server.finished(answer.json()["job_id"])["status"] == "completed"
    run = server.admin.post(f"/api/schedules/{schedule}/run").json()["job_id"]
    assert server.finished(run)["output_summary"]["source_rows"] == TOTAL - 200
    drawn = [{row["id"] for row in server.rows(job, limit=500)} for job in (first["id"], run)]
    assert [len(ids) for ids in drawn] == [500, 500]
    assert not drawn[0] & drawn[1]
    require_accepted(server, run, dataset)


@pytest.mark.parametrize("place", PLACES)
def test_patterns_and_folders_below_folders(world: World, place: Place) -> None:
    for number, (month, day) in enumerate((("05", "01"), ("05", "02"), ("06", "01"))):
        content = world.new_file(f"SELECT {number} AS id")
        name = f"tree/year=2024/month={month}/{day}/part-{number}.parquet"
        world.put(place, name, content)
        world.put(place, f"tree/_{day}/x.parquet", b"hidden")
        world.put(place, f"tree/year=2024/month={month}/{day}/notes.txt", b"other")
    for pattern, expected in (
        ("tree/**/*.parquet", [(0, 2024, 5), (1, 2024, 5), (2, 2024, 6)]),
        ("tree/year=2024/month=*/01/part-*.parquet", [(0, 2024, 5), (2, 2024, 6)]),
        ("tree/year=2024/month=06/*/p*2*et", [(2, 2024, 6)]),
    ):
        dataset, job = world.attached({"uri": world.uri(place, pattern), "connection": place})
        assert job["status"] == "completed", job["error_message"]
        assert [tuple(row.values()) for row in world.rows_of(dataset)] == expected
    world.put(place, "tree/year=2024/apart.parquet", world.new_file("SELECT 9 AS id"))
    _, job = world.attached({"uri": world.uri(place, "tree/**/*.parquet"), "connection": place})
    assert job["error_code"] == "unservable_file"
    assert "state the columns year" in job["error_message"]


def test_pattern_stays_below_the_prefix(world: World) -> None:
    dataset = world.server.new_dataset()
    folder = world.folder.parent
    answer = world.attach(dataset, {"uri": f"file://{folder}/*/*.parquet", "connection": "disk"})
    assert answer.json()["code"] == "uri_not_allowed"
