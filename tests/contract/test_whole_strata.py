"""A stratified sample with strata taken whole: planned, drawn, examined and projected."""

from __future__ import annotations

from typing import Any

from tests.support.live_server import LiveServer

BANDS = [{"column": "amount", "breaks": [100, 900]}]
DESIGN = {"strata_columns": BANDS, "sample_size": 40, "take_all": ["≥ 900"], "seed": 5}


def drawn(server: LiveServer) -> dict[str, Any]:
    dataset = server.new_dataset()
    lines = [f"{at},{at * 37 % 1000}.00" for at in range(1_000)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    body = {"rounds": [{"round_number": 1, "method": "stratified", "parameters": DESIGN}]}
    plan = server.admin.post(f"/api/sampling/datasets/{dataset}/plan", json=body).json()
    sizes = {
        each["label"]: (each["rows"], each["allocated"]) for each in plan["rounds"][0]["strata"]
    }
    assert sizes["≥ 900"] == (100, 100)
    assert plan["total_rows"] == 140
    job = server.draw(dataset, body)
    assert job["output_summary"]["total_sampled"] == 140
    return job


def examined(server: LiveServer, job: str, wrong: int) -> None:
    rows = server.rows(job, limit=200)
    findings = [
        {
            "row_id": row["_logical_row_id"],
            "outcome": "exception",
            "audit_value": str(row["amount"] - 1),
        }
        if at < wrong
        else {"row_id": row["_logical_row_id"], "outcome": "ok"}
        for at, row in enumerate(rows)
    ]
    answer = server.admin.post(f"/api/sampling/jobs/{job}/findings", json={"findings": findings})
    assert answer.status_code < 300, answer.text


def test_a_projection_needs_no_kind_and_no_column(server: LiveServer) -> None:
    job = drawn(server)["id"]
    examined(server, job, wrong=140)
    found = server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json={}).json()
    assert (found["kind"], found["book_column"]) == ("variables", "amount")
    assert float(found["projected"]) == 1_000
    strata = {each["label"]: each for each in found["by_stratum"]}
    assert strata["≥ 900"]["projected"] == "100.00"
    assert [each["rows"] for each in found["by_stratum"]] == [100, 800, 100]
    assert any(line["name"] == "Variance of stratum 100 to < 900" for line in found["arithmetic"])


def test_without_an_error_the_refusal_says_what_is_ruled_out(server: LiveServer) -> None:
    job = drawn(server)["id"]
    examined(server, job, wrong=0)
    path = f"/api/sampling/jobs/{job}/evaluation"
    answer = server.admin.post(path, json={})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "estimator"]
    assert "At 95 % confidence at most" in error["msg"]
    by_means = server.admin.post(path, json={"estimator": "mean_per_unit"})
    assert by_means.status_code == 200, by_means.text
