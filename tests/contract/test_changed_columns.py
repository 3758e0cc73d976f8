"""Imports that change the columns of a version: said before and after, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from parquet_tables.columns import Column
from storage.errors import ColumnsChanged
from storage.jobs.jobs import get_job
from storage.jobs.publishing import NewCommit, Outcome, publish
from storage.versions.manifests import StoredTable
from tests.support.attached_world import parquet_file
from tests.support.every_job import two_sheets
from tests.support.live_server import LiveServer
from tests.web_ui.staged_jobs import running_job

BEFORE = "id,city,amount\n1,Oslo,2.5\n2,Lima,3.5\n3,Lima,4.5\n"
OTHER = "id,town,amount\nx,Oslo,2.5\ny,Lima,3.5\n"
REORDERED = "amount,id,city\n2.5,7,Oslo\n"
REMOVED = [{"name": "city", "type": "VARCHAR"}]
ADDED = [{"name": "town", "type": "VARCHAR"}]
RETYPED = [{"name": "id", "type_before": "BIGINT", "type": "VARCHAR"}]


@pytest.fixture
def dataset(server: LiveServer) -> int:
    made = server.new_dataset()
    assert server.import_text(made, BEFORE)["status"] == "completed"
    return made


def submitted(
    server: LiveServer, dataset: int, content: str, client: httpx.Client | None = None, **form: str
) -> dict[str, Any]:
    """The finished job of an import."""
    answer = (client or server.admin).post(
        f"/api/datasets/{dataset}/refs/main/import",
        files={"file": ("t.csv", content.encode())},
        data=form,
    )
    assert answer.status_code == 200, answer.text
    return server.finished(answer.json()["job_id"])


def previewed(server: LiveServer, dataset: int, content: str, **form: str) -> Any:
    answer = server.admin.post(
        f"/api/datasets/{dataset}/preview",
        files={"file": ("t.csv", content.encode())},
        data=form,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["column_changes"]


def changes_of(server: LiveServer, job: str) -> Any:
    answer = server.admin.get(f"/api/jobs/{job}/column-changes")
    assert answer.status_code == 200, answer.text
    return answer.json()["column_changes"]


def head_of(server: LiveServer, dataset: int) -> str:
    return str(server.admin.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"])


def assert_other(changes: dict[str, Any], rows: int | None = 2) -> None:
    (table,) = changes["tables"]
    assert changes["changed"]
    assert (table["table_key"], table["row_count_before"], table["row_count"]) == (
        "primary",
        3,
        rows,
    )
    assert (table["removed"], table["added"], table["retyped"]) == (REMOVED, ADDED, RETYPED)


def test_a_preview_and_the_job_say_what_changes(server: LiveServer, dataset: int) -> None:
    assert_other(previewed(server, dataset, OTHER))
    job = submitted(server, dataset, OTHER)
    assert job["status"] == "completed"
    assert_other(changes_of(server, job["id"]))
    (recorded,) = job["output_summary"]["column_changes"]
    (table,) = changes_of(server, job["id"])["tables"]
    assert recorded.pop("rows") == table.pop("row_count")
    assert recorded.pop("rows_before") == table.pop("row_count_before")
    assert recorded == table


def test_the_first_version_changes_nothing(server: LiveServer) -> None:
    dataset = server.new_dataset()
    assert previewed(server, dataset, BEFORE) is None
    job = submitted(server, dataset, BEFORE, require_columns="true")
    assert job["status"] == "completed"
    assert changes_of(server, job["id"]) is None
    assert "column_changes" not in job["output_summary"]


def test_the_ref_of_a_preview_is_compared(server: LiveServer, dataset: int) -> None:
    refs = f"/api/datasets/{dataset}/refs"
    assert server.admin.post(refs, json={"name": "old", "source_ref": "main"}).status_code == 200
    submitted(server, dataset, OTHER)
    assert_other(previewed(server, dataset, OTHER, ref="old"))
    assert not previewed(server, dataset, OTHER)["changed"]
    path = f"/api/datasets/{dataset}/preview"
    files = {"file": ("t.csv", OTHER.encode())}
    assert server.admin.post(path, files=files, data={"ref": "none"}).status_code == 404
    refused = server.admin.post("/api/datasets/preview", files=files, data={"ref": "old"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("id,amount\n1,2.5\n", '"city" is missing'),
        ("id,city,amount,note\n1,Oslo,2.5,x\n", '"note" is new'),
        ("id,city,amount\n1,Oslo,much\n", '"amount" has type VARCHAR instead of DOUBLE'),
        ("id,City,amount\n1,Oslo,2.5\n", '"city" is missing, "City" is new'),
    ],
)
def test_required_columns_refuse_others(
    server: LiveServer, dataset: int, content: str, what: str
) -> None:
    before = head_of(server, dataset)
    job = submitted(server, dataset, content, require_columns="true")
    assert (job["status"], job["error_code"]) == ("failed", "columns_changed")
    assert what in job["error_message"]
    assert "import without require_columns to accept them" in job["error_message"]
    assert head_of(server, dataset) == before
    assert submitted(server, dataset, content)["status"] == "completed"


def test_another_order_is_not_refused(server: LiveServer, dataset: int) -> None:
    changes = previewed(server, dataset, REORDERED)
    assert not changes["changed"]
    assert changes["tables"][0]["reordered"]
    assert submitted(server, dataset, REORDERED, require_columns="true")["status"] == "completed"


def test_a_dataset_requires_its_columns(server: LiveServer, dataset: int) -> None:
    path = f"/api/datasets/{dataset}"
    assert server.admin.get(path).json()["require_columns"] is False
    changed = server.admin.patch(path, json={"require_columns": True})
    assert changed.json()["require_columns"] is True
    job = submitted(server, dataset, OTHER)
    assert job["error_code"] == "columns_changed"
    assert "the dataset requires the same columns" in job["error_message"]
    assert submitted(server, dataset, REORDERED)["status"] == "completed"
    assert server.admin.patch(path, json={"require_columns": False}).status_code == 200
    assert submitted(server, dataset, OTHER)["status"] == "completed"


def test_only_owners_change_the_requirement(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    given = {"user_soeid": user["soeid"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    path = f"/api/datasets/{dataset}"
    assert client.patch(path, json={"description": "changed"}).status_code == 200
    for value in (True, False):
        assert client.patch(path, json={"require_columns": value}).status_code == 403
    assert client.patch(path, json={"require_columns": None}).status_code in (200, 422)
    for wrong in ("yes", 1):
        assert server.admin.patch(path, json={"require_columns": wrong}).status_code == 422


def test_a_setting_that_comes_meanwhile_counts(server: LiveServer, dataset: int) -> None:
    """The check at the publication sees the version of that moment."""
    job_id = running_job(server, server.admin.get("/api/users/me").json()["soeid"], dataset)
    service = server.service
    with service.database.read() as tx:
        job = get_job(tx, job_id)
    table = StoredTable("primary", (Column("id", "BIGINT"),), ())
    outcome = Outcome({}, NewCommit("main", "", [table], require_columns=True))
    with pytest.raises(ColumnsChanged):
        publish(service.database, job, outcome, service.clock)
    server.admin.post(f"/api/jobs/{job_id}/cancel")


def test_schedules_and_templates_that_need_a_lost_column(server: LiveServer, dataset: int) -> None:
    def draw(**body: Any) -> str:
        answer = server.admin.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
        assert answer.status_code == 200, answer.text
        job = server.finished(answer.json()["job_id"])
        assert job["status"] == "completed", job
        return str(job["id"])

    def schedule(name: str, job: str, **more: Any) -> None:
        body = {"job_id": job, "name": name, "cron": "0 6 1 1 *", **more}
        answer = server.admin.post("/api/schedules", json=body)
        assert answer.status_code == 200, answer.text

    random = {"method": "random", "parameters": {"sample_size": 1}}
    strata = {"method": "stratified", "parameters": {"strata_columns": ["city"], "sample_size": 2}}
    schedule("plain", draw(rounds=[random]))
    schedule("strata", draw(rounds=[strata]))
    filtered = {**random, "filters": {"expression": "City = 'Lima' AND id > 0"}}
    schedule("filter", draw(rounds=[filtered]))
    ordered = {**random, "selection": {"columns": ["amount", "id"], "order_by": "city"}}
    schedule("order", draw(rounds=[ordered]))
    schedule("sums", draw(rounds=[random], amount_column="amount"))
    schedule("key", draw(rounds=[random]), exclude_drawn_by=["id"])
    profile = server.admin.post(
        f"/api/profiling/datasets/{dataset}/jobs", json={"columns": ["city"]}
    ).json()["job_id"]
    server.finished(profile)
    schedule("profile", profile)
    names = {"changed t": strata, "unchanged t": random, "other t": strata}
    for name, step in names.items():
        body: dict[str, Any] = {"rounds": [step]}
        if name == "other t":
            body["source_ref"] = "other"
        answer = server.admin.post(
            "/api/sampling/templates", json={"name": f"{name} {dataset}", "body": body}
        )
        assert answer.status_code == 200, answer.text
    expected = {
        "strata": ["city"],
        "filter": ["city", "id"],
        "order": ["id", "city"],
        "key": ["id"],
        "profile": ["city"],
    }
    before = previewed(server, dataset, OTHER)
    job = submitted(server, dataset, OTHER)
    for changes in (before, changes_of(server, job["id"])):
        assert {each["name"]: each["columns"] for each in changes["schedules"]} == expected
        own = {each["name"] for each in changes["templates"]}
        assert f"changed t {dataset}" in own
        assert not own & {f"unchanged t {dataset}", f"other t {dataset}"}
    other, _ = server.new_user("admin")
    seen = other.get(f"/api/jobs/{job['id']}/column-changes").json()["column_changes"]
    assert seen["templates"] == []
    assert len(seen["schedules"]) == len(expected)


def test_a_lost_table_is_a_change(server: LiveServer, tmp_path: Path) -> None:
    dataset = server.new_dataset()
    workbook = two_sheets(tmp_path / "two.xlsx").read_bytes()
    assert server.import_text(dataset, workbook, "two.xlsx")["status"] == "completed"
    changes = previewed(server, dataset, BEFORE)
    assert [table["table_key"] for table in changes["tables"]] == ["primary", "north", "east"]
    assert changes["tables"][1]["row_count"] is None
    job = submitted(server, dataset, BEFORE, require_columns="true")
    assert job["error_code"] == "columns_changed"
    assert '"id" of north is missing' in job["error_message"]


def test_a_pruned_version_leaves_what_was_recorded(server: LiveServer, dataset: int) -> None:
    job = submitted(server, dataset, OTHER)
    with server.service.database.write() as tx:
        tx.execute("UPDATE jobs SET output_commit_id = NULL WHERE id = ?", (job["id"],))
    changes = changes_of(server, job["id"])
    assert_other(changes)
    assert (changes["schedules"], changes["templates"]) == ([], [])


def test_other_jobs_have_no_column_changes(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": [{"method": "random", "parameters": {"sample_size": 1}}]})
    assert server.admin.get(f"/api/jobs/{job['id']}/column-changes").status_code == 422


def test_attaching_again_compares_too(server: LiveServer) -> None:
    (prefix,) = server.service.settings.connection_prefixes.split(",")
    folder = Path(prefix.removeprefix("file://").rstrip("/"))
    parquet_file(folder / "b.parquet", "SELECT 1 AS id, 'x' AS town")
    name = "changed columns"
    made = server.admin.post("/api/connections", json={"name": name, "prefix": prefix})
    assert made.status_code in (200, 409), made.text
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/attach"

    def table(file: str) -> dict[str, Any]:
        return {"tables": [{"uri": f"{prefix}{file}", "connection": name}]}

    job = server.admin.post(path, json=table("a.parquet")).json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    preview = server.admin.post(
        f"/api/datasets/{dataset}/attach/preview", json=table("b.parquet")
    ).json()
    (changes,) = preview["column_changes"]["tables"]
    assert (changes["added"], changes["row_count_before"], changes["row_count"]) == (ADDED, 1, 1)
    answer = server.admin.post(path, json={**table("b.parquet"), "require_columns": True})
    failed = server.finished(answer.json()["job_id"])
    assert failed["error_code"] == "columns_changed", failed
    answer = server.admin.post(path, json=table("b.parquet"))
    done = server.finished(answer.json()["job_id"])
    assert changes_of(server, done["id"])["changed"]


def test_amounts_that_became_decimals_change_nothing(server: LiveServer) -> None:
    made = server.new_dataset()
    content = "id,amount\n1,2.50\n2,333.50\n3,-0.10\n4,\n"
    as_number = '{"types": {"amount": "number"}}'
    assert submitted(server, made, content, options=as_number)["status"] == "completed"
    before = head_of(server, made)
    job = submitted(server, made, content, require_columns="true")
    assert job["status"] == "completed", job
    changes = changes_of(server, job["id"])
    assert not changes["changed"]
    assert changes["tables"][0]["retyped"] == [
        {"name": "amount", "type_before": "DOUBLE", "type": "DECIMAL(18,2)"}
    ]
    compared = {"compare_to": {"source_ref": before}, "row_diff": True, "keys": ["id"]}
    diff = server.explore(made, compared)["output_summary"]
    counts = diff.get("row_diff", diff)
    assert (counts["changed"], counts["added"], counts["unchanged"]) == (0, 0, 4), diff
    refused = submitted(server, made, content.replace("2.50", "x"), require_columns="true")
    assert refused["error_code"] == "columns_changed"
