"""Reports of two tables, side by side."""

from __future__ import annotations

import pytest
from markupsafe import escape

from sampling_engine.reference import DRAWN_ROWS, WHOLE_ROWS
from tests.contract.exploring import result_of
from tests.support.live_server import LiveServer

ROWS = 400


def test_two_tables_are_shown_side_by_side(server: LiveServer) -> None:
    dataset = server.new_table(ROWS)
    drawn = {"method": "random", "sample_size": 100, "export_residual": True, "seed": 1}
    draw = server.draw(dataset, {**drawn, "output_name": "one"})
    output = draw["output_summary"]
    table = {"ref": output["output_ref"], "table_key": "residual"}
    job = server.explore(dataset, {"compare_to": table})
    assert job["status"] == "completed", job
    other = job["run_parameters"]["compare_to"]
    assert other == {**table, "commit_id": output["output_commit_id"]}
    found = server.admin.get(result_of(job)).json()["comparison"]
    assert found["verdict"] == job["output_summary"]["verdict"]
    assert (found["base"]["rows_read"], found["other"]["rows_read"]) == (ROWS, 300)
    by_name = {column["name"]: column for column in found["columns"]}
    path = f"/api/sampling/jobs/{draw['id']}/residual"
    left = server.admin.get(path, params={"limit": 1000}).json()["data"]
    mean = sum(row["amount"] for row in left) / len(left)
    assert by_name["amount"]["other_mean"] == pytest.approx(mean)
    assert by_name["amount"]["base_mean"] == pytest.approx((ROWS - 1) / 8)
    page = server.admin.get(result_of(job), params={"format": "html"}).text
    assert escape(found["verdict"]) in page
    assert "Shares of city in this table and in the other table" in page


def test_of_large_tables_the_rows_of_a_sample_are_compared(server: LiveServer) -> None:
    dataset = server.new_table(WHOLE_ROWS + 1)
    first = server.admin.get("/api/datasets/" + str(dataset) + "/refs").json()["refs"][0]
    server.import_text(dataset, "id,amount\n" + "".join(f"{row},{row * 4}\n" for row in range(500)))
    job = server.explore(dataset, {"compare_to": {"source_ref": first["commit_id"]}})
    found = server.admin.get(result_of(job)).json()["comparison"]
    assert found["base"] == {"rows": 500, "rows_read": 500, "weighted": False}
    assert found["other"]["rows_read"] == DRAWN_ROWS
    assert found["other"]["rows"] == WHOLE_ROWS + 1
    assert found["only_in_other"] == ["city"]
    assert "amount" in found["stand_out"]


def test_a_value_that_only_the_other_table_has_is_compared(server: LiveServer) -> None:
    dataset = server.new_table(ROWS)
    (first,) = server.admin.get(f"/api/datasets/{dataset}/history").json()["commits"]
    text = "\n".join(f"{row},{'Rome' if row % 2 else 'Oslo'},{row}" for row in range(ROWS))
    server.import_text(dataset, f"id,city,amount\n{text}\n")
    job = server.explore(dataset, {"compare_to": {"source_ref": first["commit_id"]}})
    assert job["status"] == "completed", job
    found = server.admin.get(result_of(job)).json()["comparison"]
    assert "city" in found["stand_out"]
