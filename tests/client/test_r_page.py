"""The R code of the page on R runs, and gives the server's figures."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from jobsvc_client import Client, Dataset, Sample

from tests.support.live_server import LiveServer

PAGE = Path(__file__).parents[2] / "docs" / "R.md"
FIGURES = """
total <- svytotal(~amount, design, na.rm = TRUE)
ends <- confint(total, df = degf(design))
share <- svyciprop(~I(amount > 100), subset(design, !is.na(amount)), method = "beta", na.rm = TRUE)
cat("figures", format(c(coef(total), SE(total), ends, coef(difference)[2], SE(difference)[2],
  coef(share), SE(share), coef(mean), SE(mean)), digits = 15))
"""
UNEQUAL = {
    "weighted": {"weight_column": "id", "size": 120},
    "cluster": {
        "cluster_column": "shop",
        "num_clusters": 12,
        "cluster_probability": "size",
        "size_column": "id",
        "samples_per_cluster": 9,
    },
}


def figures_of_page(server: LiveServer, sample: Sample, folder: Path) -> tuple[list[float], str]:
    """The figures of the page's code and of those above, and all that is printed."""
    blocks = re.findall(r"```r\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "page.R").write_text("\n".join([*blocks, FIGURES]), encoding="utf-8")
    environment = {
        "JOBSVC_SERVER": server.url,
        "JOBSVC_TOKEN": server.token,
        "JOB": sample.id[:8],
    }
    run = subprocess.run(
        ["Rscript", "page.R"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [float(text) for text in run.stdout.split("figures", 1)[1].split()], run.stdout


def test_the_r_code_of_the_page_gives_the_servers_figures(
    server: LiveServer, dataset: Dataset, tmp_path: Path
) -> None:
    sample = dataset.sample("stratified", strata="region", size=60, seed=3)
    figures, printed = figures_of_page(server, sample, tmp_path)
    (expected,) = sample.estimate("total", "amount")
    assert figures[:4] == pytest.approx(
        [expected.estimate, expected.standard_error, expected.ci_low, expected.ci_high]
    )
    assert "svyglm(formula = amount ~ region" in printed


@pytest.mark.parametrize("method", UNEQUAL)
def test_the_code_fits_unequal_probabilities_and_missing_values(
    server: LiveServer, client: Client, tmp_path: Path, method: str
) -> None:
    frame = pd.DataFrame(
        {
            "id": range(1, 601),
            "region": [("north", "east", "south", "west")[row % 4] for row in range(600)],
            "amount": [None if row % 9 == 4 else row * 37 % 211 for row in range(600)],
            "shop": [f"s{row % 30}" for row in range(600)],
        }
    )
    dataset = client.upload(frame, f"unequal {method}")
    sample = dataset.sample(method, seed=3, **UNEQUAL[method])
    figures, printed = figures_of_page(server, sample, tmp_path)
    assert "NaN" not in printed
    (total,) = sample.estimate("total", "amount")
    between = {"between": {"by": "region", "first": "north", "second": "south"}}
    (contrast,) = sample.estimate("mean", "amount", contrast=between).contrasts
    (mean,) = sample.estimate("mean", "amount")
    expected = [(each.estimate, each.standard_error) for each in (total, contrast, mean)]
    found = list(zip(figures[::2], figures[1::2], strict=True))
    # R has Brewer's approximation for rows with unequal probabilities, jobsvc Hájek's.
    tolerance = 0.02 if method == "weighted" else 1e-9
    for (value, error), (own, own_error) in zip(
        (found[0], found[2], found[4]), expected, strict=True
    ):
        assert value == pytest.approx(own, rel=1e-9)
        assert error == pytest.approx(own_error, rel=tolerance)
