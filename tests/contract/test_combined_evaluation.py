"""Several samples together over HTTP: sums, what they cover, and what is refused."""

from __future__ import annotations

import html
import math
from typing import Any

import httpx
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_evaluation import drawn, examined
from tests.support.live_server import LiveServer

PATH = "/api/audit/combined-evaluation"
ROWS = 1_200
LOW, HIGH = "amount < 150", "amount >= 150"


def wrong_by(share: float) -> dict[str, Any]:
    return {"outcome": "exception", "share": share}


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """1,200 rows with amounts from 0.25 to 300."""
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{(row + 1) / 4}" for row in range(ROWS)]
    server.import_text(dataset_id, "\n".join(["invoice,amount", *lines]) + "\n")
    return dataset_id


def sample(
    server: LiveServer,
    dataset: int,
    where: str | None,
    *,
    errors: int = 50,
    size: int = 80,
    method: str = "random",
    seed: int = 1,
) -> str:
    """A sample of which the first rows are overstated by a tenth to two tenths."""
    more = {"book_column": "amount"} if method == "monetary_unit" else {}
    filters = {"filters": {"expression": where}} if where else {}
    job = drawn(server, dataset, one(method, sample_size=size, seed=seed, **more), **filters)
    path = f"/api/sampling/jobs/{job}/findings"
    items = server.admin.get(path, params={"limit": 1000}).json()["items"]
    audits = [
        f"{item['data']['amount'] * (0.9 - 0.1 * (at % 5) / 5):.2f}"
        for at, item in enumerate(items[:errors])
    ]
    examined(server, job, *({"outcome": "exception", "audit_value": text} for text in audits))
    return job


def together(server: LiveServer, *jobs: str, **more: Any) -> httpx.Response:
    body = {"jobs": list(jobs), "kind": "variables", "book_column": "amount", **more}
    return server.admin.post(PATH, json={k: v for k, v in body.items() if v is not None})


def alone(server: LiveServer, job: str, **more: Any) -> dict[str, Any]:
    answer = server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json=more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_projections_and_variances_add_up(server: LiveServer, dataset: int) -> None:
    jobs = [sample(server, dataset, LOW), sample(server, dataset, HIGH, seed=2)]
    answer = together(server, *jobs, tolerable="20,000")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    parts = [alone(server, job, kind="variables", book_column="amount") for job in jobs]
    for name in ("projected", "book_value", "found"):
        total = sum(float(each[name]) for each in parts)
        assert float(found[name]) == pytest.approx(total, abs=0.02)
    error = math.hypot(*(float(each["standard_error"]) for each in parts))
    assert float(found["standard_error"]) == pytest.approx(error, abs=0.02)
    assert min(each["degrees"] for each in parts) <= found["degrees"] <= 158
    limit = float(found["projected"]) + found["t"] * error
    assert float(found["upper_limit"]) == pytest.approx(limit, abs=0.03)
    assert found["limit_confidence"] == 0.95
    assert (found["uncovered_rows"], found["uncovered_value"]) == (0, "0.00")
    assert found["conclusion"]["is_tolerable"] is True, found["conclusion"]
    unsigned = [each for each in found["caveats"] if "aren't signed off" in each]
    assert len(unsigned) == 2
    assert not any(
        "chosen beforehand" in text for each in found["samples"] for text in each["caveats"]
    )
    assert together(server, *jobs, tolerable=1_000).json()["conclusion"]["is_tolerable"] is False


def test_limits_by_monetary_units_add_up_at_bonferronis_confidence(
    server: LiveServer, dataset: int
) -> None:
    jobs = [
        sample(server, dataset, LOW, errors=3, method="monetary_unit"),
        sample(server, dataset, HIGH, errors=2, method="monetary_unit", seed=2),
    ]
    found = together(server, *jobs, kind=None, book_column=None, tolerable="10%").json()
    assert found["limit_confidence"] == pytest.approx(0.975)
    sentence = found["conclusion"]["sentence"]
    assert "The upper limit of overstatements, " in sentence
    assert " net " not in sentence
    rows = [server.admin.get(f"/api/jobs/{job}").json()["output_summary"] for job in jobs]
    assert [each["examined"] for each in found["samples"]] == [r["total_sampled"] for r in rows]
    for name, confidence in (("upper_limit", 0.975), ("plain_limit", 0.95)):
        limits = [
            float(
                alone(server, job, kind="monetary_unit", confidence=confidence)["overstatement"][
                    "upper_limit"
                ]
            )
            for job in jobs
        ]
        assert float(found[name]) == pytest.approx(sum(limits), abs=0.03)
    assert "Bonferroni" in found["assurance"]["sentence"]
    assert found["assurance"]["status"] == "customary"
    assert found["standard_error"] is None
    total = sum(row + 1 for row in range(ROWS)) / 4
    assert found["tolerable"] == f"{total / 10:.2f}"
    paper = server.admin.get(f"{PATH}/paper", params={"jobs": jobs, "tolerable": "10%"})
    assert html.escape(LOW) in paper.text


def test_understatements_and_rows_that_could_not_be_drawn_are_stated(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [f"{row},{0 if row % 10 == 0 else row + 1}.00" for row in range(400)]
    server.import_text(dataset, "\n".join(["n,amount", *lines]) + "\n")
    jobs = []
    for seed, where in enumerate(("n < 200", "n >= 200"), start=1):
        draw = one("monetary_unit", book_column="amount", sample_size=40, selection="random")
        draw["parameters"]["seed"] = seed
        jobs.append(drawn(server, dataset, draw, filters={"expression": where}))
        path = f"/api/sampling/jobs/{jobs[-1]}/findings"
        items = server.admin.get(path, params={"limit": 1000}).json()["items"]
        audits = [str(1.5 * item["data"]["amount"]) for item in items[:10]]
        examined(server, jobs[-1], *({"outcome": "exception", "audit_value": a} for a in audits))
    body: dict[str, Any] = {"jobs": jobs, "tolerable": "30%", "confidence": 0.99996}
    answer = server.admin.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    level = found["limit_confidence"]
    alones = [alone(server, job, confidence=level)["understatement"] for job in jobs]
    assert found["errors"] == 20
    assert found["understatement"]["errors"] == 20
    for name, own in (("projected", "most_likely"), ("upper_limit", "upper_limit")):
        total = sum(float(each[own]) for each in alones)
        assert float(found["understatement"][name]) == pytest.approx(total, abs=0.03)
    assert found["found"] == f"-{found['understatement']['found']}"
    assert [each["errors"] for each in found["samples"]] == [10, 10]
    assert any("have understatements in 20 rows" in each for each in found["caveats"])
    rows = [each["rows"] for each in found["samples"]]
    assert rows == ["n < 200, amounts above 0", "n >= 200, amounts above 0"]
    query = {"jobs": ",".join(jobs), "tolerable": "30%", "confidence": "0.99996"}
    paper = server.admin.get(f"{PATH}/paper", params={**query, "language": "de"})
    assert "99,996\u00a0%" in paper.text
    assert "n &lt; 200, Beträge über 0" in paper.text


def test_samples_of_one_row_are_refused(server: LiveServer, dataset: int) -> None:
    first = sample(server, dataset, "amount < 200")
    second = sample(server, dataset, HIGH, seed=2)
    text = assert_problem(together(server, first, second), 422, "invalid_findings")
    assert "200 rows could be drawn by sample" in text["detail"]


def test_uncovered_rows_are_refused_with_their_book_value(server: LiveServer, dataset: int) -> None:
    first = sample(server, dataset, LOW)
    second = sample(server, dataset, "amount >= 250", seed=2)
    refused = together(server, first, second, tolerable="30,000")
    value = sum((row + 1) / 4 for row in range(ROWS) if 150 <= (row + 1) / 4 < 250)
    problem = assert_problem(refused, 422, "invalid_findings")
    assert f"No sample covers 400 rows with a book value of {value:,.2f}" in problem["detail"]
    found = together(server, first, second, tolerable="30,000", covered_only=True).json()
    assert found["uncovered_rows"] == 400
    assert "No sample covers 400 rows" in found["conclusion"]["sentence"]
    query = {"jobs": f"{first},{second}", "kind": "variables", "book_column": "amount"}
    query |= {"tolerable": "30,000", "covered_only": "true", "language": "de"}
    paper = server.admin.get(f"{PATH}/paper", params=query).text
    assert "stützt die Stichprobe, dass" in paper
    assert "The upper limit" not in paper


def test_a_later_version_adds_a_period(server: LiveServer, dataset: int) -> None:
    """The first sample is of the first version, the second of the rows that the next one adds."""
    path = f"/api/datasets/{dataset}/row-key"
    first = sample(server, dataset, None)
    lines = [f"{row:05d},{(row + 1) / 4}" for row in range(2 * ROWS)]
    server.import_text(dataset, "\n".join(["invoice,amount", *lines]) + "\n")
    second = sample(server, dataset, "amount > 300", seed=2)
    unknown = together(server, first, second)
    assert (
        "No sample covers 1,200 rows" in assert_problem(unknown, 422, "invalid_findings")["detail"]
    )
    assert server.admin.put(path, json={"columns": ["invoice"]}).status_code == 200
    found = together(server, first, second)
    assert found.status_code == 200, found.text
    assert found.json()["uncovered_rows"] == 0
    assert not any("Not checked" in each for each in found.json()["caveats"])
    whole = sum(row + 1 for row in range(2 * ROWS)) / 4
    assert float(found.json()["book_value"]) == whole
    again = sample(server, dataset, "amount > 250", seed=3)
    shared = assert_problem(together(server, first, again), 422, "invalid_findings")
    assert "200 rows could be drawn by sample" in shared["detail"]


def test_rows_of_marked_are_those_of_the_tested_table(server: LiveServer, dataset: int) -> None:
    """The tested table is what a draw left, so its rows have other places in the copy."""
    body: dict[str, Any] = {"rounds": [one("random", sample_size=100, seed=8)]}
    first = server.draw(dataset, {**body, "export_residual": True})
    of_draw = {"source_ref": first["output_summary"]["output_commit_id"]}
    left = {**of_draw, "table_key": "residual"}
    given = {**left, "columns": ["invoice"], "mark_rows": True}
    answer = server.admin.post(f"/api/datasets/{dataset}/audit-tests/duplicates", json=given)
    assert answer.status_code == 200, answer.text
    test = server.finished(answer.json()["job_id"])
    marked = {"source_ref": test["output_summary"]["output_commit_id"], "table_key": "marked"}

    def sampled(source: dict[str, str], where: str, seed: int) -> str:
        step = one("random", sample_size=80, seed=seed)
        step["filters"] = {"expression": where}
        job = server.draw(dataset, {**source, "rounds": [step]})
        assert job["status"] == "completed", job
        wrong = [{"outcome": "exception", "audit_value": "0"}] * 30
        examined(server, job["id"], *wrong)
        return str(job["id"])

    jobs = [sampled(left, LOW, 1), sampled(marked, HIGH, 2)]
    answer = together(server, *jobs)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["uncovered_rows"] == 0
    assert not any("Not checked" in each for each in found["caveats"])
    other = sampled(marked, "amount < 200 AND found = 'not found'", 3)
    query = {**of_draw, "sql": "SELECT count(*) AS n FROM residual WHERE amount < 150"}
    counted = server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=query).json()
    (common,) = counted["data"]
    problem = assert_problem(together(server, jobs[0], other), 422, "invalid_findings")
    assert f"{common['n']} rows could be drawn by sample" in problem["detail"]


def test_a_changed_book_value_is_not_covered(server: LiveServer, dataset: int) -> None:
    """A row of the first version whose amount the next one changes was drawn by its old amount."""
    first = sample(server, dataset, None)
    lines = [f"{row:05d},{(row + 1) * (25 if row < 100 else 0.25)}" for row in range(2 * ROWS)]
    server.import_text(dataset, "\n".join(["invoice,amount", *lines]) + "\n")
    second = sample(server, dataset, "invoice >= '01200'", seed=2)
    path = f"/api/datasets/{dataset}/row-key"
    assert server.admin.put(path, json={"columns": ["invoice"]}).status_code == 200
    problem = assert_problem(together(server, first, second), 422, "invalid_findings")
    value = sum(25 * (row + 1) for row in range(100))
    assert f"No sample covers 100 rows with a book value of {value:,.2f}." in problem["detail"]
    assert "The book value of 100 rows in the population of a sample" in problem["detail"]
    found = together(server, first, second, tolerable="30,000", covered_only=True).json()
    assert "is another in a larger version" in found["conclusion"]["sentence"]


def test_uncovered_rows_are_summed_without_signs_too(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [f"{row},{row + 1}.00" for row in range(400)]
    others = [f"{400 + row},{value}" for row, value in enumerate((5000, -5000, "", 0))]
    server.import_text(dataset, "\n".join(["n,amount", *lines, *others]) + "\n")
    jobs = [sample(server, dataset, f"n {test}") for test in ("< 200", "between 200 and 399")]
    problem = assert_problem(together(server, *jobs), 422, "invalid_findings")
    assert "No sample covers 2 rows with a book value of 0.00." in problem["detail"]
    assert "without their signs is 10,000.00." in problem["detail"]
    found = together(server, *jobs, covered_only=True).json()
    assert "No sample covers 1 row without a book value." in found["caveats"]


def test_other_datasets_are_said_to_be_unchecked(server: LiveServer, dataset: int) -> None:
    other = server.new_dataset()
    lines = [f"{row:05d},{row + 1}.00" for row in range(500)]
    server.import_text(other, "\n".join(["invoice,amount", *lines]) + "\n")
    found = together(server, sample(server, dataset, None), sample(server, other, None)).json()
    assert any("Not checked: whether samples" in each for each in found["caveats"])
    assert any("with the same seed" in each for each in found["caveats"])


def test_few_errors_withhold_the_conclusion(server: LiveServer, dataset: int) -> None:
    jobs = [sample(server, dataset, LOW, errors=4), sample(server, dataset, HIGH, seed=2)]
    found = together(server, *jobs, tolerable="50,000").json()
    assert found["conclusion"]["is_tolerable"] is None
    assert "It rests on 4 rows in error" in found["conclusion"]["sentence"]


def test_requests_that_do_not_fit_name_the_field(server: LiveServer, dataset: int) -> None:
    job = sample(server, dataset, LOW)
    assert_problem(together(server, job), 422, "invalid_request")
    problem = assert_problem(together(server, job, job), 422, "invalid_findings")
    assert "named twice" in problem["detail"]
    open_job = drawn(
        server, dataset, one("random", sample_size=10, seed=3), filters={"expression": HIGH}
    )
    problem = assert_problem(together(server, job, open_job), 422, "invalid_findings")
    assert "10 rows have no finding" in problem["detail"]
    assert problem["errors"][0]["loc"] == ["body", "jobs", 1]
    many = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(21)]
    assert_problem(together(server, *many), 422, "invalid_request")


def test_a_sample_that_the_caller_may_not_read_is_not_found(
    server: LiveServer, dataset: int
) -> None:
    jobs = [sample(server, dataset, LOW), sample(server, dataset, HIGH, seed=2)]
    client, _ = server.new_user()
    answer = client.post(PATH, json={"jobs": jobs})
    assert_problem(answer, 404, "not_found")


def test_each_sample_is_recorded_as_viewed(server: LiveServer, dataset: int) -> None:
    jobs = [sample(server, dataset, LOW), sample(server, dataset, HIGH, seed=2)]
    answer = together(server, *jobs)
    query = {"limit": 1000, "action": "rows_viewed"}
    entries = server.admin.get("/api/admin/audit", params=query).json()["entries"]
    request_id = answer.headers["X-Request-ID"]
    viewed = [each["details"]["job_id"] for each in entries if each["request_id"] == request_id]
    assert sorted(viewed) == sorted(jobs)


def test_the_paper_has_the_same_section(server: LiveServer, dataset: int) -> None:
    jobs = [sample(server, dataset, LOW), sample(server, dataset, HIGH, seed=2)]
    query: dict[str, str] = {"jobs": ",".join(jobs), "kind": "variables"}
    query |= {"book_column": "amount", "tolerable": "20,000", "language": "de"}
    paper = server.admin.get(f"{PATH}/paper", params=query)
    assert paper.status_code == 200, paper.text
    assert "Mehrere Stichproben" in paper.text
    found = together(server, *jobs, tolerable="20,000").json()
    limit = f"{float(found['upper_limit']):,.2f}".translate(str.maketrans(",.", ".,"))
    assert limit in paper.text
    workbook = server.admin.get(f"{PATH}/paper", params={**query, "format": "xlsx"})
    assert workbook.content[:2] == b"PK"


def test_book_values_of_one_table_are_of_one_column(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [f"{row + 1},{2 * row + 2}" for row in range(400)]
    server.import_text(dataset, "\n".join(["net,gross", *lines]) + "\n")
    jobs = []
    for column, where in (("net", "net <= 200"), ("gross", "net > 200")):
        draw = one("monetary_unit", book_column=column, sample_size=20)
        jobs.append(drawn(server, dataset, draw, filters={"expression": where}))
        examined(server, jobs[-1])
    body: dict[str, Any] = {"jobs": jobs, "kind": "monetary_unit"}
    refused = assert_problem(server.admin.post(PATH, json=body), 422, "invalid_findings")
    assert '"net" and "gross"' in refused["detail"]
    one_column = {"jobs": jobs, "kind": "variables", "book_column": "net"}
    one_column["estimator"] = "mean_per_unit"
    answer = server.admin.post(PATH, json=one_column)
    assert answer.status_code == 200, answer.text
    assert [each["kind"] for each in answer.json()["samples"]] == ["variables"] * 2
    for name, value in (("book_column", "net"), ("estimator", "ratio")):
        unused = server.admin.post(PATH, json={"jobs": jobs, name: value})
        problem = assert_problem(unused, 422, "invalid_findings")
        assert "No sample is evaluated by audit values" in problem["detail"]
        assert problem["errors"][0]["loc"] == ["body", name]


def test_negative_amounts_by_monetary_units_are_not_added_to_positive_ones(
    server: LiveServer,
) -> None:
    dataset = server.new_dataset()
    lines = [f"{row},{(-1 if row % 4 == 0 else 1) * (row + 1)}.00" for row in range(400)]
    server.import_text(dataset, "\n".join(["n,amount", *lines]) + "\n")
    jobs = []
    for population in ("positive", "negative"):
        draw = one("monetary_unit", book_column="amount", sample_size=20, population=population)
        jobs.append(drawn(server, dataset, draw))
        examined(server, jobs[-1])
    body = {"jobs": jobs, "kind": "monetary_unit"}
    refused = assert_problem(server.admin.post(PATH, json=body), 422, "invalid_findings")
    assert "It was drawn of negative amounts" in refused["detail"]
    assert refused["errors"][0]["loc"] == ["body", "jobs", 1]


def test_a_sample_evaluated_otherwise_than_signed_is_named(
    server: LiveServer, dataset: int
) -> None:
    jobs = [sample(server, dataset, LOW), sample(server, dataset, HIGH, seed=2)]
    reviewer, _ = server.new_user("admin")
    for job in jobs:
        path = f"/api/sampling/jobs/{job}/review"
        assert server.admin.post(path, json={"action": "submitted"}).status_code == 200
        kept = {"kind": "variables", "book_column": "amount", "estimator": "ratio"}
        signed = reviewer.post(path, json={"action": "signed_off", "evaluation": kept})
        assert signed.status_code == 200, signed.text
    as_signed = together(server, *jobs, kind=None, book_column=None).json()
    assert as_signed["caveats"] == []
    own = [alone(server, job) for job in jobs]
    total = sum(float(each["projected"]) for each in own)
    assert own[0]["estimator"] == "ratio"
    assert float(as_signed["projected"]) == pytest.approx(total, abs=0.02)
    other = together(server, *jobs, estimator="difference").json()
    assert sum("isn't evaluated as signed off" in each for each in other["caveats"]) == 2


def test_a_sample_signed_off_as_sequential_counts_as_it_was_drawn(
    server: LiveServer, dataset: int
) -> None:
    draw = one("monetary_unit", book_column="amount", selection="random", sample_size=60, seed=1)
    money = drawn(server, dataset, draw, filters={"expression": LOW})
    examined(server, money)
    rows = sample(server, dataset, HIGH, seed=2)
    before = together(server, money, rows, kind=None).json()
    reviewer, _ = server.new_user("admin")
    path = f"/api/sampling/jobs/{money}/review"
    assert server.admin.post(path, json={"action": "submitted"}).status_code == 200
    kept = {"kind": "sequential", "tolerable": 2_000}
    signed = reviewer.post(path, json={"action": "signed_off", "evaluation": kept})
    assert signed.status_code == 200, signed.text
    after = together(server, money, rows, kind=None).json()
    for found in (before, after):
        assert [each["kind"] for each in found["samples"]] == ["monetary_unit", "variables"]
    assert after["upper_limit"] == before["upper_limit"]
    assert any("isn't evaluated as signed off" in each for each in after["caveats"])
    chosen = together(server, money, rows, kind="monetary_unit").json()
    assert [each["kind"] for each in chosen["samples"]] == ["monetary_unit", "variables"]
    other = sample(server, dataset, LOW, seed=3)
    refused = together(server, rows, other, kind="monetary_unit")
    problem = assert_problem(refused, 422, "invalid_findings")
    assert problem["errors"][0]["loc"] == ["body", "kind"]


def test_the_rows_of_draws_by_audit_tests_are_named(server: LiveServer) -> None:
    """What a test found and what it didn't are two samples that cover the table."""
    dataset = server.new_dataset()
    lines = [f"{row % 300},{row + 1}.00" for row in range(400)]
    server.import_text(dataset, "\n".join(["n,amount", *lines]) + "\n")
    path = f"/api/datasets/{dataset}/audit-tests/duplicates"
    answer = server.admin.post(path, json={"columns": ["n"]})
    assert answer.status_code == 200, answer.text
    test = server.finished(answer.json()["job_id"])["id"]
    jobs = []
    for name in ("found_by", "not_found_by"):
        draw = one("random", sample_size=60, seed=3)
        jobs.append(drawn(server, dataset, draw, filters={name: [test]}))
        examined(server, jobs[-1], *[{"outcome": "exception", "audit_value": "0"}] * 30)
    found = together(server, *jobs, tolerable="50,000").json()
    assert [each["rows"] for each in found["samples"]] == [
        f"the filter found_by (audit test {test[:8]})",
        f"the filter not_found_by (audit test {test[:8]})",
    ]
    assert found["uncovered_rows"] == 0
    query = {"jobs": ",".join(jobs), "kind": "variables", "book_column": "amount"}
    paper = server.admin.get(f"{PATH}/paper", params={**query, "language": "de"}).text
    assert f"Filter found_by (Prüfung {test[:8]})" in paper
