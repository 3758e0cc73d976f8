"""Weights through the Python client and the command: frames, files, codebooks, known totals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from jobsvc_client import Dataset, JobsvcError, Sample

KNOWN: dict[str, Any] = {"method": "rake", "columns": ["region"]}


@pytest.fixture(scope="module")
def sample(dataset: Dataset) -> Sample:
    return dataset.sample("stratified", strata="region", size=40, seed=1, name="weighted")


def test_weights_are_a_frame_or_a_file(sample: Sample, tmp_path: Path) -> None:
    frame = sample.weights(calibrate=KNOWN, replicates="jackknife")
    assert len(frame) == 40
    assert [name for name in frame.columns if name.startswith("replicate_")][-1] == "replicate_40"
    lean = sample.weights(columns="amount", library="polars")
    assert lean.columns == ["row_id", "amount", "design_weight", "weight"]
    for ending in ("csv", "dta", "sav", "parquet"):
        path = sample.weights(tmp_path / f"w.{ending}", calibrate=KNOWN)
        assert path.stat().st_size > 0
    assert (tmp_path / "w.csv").read_text("utf-8").startswith("row_id,")
    text = sample.weights(tmp_path / "w.md", calibrate=KNOWN).read_text("utf-8")
    assert text.startswith("# Weights of the sample")
    assert sample.codebook(replicates="bootstrap", replicate_count=10)["replicates"]["count"] == 10
    lean_book = sample.codebook(columns="amount", values="table")
    assert [each["name"] for each in lean_book["columns"]] == lean.columns
    with pytest.raises(JobsvcError, match="format"):
        sample.weights(tmp_path / "w.xlsx")


def test_known_totals_are_a_mapping_or_a_frame(sample: Sample) -> None:
    regions = sorted(set(sample.to_pandas()["region"].dropna()))
    totals = dict.fromkeys(regions, 100.0)
    by_name = {**KNOWN, "totals": {"region": totals}}
    assert sample.weights(calibrate=by_name)["weight"].sum() == pytest.approx(100 * len(totals))
    frame = pandas.DataFrame({"region": regions, "total": 50.0})
    found = sample.weights(calibrate={**KNOWN, "totals": frame})
    assert found["weight"].sum() == pytest.approx(50 * len(totals))
    long = polars.DataFrame(
        {"column": "region", "value": regions, "share": [1 / len(regions)] * len(regions)}
    )
    (count,) = sample.estimate("count", calibrate={**KNOWN, "totals": long})
    assert count.estimate == pytest.approx(sample.source_rows)
    with pytest.raises(JobsvcError, match="a column `total` or a column `share`"):
        sample.weights(calibrate={**KNOWN, "totals": frame.drop(columns="total")})
    of_polars = polars.Series("total", [50.0] * len(regions))
    for series in (frame.set_index("region")["total"], of_polars):
        with pytest.raises(JobsvcError, match="are a frame, a mapping or a list, not Series"):
            sample.weights(calibrate={**KNOWN, "totals": series})
