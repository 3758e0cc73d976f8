"""The design of a sample as facts, and as code that repeats the server's figures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.draw_requests import one
from tests.contract.test_estimates import DESIGNS, MEAN, TOTAL, dataset, drawn, estimates
from tests.live_server import LiveServer

__all__ = ["dataset"]

EXACT_IN_R = ("random", "stratified", "cluster", "two stages")


def written(server: LiveServer, job: str, language: str, folder: Path) -> Path:
    """The code and the sample in one folder."""
    path = f"/api/sampling/jobs/{job}"
    answer = server.admin.get(f"{path}/design", params={"format": language})
    assert answer.status_code == 200, answer.text
    rows = server.admin.get(f"{path}/data", params={"format": "csv"})
    (folder / "sample.csv").write_bytes(rows.content)
    code = folder / "design"
    code.write_text(answer.text, "utf-8")
    return code


@pytest.mark.parametrize("name", DESIGNS)
def test_python_repeats_the_figures(
    server: LiveServer, dataset: int, tmp_path: Path, name: str
) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    code = written(server, job, "python", tmp_path)
    run = subprocess.run(
        [sys.executable, code.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = {
        line.split()[0]: list(map(float, line.split()[1:])) for line in run.stdout.splitlines()
    }
    names = ("estimate", "standard_error", "ci_low", "ci_high")
    for each in estimates(server, job, MEAN, TOTAL)["estimates"]:
        expected = [each[field] for field in names]
        assert lines[each["statistic"]] == pytest.approx(expected, rel=1e-9)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R isn't installed")
@pytest.mark.parametrize("name", DESIGNS)
def test_r_repeats_the_figures(server: LiveServer, dataset: int, tmp_path: Path, name: str) -> None:
    job = drawn(server, dataset, DESIGNS[name])
    code = written(server, job, "r", tmp_path)
    code.write_text(
        code.read_text("utf-8")
        + "figures <- c(coef(mean), SE(mean), coef(total), SE(total))\n"
        + 'cat("FIGURES", format(figures, digits = 15))\n',
        "utf-8",
    )
    run = subprocess.run(
        ["Rscript", code.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = list(map(float, run.stdout.split("FIGURES")[1].split()))
    mean, total = estimates(server, job, MEAN, TOTAL, variance={"systematic": "random"})[
        "estimates"
    ]
    expected = [each[field] for each in (mean, total) for field in ("estimate", "standard_error")]
    exact = name in EXACT_IN_R or name == "systematic"
    assert found[::2] == pytest.approx(expected[::2], rel=1e-9)
    assert found[1::2] == pytest.approx(expected[1::2], rel=1e-9 if exact else 0.02)


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


def test_a_value_runs_nothing_in_the_code(server: LiveServer, tmp_path: Path) -> None:
    evil = "a\"'\n!touch x\n`=1' $S_DATE \\ /* '); print(\"ran\") #"
    table = server.new_dataset()
    quoted = '"' + evil.replace('"', '""') + '"'
    rows = "".join(f"{quoted if row % 2 else 'Oslo'},{row}\n" for row in range(40))
    server.import_text(table, f"city,amount\n{rows}")
    job = drawn(server, table, one("stratified", strata_columns=["city"], sample_size=10))
    stata = written(server, job, "stata", tmp_path).read_text("utf-8")
    sizes = [line for line in stata.splitlines() if line.startswith("replace rows")]
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
    assert (found["method"], found["n"], found["N"]) == ("stratified", 20, 600)
    drawn_rows = {group["key"]["city"]: group["drawn"] for group in found["groups"]}
    assert drawn_rows == {"Oslo": 20, "Lima": 0, "Kyiv": 0, None: 0}
    assert {group["rows"] for group in found["groups"]} == {150}
    weighted = drawn(server, dataset, DESIGNS["weighted"])
    assert server.admin.get(f"/api/sampling/jobs/{weighted}/design").json()["take_all"] == []
