"""A judge over HTTP: people alone, the judge alone and both, and labels of true and false."""

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
from tests.contract.test_estimates import asked, drawn, estimates
from tests.support.live_server import LiveServer

ROWS = 3_000
BAD = [row * 7919 % 100 < 20 + 10 * (row % 3) for row in range(ROWS)]
"""Of regions n, s and w 20, 30 and 40 %."""
SAYS = [bad != (row * 104729 % 97 < 9) for row, bad in enumerate(BAD)]
"""The judge is wrong in some 9 % of the rows."""
HAS_OPINION = [row % 40 != 11 for row in range(ROWS)]


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = []
    for row in range(ROWS):
        judge = str(SAYS[row]).lower() if HAS_OPINION[row] else ""
        score = (0.7 if SAYS[row] else 0.2) + row * 31 % 200 / 1_000
        cells = (row, "nsw"[row % 3], 10 + row % 90, str(BAD[row]).lower(), judge, f"{score:.3f}")
        words = ("bad" if BAD[row] else "good", "bad" if SAYS[row] else "good")
        lines.append(",".join(map(str, (*cells, *words, "ab"[row % 2]))))
    names = "id,region,amount,is_bad,judge,score,word,judged,model"
    server.import_text(dataset_id, "\n".join([names, *lines]) + "\n")
    return dataset_id


DESIGNS = {
    "random": one("random", sample_size=500, seed=4),
    "stratified": one("stratified", strata_columns=["region"], sample_size=500, seed=4),
    "bands": one(
        "stratified", strata_columns=[{"column": "score", "breaks": [0.5]}], sample_size=500, seed=4
    ),
    "weighted": one("weighted", weight_column="score", sample_size=500, seed=4),
    "cluster": one("cluster", cluster_column="amount", num_clusters=30, seed=4),
    "systematic": one("systematic", interval=7, seed=4),
}
BY_SCORE = ("bands", "weighted")
"""Designs that use the judge already, so that it adds little."""
SHARE = {"statistic": "proportion", "column": "is_bad", "value": True}
MEAN = {"statistic": "mean", "column": "is_bad"}
TOTAL = {"statistic": "total", "column": "is_bad"}
RATIO = {"statistic": "ratio", "column": "is_bad", "denominator": "amount"}


def by(*columns: str) -> dict[str, Any]:
    return {"calibrate": {"method": "judge", "columns": list(columns)}}


@pytest.mark.parametrize("name", DESIGNS)
def test_both_are_narrower_than_people_for_every_design(
    server: LiveServer, dataset: int, name: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    found = estimates(server, job, SHARE, MEAN, TOTAL, RATIO, **by("score"), true_values=True)
    for each in found["estimates"]:
        judge = each["judge"]
        assert judge["people_alone"] == each["uncalibrated"]
        assert judge["both"]["estimate"] == each["estimate"]
        most = 1.02 if name in BY_SCORE else 0.8
        assert each["standard_error"] < most * each["uncalibrated"]["standard_error"]
        assert each["estimate"] == pytest.approx(each["true_value"], abs=4 * each["standard_error"])
        (alone,) = judge["judge_alone"]
        assert alone["bias"] == pytest.approx(alone["estimate"] - each["estimate"])
        assert alone["bias_low"] == pytest.approx(alone["estimate"] - each["ci_high"])
        if name not in BY_SCORE:
            assert judge["n_eff"] > 1.4 * each["n"]
            assert 0.5 < judge["correlation"] < 1
    assert found["calibration"]["method"] == "judge"
    assert any("needn't be right" in note for note in found["notes"])


@pytest.mark.parametrize("name", ["stratified", "bands"])
def test_strata_have_coefficients_of_their_own(server: LiveServer, dataset: int, name: str) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    (found,) = estimates(server, job, MEAN, **by("score"))["estimates"]
    coefficients = found["judge"]["coefficients"]
    strata = [each["stratum"] for each in coefficients]
    if name == "stratified":
        assert strata == [{"region": region} for region in "nsw"]
        assert all(0.5 < each["coefficient"] < 2 for each in coefficients)
    else:
        assert [list(each) for each in strata] == [["score"], ["score"]]
    (ratio,) = estimates(server, job, RATIO, **by("score"))["estimates"]
    assert [each["stratum"] for each in ratio["judge"]["coefficients"]] == [None]


def test_groups_and_a_filter_have_figures_of_their_own(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    filters = {"expression": "amount > 40"}
    found = estimates(server, job, MEAN, by=["region"], filters=filters, **by("score"))
    for at, each in enumerate(found["estimates"]):
        own = [row for row in range(ROWS) if row % 3 == at and 10 + row % 90 > 40]
        score = sum((0.7 if SAYS[row] else 0.2) + row * 31 % 200 / 1_000 for row in own) / len(own)
        assert each["judge"]["judge_alone"][0]["estimate"] == pytest.approx(score)
        assert each["standard_error"] < each["uncalibrated"]["standard_error"]


def test_rows_without_an_opinion_count_by_their_labels(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    found = estimates(server, job, SHARE, **by("judge"))
    (each,) = found["estimates"]
    own = [SAYS[row] for row in range(ROWS) if HAS_OPINION[row]]
    assert each["judge"]["judge_alone"][0]["estimate"] == pytest.approx(sum(own) / len(own))
    assert each["n"] == 500
    assert any('75 rows have no value in "judge"' in note for note in found["notes"])


def test_a_judge_of_words_counts_as_the_share_of_the_same_value(
    server: LiveServer, dataset: int
) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    share = {"statistic": "proportion", "column": "word", "value": "bad"}
    (words,) = estimates(server, job, share, **by("judged"))["estimates"]
    assert words["judge"]["judge_alone"][0]["estimate"] == pytest.approx(sum(SAYS) / ROWS)
    assert words["standard_error"] < 0.8 * words["uncalibrated"]["standard_error"]
    not_bad = {**SHARE, "value": False}
    (other,) = estimates(server, job, not_bad, **by("judge"))["estimates"]
    (same,) = estimates(server, job, SHARE, **by("judge"))["estimates"]
    assert other["estimate"] == pytest.approx(1 - same["estimate"])


@pytest.mark.parametrize(
    ("statistic", "more", "message"),
    [
        ({"statistic": "count"}, by("score"), "A judge estimates means"),
        ({**SHARE, "value": None}, by("score"), "leave out the share of missing values"),
        ({"statistic": "quantile", "column": "amount"}, by("score"), "leave out the quantile"),
        (MEAN, by("region"), "has numbers, or true and false"),
        (MEAN, by("score", "score"), "named twice"),
        (MEAN, by("id", "amount", "score", "judge", "is_bad", "word"), "takes up to 5 columns"),
        (MEAN, {**by("score"), "replicates": "jackknife"}, "by judge has no replicate weights"),
        (
            MEAN,
            {"calibrate": {"method": "judge", "columns": ["score"], "totals": {"score": 9}}},
            "takes totals of the table",
        ),
    ],
)
def test_what_does_not_fit_a_judge_is_explained(
    server: LiveServer, dataset: int, statistic: Any, more: Any, message: str
) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    answer = asked(server, job, {"statistics": [statistic], **more})
    assert_problem(answer, 422, "invalid_calibration", message)


def test_equal_labels_are_no_narrow_interval(server: LiveServer, dataset: int) -> None:
    """Labels that are all 0 leave the judge nothing to correct, and people no variance."""
    sql = 'SELECT *, 0 AS none_bad FROM "primary"'
    stored = server.explore(dataset, {"sql": sql, "output_name": "none_bad"})
    ref = stored["output_summary"]["output_ref"]
    rounds = [one("random", sample_size=200, seed=3)]
    job = str(server.draw(dataset, {"source_ref": ref, "rounds": rounds})["id"])
    for statistic in ("mean", "total"):
        figure = {"statistic": statistic, "column": "none_bad"}
        answer = estimates(server, job, figure, **by("score"))
        assert "standard error of 0 only because" in answer["warnings"][0], answer["warnings"]
    share = {"statistic": "proportion", "column": "none_bad", "value": 0}
    (alone,) = estimates(server, job, share)["estimates"]
    (both,) = estimates(server, job, share, **by("score"))["estimates"]
    assert (both["ci_low"], both["ci_high"]) == (alone["ci_low"], alone["ci_high"])
    assert both["ci_low"] < 1.0


def test_huge_values_are_refused(server: LiveServer) -> None:
    """Sums and squares of numbers near the largest one overflow; the comparison is stored."""
    made = server.new_dataset()
    server.import_text(made, "id\n" + "\n".join(map(str, range(400))) + "\n")
    huge = "if(id % 2 = 0, 1, -1) * 1e308::DOUBLE AS huge, 1e308::DOUBLE AS same"
    sql = f'SELECT id, {huge}, id % 7 AS x FROM "primary"'
    stored = server.explore(made, {"sql": sql, "output_name": "huge"})
    rounds = [one("random", sample_size=50)]
    ref = stored["output_summary"]["output_ref"]
    job = str(server.draw(made, {"source_ref": ref, "rounds": rounds})["id"])
    for column in ("huge", "same"):
        for method in ("judge", "regression", "difference", "ratio"):
            for statistic in ("mean", "total"):
                figure = {"statistic": statistic, "column": "x"}
                body = {"calibrate": {"method": method, "columns": [column]}}
                answer = asked(server, job, {"statistics": [figure], **body})
                assert_problem(answer, 422, "invalid_calibration")
                assert "too large" in answer.text, (column, method)
    compared = server.admin.get(f"/api/sampling/jobs/{job}/comparison")
    assert compared.status_code == 200, compared.text


def test_weights_of_a_judge_are_refused(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    answer = server.admin.post(f"/api/sampling/jobs/{job}/weights", json=by("score"))
    assert "A calibration by judge has no weights" in answer.text


def test_true_and_false_are_1_and_0_everywhere(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    median = {"statistic": "quantile", "column": "is_bad", "q": 0.9}
    below = {"statistic": "ratio", "column": "amount", "denominator": "is_bad"}
    found = estimates(server, job, MEAN, TOTAL, RATIO, below, median, SHARE, true_values=True)
    mean, total, ratio, other, quantile, share = found["estimates"]
    assert mean["true_value"] == sum(BAD) / ROWS
    assert mean["estimate"] == share["estimate"]
    assert total["true_value"] == sum(BAD)
    amounts = sum(10 + row % 90 for row in range(ROWS))
    assert ratio["true_value"] == pytest.approx(sum(BAD) / amounts)
    assert other["true_value"] == pytest.approx(amounts / sum(BAD))
    assert quantile["estimate"] == quantile["true_value"] == 1
    contrast = {"contrast": {"column": "judge", "measure": "difference"}}
    (pair,) = estimates(server, job, MEAN, **contrast)["contrasts"]
    assert pair["n"] == 500 - sum(not HAS_OPINION[row] for row in _drawn_rows(server, job))
    for method in ("difference", "ratio", "regression"):
        known = {"calibrate": {"method": method, "columns": ["is_bad"]}}
        (same,) = estimates(server, job, TOTAL, **known)["estimates"]
        assert same["estimate"] == pytest.approx(sum(BAD))


def _drawn_rows(server: LiveServer, job: str) -> list[int]:
    text = server.admin.get(f"/api/sampling/jobs/{job}/design?format=csv").text
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return [int(line["row_id"].rsplit(":", 1)[-1]) for line in lines]


def test_true_and_false_are_planned(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    body = {"statistic": "mean", "column": "is_bad", "margin": 0.02}
    more = server.admin.post(f"/api/sampling/jobs/{job}/more-rows", json=body).json()
    assert more["needed_rows"] > 500
    goal = {"statistic": "mean", "column": "is_bad", "margin": 0.02}
    size = server.admin.post(
        f"/api/sampling/datasets/{dataset}/size",
        json={"goal": goal, "design": {"method": "random", "parameters": {}}},
    )
    assert size.status_code == 200, size.text


def test_labels_of_an_upload_are_corrected(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["stratified"])
    rows = _drawn_rows(server, job)
    text = "id,label\n" + "".join(f"{row},{str(BAD[row]).lower()}\n" for row in rows[:400])
    sent = server.admin.post(
        f"/api/sampling/jobs/{job}/values",
        files={"file": ("labels.csv", text.encode())},
        data={"key": '["id"]'},
    )
    assert sent.status_code in (200, 201), sent.text
    mean = {"statistic": "mean", "column": "label"}
    (found,) = estimates(server, job, mean, values="latest", **by("score"))["estimates"]
    assert found["n"] == 400
    assert found["n_missing"] == 100
    assert found["standard_error"] < 0.8 * found["uncalibrated"]["standard_error"]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_code_of_r_calibrates_to_the_judge(
    server: LiveServer, dataset: int, tmp_path: Path
) -> None:
    job = drawn(server, dataset, DESIGNS["stratified"])
    path = f"/api/sampling/jobs/{job}"
    code = server.admin.get(f"{path}/design", params={"format": "r", "judge": "is_bad"})
    assert code.status_code == 200, code.text
    printed = 'cat(sprintf("\\nfigures %.12f %.12f\\n", coef(both), SE(both)))\n'
    (tmp_path / "run.R").write_text(code.text + printed, "utf-8")
    (tmp_path / "sample.csv").write_bytes(server.admin.get(f"{path}/data?format=csv").content)
    run = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stdout.splitlines() if line.startswith("figures"))
    known = {"calibrate": {"method": "regression", "columns": ["is_bad"]}}
    mean = {"statistic": "mean", "column": "amount"}
    (found,) = estimates(server, job, mean, **known)["estimates"]
    expected = [found["estimate"], found["standard_error"]]
    assert list(map(float, line.split()[1:])) == pytest.approx(expected, rel=1e-9)


def test_code_of_a_judge_is_refused_where_it_would_be_wrong(
    server: LiveServer, dataset: int
) -> None:
    path = f"/api/sampling/jobs/{drawn(server, dataset, DESIGNS['random'])}/design"
    for given, code, message in (
        ({"format": "sas", "judge": "score"}, "invalid_request", "judge needs the format r"),
        ({"format": "r", "judge": "judge"}, "invalid_calibration", "without missing"),
        ({"format": "r", "judge": "region"}, "invalid_calibration", "true and false"),
    ):
        assert_problem(server.admin.get(path, params=given), 422, code, message)


@pytest.mark.parametrize("column", ["says", "score"])
def test_a_number_counts_as_1_less_it_for_the_share_of_false(
    server: LiveServer, column: str
) -> None:
    dataset = server.new_dataset()
    lines = [f"{row},{'ns'[row % 2]},{BAD[row]},{int(SAYS[row])}" for row in range(ROWS)]
    lines = [f"{line},{0.8 if SAYS[row] else 0.3}" for row, line in enumerate(lines)]
    server.import_text(dataset, "\n".join(["id,region,is_bad,says,score", *lines]) + "\n")
    job = drawn(server, dataset, DESIGNS["stratified"])
    shares = [SHARE, {**SHARE, "value": False}, {**SHARE, "value": "false"}]
    bad, *good = estimates(server, job, *shares, **by(column))["estimates"]
    (alone,) = bad["judge"]["judge_alone"]
    for each in good:
        (other,) = each["judge"]["judge_alone"]
        assert other["estimate"] == pytest.approx(1 - alone["estimate"])
        assert other["bias"] == pytest.approx(-alone["bias"])
        assert each["estimate"] == pytest.approx(1 - bad["estimate"])
        assert each["standard_error"] == pytest.approx(bad["standard_error"])
        for first, second in zip(
            bad["judge"]["coefficients"], each["judge"]["coefficients"], strict=True
        ):
            assert second["coefficient"] == pytest.approx(first["coefficient"])


def test_a_number_is_no_probability_of_a_class(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DESIGNS["random"])
    share = {"statistic": "proportion", "column": "word", "value": "good"}
    answer = asked(server, job, {"statistics": [share], **by("score")})
    message = "it is a probability of true or 1, and not of good. For this share name a column"
    assert_problem(answer, 422, "invalid_calibration", message)
