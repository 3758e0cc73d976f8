"""Estimates, audits, queries and reports through the Python client, as data, text and HTML."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest
from jobsvc_client import Client, Dataset, Estimates, Evaluation, JobsvcError, Plan, Sample

from tests.support.live_server import LiveServer

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def sample(dataset: Dataset) -> Sample:
    return dataset.sample(
        "stratified", strata="region", size=40, seed=1, name="results", purpose=HOSTILE
    )


def test_an_estimate_is_the_servers_with_its_margin(sample: Sample, server: LiveServer) -> None:
    body = {"statistics": [{"statistic": "total", "column": "amount"}]}
    path = f"/api/sampling/jobs/{sample.id}/estimates"
    (expected,) = server.admin.post(path, json=body).json()["estimates"]
    (found,) = sample.estimate("total", "amount")
    assert found.estimate == expected["estimate"]
    half = (expected["ci_high"] - expected["ci_low"]) / 2
    assert found.margin == pytest.approx(half)
    assert str(found).startswith(f"Total of amount: {found.estimate:,.6g} ± ")


def test_all_fields_of_an_estimate_are_sent(sample: Sample) -> None:
    found = sample.estimate(
        statistics=[{"statistic": "mean", "column": "amount"}, {"statistic": "count"}],
        by="region",
        filters="id > 10",
        confidence=0.9,
        variance={"lonely_stratum": "adjust"},
    )
    assert [each.title for each in found[:4]] == ["Mean of amount"] * 4
    assert {each.group["region"] for each in found} == {"north", "east", "south", "west"}
    assert found.data["confidence"] == 0.9
    frame = found.to_pandas()
    assert list(frame["margin"]) == [each.margin for each in found]
    (share,) = sample.estimate("proportion", "region", value="north")
    assert str(share).startswith("Share of region = north: 25.00 % ± ")
    (missing,) = sample.estimate("proportion", "region", value=None)
    assert missing.estimate == 0
    known = {"method": "ratio", "columns": ["id"]}
    assert sample.estimate("total", "amount", calibrate=known).data["calibration"] is not None
    (ratio,) = sample.estimate("ratio", "amount", denominator="id")
    assert (ratio.title, ratio.estimate) == ("Ratio of amount / id", pytest.approx(0.25))
    assert sample.estimate("quantile", "amount", q=0.25)[0].title == "Quantile 0.25 of amount"


def test_a_contrast_is_a_difference_with_its_margin(sample: Sample) -> None:
    between = {"by": "region", "first": "north", "second": "south"}
    found = sample.estimate("mean", "amount", contrast={"between": between})
    (contrast,) = found.contrasts
    assert contrast.estimate == pytest.approx(found[0].estimate - found[1].estimate)  # type: ignore[operator]
    assert str(contrast).startswith("Mean of amount, north less south: ")
    assert contrast.title in found._repr_html_()
    assert contrast.p_value is not None
    paired = sample.estimate("mean", "amount", contrast={"column": "id", "measure": "ratio"})
    assert paired.contrasts[0].title == "Mean of amount, amount by id"


def test_rows_are_read_as_of_a_version(sample: Sample) -> None:
    drawn = sample.rows()
    assert len(drawn) == 40
    now = sample.rows("main", key="id")
    assert list(now["id"]) == list(drawn["id"])
    assert set(now["_change"]) == {"unchanged"}
    assert list(now["amount_now"]) == list(drawn["amount"])
    with pytest.raises(JobsvcError, match="as_of"):
        sample.rows(key="id")


def test_an_audit_ends_in_a_conclusion_and_a_paper(dataset: Dataset, tmp_path: Path) -> None:
    drawn = dataset.sample("random", size=30, seed=5)
    items = drawn.findings()
    assert [item["finding"] for item in items] == [None] * 30
    replaced = items[0]["row_id"]
    assert drawn.replace(replaced, "not a purchase") not in {i["row_id"] for i in items}
    counts = drawn.add_findings(
        {"row_id": item["row_id"], "outcome": "ok"}
        for item in drawn.findings()
        if item["finding"] is None
    )
    assert (counts["ok"], counts["open"]) == (30, 0)
    sequential = drawn.evaluate(0.2, kind="sequential")
    assert sequential.data["decision"] in sequential._repr_html_()
    evaluation = drawn.evaluate(0.15)
    assert evaluation.is_tolerable is True
    assert str(evaluation.conclusion) in str(evaluation)
    assert str(evaluation).endswith(evaluation.assurance["sentence"])
    assert (evaluation.assurance["status"], evaluation.caveats) == ("proved", [])
    for name in ("paper.html", "paper.xlsx"):
        assert drawn.working_paper(tmp_path / name, tolerable=0.15).stat().st_size > 1000


def test_a_paper_has_facts_and_is_issued(dataset: Dataset, tmp_path: Path) -> None:
    drawn = dataset.sample("random", size=3, seed=8)
    assert drawn.paper_facts()["facts"]["client_name"] is None
    found = drawn.paper_facts(client_name="Acme", assertions=["existence"])
    assert found["facts"]["assertions"] == ["existence"]
    for number, name in enumerate(("paper.html", "paper.xlsx"), start=1):
        issued = drawn.issue_paper(tmp_path / name, tolerable=0.15)
        assert (issued["number"], issued["format"]) == (number, name.rpartition(".")[2])
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert issued["sha256"] == digest
    assert [each["number"] for each in drawn.issued_papers()] == [2, 1]


def test_files_are_attached_saved_and_removed(dataset: Dataset, tmp_path: Path) -> None:
    drawn = dataset.sample("random", size=3, seed=6)
    row = drawn.findings()[0]["row_id"]
    file = tmp_path / "mail.eml"
    file.write_bytes(b"From: a@example.org\r\n")
    of_row = drawn.attach(file, row_id=row, note="confirmed")
    assert (of_row["row_id"], of_row["note"], of_row["file_name"]) == (row, "confirmed", "mail.eml")
    of_sample = drawn.attach(str(file))
    assert [each["id"] for each in drawn.attachments()] == [of_row["id"], of_sample["id"]]
    folder = tmp_path / "saved"
    folder.mkdir()
    paths = drawn.save_attachments(folder)
    assert [path.name for path in paths] == [
        f"{of_row['id']}-mail.eml",
        f"{of_sample['id']}-mail.eml",
    ]
    assert {path.read_bytes() for path in paths} == {file.read_bytes()}
    assert drawn.remove_attachment(of_row["id"], "wrong row")["removal_reason"] == "wrong row"
    assert len(drawn.attachments()) == 1
    assert len(drawn.attachments(removed=True)) == 2
    with pytest.raises(JobsvcError, match="isn't a folder"):
        drawn.save_attachments(tmp_path / "nowhere")


def test_a_larger_sample_has_the_findings(dataset: Dataset) -> None:
    small = dataset.sample("random", size=20, seed=77)
    small.add_findings({"row_id": item["row_id"], "outcome": "ok"} for item in small.findings())
    assert small.continues is None
    large = dataset.sample("random", size=50, seed=77)
    assert large.continues is not None
    assert (large.continues["job_id"], large.continues["findings"]) == (small.id, 20)
    came = f"It continues sample {small.name}: findings about 20 of its rows came along"
    assert came in repr(large)
    assert came in large._repr_html_()
    evaluation = large.evaluate(0.3)
    assert evaluation.kind == "sequential"
    assert small.id in {each["job_id"] for each in evaluation.other_samples}
    assert f"This sample continues sample {small.name}" in repr(evaluation)


def test_amounts_are_evaluated_by_default_where_they_were_drawn(dataset: Dataset) -> None:
    drawn = dataset.sample("monetary_unit", size=20, seed=2, parameters={"book_column": "amount"})
    drawn.add_findings({"row_id": item["row_id"], "outcome": "ok"} for item in drawn.findings())
    evaluation = drawn.evaluate()
    assert (evaluation.kind, evaluation.conclusion) == ("monetary_unit", None)
    assert "Overstatement" in evaluation._repr_html_()
    estimated = drawn.evaluate(kind="variables", estimator="mean_per_unit")
    assert "Upper limit" in repr(estimated) + estimated._repr_html_()


def test_a_certificate_is_of_the_sample(sample: Sample, tmp_path: Path) -> None:
    envelope = sample.certificate(tmp_path / "certificate.json")
    assert json.loads((tmp_path / "certificate.json").read_bytes()) == envelope
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["predicate"]["job"]["id"] == sample.id
    assert statement["predicate"]["sample"]["rows"] == sample.size
    assert sample.certificate(number=1) == envelope


def test_a_design_is_code(sample: Sample) -> None:
    assert "svydesign" in sample.design("r")


def test_queries_profiles_reports_and_diffs_are_jobs(dataset: Dataset, tmp_path: Path) -> None:
    counted = dataset.sql("SELECT region, count(*) AS n FROM data GROUP BY region ORDER BY region")
    assert counted.to_pandas().values.tolist()[0] == ["east", 100]
    profile = dataset.profile(["amount"]).result()
    assert [column["name"] for column in profile["columns"]] == ["amount"]
    page = dataset.report(compare_to="main").save(tmp_path / "report.html")
    assert page.read_text().startswith("<!doctype html>")
    assert len(dataset.changed_rows("main", ["id"]).to_pandas()) == 0


def test_a_sample_is_found_by_the_start_of_its_id(client: Client, sample: Sample) -> None:
    again = client.sample_of(sample.id[:8])
    assert (again.id, again.size) == (sample.id, sample.size)
    assert again.comparison()["verdict"]


def test_html_is_escaped_and_has_no_script(
    client: Client, dataset: Dataset, sample: Sample, server: LiveServer
) -> None:
    hostile = client.dataset(server.new_dataset())
    lines = "\n".join(f'"{HOSTILE.replace(chr(34), chr(34) * 2)}",{n}' for n in range(20))
    hostile.import_content("t.csv", f"{HOSTILE.split('(')[0]},x\n{lines}\n".encode())
    column = HOSTILE.split("(")[0]
    strata = hostile.sample("stratified", strata=column, size=8, seed=1)
    shown: list[Sample | Plan | Estimates | Evaluation | Dataset] = [
        sample,
        strata,
        hostile,
        hostile.plan("stratified", strata=column, size=8),
        strata.estimate("mean", "x", by=column),
        dataset.plan("random", size=5),
    ]
    for each in shown:
        text = each._repr_html_()
        assert "<script" not in text
        assert not re.search(r"\son\w+=|javascript:", text)
    assert "&lt;script&gt;alert(&quot;x&quot;)" in strata._repr_html_()
    assert "10 of 100" not in sample._repr_html_()
    assert json.dumps(sample.url)[1:-1] in sample._repr_html_()


def test_pending_jobs_and_long_texts_have_a_representation(dataset: Dataset) -> None:
    job = dataset.sample(size=3, wait=False)
    assert "Sample" in repr(job)
    assert "Sample" in job._repr_html_()
    job.wait()
    assert repr(job).startswith(f"Sample {job.name}: 3 of 400 rows")
    assert repr(dataset.plan(size=100)).startswith("Plan: 100 of 400 rows, margin of error ±")


def test_a_plan_shows_the_eligible_rows_and_its_warnings(dataset: Dataset) -> None:
    plan = dataset.plan(size=30, filters="id < 300")
    assert "Plan: 30 of 300 eligible rows (400 rows in all)" in repr(plan)
    assert "Plan: 30 of 300 eligible rows (400 rows in all)" in plan._repr_html_()
    large = dataset.plan(size=500)
    (warning,) = [*large.rounds[0]["warnings"], *large.warnings]
    assert repr(large).endswith(f"\nWarning: {warning}")
    assert warning in html.unescape(large._repr_html_())
    steps = [{"method": "random", "parameters": {"sample_size": size}} for size in (50, 10)]
    assert "\nStep 2: random, 10 of 350 eligible rows" in repr(dataset.plan(rounds=steps))


def test_a_change_is_between_two_samples(dataset: Dataset) -> None:
    first = dataset.sample("random", size=40, seed=1, name="first-wave")
    second = dataset.sample("random", size=60, seed=1, name="second-wave")
    found = first.change(second, "mean", "amount", by="region", confidence=0.9)
    assert found.common_rows == 40
    assert len(found) == 4
    for each in found:
        assert each.first is not None
        assert each.second is not None
        assert each.change["estimate"] == pytest.approx(
            each.second["estimate"] - each.first["estimate"]
        )
    assert str(found[0]).startswith("Mean of amount (region ")
    assert found[0].title in found._repr_html_()
    assert list(found.to_pandas()["change_estimate"]) == [each.change["estimate"] for each in found]
    assert first.changed_values(second.id, "amount") == []
    assert first.changed_values(second, ["amount"], values="table", duplicates="number") == []


def test_a_change_of_uploaded_values(dataset: Dataset) -> None:
    first = dataset.sample("random", size=40, seed=1)
    second = dataset.sample("random", size=60, seed=1)
    for at, sample in enumerate((first, second)):
        rows = sample.to_pandas()
        checked = rows[["_logical_row_id"]].assign(checked=at)
        uploaded = sample.upload_values(checked)
    (figure,) = first.change(second, "mean", "checked", values=uploaded)
    assert figure.change["estimate"] == 1
    expected = first.changed_values(second, "checked", values="latest")
    assert len(expected) == 40
    for values in (1, uploaded):
        assert first.changed_values(second, "checked", values=values) == expected


def test_a_classification_has_figures_of_groups(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=60, seed=1)
    rows = sample.to_pandas()
    labels = rows[["_logical_row_id"]].assign(is_bad=rows["amount"] > rows["amount"].median())
    uploaded = sample.upload_values(labels)
    found = sample.classification(
        "is_bad", "amount", threshold=0, values=uploaded, by="region", confidence=0.9
    )
    assert len(found.groups) == len(set(rows["region"]))
    assert found.figure("recall")["estimate"] == 1.0
    frame = found.to_pandas()
    assert set(frame["name"]) >= {"precision", "recall", "missed_rows"}
    assert "precision" in repr(found)
    assert "precision" in found._repr_html_()
    with pytest.raises(KeyError):
        found.figure("nothing")


def test_samples_are_evaluated_together(client: Client, dataset: Dataset) -> None:
    samples = []
    for where in ("id < 100", "id >= 100"):
        money = {"book_column": "amount", "size": 10, "seed": 3}
        drawn = dataset.sample("monetary_unit", filters=where, **money)
        drawn.add_findings({"row_id": item["row_id"], "outcome": "ok"} for item in drawn.findings())
        samples.append(drawn)
    found = client.evaluate_together(samples, "90%", confidence=0.9, covered_only=True)
    assert isinstance(found, Evaluation)
    assert found.data["limit_confidence"] == pytest.approx(0.95)
    assert "Upper limit  the sum of these" in str(found)
    again = client.evaluate_together([each.id for each in samples], 0.9, confidence="90%")
    assert again.data["upper_limit"] == found.data["upper_limit"]
    with pytest.raises(JobsvcError, match="named twice"):
        client.evaluate_together([samples[0], samples[0]])
