"""A sample's design as code of R, Stata, SAS and Python that declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from application.estimation.code.python import python_code
from application.estimation.code.r import r_code
from application.estimation.code.replicates import replicate_code
from application.estimation.code.sas import sas_code
from application.estimation.code.stata import stata_code
from application.estimation.code.texts import SampleFile
from application.estimation.design_table import ReplicateRequest
from application.estimation.sample_design import SampleDesign, design_of
from estimation_engine import Design, UnsupportedDesign, is_number
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Int64s, TableFiles
from sampling_engine.sample_table import shown_columns
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_source, open_table, output_of
from storage.jobs.jobs import Job

SAME_WEIGHT = 1e-4
"""The relative difference of weights that is rounding: of the recorded interval of money."""
MAX_LISTED = 2_000
"""Groups whose sizes stand in the code."""
LANGUAGES: Mapping[str, Callable[[Design, Mapping[str, int], SampleFile], str]] = {
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
    source = open_source(service, job)
    found = design_of(service, job, source)
    made = replicates.of(found.design)
    sample = _sample_file(service, job, source, found, with_sizes=language == "sas")
    if made is not None:
        count = made.factors.shape[1]
        return replicate_code(language, found.design, replicates.kind, count, made.scale, sample)
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
    _require_weights_of_sample(service, job, found.design)
    labels = _labels(service, job, found)
    if len(labels) > MAX_LISTED:
        raise UnsupportedDesign(
            "The design has {count} groups, and code lists up to {maximum}: use `format` json.",
            count=len(labels),
            maximum=MAX_LISTED,
        )
    return LANGUAGES[language](found.design, labels, sample)


def _require_weights_of_sample(service: Service, job: Job, design: Design) -> None:
    """Refuse monetary units whose weights were scaled to the known amount: the file has others."""
    if design.chances is None:
        return
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(
            "SELECT f._design_weight FROM read_parquet(?) AS f "
            "ORDER BY CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT)",
            [[str(file.path) for file in sample.files]],
        ).fetchall()
    if not np.allclose([row[0] for row in rows], design.weights, rtol=SAME_WEIGHT, atol=0.0):
        raise UnsupportedDesign(
            "The number of selected units was left to chance, so each stands for the amount by "
            "their number, and the weights in the sample don't: choose `replicates` jackknife or "
            "bootstrap, or `format` csv, which has the weights."
        )


def _sample_file(
    service: Service, job: Job, source: OpenTable, found: SampleDesign, *, with_sizes: bool
) -> SampleFile:
    """The columns of ``sample.csv``, and for SAS the bytes of their longest texts."""
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    partial = [
        each.name for each in shown_columns(source.files, found.rounds) if each.rounds is not None
    ]
    return SampleFile(
        sample.columns, partial, _longest_texts(service, sample) if with_sizes else {}
    )


def _longest_texts(service: Service, sample: TableFiles) -> dict[str, int]:
    texts = [each for each in sample.columns if not is_number(each)]
    longest = ", ".join(
        f"max(strlen(CAST(f.{quote_identifier(each.name)} AS VARCHAR)))" for each in texts
    )
    with service.parquet.cursor(sample) as cursor:
        (sizes,) = cursor.execute(
            f"SELECT {longest} FROM read_parquet(?) AS f",
            [[str(file.path) for file in sample.files]],
        ).fetchall()
    return {each.name: size or 0 for each, size in zip(texts, sizes, strict=True)}


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
