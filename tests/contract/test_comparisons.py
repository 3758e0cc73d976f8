"""Representativeness checks and comparisons of tables: over HTTP, from end to end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 3000


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns id (sorted), city (by id), amount (id / 4): a table in which order matters."""
    return server.new_table(ROWS)


def compared(server: LiveServer, dataset: int, *rounds: dict[str, Any]) -> dict[str, Any]:
    job = server.draw(dataset, {"rounds": list(rounds), "allow_empty": True})
    assert job["status"] == "completed", job
    return comparison_of(server, job["id"])


def comparison_of(server: LiveServer, job: str) -> dict[str, Any]:
    """The comparison of a sample, asked again while it is made."""
    answer = server.admin.get(f"/api/sampling/jobs/{job}/comparison")
    began = time.monotonic()
    while answer.status_code == 409 and time.monotonic() - began < 60:
        answer = server.admin.get(f"/api/sampling/jobs/{job}/comparison")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


GOOD = {
    "random": [one("random", sample_size=400)],
    "stratified, equal": [
        one("stratified", strata_columns=["city"], sample_size=800, allocation="equal")
    ],
    "certain rows, then the rest": [
        one("random", "id >= 2900", sample_fraction=1.0),
        one("random", sample_size=500),
    ],
    "some more of one kind": [
        one("random", sample_size=500),
        one("random", "city = 'Oslo'", sample_size=100),
    ],
}


@pytest.mark.parametrize("design", GOOD)
def test_a_good_sample_is_representative(server: LiveServer, dataset: int, design: str) -> None:
    found = compared(server, dataset, *GOOD[design])
    assert (found["alike"], found["stand_out"]) == (True, []), found["verdict"]
    assert (found["outcome"], found["outcome_label"]) == ("representative", "No difference found")
    assert found["verdict"].startswith(
        "No difference found. None of 3 columns differs significantly."
    )
    assert found["base"] == {"rows": ROWS, "rows_read": ROWS, "of_rows": ROWS, "filter": None}
    assert [column["name"] for column in found["columns"]] == ["id", "city", "amount"]
    assert 0.03 < found["minimum_detectable_difference"] <= 0.15
    assert found["filtered"] is None


def test_a_sample_that_its_order_spoilt_is_called_out(server: LiveServer, dataset: int) -> None:
    found = compared(server, dataset, one("systematic", interval=4, start=2))
    assert (found["alike"], found["stand_out"]) == (False, ["city"])
    assert 'city is "Lima" in 100 % of the rows with a value, not 33.3 %.' in found["verdict"]
    (city,) = (column for column in found["columns"] if column["is_significant"])
    shares = {part["label"]: (part["base"], part["other"]) for part in city["parts"]}
    assert shares["Lima"] == (pytest.approx(1 / 3), 1)
    assert city["base_missing"] == 0.25


def test_the_first_rows_of_a_sorted_table_are_called_out(server: LiveServer, dataset: int) -> None:
    """By a filter, or brought from elsewhere as a table of its own."""
    found = compared(server, dataset, one("random", "id < 1000", sample_size=200))
    assert found["outcome"] == "representative"
    assert found["base"] == {
        "rows": 1000,
        "rows_read": 1000,
        "of_rows": ROWS,
        "filter": '"id" < 1000',
    }
    assert found["filtered"]["stand_out"] == ["id", "amount"]
    assert "1,000 of 3,000 rows that pass the filter" in found["verdict"]
    assert "differ from the whole table in id, amount" in found["verdict"]
    server.admin.post(
        f"/api/datasets/{dataset}/refs", json={"name": "brought", "source_ref": "main"}
    )
    lines = [f"{row},{('Oslo', 'Lima', 'Kyiv', '')[row % 4]},{row / 4}" for row in range(1000)]
    server.import_text(dataset, "\n".join(["id,city,amount", *lines]), ref="brought")
    query = {"base_ref": "main", "source_ref": "brought"}
    tables = server.admin.get(f"/api/datasets/{dataset}/compare", params=query).json()
    assert (tables["alike"], tables["stand_out"]) == (False, ["id", "amount"])
    assert tables["verdict"].startswith("Differs. Rows: -2,000 (3,000 before, 1,000 now).")
    assert (tables["base"]["rows"], tables["other"]["rows"]) == (ROWS, 1000)
    assert tables["base"]["table_key"] == "primary"
    same = server.admin.get(
        f"/api/datasets/{dataset}/compare", params={"base_ref": "brought", "source_ref": "brought"}
    ).json()
    assert (same["outcome"], same["stand_out"]) == ("equal", [])
    assert same["verdict"] == "Equal. 1,000 rows and 3 columns are the same."


def test_beside_another_table_a_sample_counts_by_its_weights(
    server: LiveServer, dataset: int
) -> None:
    sizes = {"Oslo": 240, "Lima": 160, "Kyiv": 160, "NULL": 160}
    job = server.draw(dataset, one("stratified", strata_columns=["city"], sizes=sizes))
    ref = job["output_summary"]["output_ref"]
    path = f"/api/datasets/{dataset}/compare"
    query = {"base_ref": "main", "source_ref": ref, "table": "primary"}
    found = server.admin.get(path, params=query).json()
    assert (found["alike"], found["stand_out"]) == (True, []), found["verdict"]
    (city,) = (column for column in found["columns"] if column["name"] == "city")
    assert (city["distance"], city["base_missing"]) == (pytest.approx(0, abs=1e-9), 0.25)
    assert city["other_missing"] == pytest.approx(0.25)
    assert (found["base"]["weighted"], found["other"]["weighted"]) == (False, True)
    assert (found["only_in_other"], found["other"]["rows"]) == ([], 720)
    back = {"base_ref": ref, "base_table": "primary", "source_ref": "main"}
    assert server.admin.get(path, params=back).json()["base"]["weighted"]
    report = server.explore(dataset, {"compare_to": {"source_ref": ref, "table_key": "primary"}})
    assert report["output_summary"]["verdict"] == found["verdict"]
    page = server.admin.get(
        f"/api/exploration/jobs/{report['id']}/result", params={"format": "html"}
    ).text
    assert "The rows of a sample count by their weights." in page


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


def test_few_clusters_are_inconclusive(server: LiveServer, dataset: int) -> None:
    found = compared(server, dataset, one("cluster", cluster_column="city", num_clusters=2))
    assert (found["alike"], found["outcome"]) == (None, "inconclusive")
    assert found["verdict"].startswith("Inconclusive: 2 clusters are too few.")
    assert found["other"]["rows"] == 1500
    assert found["other"]["effective_sample_size"] <= 2
    assert any("each cluster counts once" in sentence for sentence in found["assumptions"])


def test_a_draw_of_nothing_says_so(server: LiveServer, dataset: int) -> None:
    nothing = compared(server, dataset, one("random", "id < 0", sample_size=5))
    assert (nothing["alike"], nothing["columns"]) == (None, [])
    assert nothing["verdict"] == "No row was drawn, so there is nothing to compare."


def test_different_filters_need_no_column_in_the_sample(server: LiveServer, dataset: int) -> None:
    columns = {"selection": {"columns": ["amount"]}}
    found = compared(
        server,
        dataset,
        {**one("random", sample_size=50), **columns},
        {**one("random", "city = 'Oslo'", sample_size=50), **columns},
    )
    assert [column["name"] for column in found["columns"]] == ["amount"]
    assert found["stand_out"] == []
    assert any("Rounds have different filters" in sentence for sentence in found["assumptions"])


def test_columns_that_some_rounds_do_not_show_are_not_compared(
    server: LiveServer, dataset: int
) -> None:
    rounds = [one("random", sample_size=50), one("random", sample_size=50)]
    rounds[1]["selection"] = {"columns": ["id", "city"]}
    found = compared(server, dataset, *rounds)
    assert [column["name"] for column in found["columns"]] == ["id", "city"]
    assert found["not_compared"] == ["amount"]
    assert "of 2 compared columns (of 3)" in found["verdict"]
    assert found["verdict"].endswith(" Not compared: amount (not in every step).")
    only = {**one("random", sample_size=50), "selection": {"columns": ["id"]}}
    assert compared(server, dataset, only)["only_in_base"] == ["city", "amount"]


def test_a_sample_of_a_sample_is_compared_by_its_own_columns(
    server: LiveServer, dataset: int
) -> None:
    first = server.draw(dataset, one("random", sample_size=1000))["output_summary"]
    body = {
        "source_ref": first["output_ref"],
        "table_key": "sample",
        "rounds": [one("random", sample_size=700)],
    }
    job = server.draw(dataset, body)
    found = comparison_of(server, job["id"])
    names = {column["name"]: column for column in found["columns"]}
    assert found["alike"] is True
    assert names["_selection_order"]["base_mean"] == pytest.approx(500.5)
    assert (found["only_in_other"], found["only_in_base"]) == ([], [])


def test_the_summary_has_the_verdict_without_being_asked(comparing_server: LiveServer) -> None:
    server, dataset = comparing_server, comparing_server.new_table(ROWS)
    job = server.draw(dataset, one("random", sample_size=30))
    end = time.monotonic() + 30
    while "comparison" not in job["output_summary"] and time.monotonic() < end:
        time.sleep(0.02)
        job = server.admin.get(f"/api/jobs/{job['id']}").json()
    assert job["output_summary"]["comparison"]["outcome"] == "inconclusive"
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
    assert_problem(server.admin.get(path), 404, "not_found", "has run_type import, not sampling")
    query = {"base_ref": "nope"}
    answer = server.admin.get(f"/api/datasets/{dataset}/compare", params=query)
    assert_problem(answer, 404, "not_found", "nope")
    answer = server.admin.get(f"/api/datasets/{dataset}/compare")
    assert_problem(answer, 422, "invalid_request", "base_ref")


def test_a_rare_kind_that_fills_a_sample_is_never_green(server: LiveServer) -> None:
    """Rows of fraud are 2 % of the population; a later table without a filter has them alone."""
    lines = [f"{row},{'fraud' if row % 50 == 0 else 'fine'}" for row in range(5000)]
    dataset = server.new_table(10)
    server.import_text(dataset, "\n".join(["id,kind", *lines]))
    filtered = compared(server, dataset, one("random", "kind = 'fraud'", sample_size=100))
    assert filtered["filtered"]["stand_out"] == ["kind"]
    systematic = compared(server, dataset, one("systematic", interval=50, start=1))
    assert (systematic["outcome"], systematic["stand_out"]) == ("differs", ["kind"])


def test_heavy_weights_are_inconclusive(server: LiveServer, dataset: int) -> None:
    """Rows of amount 0.25 have 3,000 times the weight of the largest."""
    found = compared(server, dataset, one("weighted", sample_size=300, weight_column="amount"))
    assert (found["outcome"], found["stand_out"]) == ("inconclusive", [])
    assert found["other"]["effective_sample_size"] < 250


def test_a_sample_of_19_rows_is_never_green(server: LiveServer, dataset: int) -> None:
    found = compared(server, dataset, one("random", sample_size=19))
    assert found["other"]["effective_sample_size"] == 19
    assert found["outcome"] == "inconclusive"
    assert found["minimum_detectable_difference"] > 0.3


def test_what_changed_between_two_versions_is_listed(server: LiveServer) -> None:
    """100 rows and a category vanish, every 7th income rises by 40 %, a column is added."""
    people = [("M" if row % 40 == 0 else "W", 1000 + row % 500) for row in range(4000)]
    before = [f"{row},{sex},{income}" for row, (sex, income) in enumerate(people)]
    after = [
        f"{row},{sex},{income * 7 // 5 if row % 7 == 0 else income},x"
        for row, (sex, income) in enumerate(people)
        if sex != "M"
    ]
    dataset = server.new_table(10)
    server.import_text(dataset, "\n".join(["id,sex,income", *before]))
    server.admin.post(f"/api/datasets/{dataset}/refs", json={"name": "old", "source_ref": "main"})
    server.import_text(dataset, "\n".join(["id,sex,income,added", *after]))
    query = {"base_ref": "old", "source_ref": "main"}
    found = server.admin.get(f"/api/datasets/{dataset}/compare", params=query).json()
    assert (found["outcome"], found["alike"]) == ("differs", False)
    for part in (
        "Differs. Rows: -100 (4,000 before, 3,900 now).",
        "Columns added: added.",
        'Values no longer in sex: "M".',
        "income",
    ):
        assert part in found["verdict"], found["verdict"]
    assert found["only_in_other"] == ["added"]
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["sex"]["removed_values"] == ["M"]
    assert columns["income"]["p_value"] < 1e-10
    assert "income" in found["stand_out"]
    assert found["changes"]["rows_only_in_base"] == 100 + 557
    report = server.explore(dataset, {"compare_to": {"source_ref": "old"}})
    assert report["output_summary"]["verdict"].startswith("Differs. Rows: +100")


def test_categories_of_large_tables_are_compared_in_all_rows(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of a category is rarely among the rows that are read."""
    monkeypatch.setattr("sampling_engine.reference.WHOLE_ROWS", 1000)
    monkeypatch.setattr("sampling_engine.reference.DRAWN_ROWS", 500)
    rows = [f"{row},{'M' if row == 7 else 'W'},text {row}" for row in range(5000)]
    dataset = server.new_table(10)
    server.import_text(dataset, "\n".join(["No,sex,remark", *rows]))
    server.admin.post(f"/api/datasets/{dataset}/refs", json={"name": "old", "source_ref": "main"})
    later = [row.replace("M", "W" if place == 7 else "M") for place, row in enumerate(rows)]
    server.import_text(dataset, "\n".join(["no,sex,remark", *later]))
    query = {"base_ref": "old", "source_ref": "main"}
    found = server.admin.get(f"/api/datasets/{dataset}/compare", params=query).json()
    assert found["base"]["rows_read"] == 500
    assert found["outcome"] == "differs"
    assert 'Values no longer in sex: "M".' in found["verdict"]
    assert "Names changed: No is no." in found["verdict"]
    assert found["changed_names"] == [{"base_name": "No", "other_name": "no"}]
    assert (found["only_in_base"], found["only_in_other"]) == ([], [])
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["remark"]["removed_values"] == []
    assert found["suggested_keys"] == [["no"], ["remark"]]
