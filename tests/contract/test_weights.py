"""Weights as files: what R, Stata and SPSS read from them, their codebook, and refusals."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyreadstat
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_calibration import REGION, ROWS, dataset
from tests.contract.test_estimates import drawn, estimates
from tests.support.live_server import LiveServer

__all__ = ["dataset"]

RAKE = {"method": "rake", "columns": ["region", "size"]}
DRAWS = {
    "random": one("random", sample_size=150, seed=5),
    "stratified": one("stratified", strata_columns=["shop"], sample_size=150, seed=6),
    "two stages": one("cluster", cluster_column="shop", num_clusters=20, samples_per_cluster=9),
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "raked": ("random", {"calibrate": RAKE, "replicates": "jackknife"}),
    "regression": (
        "stratified",
        {"calibrate": {"method": "regression", "columns": ["book"]}, "replicates": "jackknife"},
    ),
    "bootstrap": (
        "two stages",
        {
            "calibrate": {"method": "poststratify", "columns": ["region"]},
            "replicates": "bootstrap",
            "replicate_count": 60,
            "replicate_seed": 9,
        },
    ),
    "response": (
        "random",
        {
            "calibrate": {"method": "rake", "columns": ["region"]},
            "nonresponse": {"method": "classes", "columns": ["city"], "responded": "gap"},
            "replicates": "jackknife",
        },
    ),
    "design": ("stratified", {"replicates": "jackknife"}),
}
TOTAL = {"statistic": "total", "column": "paid"}
FIGURES = [
    TOTAL,
    {"statistic": "mean", "column": "gap"},
    {"statistic": "ratio", "column": "paid", "denominator": "book"},
]
IN_R = """
figures <- function(found) cat(name, "\\t", paste(format(c(coef(found), SE(found)),
  digits = 15), collapse = "\\t"), "\\n", sep = "")
for (name in list.dirs(full.names = FALSE, recursive = FALSE)) {
  setwd(name); source("weights.R"); setwd("..")
  figures(svytotal(~paid, design))
  figures(svymean(~gap, design, na.rm = TRUE))
  ratio <- svyratio(~paid, ~book, design)
  figures(ratio)
  figures(svyby(~paid, ~region, design, svytotal))
}
for (kind in c("dta", "sav")) {
  name <- paste0("raked.", kind)
  read <- if (kind == "dta") haven::read_dta else haven::read_sav
  d <- as.data.frame(read(file.path("raked", paste0("weights.", kind))))
  code <- readLines("raked/weights.R")
  eval(parse(text = code[-(1:grep("fileEncoding", code))]))
  stopifnot(attr(d$weight, "label") == "Weight to estimate with: calibrated by rake")
  figures(svytotal(~paid, design))
  figures(svymean(~gap, design, na.rm = TRUE))
}
"""


def asked(server: LiveServer, job: str, **body: Any) -> Any:
    return server.admin.post(f"/api/sampling/jobs/{job}/weights", json=body)


def weights(server: LiveServer, job: str, **body: Any) -> Any:
    answer = asked(server, job, **body)
    assert answer.status_code == 200, answer.text
    return answer


def lines(server: LiveServer, job: str, **body: Any) -> list[dict[str, str]]:
    text = weights(server, job, format="csv", **body).text
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_repeats_the_figures_by_replicates(
    server: LiveServer, dataset: int, tmp_path: Path
) -> None:
    """From CSV, and from the files of Stata and SPSS by the package haven."""
    expected: dict[str, list[list[float]]] = {}
    for name, (draw, body) in CASES.items():
        job, folder = drawn(server, dataset, DRAWS[draw]), tmp_path / name
        folder.mkdir()
        (folder / "weights.csv").write_bytes(weights(server, job, format="csv", **body).content)
        code = weights(server, job, **body).json()["programs"]["r"]
        (folder / "weights.R").write_text(code, "utf-8")
        figures = estimates(server, job, *FIGURES, **body)["estimates"]
        groups = estimates(server, job, TOTAL, by=["region"], **body)["estimates"]
        expected[name] = [[each["estimate"], each["standard_error"]] for each in figures]
        expected[name].append(
            [each[field] for field in ("estimate", "standard_error") for each in groups]
        )
    for kind in ("dta", "sav"):
        body = CASES["raked"][1]
        content = weights(server, drawn(server, dataset, DRAWS["random"]), format=kind, **body)
        (tmp_path / "raked" / f"weights.{kind}").write_bytes(content.content)
        expected[f"raked.{kind}"] = expected["raked"][:2]
    (tmp_path / "run.R").write_text(IN_R, "utf-8")
    done = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[float]]] = {}
    for line in done.stdout.splitlines():
        name, *numbers = line.split("\t")
        found.setdefault(name, []).append([float(number) for number in numbers])
    assert found.keys() == expected.keys()
    for name, of_r in found.items():
        for each, own in zip(of_r, expected[name], strict=True):
            assert each == pytest.approx(own, rel=1e-8, abs=1e-6), name


AS_TEXT = """
stopifnot(d$school[1:2] == c("0000", "0001"), is.logical(d$yes), sum(d$yes, na.rm = TRUE) == 20,
  d$note[1] == "NA", sum(is.na(d$note)) == 1)
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_code_keeps_the_types_of_columns(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = server.new_dataset()
    rows = "\n".join(
        f"{at:04d},{at % 2 == 0},{at},{'NA' if at == 0 else '' if at == 1 else 'x'}"
        for at in range(40)
    )
    server.import_text(number, f"school,yes,amount,note\n{rows}\n")
    job = drawn(server, number, one("random", sample_size=40))
    (tmp_path / "weights.csv").write_bytes(weights(server, job, format="csv").content)
    code = weights(server, job).json()["programs"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.R").write_text(code["r"] + AS_TEXT, "utf-8")
    done = subprocess.run(["Rscript", "weights.R"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names: dict[str, Any] = {}
    exec(code["python"].replace("COLUMN", "amount"), names)
    frame = names["d"]
    assert frame["school"].tolist()[:2] == ["0000", "0001"]
    assert (frame["yes"].dtype, frame["yes"].sum()) == ("boolean", 20)
    assert (frame["note"].iloc[0], frame["note"].isna().sum()) == ("NA", 1)


def test_weights_reproduce_the_known_totals(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    found = lines(server, job, calibrate=RAKE, replicates="jackknife", columns=["region", "size"])
    assert list(found[0])[:5] == ["row_id", "region", "size", "design_weight", "weight"]
    assert len(found) == 150
    for column in ("weight", "replicate_1", "replicate_150"):
        sums: dict[str, float] = {}
        for line in found:
            sums[line["region"]] = sums.get(line["region"], 0.0) + float(line[column])
        assert sums == pytest.approx({name: REGION.count(name) for name in set(REGION)})


def test_the_codebook_says_what_a_file_is(server: LiveServer, dataset: int, tmp_path: Path) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    body = {"calibrate": RAKE, "replicates": "bootstrap", "replicate_count": 20}
    found = weights(server, job, **body).json()
    assert [each["name"] for each in found["columns"]][-2:] == ["design_weight", "weight"]
    assert found["replicates"] == {
        "kind": "bootstrap", "count": 20, "scale": found["replicates"]["scale"], "seed": 1
    }  # fmt: skip
    assert (found["rows"], found["rscales"], found["combined_weights"]) == (150, 1.0, True)
    assert found["weight_sum"] == pytest.approx(ROWS)
    assert "Calibrated by rake to the exact totals of region, size in the table." in found["notes"]
    assert "svrepdesign" in found["programs"]["r"]
    page = weights(server, job, format="markdown", **body)
    assert page.headers["Content-Type"].startswith("text/markdown")
    assert "| region = north |" in page.text
    file = tmp_path / "weights.parquet"
    file.write_bytes(weights(server, job, format="parquet", **body).content)
    (text,) = duckdb.connect().execute(
        "SELECT decode(value) FROM parquet_kv_metadata($path) WHERE decode(key) = 'jobsvc.weights'",
        {"path": str(file)},
    ).fetchall()[0]  # fmt: skip
    assert json.loads(text)["replicates"]["count"] == 20


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_files_of_stata_and_spss_have_labels(
    server: LiveServer, dataset: int, tmp_path: Path, kind: str
) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    body = {"calibrate": RAKE, "replicates": "jackknife"}
    path = tmp_path / f"weights.{kind}"
    path.write_bytes(weights(server, job, format=kind, **body).content)
    read = pyreadstat.read_dta if kind == "dta" else pyreadstat.read_sav
    frame, about = read(str(path))
    expected = lines(server, job, **body)
    assert frame["weight"].tolist() == [float(line["weight"]) for line in expected]
    assert frame["replicate_150"].tolist() == [float(line["replicate_150"]) for line in expected]
    assert frame["region"].tolist() == [line["region"] for line in expected]
    assert frame["gap"].isna().sum() == sum(not line["gap"] for line in expected)
    labels = about.column_names_to_labels
    assert labels["weight"] == "Weight to estimate with: calibrated by rake"
    assert labels["replicate_3"] == "Replicate weight 3"
    if kind == "dta":
        again = pandas.read_stata(path)
        assert again["weight"].tolist() == frame["weight"].tolist()


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_a_server_without_pyreadstat_says_what_to_install(
    server: LiveServer, dataset: int, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    problem = assert_problem(asked(server, job, format=kind), 409, "readstat_not_installed")
    assert "jobsvc[stata]" in problem["detail"]


def test_columns_of_any_type_and_name_reach_the_files(server: LiveServer, tmp_path: Path) -> None:
    number = server.new_dataset()
    rows = "\n".join(
        f"{9_007_199_254_740_993 + at},2024-01-{at % 28 + 1:02d},2024-01-01 10:00:{at:02d},"
        f"{at % 2 == 0},{at},a{at},{at}" for at in range(40)
    )  # fmt: skip
    server.import_text(number, f"big,day,moment,yes,weight,Größe (€),by\n{rows}\n")
    job = drawn(server, number, one("random", sample_size=12))
    found = lines(server, job)
    assert [*found[0]][5:8] == ["weight_of_table", "Größe (€)", "by"]
    assert {line["weight"] for line in found} == {str(40 / 12)}
    for kind, read in (("dta", pyreadstat.read_dta), ("sav", pyreadstat.read_sav)):
        path = tmp_path / f"w.{kind}"
        path.write_bytes(weights(server, job, format=kind).content)
        frame, about = read(str(path))
        assert frame["big"].tolist() == [line["big"] for line in found]
        assert [str(day) for day in frame["day"]] == [line["day"] for line in found]
        assert [str(each) for each in frame["moment"]] == [line["moment"] for line in found]
        assert frame["yes"].tolist() == [float(line["yes"] == "true") for line in found]
        assert "Größe (€)" in about.column_labels
        names = [name.lower() for name in frame.columns]
        assert len(set(names)) == len(names)
        assert ("by" in names) == (kind == "dta")


def test_uncalibrated_weights_are_those_of_the_design(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    found = lines(server, job, columns=["id"])
    assert list(found[0]) == ["row_id", "id", "design_weight", "weight"]
    assert {line["weight"] for line in found} == {"4.0"}
    assert "standard errors aren't" in weights(server, job).json()["programs"]["r"]


def test_what_has_no_weights_is_refused(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, DRAWS["random"])
    difference = {"method": "difference", "columns": ["book"]}
    problem = assert_problem(asked(server, job, calibrate=difference), 422, "invalid_request")
    assert "has no weights" in json.dumps(problem)
    problem = assert_problem(asked(server, job, columns=["bok"]), 422, "unknown_column")
    assert "book" in problem["detail"]
    only = asked(server, job, only_respondents=True)
    assert "only_respondents needs" in assert_problem(only, 422, "invalid_request")["detail"]
    many = {"replicates": "bootstrap", "replicate_count": 5001}
    assert_problem(asked(server, job, **many), 422, "invalid_request")


def test_too_many_replicates_are_refused(server: LiveServer) -> None:
    number = server.new_dataset()
    server.import_text(number, "x\n" + "\n".join(map(str, range(4000))) + "\n")
    job = drawn(server, number, one("random", sample_size=3500))
    problem = assert_problem(asked(server, job, replicates="jackknife"), 422, "invalid_replicates")
    assert "choose a bootstrap" in problem["detail"]


def test_a_column_that_one_step_lacks_is_refused(server: LiveServer, dataset: int) -> None:
    first = one("random", sample_size=100)
    second = {**one("random", sample_size=40), "selection": {"columns": ["id", "city"]}}
    job = drawn(server, dataset, first, second)
    for body in (
        {"calibrate": RAKE},
        {"calibrate": {"method": "ratio", "columns": ["book"]}},
        {"nonresponse": {"method": "classes", "columns": ["region"], "responded": "city"}},
        {"nonresponse": {"method": "classes", "columns": ["city"], "responded": "gap"}},
    ):
        for answer in (asked(server, job, **body), asked_estimates(server, job, body)):
            problem = assert_problem(answer, 422, "invalid_estimate")
            assert "Not every step selected the column" in problem["detail"]


def asked_estimates(server: LiveServer, job: str, body: dict[str, Any]) -> Any:
    figures = {"statistics": [{"statistic": "count"}], **body}
    return server.admin.post(f"/api/sampling/jobs/{job}/estimates", json=figures)


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_a_column_called_like_a_replicate_stays_beside_it(
    server: LiveServer, tmp_path: Path, kind: str
) -> None:
    number = server.new_dataset()
    rows = [f"{at},{at * 1000}" for at in range(60)]
    server.import_text(number, "\n".join(["id,replicate 1", *rows]) + "\n")
    job = drawn(server, number, one("random", sample_size=20))
    path = tmp_path / f"weights.{kind}"
    path.write_bytes(weights(server, job, format=kind, replicates="jackknife").content)
    read = pyreadstat.read_dta if kind == "dta" else pyreadstat.read_sav
    frame, labels = read(str(path))
    assert (frame["replicate_1_2"] == frame["id"] * 1000).all()
    assert labels.column_names_to_labels["replicate_1"] == "Replicate weight 1"
    assert frame["replicate_1"].max() < 10


def test_a_census_with_nonresponse_has_degrees_of_freedom(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset, one("stratified", strata_columns=["region"], sample_size=ROWS))
    response = {"method": "classes", "columns": ["region"], "responded": "gap"}
    codebook = weights(server, job, format="json", nonresponse=response).json()
    respondents = codebook["nonresponse"]["respondents"]
    assert codebook["df"] == respondents - len(codebook["nonresponse"]["classes"])
    found = asked_estimates(
        server,
        job,
        {"nonresponse": response, "statistics": [{"statistic": "mean", "column": "paid"}]},
    ).json()["estimates"][0]
    assert found["df"] == codebook["df"]
    assert found["ci_low"] < found["estimate"] < found["ci_high"]
