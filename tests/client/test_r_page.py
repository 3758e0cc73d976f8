"""The R code of the page on R runs, and gives the server's figures."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from jobsvc_client import Dataset

from tests.support.live_server import LiveServer

PAGE = Path(__file__).parents[2] / "docs" / "R.md"
FIGURES = """
total <- svytotal(~amount, design, na.rm = TRUE)
ends <- confint(total, df = degf(design))
cat("figures", format(c(coef(total), SE(total), ends), digits = 15))
"""


def test_the_r_code_of_the_page_gives_the_servers_figures(
    server: LiveServer, dataset: Dataset, tmp_path: Path
) -> None:
    sample = dataset.sample("stratified", strata="region", size=60, seed=3)
    blocks = re.findall(r"```r\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "page.R").write_text("\n".join([*blocks, FIGURES]), encoding="utf-8")
    environment = {
        "JOBSVC_SERVER": server.url,
        "JOBSVC_TOKEN": server.token,
        "JOB": sample.id[:8],
    }
    run = subprocess.run(
        ["Rscript", "page.R"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = [float(text) for text in run.stdout.split("figures", 1)[1].split()]
    (expected,) = sample.estimate("total", "amount")
    assert figures == pytest.approx(
        [expected.estimate, expected.standard_error, expected.ci_low, expected.ci_high]
    )
    assert "svyglm(formula = amount ~ region" in run.stdout
