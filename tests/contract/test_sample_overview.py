"""The figures at the top of a sample's page."""

from __future__ import annotations

import httpx
import pytest

from application.samples.overview import sample_overview
from storage.jobs.jobs import get_job
from tests.contract.test_comparisons import comparison_of
from tests.contract.test_found_by import body_of
from tests.support.live_server import LiveServer, finished


def _overview(server: LiveServer, client: httpx.Client, dataset: int, body: dict[str, object]):
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job = finished(client, client.post(path, json=body).json()["job_id"])
    assert job["status"] == "completed"
    client.get(f"/api/sampling/jobs/{job['id']}/comparison")
    with server.service.database.read() as tx:
        return sample_overview(server.service, get_job(tx, job["id"]))


def test_a_stratified_sample_shows_its_groups(server: LiveServer) -> None:
    client, _ = server.new_user()
    dataset = server.new_table(400, client)
    body = {
        "output_name": "q1_review",
        "commit_message": "Quarterly review",
        "method": "stratified",
        "parameters": {"strata_columns": ["city"], "sample_size": 100, "seed": 1},
    }
    found = _overview(server, client, dataset, body)
    assert found.purpose == "Quarterly review"
    assert (found.drawn, found.source_rows, found.share) == (100, 400, 0.25)
    assert found.grouped_by == "city"
    assert sum(group.population for group in found.groups) == pytest.approx(1)
    assert [group.population for group in found.groups] == [group.sample for group in found.groups]
    assert found.margin == pytest.approx(0.085, abs=0.002)
    assert found.newer is None
    server.import_text(dataset, "id,city,amount\n1,Oslo,2\n", client=client)
    with server.service.database.read() as tx:
        job = get_job(tx, client.get("/api/jobs").json()["jobs"][1]["id"])
    newer = sample_overview(server.service, job).newer
    assert newer is not None
    assert (newer.source_ref, newer.row_count) == ("main", 1)


def test_a_sample_of_clusters_has_no_margin(server: LiveServer) -> None:
    client, _ = server.new_user()
    parameters = {"cluster_column": "city", "num_clusters": 2, "seed": 1}
    found = _overview(
        server,
        client,
        server.new_table(400, client),
        {"method": "cluster", "parameters": parameters},
    )
    assert found.margin is None


def test_an_amount_that_was_the_weight_has_no_margin(server: LiveServer) -> None:
    client, _ = server.new_user()
    dataset = server.new_table(400, client)
    parameters = {"weight_column": "amount", "sample_size": 20, "seed": 1}
    weighted = {"method": "weighted", "parameters": parameters, "amount_column": "amount"}
    assert _overview(server, client, dataset, weighted).estimated_amount is None
    alike = {"method": "random", "sample_size": 20, "amount_column": "amount"}
    assert _overview(server, client, dataset, alike).estimated_amount == "amount"


def test_the_coverage_is_of_the_rows_that_pass_the_filter(server: LiveServer) -> None:
    client, _ = server.new_user()
    dataset = server.new_table(400, client)
    body = {
        "rounds": [
            {
                "method": "random",
                "parameters": {"sample_size": 40, "seed": 1},
                "filters": {"expression": "city = 'Oslo'"},
            }
        ],
        "amount_column": "amount",
    }
    found = _overview(server, client, dataset, body)
    assert found.source_rows == 400 > found.population > found.drawn == 40
    assert found.share == 40 / found.population
    (job,) = client.get("/api/jobs", params={"run_type": "sampling"}).json()["jobs"]
    summary = client.get(f"/api/jobs/{job['id']}").json()["output_summary"]
    assert found.population == summary["rounds"][0]["eligible_rows"]
    assert found.amount == summary["rounds"][0]["amount"] != summary["amount"]


def test_a_picture_is_not_of_a_column_of_documents(server: LiveServer) -> None:
    """Bars of single documents say nothing of the others, of which a small table has most."""
    dataset = server.new_dataset()
    lines = [f"R-{row:04d}x,{'north' if row % 2 else 'south'}" for row in range(36)]
    for columns, grouped_by in ((1, ""), (2, "region")):
        texts = ["document,region", *lines]
        rows = ("\t".join(line.split(",")[:columns]) for line in texts)
        server.import_text(dataset, "\n".join(rows) + "\n")
        job = server.draw(dataset, body_of(None, 12))["id"]
        assert {each["name"] for each in comparison_of(server, job)["columns"]} >= {"document"}
        with server.service.database.read() as tx:
            assert sample_overview(server.service, get_job(tx, job)).grouped_by == grouped_by
