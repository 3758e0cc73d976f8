"""A sample's design as code of R, Stata, SAS and Python that declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from application.estimation.code.python import python_code
from application.estimation.code.r import r_code
from application.estimation.code.replicates import replicate_code
from application.estimation.code.sas import sas_code
from application.estimation.code.stata import stata_code
from application.estimation.design_table import ReplicateRequest
from application.estimation.sample_design import SampleDesign, design_of
from estimation_engine import Design, UnsupportedDesign
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_source, open_table, output_of
from parquet_tables.tables import Int64s
from storage.jobs.jobs import Job

MAX_LISTED = 2_000
"""Groups whose sizes stand in the code."""
LANGUAGES: Mapping[str, Callable[[Design, Mapping[str, int]], str]] = {
    "r": r_code,
    "stata": stata_code,
    "sas": sas_code,
    "python": python_code,
}


def design_code(service: Service, job: Job, language: str, replicates: ReplicateRequest) -> str:
    """Code that declares the design of the downloaded sample ``sample.csv``.

    With replicates, code that reads them from the downloaded table ``design.csv``.

    Raises
    ------
    UnsupportedDesign
        There are more strata or clusters than the code can list, or the rounds aren't one sample.
    InvalidReplicates, LonelyStratum
        There can't be such replicates.
    """
    found = design_of(service, job, open_source(service, job))
    made = replicates.of(found.design)
    if made is not None:
        count = made.factors.shape[1]
        return replicate_code(language, found.design, replicates.kind, count, made.scale)
    if found.design.parts:
        raise UnsupportedDesign(
            "No program declares steps that aren't one sample: choose `replicates` jackknife or "
            "bootstrap, which give the code combined weights."
        )
    chances = found.design.chances
    if chances is not None and not np.allclose(chances * found.design.weights, 1.0, rtol=1e-12):
        raise UnsupportedDesign(
            "Several selected units lie in one row of this sample, which no program declares: "
            "choose `replicates` jackknife or bootstrap, or `format` csv, which has the weights."
        )
    labels = _labels(service, job, found)
    if len(labels) > MAX_LISTED:
        raise UnsupportedDesign(
            "The design has {count} groups, and code lists up to {maximum}: use `format` json.",
            count=len(labels),
            maximum=MAX_LISTED,
        )
    return LANGUAGES[language](found.design, labels)


def _labels(service: Service, job: Job, found: SampleDesign) -> dict[str, int]:
    """N_h of each stratum or cluster with a drawn row, by its label in ``_stratum``."""
    design = found.design
    if design.method not in ("stratified", "cluster"):
        return {}
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    files = [str(file.path) for file in sample.files]
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(
            "SELECT CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT), f._stratum "
            "FROM read_parquet(?) AS f ORDER BY 1",
            [files],
        ).fetchall()
    groups: Int64s = design.groups
    first = {int(group): at for at, group in reversed(list(enumerate(groups.tolist())))}
    return {str(rows[at][1]): int(design.group_rows[group]) for group, at in sorted(first.items())}
