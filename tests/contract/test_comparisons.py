"""Is the sample like its population, and one table like another: over HTTP, from end to end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.live_server import LiveServer

ROWS = 3000


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns id (sorted), city (by id), amount (id / 4): a table in which order matters."""
    return server.new_table(ROWS)


def compared(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> dict[str, Any]:
    job = server.draw(dataset, {"rounds": list(rounds)})
    assert job["status"] == "completed", job
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


GOOD = {
    "random": [one("random", sample_size=300)],
    "stratified, equal": [
        one("stratified", strata_columns=["city"], sample_size=200, allocation="equal")
    ],
    "weighted": [one("weighted", sample_size=300, weight_column="amount")],
    "certain rows, then the rest": [
        one("random", "id >= 2900", sample_fraction=1.0),
        one("random", sample_size=200),
    ],
    "some more of one kind": [
        one("random", sample_size=200),
        one("random", "city = 'Oslo'", sample_size=100),
    ],
}


@pytest.mark.parametrize("design", GOOD)
def test_a_good_sample_is_like_its_population(
    server: LiveServer, dataset: int, design: str
) -> None:
    found = compared(server, dataset, *GOOD[design])
    assert (found["alike"], found["stand_out"]) == (True, []), found["verdict"]
    assert found["verdict"].startswith("The sample is like its population: none of 3 columns")
    assert found["base"] == {"rows": ROWS, "rows_read": ROWS, "of_rows": ROWS, "filter": None}
    assert [column["name"] for column in found["columns"]] == ["id", "city", "amount"]
    assert 0.05 < found["noticeable"] < 0.3
    assert found["filtered"] is None


def test_a_sample_that_its_order_spoilt_is_called_out(server: LiveServer, dataset: int) -> None:
    found = compared(server, dataset, one("systematic", interval=4, start=2))
    assert (found["alike"], found["stand_out"]) == (False, ["city"])
    assert 'city is "Lima" in 100.0% of the rows, not 33.3%.' in found["verdict"]
    (city,) = (column for column in found["columns"] if column["stands_out"])
    shares = {part["label"]: (part["base"], part["other"]) for part in city["parts"]}
    assert shares["Lima"] == (pytest.approx(1 / 3), 1)
    assert city["base_missing"] == 0.25


def test_the_first_rows_of_a_sorted_table_are_called_out(server: LiveServer, dataset: int) -> None:
    """By a filter, or brought from elsewhere as a table of its own."""
    found = compared(server, dataset, one("random", "id < 1000", sample_size=200))
    assert found["alike"] is True
    assert found["base"] == {
        "rows": 1000,
        "rows_read": 1000,
        "of_rows": ROWS,
        "filter": '"id" < 1000',
    }
    assert found["filtered"]["stand_out"] == ["id", "amount"]
    assert "1,000 of 3,000 rows pass the filter" in found["verdict"]
    assert "not like the whole table in id, amount" in found["verdict"]
    server.admin.post(f"/api/datasets/{dataset}/refs", json={"name": "brought", "from_ref": "main"})
    lines = [f"{row},{('Oslo', 'Lima', 'Kyiv', '')[row % 4]},{row / 4}" for row in range(1000)]
    server.import_text(dataset, "\n".join(["id,city,amount", *lines]), ref="brought")
    query = {"base_ref": "main", "ref": "brought"}
    tables = server.admin.get(f"/api/datasets/{dataset}/compare", params=query).json()
    assert (tables["alike"], tables["stand_out"]) == (False, ["id", "amount"])
    assert tables["verdict"].startswith("The tables differ: 2 of 3 columns by much.")
    assert (tables["base"]["rows"], tables["other"]["rows"]) == (ROWS, 1000)
    assert tables["base"]["table_key"] == "primary"
    same = server.admin.get(
        f"/api/datasets/{dataset}/compare", params={"base_ref": "brought", "ref": "brought"}
    ).json()
    assert (same["alike"], same["stand_out"]) == (True, [])


def test_beside_another_table_a_sample_counts_by_its_weights(
    server: LiveServer, dataset: int
) -> None:
    sizes = {"Oslo": 240, "Lima": 60, "Kyiv": 60, "NULL": 60}
    job = server.draw(dataset, one("stratified", strata_columns=["city"], sizes=sizes))
    ref = job["output_summary"]["output_ref"]
    path = f"/api/datasets/{dataset}/compare"
    query = {"base_ref": "main", "ref": ref, "table": "sample"}
    found = server.admin.get(path, params=query).json()
    assert (found["alike"], found["stand_out"]) == (True, []), found["verdict"]
    (city,) = (column for column in found["columns"] if column["name"] == "city")
    assert (city["distance"], city["base_missing"]) == (pytest.approx(0, abs=1e-9), 0.25)
    assert city["other_missing"] == pytest.approx(0.25)
    assert (found["base"]["weighted"], found["other"]["weighted"]) == (False, True)
    assert (found["only_in_other"], found["other"]["rows"]) == ([], 420)
    back = {"base_ref": ref, "base_table": "sample", "ref": "main"}
    assert server.admin.get(path, params=back).json()["base"]["weighted"]
    report = server.explore(dataset, {"compare_to": {"ref": ref, "table_key": "sample"}})
    assert report["output_summary"]["verdict"] == found["verdict"]
    page = server.admin.get(
        f"/api/exploration/jobs/{report['id']}/result", params={"format": "html"}
    ).text
    assert "count by their design weights" in page


def test_strata_that_were_not_reached_are_named(server: LiveServer, dataset: int) -> None:
    found = compared(
        server, dataset, one("stratified", strata_columns=["city"], sizes={"Oslo": 40, "NULL": 20})
    )
    assert found["strata"] == [
        {"round_number": 1, "strata": 4, "reached": 2, "missed": ["Kyiv", "Lima"]}
    ]
    assert found["stand_out"] == ["city"]
    job = server.admin.get(f"/api/jobs/{found['job_id']}").json()
    brief = job["output_summary"]["comparison"]
    assert (brief["strata_covered"], brief["strata_missing"]) == (2, 2)
    assert (brief["verdict"], brief["alike"]) == (found["verdict"], False)
    assert brief["stand_out"] == ["city"]


def test_clusters_count_once_and_too_few_of_them_tell_nothing(
    server: LiveServer, dataset: int
) -> None:
    found = compared(server, dataset, one("cluster", cluster_column="city", num_clusters=2))
    assert found["alike"] is None
    assert found["verdict"].startswith("There is too little to tell")
    assert found["other"]["rows"] == 1500
    assert found["other"]["counts_for"] < 2
    assert any("cluster counts once" in sentence for sentence in found["assumptions"])


def test_a_draw_of_nothing_and_one_whose_filters_cannot_be_asked_say_so(
    server: LiveServer, dataset: int
) -> None:
    nothing = compared(server, dataset, one("random", "id < 0", sample_size=5))
    assert (nothing["alike"], nothing["columns"]) == (None, [])
    assert nothing["verdict"] == "No row was drawn, so there is nothing to compare."
    columns = {"selection": {"columns": ["amount"]}}
    blind = compared(
        server,
        dataset,
        {**one("random", sample_size=50), **columns},
        {**one("random", "city = 'Oslo'", sample_size=50), **columns},
    )
    assert "the sample lacks city" in blind["verdict"]


def test_columns_that_some_rounds_do_not_show_are_not_compared(
    server: LiveServer, dataset: int
) -> None:
    rounds = [one("random", sample_size=50), one("random", sample_size=50)]
    rounds[1]["selection"] = {"columns": ["id", "city"]}
    found = compared(server, dataset, *rounds)
    assert [column["name"] for column in found["columns"]] == ["id", "city"]
    assert found["not_compared"] == ["amount"]
    only = {**one("random", sample_size=50), "selection": {"columns": ["id"]}}
    assert compared(server, dataset, only)["only_in_base"] == ["city", "amount"]


def test_a_sample_of_a_sample_is_compared_by_its_own_columns(
    server: LiveServer, dataset: int
) -> None:
    first = server.draw(dataset, one("random", sample_size=1000))["output_summary"]
    body = {
        "source_ref": first["output_ref"],
        "table_key": "sample",
        "rounds": [one("random", sample_size=300)],
    }
    job = server.draw(dataset, body)
    found = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    names = {column["name"]: column for column in found["columns"]}
    assert found["alike"] is True
    assert names["_selection_order"]["base_mean"] == pytest.approx(500.5)
    assert (found["only_in_other"], found["only_in_base"]) == ([], [])


def test_the_summary_has_the_verdict_without_being_asked(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, one("random", sample_size=30))
    end = time.monotonic() + 30
    while "comparison" not in job["output_summary"] and time.monotonic() < end:
        time.sleep(0.02)
        job = server.admin.get(f"/api/jobs/{job['id']}").json()
    assert job["output_summary"]["comparison"]["alike"] is True
    again = server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()
    assert (
        again["made_at"]
        == server.admin.get(f"/api/sampling/jobs/{job['id']}/comparison").json()["made_at"]
    )
    listed = server.admin.get("/api/jobs", params={"dataset_id": dataset}).json()["jobs"]
    assert all("output_summary" not in one for one in listed)


def test_what_is_no_completed_draw_has_no_comparison(server: LiveServer, dataset: int) -> None:
    imported = server.admin.get("/api/jobs", params={"run_type": "import"}).json()["jobs"][0]
    path = f"/api/sampling/jobs/{imported['id']}/comparison"
    assert_problem(server.admin.get(path), 404, "not_found", "no sampling job")
    query = {"base_ref": "nope"}
    answer = server.admin.get(f"/api/datasets/{dataset}/compare", params=query)
    assert_problem(answer, 404, "not_found", "nope")
    answer = server.admin.get(f"/api/datasets/{dataset}/compare")
    assert_problem(answer, 422, "invalid_request", "base_ref")
