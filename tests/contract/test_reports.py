"""Reports over HTTP: made by a job, as JSON and as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from composition_root import build_app
from service.tables.reports import shortened
from tests.contract.exploring import result_of
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from web_ui.report import render_report

ROWS = 400


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(ROWS)


@pytest.fixture(scope="module")
def made(server: LiveServer, dataset: int) -> dict[str, Any]:
    return server.explore(dataset, {})


def cached_files(server: LiveServer) -> set[Path]:
    return set(server.service.directory.counts_dir.glob("*.json"))


def test_a_report_tells_what_a_table_holds(
    server: LiveServer, dataset: int, made: dict[str, Any]
) -> None:
    assert (made["status"], made["run_type"]) == ("completed", "exploration")
    assert made["run_parameters"] == {"source_ref": "main", "table_key": "primary"}
    assert made["output_summary"]["rows"] == ROWS
    found = server.admin.get(result_of(made)).json()
    overview = found["overview"]
    assert (overview["rows"], overview["columns"]) == (ROWS, 3)
    assert overview["commit_id"] == made["source_commit_id"]
    assert overview["reported_at"] == made["completed_at"]
    assert overview["size_bytes"] > 0
    assert overview["alerts"] == made["output_summary"]["alerts"]
    assert overview["alerts"]["info"] >= 1
    assert [column["name"] for column in found["profile"]["columns"]] == ["id", "city", "amount"]
    by_measure = {one["measure"]: one for one in found["correlations"]["matrices"]}
    assert by_measure["pearson"]["values"][0][1] == pytest.approx(1.0)
    assert found["missing"]["most_frequent"] == [
        {"columns": [], "rows": 300},
        {"columns": ["city"], "rows": 100},
    ]
    assert found["repeated_rows"]["value"] == 0
    assert found["head"]["rows"][1] == [1, "Lima", 0.25]
    assert found["tail"]["positions"] == list(range(390, 400))
    assert len(found["sample"]["rows"]) == 10
    assert found["comparison"] is None
    assert {"strata", "sizes", "clusters"} <= set(found["hints"])


def test_warnings_and_hints_of_the_page_name_their_columns(server: LiveServer) -> None:
    dataset = server.new_dataset()
    regions = ("north", "east", "south", "west")
    lines = [f"{row},{regions[row % 4]},{'' if row % 5 else row}" for row in range(1200)]
    server.import_text(dataset, "\n".join(["id,region,price", *lines]) + "\n")
    job = server.explore(dataset, {})
    page = server.admin.get(result_of(job), params={"format": "html"}).text
    found = server.admin.get(result_of(job)).json()
    named = [
        f"{column['name']}: {alert['sentence']}"
        for column in found["profile"]["columns"]
        for alert in column["alerts"]
        if alert["severity"] == "warning"
    ]
    assert len(named) == job["output_summary"]["alerts"]["warning"]
    assert [one.partition(":")[0] for one in named] == ["price"]
    assert all(one in page for one in named)
    assert "<strong>region</strong>: 4 groups" in page


def test_a_report_is_kept_and_made_again_should_that_be_gone(
    server: LiveServer, dataset: int, made: dict[str, Any]
) -> None:
    found = server.admin.get(result_of(made)).json()
    cached = cached_files(server)
    for path in cached:
        path.unlink()
    assert server.admin.get(result_of(made)).json() == found
    assert cached_files(server) <= cached
    for path in cached_files(server):
        path.write_text("damaged")
    assert server.admin.get(result_of(made)).json() == found


def test_the_page_needs_nothing_but_itself(server: LiveServer, made: dict[str, Any]) -> None:
    answer = server.admin.get(result_of(made), params={"format": "html"})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Content-Disposition" not in answer.headers
    page = answer.text
    assert not re.search(r"<(script|link|img|iframe|object|base|form)\b", page)
    assert not re.search(r"\s(src|style|on\w+)=", page)
    assert re.findall(r'href="([^#][^"]*)"', page) == []
    assert "url(" not in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_report_can_be_kept_as_a_file(
    server: LiveServer, made: dict[str, Any], kind: str
) -> None:
    answer = server.admin.get(result_of(made), params={"format": kind, "download": "true"})
    name = f"report-{made['id'][:8]}.{kind}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_values_and_names_are_never_markup(server: LiveServer) -> None:
    dataset = server.new_dataset()
    markup = '<img src=x onerror="alert(1)">'
    quoted = markup.replace('"', '""')
    server.import_text(dataset, f'"{quoted}",b\n"{quoted}",1\n"{quoted}",2\n')
    job = server.explore(dataset, {})
    page = server.admin.get(result_of(job), params={"format": "html"}).text
    assert "<img" not in page
    assert "&lt;img" in page


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"format": "csv"}, "json or html"),
        ({"limit": "5"}, "no rows"),
        ({"format": "html", "filters": "id > 5"}, "no rows"),
        ({"format": "pdf"}, "html"),
    ],
)
def test_missing_parts_of_a_report_are_named(
    server: LiveServer, made: dict[str, Any], query: dict[str, str], part: str
) -> None:
    assert_problem(server.admin.get(result_of(made), params=query), 422, "invalid_request", part)


def test_rows_of_a_query_do_not_come_as_a_page(server: LiveServer, dataset: int) -> None:
    job = server.explore(dataset, {"sql": "SELECT 1 AS x"})
    answer = server.admin.get(result_of(job), params={"format": "html"})
    assert_problem(answer, 422, "invalid_request", "csv")


@pytest.mark.parametrize("body", [{"source_ref": "nope"}, {"table_key": "nope"}])
def test_a_missing_table_is_refused_before_a_job_is_made(
    server: LiveServer, dataset: int, body: dict[str, str]
) -> None:
    path = f"/api/exploration/datasets/{dataset}/jobs"
    assert_problem(server.admin.post(path, json=body), 404, "not_found", "nope")


def test_the_same_key_makes_one_report(server: LiveServer, dataset: int) -> None:
    path = f"/api/exploration/datasets/{dataset}/jobs"
    headers = {"Idempotency-Key": "report once"}
    ids = {server.admin.post(path, json={}, headers=headers).json()["job_id"] for _ in range(2)}
    assert len(ids) == 1


def test_a_table_without_rows_has_a_report(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "a,b\n")
    job = server.explore(dataset, {})
    assert job["status"] == "completed", job
    page = server.admin.get(result_of(job), params={"format": "html"})
    assert page.status_code == 200
    assert "The table has no rows." in page.text


def test_further_columns_of_a_wide_table_are_short(server: LiveServer) -> None:
    dataset = server.new_dataset()
    names = ",".join(f"column_{at}" for at in range(9))
    lines = [",".join(str(row * at % 97) for at in range(9)) for row in range(60)]
    server.import_text(dataset, "\n".join([names, *lines]) + "\n")
    job = server.explore(dataset, {})
    report = server.admin.get(result_of(job)).json()
    assert "Other columns" not in server.admin.get(result_of(job), params={"format": "html"}).text
    profile = shortened(report["profile"], detailed=3, listed=4)
    assert [column["name"] for column in profile["columns"]] == ["column_0", "column_1", "column_2"]
    assert len(profile["further_columns"]) == 4
    assert "histogram" not in profile["further_columns"][0]
    assert profile["columns_not_told"] == 2
    with build_app(server.service).app_context():
        page, _ = render_report({**report, "profile": profile})
    assert "Other columns" in page
    assert "2 more columns are not listed" in page
    assert page.count('aria-labelledby="column-') == 3


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        (
            {"sql": "SELECT 1", "compare_to": {"source_ref": "main"}},
            422,
            "invalid_request",
            "combined with sql",
        ),
        ({"compare_to": {}}, 422, "invalid_request", "ref"),
        ({"compare_to": {"source_ref": "nope"}}, 404, "not_found", "nope"),
        ({"compare_to": {"source_ref": "main", "table_key": "nope"}}, 404, "not_found", "nope"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    server: LiveServer, dataset: int, body: dict[str, Any], status: int, code: str, part: str
) -> None:
    path = f"/api/exploration/datasets/{dataset}/jobs"
    assert_problem(server.admin.post(path, json=body), status, code, part)
