"""The design of a sample as facts, and as code that repeats the server's figures."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from application.estimation.code.sample_file import SampleFile
from parquet_tables.tables import Column
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import BY_UNITS, DESIGNS, MEAN, TOTAL, dataset, drawn, estimates
from tests.support.live_server import LiveServer

__all__ = ["dataset"]

GOLDEN = Path(__file__).with_name("r_figures.json")
"""Mean and total with their standard errors by R's survey 4.4 and the exported code.

``WRITE_R_FIGURES=1 pytest -n 0 -k r_repeats tests/contract/test_design_code.py`` writes them.
"""
WRITES_GOLDEN = bool(os.environ.get("WRITE_R_FIGURES"))


def golden_figures() -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(GOLDEN.read_text("utf-8"))
    return found


CLUSTERS = {"cluster_column": "shop", "num_clusters": 7}
IN_STRATA = {**CLUSTERS, "strata_columns": [{"column": "id", "breaks": [240]}]}
SINGLES = {
    "one row of each cluster": one("cluster", **CLUSTERS, samples_per_cluster=1),
    "one row in strata": one("cluster", **IN_STRATA, samples_per_cluster=1),
    "one row by size": one(
        "cluster",
        **IN_STRATA,
        cluster_probability="size",
        size_column="size",
        samples_per_cluster=1,
    ),
    "one row of each subcluster": one(
        "cluster",
        **CLUSTERS,
        subcluster_column="city",
        num_subclusters=3,
        samples_per_cluster=1,
    ),
    "one subcluster": one(
        "cluster",
        **CLUSTERS,
        subcluster_column="city",
        num_subclusters=1,
        samples_per_cluster=3,
    ),
}
"""Later stages with one drawn unit of several: clusters are measured whole."""
CODED = DESIGNS | SINGLES
REPLICATES = {
    **{name: (rounds,) for name, rounds in CODED.items()},
    "rounds": (DESIGNS["stratified"], DESIGNS["weighted"], DESIGNS["random"]),
}


def written(
    server: LiveServer, job: str, language: str, folder: Path, replicates: str = "none"
) -> Path:
    """The code and the sample in one folder, with the design's table if need be."""
    path = f"/api/sampling/jobs/{job}"
    query = {"format": language, "replicates": replicates}
    answer = server.admin.get(f"{path}/design", params=query)
    assert answer.status_code == 200, answer.text
    if replicates != "none":
        table = server.admin.get(f"{path}/design", params={**query, "format": "csv"})
        (folder / "design.csv").write_bytes(table.content)
    rows = server.admin.get(f"{path}/data", params={"format": "csv"})
    (folder / "sample.csv").write_bytes(rows.content)
    code = folder / "design"
    code.write_text(answer.text, "utf-8")
    return code


@pytest.mark.parametrize("name", CODED | BY_UNITS)
def test_python_repeats_the_figures(
    server: LiveServer, dataset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = drawn(server, dataset, (CODED | BY_UNITS)[name])
    code = written(server, job, "python", tmp_path)
    lines = figures_of_python(code, monkeypatch)
    names = ("estimate", "standard_error", "ci_low", "ci_high")
    # The recorded interval of money is rounded.
    tolerance = 1e-5 if name in BY_UNITS else 1e-9
    for each in estimates(server, job, MEAN, TOTAL)["estimates"]:
        expected = [each[field] for field in names]
        assert lines[each["statistic"]] == pytest.approx(expected, rel=tolerance)


def test_units_of_a_given_interval_need_replicates(server: LiveServer, dataset: int) -> None:
    given = one("monetary_unit", book_column="size", interval=37, selection="fixed_interval")
    job = drawn(server, dataset, given)
    path = f"/api/sampling/jobs/{job}/design"
    assert_problem(server.admin.get(path, params={"format": "r"}), 422, "unsupported_design")
    replicates = {"format": "r", "replicates": "jackknife"}
    assert server.admin.get(path, params=replicates).status_code == 200


def figures_of_python(code: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    monkeypatch.chdir(code.parent)
    lines = runpy.run_path(code.name)["estimate"]("amount")
    return {name: list(map(float, numbers)) for name, *numbers in lines}


@pytest.mark.parametrize("name", [*CODED, "rounds"])
def test_replicates_repeat_the_figures(
    server: LiveServer, dataset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = drawn(server, dataset, *REPLICATES[name])
    code = written(server, job, "python", tmp_path, "jackknife")
    lines = figures_of_python(code, monkeypatch)
    mean, total = estimates(server, job, MEAN, TOTAL)["estimates"]
    assert lines["total"][:2] == pytest.approx(
        [total["estimate"], total["standard_error"]], rel=1e-9
    )
    assert lines["mean"][0] == pytest.approx(mean["estimate"], rel=1e-9)
    assert lines["mean"][1] == pytest.approx(mean["standard_error"], rel=0.05)


RUN_ALL = """
library(survey)
for (name in list.dirs(full.names = FALSE, recursive = FALSE)) {
  invisible(capture.output(source(file.path(name, "design"), chdir = TRUE)))
  figures <- c(coef(mean), SE(mean), coef(total), SE(total))
  cat(name, format(figures, digits = 15), sep = "\t")
  cat("\n")
  hint <- grep("^#   z <- ", readLines(file.path(name, "design")), value = TRUE)
  if (length(hint)) local({
    y <- y[[1]]; p <- d$p; mean <- coef(mean)
    eval(parse(text = sub("#", "", hint)))
    error <- if (is.null(p)) error_of_total(z) else error_of_total(z, p)
    cat(name, " by the hint\t", format(error, digits = 15), "\n", sep = "")
  })
}
"""
IN_R = (*((name, "none") for name in CODED), ("two stages", "jackknife"), ("rounds", "jackknife"))


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_repeats_the_figures(server: LiveServer, dataset: int, tmp_path: Path) -> None:
    """All codes in one R, whose start takes most of the time."""
    for name, replicates in IN_R:
        job = drawn(server, dataset, *REPLICATES[name])
        folder = tmp_path / f"{name}, {replicates}"
        folder.mkdir()
        written(server, job, "r", folder, replicates)
    (tmp_path / "run.R").write_text(RUN_ALL, "utf-8")
    run = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    found = {name: list(map(float, figures)) for name, *figures in lines}
    if WRITES_GOLDEN:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    golden = golden_figures()
    assert found.keys() == golden.keys()
    for name, figures in found.items():
        assert figures == pytest.approx(golden[name], rel=1e-12), name


@pytest.mark.parametrize(("name", "replicates"), IN_R)
def test_figures_are_those_of_r(
    server: LiveServer, dataset: int, name: str, replicates: str
) -> None:
    mean, mean_error, total, total_error = golden_figures()[f"{name}, {replicates}"]
    job = drawn(server, dataset, *REPLICATES[name])
    found = estimates(server, job, MEAN, TOTAL, variance={"systematic": "random"})["estimates"]
    assert [each["estimate"] for each in found] == pytest.approx([mean, total], rel=1e-9)
    # R has Brewer's approximation for weighted samples; a mean isn't linear in its replicates.
    tolerance = 0.02 if name in ("weighted", "points", "sorted points") else 1e-9
    of_mean = tolerance if replicates == "none" else 0.05
    assert found[0]["standard_error"] == pytest.approx(mean_error, rel=of_mean)
    assert found[1]["standard_error"] == pytest.approx(total_error, rel=tolerance)


HINTED = ("systematic", "sorted", "weighted", "points", "sorted points")


@pytest.mark.parametrize("name", HINTED)
def test_hints_for_r_give_the_errors_of_means(server: LiveServer, dataset: int, name: str) -> None:
    """Of a column with missing values."""
    (error,) = golden_figures()[f"{name}, none by the hint"]
    (found,) = estimates(server, drawn(server, dataset, DESIGNS[name]), MEAN)["estimates"]
    assert found["standard_error"] == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize("language", ["stata", "sas"])
@pytest.mark.parametrize("name", DESIGNS)
def test_other_code_has_the_sizes(
    server: LiveServer, dataset: int, language: str, name: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    code = server.admin.get(f"/api/sampling/jobs/{job}/design", params={"format": language}).text
    assert ("svyset" if language == "stata" else "proc surveymeans") in code
    if name == "stratified":
        assert code.count("= 150") == 4
        assert "strata" in code
    if name in ("cluster", "two stages"):
        assert "30 / 15" in code
    if name == "two stages" and language == "stata":
        assert "fpc(_rows) singleunit(certainty)" in code


@pytest.mark.parametrize("given", [CLUSTERS, IN_STRATA])
def test_one_cluster_of_several_fails_in_r_and_stata(
    server: LiveServer, dataset: int, given: dict[str, Any]
) -> None:
    job = drawn(server, dataset, one("cluster", **{**given, "num_clusters": 1}))
    path = f"/api/sampling/jobs/{job}/design"
    assert 'lonely.psu = "fail"' in server.admin.get(path, params={"format": "r"}).text
    assert "singleunit" not in server.admin.get(path, params={"format": "stata"}).text


def test_a_value_runs_nothing_in_the_code(server: LiveServer, tmp_path: Path) -> None:
    evil = "a\"'\n!touch x\n`=1' $S_DATE \\ /* '); print(\"ran\") #"
    table = server.new_dataset()
    quoted = '"' + evil.replace('"', '""') + '"'
    rows = "".join(f"{quoted if row % 2 else 'Oslo'},{row}\n" for row in range(40))
    server.import_text(table, f"city,amount\n{rows}")
    job = drawn(server, table, one("stratified", strata_columns=["city"], sample_size=10))
    stata = written(server, job, "stata", tmp_path).read_text("utf-8")
    sizes = [line for line in stata.splitlines() if line.startswith("replace _rows")]
    assert len(sizes) == 2
    assert 'if _stratum == "Oslo"' in sizes[1] + sizes[0]
    assert not [line for line in stata.splitlines() if line.startswith("!")]
    assert not set("`$'\\") & set("".join(sizes))
    code = written(server, job, "python", tmp_path)
    run = subprocess.run(
        [sys.executable, code.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "ran" not in run.stdout


def test_the_facts_have_every_stratum(server: LiveServer, dataset: int) -> None:
    sizes = one("stratified", strata_columns=["city"], sizes={"Oslo": 20})
    job = drawn(server, dataset, sizes)
    found = server.admin.get(f"/api/sampling/jobs/{job}/design").json()
    assert (found["method"], found["n"], found["N"]) == ("stratified", 20, 150)  # of Oslo
    drawn_rows = {group["key"]["city"]: group["drawn"] for group in found["groups"]}
    assert drawn_rows == {"Oslo": 20, "Lima": 0, "Kyiv": 0, None: 0}
    assert {group["row_count"] for group in found["groups"]} == {150}
    weighted = drawn(server, dataset, DESIGNS["weighted"])
    assert server.admin.get(f"/api/sampling/jobs/{weighted}/design").json()["take_all"] == []
    (step,) = server.admin.get(f"/api/sampling/jobs/{weighted}/design").json()["steps"]
    assert 0 < step["sum_p_1_minus_p"] < step["n"] == 120


def table_of(server: LiveServer, job: str, **query: Any) -> list[dict[str, str]]:
    answer = server.admin.get(f"/api/sampling/jobs/{job}/design", params={"format": "csv", **query})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_table_has_stages_and_weights_over_all_rounds(server: LiveServer, dataset: int) -> None:
    strata = one("stratified", strata_columns=["city"], samples_per_stratum=10)
    twice = table_of(server, drawn(server, dataset, strata, strata))
    assert {row["step"] for row in twice} == {"1", "2"}
    assert {(row["stage1_units"], row["stage1_drawn"]) for row in twice} == {("150", "20")}
    assert {float(row["probability"]) for row in twice} == {20 / 150}
    assert sum(float(row["weight"]) for row in twice) == pytest.approx(600)
    stages = table_of(server, drawn(server, dataset, DESIGNS["two stages"]))
    assert {row["cluster"] for row in stages} == {f"s{int(row['ssu']) // 20}" for row in stages}
    first = stages[0]
    names = ("stage1_units", "stage1_drawn", "stage2_units", "stage2_drawn", "stratum")
    assert [first[name] for name in names] == ["30", "15", "20", "8", ""]
    assert float(first["probability"]) == pytest.approx(15 / 30 * 8 / 20)
    mixed = table_of(server, drawn(server, dataset, *REPLICATES["rounds"]))
    assert {row["probability"] for row in mixed} == {""}
    assert sum(float(row["weight"]) for row in mixed) == pytest.approx(600, rel=0.1)


def test_files_say_how_the_rows_were_drawn(
    server: LiveServer, dataset: int, tmp_path: Path
) -> None:
    filtered = one("random", "size > 2 AND city <> 'it''s'", sample_size=30)
    job = drawn(server, dataset, filtered, DESIGNS["weighted"])
    path = f"/api/sampling/jobs/{job}"
    query = {"format": "parquet", "replicates": "bootstrap", "replicate_count": 20}
    for route, given in (("data", {"format": "parquet"}), ("design", query)):
        answer = server.admin.get(f"{path}/{route}", params=given)
        assert answer.status_code == 200, answer.text
        (tmp_path / route).write_bytes(answer.content)
        with duckdb.connect() as connection:
            ((text,),) = connection.execute(
                "SELECT decode(value) FROM parquet_kv_metadata(?) "
                "WHERE decode(key) = 'jobsvc.draw'",
                [str(tmp_path / route)],
            ).fetchall()
        record = json.loads(text)
        assert record["job_id"] == job
        assert [each["method"] for each in record["rounds"]] == ["random", "weighted"]
        assert record["rounds"][0]["filters"] == filtered["filters"]
        assert record["rounds"][1]["effective_seed"] == "5:round-2"
        assert "don't add weights up" in record["note"]
    assert record["replicates"]["count"] == 20
    facts = server.admin.get(f"{path}/design", params={**query, "format": "json"}).json()
    assert facts["replicates"] == record["replicates"]
    assert facts["replicates"]["seed"] == 1


def test_joint_probabilities_of_pairs(server: LiveServer, dataset: int) -> None:
    def joint(job: str, *pairs: list[str]) -> Any:
        path = f"/api/sampling/jobs/{job}/joint-probabilities"
        return server.admin.post(path, json={"pairs": list(pairs)})

    pairs = (["primary:0", "1"], ["0", "4"], ["2", "2"])
    random = joint(drawn(server, dataset, DESIGNS["random"]), *pairs).json()
    assert [each["joint_probability"] for each in random["pairs"]] == pytest.approx(
        [120 * 119 / (600 * 599)] * 2 + [0.2]
    )
    grid = joint(drawn(server, dataset, DESIGNS["systematic"]), ["0", "1"], ["0", "9"]).json()
    assert [each["joint_probability"] for each in grid["pairs"]] == [0, pytest.approx(1 / 9)]
    shops = joint(drawn(server, dataset, DESIGNS["two stages"]), ["0", "1"], ["0", "20"]).json()
    assert [each["joint_probability"] for each in shops["pairs"]] == pytest.approx(
        [15 / 30 * 8 * 7 / (20 * 19), 15 * 14 / (30 * 29) * (8 / 20) ** 2]
    )
    weighted = joint(drawn(server, dataset, DESIGNS["weighted"]), ["0", "1"]).json()
    assert weighted["approximate"] is True
    (pair,) = weighted["pairs"]
    assert 0 < pair["joint_probability"] < pair["first_probability"] * pair["second_probability"]
    points = joint(drawn(server, dataset, DESIGNS["points"]), ["0", "1"], ["3", "3"]).json()
    assert points["approximate"] is False
    next_to_each_other, same = points["pairs"]
    assert next_to_each_other["joint_probability"] == 0
    assert same["joint_probability"] == same["first_probability"]
    cities = drawn(server, dataset, one("stratified", strata_columns=["city"], sizes={"Oslo": 15}))
    (first, second) = joint(cities, ["0", "4"], ["0", "1"]).json()["pairs"]
    assert first["joint_probability"] == pytest.approx(15 * 14 / (150 * 149))
    assert (second["joint_probability"], second["second_probability"]) == (0, 0)
    for selection in ("fixed_interval", "cell", "random"):
        units = {"book_column": "size", "sample_size": 20, "selection": selection}
        money = drawn(server, dataset, one("monetary_unit", **units))
        assert joint(money, ["0", "1"]).json()["approximate"] is True
        in_file = drawn(server, dataset, one("monetary_unit", **units, order="file"))
        answer = joint(in_file, ["0", "1"])
        if selection == "random":
            assert answer.json()["approximate"] is True
        else:
            assert_problem(answer, 422, "unsupported_design", "order of the file")
    mixed = drawn(server, dataset, *REPLICATES["rounds"])
    assert_problem(joint(mixed, ["0", "1"]), 422, "unsupported_design")
    assert_problem(joint(cities, ["0", "600"]), 404, "not_found")
    assert_problem(joint(cities, ["0", "x"]), 422, "invalid_value")
    assert_problem(joint(cities, ["0"]), 422, "invalid_request")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"format": "r"}, "unsupported_design"),
        ({"format": "csv", "replicates": "sometimes"}, "invalid_request"),
        ({"format": "csv", "replicates": "bootstrap", "replicate_count": 1}, "invalid_request"),
        ({"format": "csv", "replicates": "bootstrap", "replicate_seed": -1}, "invalid_request"),
    ],
)
def test_what_no_design_has_is_refused(
    server: LiveServer, dataset: int, query: dict[str, Any], code: str
) -> None:
    job = drawn(server, dataset, *REPLICATES["rounds"])
    answer = server.admin.get(f"/api/sampling/jobs/{job}/design", params=query)
    assert_problem(answer, 422, code)


def test_the_example_is_no_row_key() -> None:
    columns = [Column(name, "BIGINT") for name in ("firm", "staff", "_logical_row_id")]
    assert SampleFile(columns, row_key=("firm",)).example.name == "staff"
    assert SampleFile(columns).example.name == "firm"
