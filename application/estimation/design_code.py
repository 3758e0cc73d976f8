"""A sample's design as code of R, Stata, SAS and Python that declares it."""

from __future__ import annotations

from typing import Any

import numpy as np

from application.estimation.code import PROGRAMS
from application.estimation.code.r import judge_code
from application.estimation.code.sample_file import SampleFile
from application.estimation.design_table import replicate_facts, replicates_of
from application.estimation.sample_rows import require_of_table
from application.estimation.weighting import frame_condition
from contract.requests.estimate import DesignRequest
from estimation_engine import (
    Design,
    InvalidCalibration,
    Statistic,
    UnsupportedDesign,
    is_number,
    is_summable,
    true_values,
)
from estimation_engine.reading import relation_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import TableFiles
from sampling_engine.sample_table import shown_columns
from service.service import Service
from service.tables.open_tables import OpenTable, open_sample, open_source
from service.tables.row_names import key_of_job
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord

SAME_WEIGHT = 1e-4
"""The relative difference of weights that is rounding: of the recorded interval of money."""
MAX_LISTED = 2_000
"""Groups whose sizes stand in the code."""


def design_code(service: Service, job: JobRecord, request: DesignRequest) -> str:
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
    replicates = replicates_of(found.design, request)
    sample = _sample_file(service, job, source, found, with_sizes=request.format == "sas")
    program = PROGRAMS[request.format]
    if replicates is not None:
        facts = replicate_facts(replicates, request)
        return program.replicate_code(found.design, facts, sample)
    labels = _labels(service, job, found.design)
    if len(labels) > MAX_LISTED:
        raise UnsupportedDesign(
            "The design has {count} groups, and code lists up to {maximum}: use `format` json.",
            count=len(labels),
            maximum=MAX_LISTED,
        )
    code = found.design.code(labels)
    if found.design.scales_weights:
        _require_weights_of_sample(service, job, found.design)
    text = program.design_code(found.design, code, sample)
    if request.judge is not None:
        text += _judge_code(service, source, sample, found, request.judge)
    return text


def _judge_code(
    service: Service, source: OpenTable, sample: SampleFile, found: SampleDesign, name: str
) -> str:
    """R's calibration to the rows and the total of a judge's column."""
    table, loc = source.files, ("judge",)
    column = table.column(name, loc)
    require_of_table(table, found, name, loc)
    if column not in sample.columns or name in sample.partial:
        raise InvalidCalibration(
            'The sample has no column "{column}", or not in all steps.', column=name, loc=loc
        )
    if not is_summable(column) or found.design.uncovered_rows:
        raise InvalidCalibration(
            'The total of "{column}" can\'t be reproduced: that needs numbers, or true and false, '
            "and a drawn row of each stratum.",
            column=name,
            loc=loc,
        )
    figures = [Statistic("total", column), Statistic("count", column), Statistic("count")]
    with service.parquet.cursor(table) as cursor:
        known = true_values(cursor, table, figures, [], frame_condition(found.rounds, table)) or {}
    total, present, rows = known[()]
    if total is None or not rows or present != rows:
        raise InvalidCalibration(
            'R calibrates to columns without missing or infinite values; "{column}" has some.',
            column=name,
            loc=loc,
        )
    return judge_code(name, int(rows), total)


def _in_row_order(service: Service, job: JobRecord, column: str) -> list[Any]:
    """The values of a column of the draw, by the ordinals of the rows."""
    sample = open_sample(service, job).files
    relation, params = relation_of(sample)
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(
            f"SELECT f.{quote_identifier(column)} FROM {relation} AS f "
            "ORDER BY CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT)",
            params,
        ).fetchall()
    return [value for (value,) in rows]


def _require_weights_of_sample(service: Service, job: JobRecord, design: Design) -> None:
    """Refuse monetary units whose weights were scaled to the known amount: the file has others."""
    weights = _in_row_order(service, job, "_design_weight")
    if not np.allclose(weights, design.weights, rtol=SAME_WEIGHT, atol=0.0):
        raise UnsupportedDesign(
            "The number of selected units was left to chance, so each stands for the amount by "
            "their number, and the weights in the sample don't: choose `replicates` jackknife or "
            "bootstrap, or `format` csv, which has the weights."
        )


def _sample_file(
    service: Service, job: JobRecord, source: OpenTable, found: SampleDesign, *, with_sizes: bool
) -> SampleFile:
    """The columns of ``sample.csv``, and for SAS the bytes of their longest texts."""
    sample = open_sample(service, job).files
    partial = [
        each.name for each in shown_columns(source.files, found.rounds) if each.rounds is not None
    ]
    return SampleFile(
        sample.columns,
        partial,
        _longest_texts(service, sample) if with_sizes else {},
        key_of_job(service, job),
    )


def _longest_texts(service: Service, sample: TableFiles) -> dict[str, int]:
    texts = [each for each in sample.columns if not is_number(each)]
    longest = ", ".join(
        f"max(strlen(CAST(f.{quote_identifier(each.name)} AS VARCHAR)))" for each in texts
    )
    relation, params = relation_of(sample)
    with service.parquet.cursor(sample) as cursor:
        (sizes,) = cursor.execute(f"SELECT {longest} FROM {relation} AS f", params).fetchall()
    return {each.name: size or 0 for each, size in zip(texts, sizes, strict=True)}


def _labels(service: Service, job: JobRecord, design: Design) -> dict[str, int]:
    """N_h of each stratum or cluster with a drawn row, by its label in ``_stratum``."""
    if design.group_kind is None:
        return {}
    labels = _in_row_order(service, job, "_stratum")
    groups, first = np.unique(design.groups, return_index=True)
    pairs = zip(groups.tolist(), first.tolist(), strict=True)
    return {str(labels[at]): int(design.group_rows[group]) for group, at in pairs}
