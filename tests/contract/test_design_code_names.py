"""Code of a design gives the same figures under any names of columns."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.estimation.code import PROGRAMS
from application.estimation.code.sample_file import DRAW_COLUMNS, SampleFile, short_names
from estimation_engine import (
    Design,
    cluster_design,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.replicates import ReplicateFacts
from parquet_tables.exports import export_query
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine.sample_table import SAMPLE_COLUMNS, names_in_sample
from tests.contract.draw_requests import one
from tests.contract.test_design_code import written
from tests.contract.test_estimates import drawn, estimates
from tests.support.any_names import any_name, distinct, generated_names
from tests.support.live_server import LiveServer
from tests.support.nightly import amount

WORDS = (
    *("w", "W", "row", "rows", "fpc", "stratum", "cluster", "clusters", "p", "n", "N", "t", "c"),
    *("T", "F", "s", "d", "y", "z", "data", "design", "np", "pd", "csv", "stats", "types", "mean"),
    *("total", "drawn", "degrees", "spread", "variance", "weight", "row_id", "replicate_1", "ids"),
    *("_w", "_rows", "_drawn", "_n", "_N", "_total_", "_weight", "_replicate_1", "_has_value"),
    *("_stratum", "_Stratum", "_logical_row_id", "_design_weight", "_hits", "v1", "V1", "v2"),
    *("if", "in", "str5", "long", "not", "use.names", "recursive", "...", "..1", ".", "TRUE", "NA"),
    *(
        " lead",
        "trail ",
        "a;b",
        "%let x",
        "/*",
        "*/",
        "`'",
        "é",
        "名前",
        "x" * 200,
        "x" * 199 + "y",
    ),
)
"""Names of variables in the code of any language, and words of the languages."""
LABELS = ("recursive", "use.names", 'O\'Brien "x"', "名")
UNITS, ROWS = 40, 20
Case = tuple[Design, dict[str, int], list[str]]


def cases() -> dict[str, Case]:
    """Designs of 20 rows with the sizes of their groups and the labels of their rows."""
    groups = np.repeat(np.arange(4), ROWS // 4)
    labels = [LABELS[group] for group in groups]
    sizes = dict.fromkeys(LABELS, UNITS // 4)
    rows = np.full(4, UNITS // 4)
    chances = np.linspace(0.2, 0.8, ROWS)
    return {
        "random": (random_design(ROWS, UNITS), {}, labels),
        "stratified": (stratified_design(groups, rows), sizes, labels),
        "cluster": (cluster_design(groups, rows, 8, 80), sizes, labels),
        "systematic": (systematic_design(ROWS, UNITS), {}, labels),
        "weighted": (weighted_design(chances, chances == 1.0, UNITS), {}, labels),
    }


CASES = cases()


def sample_of(names: list[str], numbers: int | None = None) -> SampleFile:
    """A sample whose columns have these names, the first ones or all of numbers."""
    shown = names_in_sample(names)
    count = len(names) if numbers is None else numbers
    own = [Column(name, "DOUBLE" if at < count else "VARCHAR") for at, name in enumerate(shown)]
    draw = [Column(name, type_) for name, type_ in SAMPLE_COLUMNS.items()]
    texts = {each.name: 60 for each in (*own, *draw) if each.type == "VARCHAR"}
    return SampleFile([*own, *draw], sizes_bytes=texts)


def write_csv(sample: SampleFile, case: Case, path: Path) -> None:
    """Write the file as the server exports it; columns are numbered from 0 by their values."""
    design, _, labels = case
    draw = ("'primary:' || i", "1", "'any'", "i + 1", "labels[i + 1]", "1.0", "weights[i + 1]")
    own = [f"({at} + i % 7)::DOUBLE" for at in range(len(sample.columns) - len(draw))]
    listed = ", ".join(
        f"{value} AS {quote_identifier(column.name)}"
        for value, column in zip((*own, *draw), sample.columns, strict=True)
    )
    with duckdb.connect() as connection:
        export_query(
            connection,
            f"SELECT {listed} FROM (SELECT unnest(range({ROWS})) AS i), "
            "(SELECT ? AS labels, ? AS weights) ORDER BY (i * 7) % 20",
            [labels, design.weights.tolist()],
            path,
            "csv",
        )


def code_of(language: str, case: Case, sample: SampleFile) -> str:
    design, sizes, _ = case
    return PROGRAMS[language].design_code(design, design.code(sizes), sample)


def python_figures(folder: Path, sample: SampleFile, case: Case) -> dict[str, Any]:
    write_csv(sample, case, folder / "sample.csv")
    (folder / "design.py").write_text(code_of("python", case, sample), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        estimate = runpy.run_path("design.py")["estimate"]
        return {name: list(estimate(name)) for name in (each.name for each in own_of(sample))}


def own_of(sample: SampleFile) -> list[Column]:
    return list(sample.columns[: sample.row_id_place - 1])


@pytest.mark.parametrize("name", CASES)
def test_python_figures_are_the_same_under_any_names(tmp_path: Path, name: str) -> None:
    names = distinct([*WORDS, *generated_names(60, 11)])
    plain = sample_of([f"plain{at}" for at in range(len(names))])
    odd = sample_of(names)
    expected = list(python_figures(tmp_path, plain, CASES[name]).values())
    found = list(python_figures(tmp_path, odd, CASES[name]).values())
    assert len(found) == len(names)
    assert found == expected


@settings(max_examples=amount(20, 60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.sampled_from(WORDS) | any_name, min_size=1, max_size=6))
def test_any_name_is_that_of_a_column(tmp_path_factory: Any, names: list[str]) -> None:
    sample = sample_of(distinct(names))
    check_short_names(sample)
    for language in ("stata", "sas"):
        for case in CASES.values():
            check_variables(language, code_of(language, case, sample), sample)
        design = CASES["random"][0]
        facts = ReplicateFacts("jackknife", 20, 1.0)
        for_replicates = PROGRAMS[language].replicate_code(design, facts, sample)
        check_variables(language, for_replicates, sample)
    folder = tmp_path_factory.mktemp("names")
    figures = python_figures(folder, sample, CASES["stratified"])
    means = [lines[1][1] for lines in figures.values()]
    assert means == pytest.approx([means[0] + at for at in range(len(means))])
    shutil.rmtree(folder)


def check_short_names(sample: SampleFile) -> None:
    names = short_names(sample.columns)
    assert len({name.lower() for name in names}) == len(names)
    for name, column in zip(names, sample.columns, strict=True):
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,31}", name)
        assert name.startswith("_") is (column.name in DRAW_COLUMNS)


COMMENTS = {"stata": re.compile(r"^\*.*$", re.MULTILINE), "sas": re.compile(r"/\*.*?\*/")}
TEXTS = {"stata": re.compile(r'"[^"\n]*"'), "sas": re.compile(r"'(?:[^']|'')*'")}
KNOWN = {"_n", "_N", "_all", "_null_", "_total_", "_read", "_skipped"}
"""Words of the languages that begin as our variables do, and variables that aren't kept."""
CREATED = re.compile(
    r"generate (?:double|byte) (\w+)|egen (\w+)|^\s*(?:data \w+; set \w+; |  )?(_\w+) = |"
    r"then (_\w+) =|as (_\w+)|_skipped (_weight)|\((_logical_row_id _weight)\)",
    re.MULTILINE,
)


def check_variables(language: str, code: str, sample: SampleFile) -> None:
    """All names are of columns, or of variables that the code makes and no column has."""
    code = TEXTS[language].sub('""', COMMENTS[language].sub("", code))
    assert not re.search(r"[^\x00-\x7f]", code)
    columns = short_names(sample.columns)
    created = {
        name for found in CREATED.findall(code) for words in found for name in words.split()
    } - {"_total_"}
    folded = {name.lower() for name in columns}
    own = {name for name in created if name not in SAMPLE_COLUMNS}
    assert not {name.lower() for name in own} & folded
    assert all(name.startswith("_") for name in own)
    used = set(re.findall(r"\b_\w+", code))
    numbered = {name for name in used if re.fullmatch(r"_replicate_\d*", name)}
    assert used - KNOWN - created - numbered <= set(columns)


def test_comments_end_where_their_lines_end() -> None:
    sample = sample_of(["a\nrm x; */ `b' %put \u2028 \"c"])
    for language in PROGRAMS:
        code = code_of(language, CASES["random"], sample)
        top = code[: code.index("sample.csv is")]
        mark = top[:2].strip()
        for line in code.splitlines()[:4]:
            assert line.startswith(mark) or "rm x" not in line
        assert not {"\u2028"} & set(code)


RUN_ALL = """
suppressMessages(library(survey))
for (name in sort(as.integer(list.dirs(full.names = FALSE, recursive = FALSE)))) {
  invisible(capture.output(source(file.path(name, "design"), chdir = TRUE, encoding = "UTF-8")))
  cat(name, format(c(coef(mean), SE(mean), coef(total), SE(total)), digits = 15), sep = "\t")
  cat("\n")
}
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
def test_r_figures_are_the_same_under_any_names(tmp_path: Path) -> None:
    """Each name is that of the example once, beside columns of all the words."""
    names = distinct([*WORDS, *generated_names(20, 13)])
    kinds = list(CASES)
    for at in range(-len(kinds), len(names)):
        case = CASES[kinds[at % len(kinds)]]
        first = [f"plain{at}"] if at < 0 else [names[at]]
        others = [] if at < 0 else [name for name in WORDS if name.lower() != first[0].lower()]
        sample = sample_of(distinct([*first, *others]), numbers=1)
        folder = tmp_path / str(at + len(kinds))
        folder.mkdir()
        write_csv(sample, case, folder / "sample.csv")
        (folder / "design").write_text(code_of("r", case, sample), "utf-8")
    (tmp_path / "run.R").write_text(RUN_ALL, "utf-8")
    run = subprocess.run(
        ["Rscript", "run.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    figures = [list(map(float, line[1:])) for line in lines]
    assert len(figures) == len(names) + len(kinds)
    for at, found in enumerate(figures):
        assert found == pytest.approx(figures[at % len(kinds)], rel=1e-12), names[at - len(kinds)]


def test_the_figures_are_those_of_the_server(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns with the names of the design's variables, in Python and with replicates."""
    names = ["w", "row", "fpc", "stratum", "weight", "replicate_1", "{x}'\"` ", "_design_weight"]
    dataset = server.new_dataset()
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = [[row * (at + 3) % 17 for at in range(8)] for row in range(120)]
    lines = "".join(
        ",".join(map(str, [f"s{row % 3}", *each])) + "\n" for row, each in enumerate(rows)
    )
    server.import_text(dataset, f"city,{header}\n{lines}")
    job = drawn(server, dataset, one("stratified", strata_columns=["city"], sample_size=30))
    for replicates in ("none", "jackknife"):
        code = written(server, job, "python", tmp_path, replicates)
        monkeypatch.chdir(tmp_path)
        estimate = runpy.run_path(code.name)["estimate"]
        for name in [*names[:-1], "_design_weight_source"]:
            statistics = [{"statistic": kind, "column": name} for kind in ("total", "mean")]
            expected = estimates(server, job, *statistics)["estimates"]
            for line, each in zip(estimate(name), expected, strict=True):
                assert line[1] == pytest.approx(each["estimate"], rel=1e-9)
                assert line[2] == pytest.approx(each["standard_error"], rel=0.05)


def test_a_table_without_numbers_has_an_example(server: LiveServer, tmp_path: Path) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "city,shop\n" + "Oslo,a\n,b\n" * 30)
    job = drawn(server, dataset, one("random", sample_size=20))
    for language in PROGRAMS:
        code = written(server, job, language, tmp_path).read_text("utf-8")
        assert "the rows with a value of the column city" in code
    count = {"statistic": "count", "column": "city"}
    (expected,) = estimates(server, job, count)["estimates"]
    code = written(server, job, "python", tmp_path)
    run = subprocess.run(
        [sys.executable, code.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    name, *figures = run.stdout.splitlines()[0].split()
    names = ("estimate", "standard_error", "ci_low", "ci_high")
    assert name == "total"
    assert list(map(float, figures)) == pytest.approx([expected[each] for each in names])
