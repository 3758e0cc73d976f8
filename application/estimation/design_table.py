"""The design of a sample as a table: a line for each drawn row, with replicate weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from application.samples.replacements import DRAW_METADATA, draw_record
from contract.requests.estimate import DesignRequest
from domain_errors import located
from estimation_engine import Design
from estimation_engine.replicates import (
    ReplicateFacts,
    Replicates,
    bootstrap,
    jackknife,
)
from parquet_tables.database import registered
from parquet_tables.exports import export_query
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord

TableFormat = Literal["csv", "parquet"]
NO_UNIT = -1
STAGES = {
    name: f"nullif(d.{name}, {NO_UNIT})"
    for name in (
        "psu",
        "ssu",
        "stage1_units",
        "stage1_drawn",
        "stage2_units",
        "stage2_drawn",
    )
}
FURTHER_STAGES = (
    "stratum_number",
    "subcluster",
    "stage1_probability",
    "stage3_units",
    "stage3_drawn",
)
"""Columns of clusters in strata, by size or in three stages alone."""


def replicates_of(design: Design, request: DesignRequest) -> Replicates | None:
    """The requested replicates; None if there are to be none."""
    with located(("query", "replicates"), always=True):
        match request.replicates:
            case "jackknife":
                return jackknife(design)
            case "bootstrap":
                return bootstrap(design, request.replicate_count, request.replicate_seed)
            case "none":
                return None


def replicate_facts(replicates: Replicates, request: DesignRequest) -> ReplicateFacts:
    """What a program needs besides the weights."""
    assert request.replicates != "none"  # noqa: S101 - there are some
    seed = request.replicate_seed if request.replicates == "bootstrap" else None
    count = replicates.factors.shape[1]
    return ReplicateFacts(request.replicates, count, replicates.scale, seed)


def write_design_table(
    service: Service,
    job: JobRecord,
    request: DesignRequest,
    path: Path,
    kind: TableFormat,
) -> None:
    """Write the rows of the sample by ordinal: their stages, weights and replicate weights.

    Raises
    ------
    InvalidReplicates, LonelyStratum
        There can't be such replicates.
    """
    found = design_of(service, job, open_source(service, job))
    columns = _stages_of(found)
    record = draw_record(job)
    replicates = replicates_of(found.design, request)
    if replicates is not None:
        record["replicates"] = asdict(replicate_facts(replicates, request))
        for at in range(replicates.factors.shape[1]):
            columns[f"replicate_{at + 1}"] = found.design.weights * replicates.factors[:, at]
    sample = open_sample(service, job).files
    files = [str(file.path) for file in sample.files]
    with service.parquet.cursor(sample) as cursor, registered(cursor, {"design": columns}):
        metadata = {DRAW_METADATA: json.dumps(record, ensure_ascii=False)}
        export_query(cursor, _query(found, columns), [files], path, kind, metadata=metadata)


def _query(found: SampleDesign, columns: dict[str, NDArray[Any]]) -> str:
    """The table's lines; names are such as R takes, and none is a user's."""
    probability = "f._inclusion_probability"
    if not found.design.is_one_sample:
        probability = "CAST(NULL AS DOUBLE)"
    elif found.design.joins_rounds:
        probability = "1.0 / d.weight"
    selected = [
        "f._logical_row_id AS row_id",
        "f._sampling_round AS step",
        "f._sampling_method AS method",
        "CASE WHEN NOT d.is_cluster THEN f._stratum END AS stratum",
        "CASE WHEN d.is_cluster THEN f._stratum END AS cluster",
        *(f"{value} AS {name}" for name, value in STAGES.items()),
        *(f"nullif(d.{name}, {NO_UNIT}) AS {name}" for name in FURTHER_STAGES if name in columns),
        "d.take_all",
        f"{probability} AS probability",
        "d.weight",
        *(f"d.{name}" for name in columns if name.startswith("replicate_")),
    ]
    return (
        f"SELECT {', '.join(selected)} FROM read_parquet(?) AS f JOIN design AS d "
        "ON d.ssu = CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT) ORDER BY d.ssu"
    )


def _stages_of(found: SampleDesign) -> dict[str, NDArray[Any]]:
    """The stages of each row: units, drawn ones, and whether it was drawn with certainty."""
    design, rows = found.design, found.design.rows
    columns: dict[str, NDArray[Any]] = {
        name: np.full(rows, NO_UNIT, dtype=np.int64) for name in STAGES
    }
    columns["ssu"] = found.ordinals
    columns["weight"] = design.weights
    columns["take_all"] = np.zeros(rows, dtype=np.bool_)
    columns["is_cluster"] = np.zeros(rows, dtype=np.bool_)
    for part in design.parts:
        at, own = part.rows, part.design
        units, drawn = own.group_rows[own.groups], own.group_drawn[own.groups]
        columns["take_all"][at] = own.weights == 1.0
        if own.clusters is None:
            columns["psu"][at] = found.ordinals[at]
            columns["stage1_units"][at], columns["stage1_drawn"][at] = units, drawn
            continue
        columns["is_cluster"][at] = True
        for name, numbers in own.stage_columns.items():
            if name not in columns:
                columns[name] = np.full(rows, NO_UNIT, dtype=numbers.dtype)
            columns[name][at] = numbers
    return columns
