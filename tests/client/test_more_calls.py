"""Attached tables, registered plans, schedules and uploaded values through the Python client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, JobsvcError

from tests.support.live_server import LiveServer


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
    with pytest.raises(JobsvcError, match=r"no file .* The new dataset was removed again"):
        client.attach(f"{lake}missing.parquet", "attached from nowhere")
    assert "attached from nowhere" not in {each.name for each in client.datasets()}


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "missing.csv"])
def test_a_new_dataset_is_removed_after_a_refusal(client: Client, uri: str, tmp_path: Path) -> None:
    source = uri if "://" in uri else tmp_path / uri
    with pytest.raises(JobsvcError) as refused:
        client.import_file(source, "refused by the server")
    if "://" in uri:
        assert "The new dataset was removed again." in str(refused.value)
        with pytest.raises(JobsvcError, match="removed again"):
            client.attach(uri, "refused by the server")
    assert "refused by the server" not in {each.name for each in client.datasets()}


def test_a_dataset_that_was_there_stays_after_a_refusal(client: Client) -> None:
    made = client.upload(pd.DataFrame({"x": [1]}), "stays after a refusal")
    with pytest.raises(JobsvcError) as refused:
        client.attach("file:///etc/passwd", made.name)
    assert "removed" not in str(refused.value)
    assert client.dataset(made.name).id == made.id


def test_a_registered_plan_is_drawn_by_a_later_seed(dataset: Dataset) -> None:
    assert dataset.plan("random", size=5).id is None
    plan = dataset.register_plan("random", size=5)
    dice = {"dice": {"digits": "31415926535897932384", "witnesses": ["A. Auditor"]}}
    sample = dataset.draw_plan(str(plan.id), seed=dice, name="by-dice", purpose="a public draw")
    assert (sample.name, sample.size) == ("by-dice", 5)
    unnamed = dataset.draw_plan(str(plan.id), seed=1)
    assert unnamed.info["purpose"] == f"Random sample of 5 rows from {dataset.name}"
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
    other = sample.schedule("one column", "0 6 * * MON", exclude_drawn_by="id")
    assert other["exclude_drawn_by"] == ["id"]
    client.request("DELETE", f"/api/schedules/{other['id']}")


def test_a_scheduled_draw_asks_the_same_questions(dataset: Dataset, client: Client) -> None:
    sample = dataset.sample("random", size=5)
    sample.ask([{"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}], hidden="region")
    made = sample.schedule("asking", "0 6 * * MON", same_questions=True)
    run = client.request("POST", f"/api/schedules/{made['id']}/run")
    later = client.sample_of(run["job_id"]).wait()
    assert [each["name"] for each in later.questions()["questions"]] == ["is_bad"]
    for place, row in enumerate(later.answers()):
        later.answer(row["row_id"], {"is_bad": place == 0})
    found = dataset.schedule_figures(
        made["id"], "proportion", column="is_bad", value=True, values="answers"
    )
    (figure,) = found["runs"]
    assert (figure["estimate"], figure["is_complete"], figure["since_last"]) == (0.2, True, None)
    client.request("DELETE", f"/api/schedules/{made['id']}")


@pytest.mark.parametrize("given", [{"uri": "s3://lake/{today}/"}, {"profile": True}])
def test_a_schedule_with_data_names_its_job(dataset: Dataset, given: dict[str, Any]) -> None:
    sample = dataset.sample("random", size=5)
    with pytest.raises(JobsvcError, match="the data with which each run begins"):
        sample.schedule("nightly", "0 3 * * *", **given)
    assert all(each["job_id"] != sample.id for each in dataset.schedules())


def test_uploaded_values_are_estimated(dataset: Dataset, tmp_path: Path) -> None:
    sample = dataset.sample("random", size=40, seed=2)
    audited = sample.to_pandas()[["id", "amount"]].rename(columns={"amount": "audited"})
    uploaded = sample.upload_values(audited, key="id")
    assert repr(uploaded) == "Upload 1: values of 40 of 40 sampled rows."
    (found,) = sample.estimate("total", "audited", values=uploaded)
    (expected,) = sample.estimate("total", "amount")
    assert found.estimate == pytest.approx(expected.estimate)
    file = tmp_path / "again.csv"
    pd.DataFrame({"id": audited["id"], "late": 1}).to_csv(file, index=False)
    assert sample.upload_values(file, key=["id"]).number == uploaded.number + 1


def test_uploads_have_names(dataset: Dataset, tmp_path: Path) -> None:
    sample = dataset.sample("random", size=10, seed=4)
    frame = sample.to_pandas()[["id"]].assign(is_bad=1, note="x")
    assert sample.upload_values(frame, key="id").name == "is_bad, note.parquet"
    named = sample.upload_values(frame.assign(is_bad=0), key="id", name="Ann's labels, 3/5")
    assert named.name == "Ann's labels, 3-5.parquet"
    again = sample.upload_values(frame, key="id", name="other")
    assert again.number == 1
    assert again.notes[-1] == "The same values were uploaded before, as is_bad, note.parquet."
    file = tmp_path / "a.csv"
    frame.assign(is_bad=2).to_csv(file, index=False)
    assert sample.upload_values(file, key="id", name="second").name == "second.csv"


def test_estimates_of_incomplete_values_print_their_notes(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=40, seed=3)
    some = sample.to_pandas()[["id"]].head(30).assign(hours=2)
    uploaded = sample.upload_values(some, key="id")
    assert (uploaded.matched_rows, uploaded.missing_rows) == (30, 10)
    assert "values of 30 of 40 sampled rows; 10 have none" in repr(uploaded)
    assert "10 have none" in uploaded._repr_html_()
    estimates = sample.estimate("total", "hours", values=uploaded.number)
    assert "Note: 10 of 40 sampled rows" in repr(estimates)
    assert "10 of 40 sampled rows" in estimates._repr_html_()


def test_a_row_key_is_declared_and_read(client: Client) -> None:
    frame = pd.DataFrame({"account": ["a", "b", "c"], "amount": [1.5, 2.5, 2.5]})
    made = client.upload(frame, "with a row key")
    assert made.row_key == ()
    assert made.set_row_key("account").row_key == ("account",)
    with pytest.raises(JobsvcError) as refused:
        made.set_row_key(["amount"])
    assert refused.value.code == "invalid_key"


def test_a_panel_is_drawn_wave_by_wave(client: Client, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(200), "region": ["north", "south"] * 100})
    table = client.upload(frame, "a panel of the client")
    with pytest.raises(JobsvcError, match="no row key"):
        table.create_panel("quarterly", size=40, rotation="25%")
    panel = table.create_panel(
        "quarterly", "stratified", strata="region", size=40, key="id", rotation=0.25
    )
    assert (panel.name, panel.info["rotation"], panel.waves) == ("quarterly", "0.25", [])
    assert panel.wave().size == 40
    client.upload(frame[frame["id"] > 9], table.name)
    expected = panel.next_wave()
    second = panel.wave(wait=False).wait()
    found = panel.waves[1]
    assert found["job_id"] == second.id
    assert {name: found[name] for name in ("kept", "died")} == {
        name: expected[name] for name in ("kept", "died")
    }
    states = pd.read_csv(panel.save(2, tmp_path / "wave.csv"))["_panel_state"].value_counts()
    assert states["kept"] == found["kept"]
    (listed,) = table.panels()
    assert repr(listed) == f"Panel {panel.id} (quarterly, 2 waves)"
    assert "Wave 2" in listed._repr_html_()
    panel.remove()
    assert table.panels() == []


def test_answers_are_uploaded_and_become_a_table(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=6, seed=5, name="labelled by the client")
    sample.ask([{"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}])
    frame = sample.to_pandas()[["id"]].assign(is_bad=[True, False, False, True, None, False])
    entered = sample.upload_answers(frame, key="id")
    assert (entered["new"], entered["empty"]) == (5, 1)
    assert sample.upload_answers(frame, key="id")["unchanged"] == 5
    table = sample.answers_table("client labels").to_pandas()
    assert table["is_bad"].sum() == 2
    assert table["_design_weight"].sum() == pytest.approx(sample.source_rows)
    with pytest.raises(JobsvcError) as refused:
        sample.upload_answers(frame.assign(is_bad="maybe"), key="id")
    assert refused.value.code == "invalid_row_file"
