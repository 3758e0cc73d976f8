"""Attached tables, registered plans, schedules and uploaded values through the Python client."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, JobsvcError

from tests.live_server import LiveServer


def test_files_are_attached_where_they_are(server: LiveServer, client: Client) -> None:
    lake = server.service.settings.connection_prefixes
    body = {"name": "client-lake", "prefix": lake, "credentials": ""}
    assert server.admin.post("/api/connections", json=body).status_code == 200
    file = f"{lake}a.parquet"
    attached = client.attach(file, "attached by the client", purpose="the lake")
    assert attached.sample("random", size=1).to_pandas()["id"].tolist() == [1]
    client.attach({"one": [file], "two": lake}, attached.name, connection="client-lake")
    frame = attached.sql("SELECT (SELECT id FROM one) + (SELECT id FROM two) AS sum").to_pandas()
    assert frame["sum"].tolist() == [2]
    with pytest.raises(JobsvcError) as refused:
        attached.attach("file:///etc/passwd")
    assert refused.value.code == "invalid_request"


def test_a_registered_plan_is_drawn_by_a_later_seed(dataset: Dataset) -> None:
    assert dataset.plan("random", size=5).id is None
    plan = dataset.register_plan("random", size=5)
    dice = {"dice": {"digits": "31415926535897932384", "witnesses": ["A. Auditor"]}}
    sample = dataset.draw_plan(str(plan.id), seed=dice, name="by-dice", purpose="a public draw")
    assert (sample.name, sample.size) == ("by-dice", 5)
    assert sample.info["run_parameters"]["plan"]["plan_id"] == plan.id


def test_a_draw_is_scheduled(dataset: Dataset, client: Client) -> None:
    sample = dataset.sample("random", size=5)
    made = sample.schedule(
        "weekly", "0 6 * * MON", zone="Europe/Berlin", exclude_drawn_by=["id"], misfire="skip"
    )
    (found,) = (each for each in dataset.schedules() if each["id"] == made["id"])
    assert found["exclude_drawn_by"] == ["id"]
    assert (found["zone"], found["misfire"], found["job_id"]) == (
        "Europe/Berlin",
        "skip",
        sample.id,
    )
    run = client.request("POST", f"/api/schedules/{made['id']}/run")
    rows = client.sample_of(run["job_id"]).to_pandas()
    assert not set(rows["id"]) & set(sample.to_pandas()["id"])
    client.request("DELETE", f"/api/schedules/{made['id']}")


def test_uploaded_values_are_estimated(dataset: Dataset, tmp_path: Path) -> None:
    sample = dataset.sample("random", size=40, seed=2)
    audited = sample.to_pandas()[["id", "amount"]].rename(columns={"amount": "audited"})
    number = sample.upload_values(audited, key="id")
    (found,) = sample.estimate("total", "audited", values=number)
    (expected,) = sample.estimate("total", "amount")
    assert found.estimate == pytest.approx(expected.estimate)
    file = tmp_path / "again.csv"
    pd.DataFrame({"id": audited["id"], "late": 1}).to_csv(file, index=False)
    assert sample.upload_values(file, key=["id"]) == number + 1
