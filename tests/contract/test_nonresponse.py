"""Nonresponse over HTTP: response classes and calibrated responses, R's figures, refusals."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import COUNT, asked, drawn, estimates
from tests.support.live_server import LiveServer

ROWS = 2_000
DRAWS = {
    "random": one("random", sample_size=300, seed=5),
    "stratified": one("stratified", strata_columns=["shop"], sample_size=300, seed=6),
}
MEAN = {"statistic": "mean", "column": "answer"}
TOTAL = {"statistic": "total", "column": "answer"}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Answer lacks in a third of the rows of region a, a half of b and three fourths of c."""
    number = server.new_dataset()
    lines = []
    for row in range(ROWS):
        region, draw = "aabbbbbccc"[row * 7 % 10], row * 7919 % 100
        lost = draw < {"a": 33, "b": 50, "c": 75}[region]
        size = 10 + row * 37 % 23
        answer = "" if lost else f"{size * 3 + {'a': 5, 'b': 40, 'c': 90}[region] + row % 11}"
        lines.append(f"{row},{region},{size},s{row % 4},{answer}")
    server.import_text(number, "\n".join(["id,region,size,shop,answer", *lines]) + "\n")
    return number


def response(method: str = "classes", *columns: str, **more: Any) -> dict[str, Any]:
    chosen = {"method": method, "columns": list(columns), "responded": "answer", **more}
    return {"nonresponse": chosen}


def test_respondents_make_up_for_their_class(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    found = estimates(server, job, COUNT, MEAN, **response("classes", "region"))
    count, mean = found["estimates"]
    assert count["estimate"] == pytest.approx(ROWS)
    assert mean["n_missing"] == 0
    facts = found["nonresponse"]
    assert facts["n"] == 300
    assert facts["respondents"] == mean["n"]
    rates = [each["rate"] for each in facts["classes"]]
    assert [each["group"]["region"] for each in facts["classes"]] == ["a", "b", "c"]
    assert rates[0] > rates[1] > rates[2]
    assert [each["factor"] for each in facts["classes"]] == pytest.approx(
        [1 / rate for rate in rates]
    )
    assert any("sampled rows responded" in note for note in found["notes"])
    assert any("The data can't show whether that holds" in note for note in found["notes"])
    assert any("rise by a factor of up to" in note for note in found["warnings"])
    # Complete cases lack region c, which has the largest answers.
    assert mean["uncalibrated"]["estimate"] < mean["estimate"] - 5


def test_small_classes_are_refused_or_merged(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    few = response("classes", "region", least=40)
    problem = assert_problem(
        asked(server, job, {"statistics": [MEAN], **few}), 422, "invalid_nonresponse"
    )
    assert '1 of 3 groups of "region" has fewer than 40 respondents: c.' in problem["detail"]
    merged = response("classes", "region", least=40, small_classes="merge")
    found = estimates(server, job, MEAN, **merged)
    assert any("1 class was merged" in note for note in found["notes"])
    classes = found["nonresponse"]["classes"]
    assert classes[2]["merged_into"] == {"region": "b"}
    assert classes[1]["factor"] == classes[2]["factor"]


def test_a_class_without_a_respondent_is_warned_of(server: LiveServer) -> None:
    number = server.new_dataset()
    lines = [f"{row},{'ab'[row % 2]},{'' if row % 2 else row}" for row in range(200)]
    server.import_text(number, "\n".join(["id,kind,answer", *lines]) + "\n")
    job = drawn(server, number, one("random", sample_size=100))
    merged = response("classes", "kind", small_classes="merge")
    warnings = estimates(server, job, MEAN, **merged)["warnings"]
    assert any("no respondent at all: b. Nothing is known" in each for each in warnings)
    few = response("classes", "kind")
    problem = asked(server, job, {"statistics": [MEAN], **few})
    assert "fewer than 10 respondents: b" in assert_problem(problem, 422, "invalid_nonresponse")[
        "detail"
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["rake", "regression"])
def test_respondents_reproduce_the_whole_samples_estimates(
    server: LiveServer, dataset: int, method: str
) -> None:
    job = drawn(server, dataset, DRAWS["stratified"])
    columns = ("region", "shop") if method == "rake" else ("size",)
    body = response(method, *columns)
    if method == "rake":
        whole = estimates(server, job, COUNT, by=["region"])["estimates"]
        found = estimates(server, job, COUNT, by=["region"], **body)["estimates"]
    else:
        size = {"statistic": "total", "column": "size"}
        whole = estimates(server, job, size, COUNT)["estimates"]
        found = estimates(server, job, size, COUNT, **body)["estimates"]
    for own, each in zip(whole, found, strict=True):
        assert each["estimate"] == pytest.approx(own["estimate"])
        assert each["standard_error"] == pytest.approx(own["standard_error"], abs=1e-9)


def test_known_totals_make_up_for_nonresponse(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    calibrate = {"method": "poststratify", "columns": ["region"]}
    one_step = estimates(server, job, COUNT, MEAN, **response("known_totals"), calibrate=calibrate)
    two_steps = estimates(
        server, job, COUNT, MEAN, **response("classes", "region"), calibrate=calibrate
    )
    assert one_step["estimates"][0]["estimate"] == pytest.approx(ROWS)
    for first, second in zip(one_step["estimates"], two_steps["estimates"], strict=True):
        assert first["estimate"] == pytest.approx(second["estimate"])
        assert first["standard_error"] == pytest.approx(
            second["standard_error"], rel=0.02, abs=1e-6
        )


def test_replicates_have_the_variance_of_the_response(server: LiveServer, dataset: int) -> None:
    for draw in DRAWS.values():
        job = drawn(server, dataset, draw)
        for body in (
            response("classes", "region"),
            response("regression", "size"),
            {
                **response("known_totals"),
                "calibrate": {"method": "rake", "columns": ["region", "shop"]},
            },
        ):
            linear = estimates(server, job, MEAN, TOTAL, **body)["estimates"]
            jackknife = estimates(server, job, MEAN, TOTAL, **body, replicates="jackknife")
            bootstrap = estimates(
                server, job, MEAN, TOTAL, **body, replicates="bootstrap", replicate_count=600
            )
            for each, other in zip(linear, jackknife["estimates"], strict=True):
                assert other["standard_error"] == pytest.approx(each["standard_error"], rel=0.08)
            for each, other in zip(linear, bootstrap["estimates"], strict=True):
                assert other["standard_error"] == pytest.approx(each["standard_error"], rel=0.12)


IN_R = """
library(survey)
options(digits = 15)
s <- read.csv("rows.csv"); s$responded <- !is.na(s$answer); s$y <- ifelse(s$responded, s$answer, 0)
s$one <- 1
by_class <- function(x) ave(x, s$region, FUN = sum)
a <- by_class(s$design_weight) / by_class(s$design_weight * s$responded)
center <- by_class(s$design_weight * s$y) / by_class(s$design_weight * s$responded)
s$u <- center + s$responded * a * (s$y - center)
design <- svydesign(ids = ~1, strata = STRATA, fpc = ~N, data = s)
drawn <- SE(svytotal(~u, design))^2
lost <- sum((s$design_weight * a * (a - 1) * (s$y - center)^2)[s$responded])
cat(coef(svytotal(~u, design)), sqrt(drawn + lost), sep = "\\n")
two <- twophase(id = list(~id, ~id), strata = list(STRATA, ~region), fpc = list(~N, NULL),
  data = s, subset = ~responded, method = "approx")
cat(coef(svytotal(~y, two)), SE(svytotal(~y, two)), sep = "\\n")
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
@pytest.mark.parametrize("name", DRAWS)
def test_r_has_the_variance_of_response_classes(
    server: LiveServer, dataset: int, tmp_path: Path, name: str
) -> None:
    """The linearised figures to 1e-8, and those of R's own two phases to some percent."""
    job = drawn(server, dataset, DRAWS[name])
    (total,) = estimates(server, job, TOTAL, **response("classes", "region"))["estimates"]
    body = {"format": "csv", "columns": ["id", "region", "shop", "answer"]}
    text = server.admin.post(f"/api/sampling/jobs/{job}/weights", json=body).text
    rows = list(csv.DictReader(io.StringIO(text)))
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "N"])
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "N": ROWS if name == "random" else ROWS // 4})
    code = IN_R.replace("STRATA", "NULL" if name == "random" else "~shop")
    (tmp_path / "run.R").write_text(code, "utf-8")
    done = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    estimate, error, of_phases, error_of_phases = map(float, done.stdout.split())
    assert [estimate, error] == pytest.approx(
        [total["estimate"], total["standard_error"]], rel=1e-8
    )
    if name == "random":
        assert of_phases == pytest.approx(total["estimate"], rel=1e-8)
        assert error_of_phases == pytest.approx(total["standard_error"], rel=0.03)


def test_what_does_not_fit_is_refused(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    cases: list[tuple[dict[str, Any], str]] = [
        ({"nonresponse": {"method": "classes"}}, "Name the column whose values are responses"),
        (response("rake"), "needs `columns`"),
        (response("regression", "region"), "needs columns of numbers"),
        (response("known_totals"), "needs `calibrate`"),
        (response("rake", "region", small_classes="merge"), "Only response classes can be merged"),
        (response("classes", "id"), "300 of 300 groups of"),
        (
            {
                **response("classes", "region"),
                "calibrate": {"method": "difference", "columns": ["size"]},
            },
            "and no nonresponse",
        ),
    ]
    for body, sentence in cases:
        answer = asked(server, job, {"statistics": [MEAN], **body})
        detail = assert_problem(answer, 422, answer.json()["code"])["detail"]
        assert sentence.replace("`", "") in detail.replace("`", "")
    body = {
        **response("classes", "region"),
        "replicates": "jackknife",
        "contrast": {"between": {"by": "shop", "first": "s1", "second": "s2"}},
    }
    answer = asked(server, job, {"statistics": [MEAN], **body})
    assert "A contrast has no standard error by replicate weights" in answer.json()["detail"]
    quantile = {"statistic": "quantile", "column": "answer"}
    answer = asked(server, job, {"statistics": [quantile], "replicates": "jackknife"})
    assert_problem(answer, 422, "invalid_estimate")


def test_rows_outside_an_upload_did_not_respond(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    rows = server.rows(job, limit=1000)
    lines = [f"{row['id']},{row['size'] * 2}" for row in rows if row["size"] % 2]
    files = {"file": ("out.csv", "\n".join(["id,outcome", *lines]) + "\n")}
    stored = server.admin.post(
        f"/api/sampling/jobs/{job}/values", files=files, data={"key": '["id"]'}
    )
    assert stored.status_code == 200, stored.text
    number = stored.json()["number"]
    total = {"statistic": "total", "column": "outcome"}
    chosen = {"method": "classes", "columns": ["region"]}
    found = estimates(server, job, total, COUNT, values=number, nonresponse=chosen)
    assert found["nonresponse"]["respondents"] == len(lines)
    assert found["estimates"][1]["estimate"] == pytest.approx(ROWS)
    (note,) = (each for each in found["notes"] if "aren't in the upload" in each)
    assert "rows that would have one" not in note
    (note,) = (
        each
        for each in estimates(server, job, total, values=number)["notes"]
        if "aren't in the upload" in each
    )
    assert "rows that would have one" in note


def test_factors_of_a_calibration_are_those_of_respondents(
    server: LiveServer, dataset: int
) -> None:
    """With a size that is known to be far larger, small rows get negative weights."""
    job = drawn(server, dataset, DRAWS["random"])
    calibrate = {
        "method": "regression",
        "columns": ["size"],
        "totals": [{"total": ROWS}, {"column": "size", "total": 32 * ROWS}],
    }
    chosen = {
        "calibrate": calibrate,
        "nonresponse": {"method": "known_totals", "responded": "answer"},
    }
    found = estimates(server, job, MEAN, **chosen)["calibration"]
    lines = server.admin.post(
        f"/api/sampling/jobs/{job}/weights", json={**chosen, "columns": ["size"], "format": "csv"}
    ).text
    rows = list(csv.DictReader(io.StringIO(lines)))
    factors = [
        float(row["weight"]) / float(row["design_weight"])
        for row in rows
        if row["responded"] == "true"
    ]
    assert found["negative_weights"] == sum(g < 0 for g in factors) > 0
    assert (found["g_min"], found["g_max"]) == pytest.approx((min(factors), max(factors)))
    assert {each["n"] for each in found["totals"]} == {len(factors)}


def test_all_merged_classes_are_counted(server: LiveServer) -> None:
    """Also those beyond the first 100, which the answer lists."""
    number = server.new_dataset()
    lines = [f"{row},{row % 250},{'' if row % 5 == 0 else row}" for row in range(1000)]
    server.import_text(number, "\n".join(["id,kind,answer", *lines]) + "\n")
    job = drawn(server, number, one("random", sample_size=1000))
    merged = response("classes", "kind", least=10, small_classes="merge")
    found = estimates(server, job, MEAN, **merged)
    assert len(found["nonresponse"]["classes"]) == 100
    (note,) = [each for each in found["notes"] if "merged into others" in each]
    assert int(note.split()[0]) > 150
