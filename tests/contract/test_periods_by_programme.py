"""Published examples of two periods, carried out with two samples over API, page and command."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import parse_qsl

import pytest
from click.testing import CliRunner

from command_line import command
from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

PATH = "/api/audit/combined-evaluation"
Z, PRINTED_Z = 0.8416212335729143, 0.842
"""The quantile of 60 %, and as the guidance prints it."""
LARGE = 20_000_000
"""Amounts above it are always drawn."""


def amounts(total: int, rows: int) -> list[int]:
    """Whole amounts of nearly one size that add up."""
    base, more = divmod(total, rows)
    return [base + (row < more) for row in range(rows)]


def two_values(total: float, squares: float, of_each: int) -> tuple[float, float]:
    """Two values, of as many rows each, with this sum and sum of squares."""
    half = total / of_each / 2
    spread = (squares / of_each / 2 - half**2) ** 0.5
    return half + spread, half - spread


def with_deviation(total: float, deviation: float, rows: int, of_each: int) -> tuple[float, float]:
    """Two values whose rows, among others of 0, have this sum and standard deviation."""
    return two_values(total, (rows - 1) * deviation**2 + total**2 / rows, of_each)


def imported(served: LiveServer, periods: list[list[int]]) -> int:
    dataset = served.new_dataset()
    lines = [
        f"{period},{amount}.00" for period, each in enumerate(periods, start=1) for amount in each
    ]
    served.import_text(dataset, "\n".join(["period,amount", *lines]) + "\n")
    return dataset


def drawn(served: LiveServer, dataset: int, period: int, step: dict[str, Any]) -> str:
    filters = {"filters": {"expression": f"period = {period}"}}
    body = {"rounds": [{**step, **filters}], "amount_column": "amount"}
    job = served.draw(dataset, {**body, "output_name": f"period-{period}"})
    assert job["status"] == "completed", job
    return str(job["id"])


def examined(
    served: LiveServer,
    job: str,
    errors: list[float],
    *,
    known: float = 0.0,
    are_taints: bool = False,
) -> None:
    """Give rows left to chance these errors or taints, and a large row the known error."""
    path = f"/api/sampling/jobs/{job}/findings"
    items = served.admin.get(f"{path}?limit=1000").json()["items"]
    left, findings = list(errors), []
    for item in items:
        book = float(item["data"]["amount"])
        error = 0.0
        if book > LARGE:
            error, known = known, 0.0
        elif left:
            error = left.pop() * (book if are_taints else 1.0)
        value = {"outcome": "exception", "audit_value": f"{book - error:.2f}"} if error else {}
        findings.append({"row_id": item["row_id"], "outcome": "ok", **value})
    answer = served.admin.post(path, json={"findings": findings})
    assert answer.status_code == 200, answer.text


def together(served: LiveServer, jobs: list[str], **more: Any) -> dict[str, Any]:
    body = {"jobs": jobs, "programme": "eu-cohesion", "confidence": 0.6, **more}
    answer = served.admin.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def equal_jobs(server: LiveServer) -> list[str]:
    """6.1.3.6: 49 and 52 of 3,852 operations in each period."""
    periods = [amounts(1_237_952_015, 3_852), amounts(2_961_930_008, 3_852)]
    dataset = imported(server, periods)
    jobs = []
    for period, (rows, total, deviation) in enumerate(
        [(49, 199_185, 69_815), (52, 374_790, 59_489)], start=1
    ):
        job = drawn(server, dataset, period, one("random", sample_size=rows, seed=period))
        examined(server, job, list(with_deviation(total, deviation, rows, 1)))
        jobs.append(job)
    return jobs


def test_two_periods_by_mean_per_unit(server: LiveServer, equal_jobs: list[str]) -> None:
    """6.1.3.6: 43,421,670 and 41,980,051 by the printed quantile; 2 % are 83,997,640."""
    found = together(server, equal_jobs)
    own, figures = found["programme"], found["programme"]["figures"]
    assert (own["calculation"], own["paragraph"]) == ("periods_mean_per_unit", "6.1.3")
    assert float(figures["projected"]) == pytest.approx(43_421_670, abs=1)
    assert float(figures["precision"]) * PRINTED_Z / Z == pytest.approx(41_980_051, abs=2)
    assert float(figures["tolerable"]) == pytest.approx(83_997_640, abs=1)
    assert float(found["book_value"]) == 4_199_882_023
    assert own["verdict"] == "inconclusive"
    assert found["conclusion"]["is_tolerable"] is None
    assert "additional work is needed" in found["conclusion"]["sentence"]
    by_ratio = together(server, equal_jobs, estimator="ratio")["programme"]
    assert by_ratio["calculation"] == "periods_ratio"
    # The amounts of a period are nearly equal, so the ratio is nearly the mean per unit.
    assert float(by_ratio["figures"]["projected"]) == pytest.approx(43_421_670, rel=1e-5)


def test_two_periods_of_monetary_units(server: LiveServer) -> None:
    """6.3.3.7: 99,336,400 and 64,499,188, of which 28,581,610 are known."""
    sizes = [
        (936_162_740, 2_000, 891_767_519, 34, 19_240_855, (1.4256, 0.085, 5)),
        (2_546_691_025, 3_000, 415_238_983, 96, 9_340_755, (1.1875, 0.29, 6)),
    ]
    dataset = imported(
        server, [amounts(left, rows) + amounts(large, 10) for left, rows, large, *_ in sizes]
    )
    jobs = []
    for period, (_, _, _, units, known, (total, deviation, of_each)) in enumerate(sizes, start=1):
        step = one("monetary_unit", book_column="amount", sample_size=units + 10, seed=period)
        job = drawn(server, dataset, period, step)
        taints = [*with_deviation(total, deviation, units, of_each)] * of_each
        examined(server, job, taints, known=known, are_taints=True)
        jobs.append(job)
    own = together(server, jobs)["programme"]
    assert (own["calculation"], own["verdict"]) == ("monetary_units_periods", "not_supported")
    assert float(own["figures"]["known"]) == 28_581_610
    # A cent of an audit value is a taint of 1e-8, and up to 0.3 of the projection.
    assert float(own["figures"]["projected"]) == pytest.approx(99_336_400, abs=2)
    precision = float(own["figures"]["precision"]) * PRINTED_Z / Z
    assert precision == pytest.approx(64_499_188, abs=2)


def test_periods_that_offset_each_other_are_not_called_tolerable(server: LiveServer) -> None:
    """The first period is overstated by 3 %, the second one understated."""
    dataset = imported(server, [amounts(500_000, 500)] * 2)
    jobs = []
    for period, sign in ((1, 1), (2, -1)):
        job = drawn(server, dataset, period, one("random", sample_size=100, seed=period))
        examined(server, job, [sign * 60.0] * 50)
        jobs.append(job)
    found = together(server, jobs, tolerable=0.01)
    assert found["programme"]["verdict"] == "tolerable"
    assert found["conclusion"]["is_tolerable"] is None
    sentence = found["conclusion"]["sentence"]
    assert "overstatements are projected as 15,000.00, understatements as 15,000.00" in sentence
    assert any("The misstatement is net" in each for each in found["caveats"])


def test_one_period_can_have_no_error(server: LiveServer) -> None:
    """Its variance is 0 in the formula; the few errors keep a doubt, so nothing is concluded."""
    dataset = imported(server, [amounts(500_000, 500)] * 2)
    jobs = []
    for period, wrong in ((1, [20.0] * 30), (2, [])):
        job = drawn(server, dataset, period, one("random", sample_size=100, seed=period))
        examined(server, job, wrong)
        jobs.append(job)
    found = together(server, jobs)
    assert float(found["programme"]["figures"]["projected"]) == 3_000
    alone = 500 * 20 * (0.3 * 0.7 * 100 / 99) ** 0.5 / 10
    assert float(found["programme"]["figures"]["precision"]) == pytest.approx(Z * alone, abs=0.01)
    assert found["programme"]["verdict"] == "tolerable"
    assert found["conclusion"]["is_tolerable"] is None
    assert "0 rows in error" in found["conclusion"]["sentence"]
    drawn_again = drawn(
        server, imported(server, [amounts(500, 50)]), 1, one("random", sample_size=40)
    )
    examined(server, drawn_again, [])
    body = {"jobs": [jobs[1], drawn_again], "covered_only": True}
    refused = server.admin.post(PATH, json=body)
    assert (refused.status_code, "no variance and no limit" in refused.text) == (422, True)


def test_periods_on_page_paper_and_command(
    server: LiveServer, equal_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = together(server, equal_jobs)["conclusion"]["sentence"]
    asked = {"programme": "eu-cohesion", "confidence": "60%"}
    query = {"jobs": ",".join(equal_jobs), "tolerable": "", **asked}
    page = Reader(server, "admin").text("/evaluate-together", **query)
    assert sentence in page
    assert "Audit programme" in page
    paper = server.admin.get(f"{PATH}/paper", params=query | {"tolerable": "2%"})
    text = html.unescape(paper.text)
    assert sentence in text
    assert "not certified by the European Commission" in text
    monkeypatch.setenv("JOBSVC_SERVER", server.url)
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    options = ["--programme", "eu-cohesion", "--confidence", "60%"]
    printed = CliRunner().invoke(command, ["evaluate-together", *equal_jobs, *options])
    assert (printed.exit_code, sentence in printed.output) == (0, True), printed.output
    assert "EU cohesion policy" in printed.output


def test_an_issued_paper_of_periods_is_evaluated_again_as_it_was(
    server: LiveServer, equal_jobs: list[str]
) -> None:
    asked = {"programme": "eu-cohesion", "confidence": 0.6, "estimator": "ratio"}
    issued = server.admin.post(f"{PATH}/papers", json={"jobs": equal_jobs, **asked})
    assert issued.status_code == 200, issued.text
    paper = issued.json()
    assert paper["request"] == asked
    query = dict(parse_qsl(paper["query"], keep_blank_values=True))
    page = Reader(server, "admin").text("/evaluate-together", **query)
    assert paper["conclusion"] in page
    again = server.admin.post(PATH, json={"jobs": equal_jobs, **paper["request"]}).json()
    assert again["conclusion"]["sentence"] == paper["conclusion"]


def test_refusals_of_periods_name_their_field(server: LiveServer, equal_jobs: list[str]) -> None:
    asked = {"jobs": equal_jobs, "programme": "eu-cohesion"}
    for more, field, words in (
        ({"programme": "eu"}, "programme", "There is no programme"),
        ({"programme": "recovery"}, "programme", "no evaluation of these samples together"),
        ({"programme": "mus-standard"}, "programme", "no such evaluation of a sample drawn as"),
        ({"confidence": 0.95}, "confidence", "60 %, 70 %, 80 %, 90 %"),
        ({"tolerable": 0.1}, "tolerable", "at most 0.02"),
        ({"estimator": "regression"}, "programme", "no such evaluation"),
    ):
        answer = server.admin.post(PATH, json=asked | more)
        assert answer.status_code == 422, answer.text
        assert words in answer.text
        assert field in answer.json()["errors"][0]["loc"]
    found = server.admin.post(PATH, json=asked).json()
    assert found["confidence"] == 0.9
    plain = server.admin.post(PATH, json={"jobs": equal_jobs}).json()
    assert (plain["confidence"], plain["programme"]) == (0.95, None)


def test_size_of_a_later_period(server: LiveServer, equal_jobs: list[str]) -> None:
    """n = (z·N·σ)² / ((TE − AE)² − (z·N₁·s₁)²/n₁), with the first period as it was examined."""
    first = server.admin.get(f"/api/jobs/{equal_jobs[0]}").json()
    path = f"/api/sampling/datasets/{first['dataset_id']}/size"
    design = {**one("random"), "filters": {"expression": "period = 2"}}
    goal = {"name": "eu-cohesion", "book_column": "amount", "confidence": 0.6, "deviation": 59_489}
    asked = {**goal, "expected": 0.008, "earlier": equal_jobs[:1]}
    found = server.admin.post(path, json={"design": design, "programme": asked}).json()
    own = found["programme"]
    left = (4_199_882_023 * 0.012) ** 2 - (Z * 3_852 * 69_815) ** 2 / 49
    assert own["calculation"] == "size_periods"
    assert own["unrounded"] == pytest.approx((Z * 3_852 * 59_489) ** 2 / left, rel=1e-6)
    assert found["sample_size"] == found["round"]["parameters"]["sample_size"]
    examined_first, planned = own["periods"]
    assert (examined_first["name"], examined_first["sample_size"]) == ("period-1", 49)
    assert examined_first["deviation"] == pytest.approx(69_815, abs=0.01)
    assert (planned["rows"], planned["is_examined"]) == (3_852, False)
    assert float(own["book_value"]) == 4_199_882_023
    # Of the whole year, before anything was drawn: the parts by their rows.
    later = {"rows": 3_852, "book_value": 2_961_930_008, "deviation": 59_489}
    design = {**one("random"), "filters": {"expression": "period = 1"}}
    asked = {**goal, "deviation": 69_815, "expected": 0.008, "later": [later]}
    found = server.admin.post(path, json={"design": design, "programme": asked}).json()
    sizes = [each["sample_size"] for each in found["programme"]["periods"]]
    assert found["sample_size"] == sizes[0]
    assert sum(sizes) == -int(-found["programme"]["unrounded"] // 1)
    assert abs(sizes[0] - sizes[1]) <= 1
    for more, field in (
        ({"earlier": [equal_jobs[0], "0" * 36]}, "earlier"),
        ({"name": "mus-standard"}, "method"),
        ({"earlier": equal_jobs[:1], "expected": 0.0195}, "examined"),
    ):
        refused = {**goal, "expected": 0.008, **more}
        answer = server.admin.post(path, json={"design": design, "programme": refused})
        assert answer.status_code in (404, 422), answer.text
        assert field in answer.text


def test_command_prints_the_periods_of_a_size(
    server: LiveServer, equal_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSVC_SERVER", server.url)
    monkeypatch.setenv("JOBSVC_TOKEN", server.token)
    first = server.admin.get(f"/api/jobs/{equal_jobs[0]}").json()
    asked = ["size", str(first["dataset_id"]), "--programme", "eu-cohesion", "--confidence", "60%"]
    asked += ["--amount-column", "amount", "--expected", "0.8%", "--filter", "period = 2"]
    asked += ["--deviation", "59489"]
    for more, words in (
        (["--earlier", equal_jobs[0]], "period-1"),
        (["--later", "3852", "1,000,000,000", "500"], "1,000,000,000.00"),
    ):
        printed = CliRunner().invoke(command, [*asked, *more])
        assert (printed.exit_code, words in printed.output) == (0, True), printed.output
        assert "Draw them with" in printed.output


def test_refusals_of_earlier_periods_name_them(server: LiveServer, equal_jobs: list[str]) -> None:
    """An earlier sample is named once, and all its rows have findings."""
    dataset = server.admin.get(f"/api/jobs/{equal_jobs[0]}").json()["dataset_id"]
    path = f"/api/sampling/datasets/{dataset}/size"
    design = {**one("random"), "filters": {"expression": "period = 2"}}
    goal = {"name": "eu-cohesion", "book_column": "amount", "deviation": 59_489, "expected": 0.008}

    def size(*earlier: str) -> Any:
        asked = {**goal, "confidence": 0.6, "earlier": earlier}
        return server.admin.post(path, json={"design": design, "programme": asked})

    assert size(*equal_jobs[:1]).json()["programme"]["paragraph"] == "6.1.3.2"
    other = imported(server, [amounts(500_000, 500)])
    unseen = drawn(server, other, 1, one("random", sample_size=40, seed=9))
    for jobs, at, words in (
        ([equal_jobs[0], equal_jobs[0]], 1, "is named twice"),
        ([unseen], 0, "40 rows have no finding"),
    ):
        answer = size(*jobs)
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["loc"][-3:] == ["programme", "earlier", at]
        assert words in answer.text


def test_an_earlier_period_without_an_amount_column(server: LiveServer) -> None:
    """Its book values are those of the column that the request names."""
    dataset = imported(server, [amounts(500_000, 500), amounts(600_000, 500)])
    filters = {"filters": {"expression": "period = 1"}}
    body = {"rounds": [{**one("random", sample_size=40, seed=3), **filters}]}
    job = str(server.draw(dataset, {**body, "output_name": "period-1"})["id"])
    examined(server, job, [50.0] * 5)
    asked = {"book_column": "amount", "confidence": 0.6, "deviation": 20, "expected": 0.001}
    found = server.admin.post(
        f"/api/sampling/datasets/{dataset}/size",
        json={
            "design": {**one("random"), "filters": {"expression": "period = 2"}},
            "programme": {"name": "eu-cohesion", "earlier": [job], **asked},
        },
    )
    assert found.status_code == 200, found.text
    assert float(found.json()["programme"]["book_value"]) == 1_100_000
