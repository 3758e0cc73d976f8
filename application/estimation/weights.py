"""A sample's weights as a file for other programs, with a codebook."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from application.estimation.calibrating import CalibrationFacts
from application.estimation.code.sample_file import short_names
from application.estimation.code.weights import WeightsCode, programs
from application.estimation.known_totals import Census
from application.estimation.nonresponse import NonresponseFacts
from application.estimation.sample_rows import OpenedSample, sample_rows
from application.estimation.weighting import (
    Weighted,
    replicate_notes,
    weighted,
)
from application.samples.replacements import DRAW_METADATA, draw_record
from contract.declarations import Help
from contract.fields import DEFAULT_CONFIDENCE
from contract.requests.weights import WeightsRequest
from domain_errors import InvalidRequest
from estimation_engine import EstimateSettings
from estimation_engine.arrays import Floats
from estimation_engine.reading import ROW_ID
from estimation_engine.replicates import ReplicateFacts
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.exports import export_query
from parquet_tables.quoting import quote_identifier
from parquet_tables.statistical_files import (
    LabelledVariable,
    spss_names,
    write_statistical,
)
from parquet_tables.tables import Column
from presentation.content import float_text
from sampling_engine.sample_table import shown_columns
from service.service import Service
from service.tables.row_names import key_of_job
from service.tables.sample_design import DesignSummary, design_notes, design_summary
from storage.jobs.jobs import JobRecord

FileFormat = Literal["csv", "parquet", "dta", "sav"]
WEIGHTS_METADATA = "jobsvc.weights"
ROW = "row_id"
RESPONDED, DESIGN, RESPONSE, FINAL = "responded", "design_weight", "response_weight", "weight"
REPLICATE = "replicate_"
SOURCE_LABELS = {ROW_ID: "Row id of the sample"}


@dataclass(frozen=True, kw_only=True)
class WeightsColumn:
    """A column of the file."""

    name: Annotated[str, Help("In CSV and Parquet.")]
    short_name: Annotated[str, Help("In files of Stata and SPSS.")]
    label: str
    source: Annotated[str | None, Help("The column of the sample that it is; null for weights.")]
    type: str


@dataclass(frozen=True, kw_only=True)
class WeightsCodebook:
    """What the columns of a file of weights are, and how programs read it."""

    job_id: str
    rows: int
    columns: Annotated[list[WeightsColumn], Help("Without the replicates.")]
    weight: Annotated[str, Help("The column to estimate with.")]
    weight_sum: float
    weight_min: float
    weight_max: float
    design: DesignSummary
    calibration: CalibrationFacts | None
    nonresponse: NonresponseFacts | None
    replicates: ReplicateFacts | None
    replicate_columns: Annotated[str | None, Help("A pattern of their names.")]
    rscales: Annotated[float | None, Help("Of each replicate, besides `scale`.")]
    combined_weights: Annotated[bool, Help("Replicates are weights, and no factors of one.")]
    df: Annotated[
        int,
        Help(
            "Degrees of freedom of the design; with nonresponse also of respondents in strata "
            "that were drawn whole."
        ),
    ]
    notes: list[str]
    programs: Annotated[dict[str, str], Help("Code that reads the file, by program.")]


class _Chosen(NamedTuple):
    """A column of the sample under its name in the file."""

    column: Column
    name: str


@dataclass(frozen=True, eq=False)
class _Prepared:
    """All that a file of weights has."""

    rows: OpenedSample
    weights: Weighted
    chosen: list[_Chosen]
    added: dict[str, NDArray[Any]]
    replicates: Floats | None
    codebook: WeightsCodebook


def weights_codebook(
    service: Service, job: JobRecord, request: WeightsRequest, census: Census | None
) -> WeightsCodebook:
    """The codebook of a file of weights.

    Raises
    ------
    DomainError
        A column, a total or the replicates don't fit.
    """
    return _prepared(service, job, request, census).codebook


def write_weights(
    service: Service,
    job: JobRecord,
    request: WeightsRequest,
    census: Census | None,
    path: Path,
    kind: FileFormat,
) -> None:
    """Write the drawn rows in the order of the table, with their weights and replicate weights.

    Raises
    ------
    DomainError
        As :func:`weights_codebook`; or the file can't hold the rows.
    """
    made = _prepared(service, job, request, census)
    tables: dict[str, NDArray[Any]] = {"place": made.rows.design.ordinals, **made.added}
    if made.replicates is not None:
        for at, weights in enumerate(made.replicates, start=1):
            tables[f"{REPLICATE}{at}"] = weights
    added = [name for name in tables if name != "place"]
    relation, params = made.rows.relation
    selected = [f"f.{quote_identifier(ROW_ID)} AS {quote_identifier(ROW)}"]
    selected += [
        f"f.{quote_identifier(each.column.name)} AS {quote_identifier(each.name)}"
        for each in made.chosen
    ]
    selected += [f"d.{name}" for name in added]
    query = (
        f"SELECT {', '.join(selected)} FROM {relation} AS f JOIN weights AS d "
        f"ON d.place = CAST(split_part(f.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT) "
        f"{'WHERE d.responded ' if request.only_respondents else ''}ORDER BY d.place"
    )
    codebook = made.codebook
    with (
        service.parquet.cursor(made.rows.sample) as cursor,
        registered(cursor, {"weights": tables}),
    ):
        if kind == "csv" or kind == "parquet":
            metadata = {
                DRAW_METADATA: json.dumps(draw_record(job), ensure_ascii=False),
                WEIGHTS_METADATA: json.dumps(asdict(codebook), ensure_ascii=False, default=str),
            }
            export_query(cursor, query, params, path, kind, metadata=metadata)
            return
        replicates = [name for name in added if name.startswith(REPLICATE)]
        shorts = [*(each.short_name for each in codebook.columns), *replicates]
        if kind == "sav":
            shorts = spss_names(shorts)
        variables = [
            LabelledVariable(Column(each.name, each.type), short, each.label)
            for each, short in zip(codebook.columns, shorts, strict=False)
        ]
        variables += [
            LabelledVariable(
                Column(name, "DOUBLE"), name, f"Replicate weight {name[len(REPLICATE) :]}"
            )
            for name in replicates
        ]
        title = f"jobsvc sample {job.id[:8]}, weights"
        write_statistical(cursor, query, params, variables, path, kind, title)


def _prepared(
    service: Service, job: JobRecord, request: WeightsRequest, census: Census | None
) -> _Prepared:
    if request.only_respondents and request.nonresponse is None:
        raise InvalidRequest("`only_respondents` needs `nonresponse`.", loc=("only_respondents",))
    rows = sample_rows(service, job, request.values)
    weights = weighted(service.parquet, rows, request, census)
    replicated = weights.replicated()
    chosen = _chosen(rows, request.columns, key_of_job(service, job))
    design, final = rows.design.design, weights.weights
    added: dict[str, NDArray[Any]] = {}
    if weights.response is not None:
        added[RESPONDED] = weights.response.model.responded
    added[DESIGN] = design.weights
    if weights.before is not None:
        added[RESPONSE] = weights.before.calibrated_weights
    added[FINAL] = final
    facts = None if replicated is None else replicated[1]
    counted = final[final != 0] if request.only_respondents else final
    columns = _columns(chosen, added, weights, 0 if facts is None else facts.count)
    code = WeightsCode(facts, weights.degrees, [Column(each.name, each.type) for each in columns])
    codebook = WeightsCodebook(
        job_id=job.id,
        rows=_rows(weights, request),
        columns=columns,
        weight=FINAL,
        weight_sum=float(final.sum()),
        weight_min=float(counted.min(initial=np.inf)),
        weight_max=float(counted.max(initial=-np.inf)),
        design=design_summary(rows.design),
        calibration=weights.calibration_facts(),
        nonresponse=weights.nonresponse_facts(),
        replicates=facts,
        replicate_columns=None if facts is None else f"{REPLICATE}1 to {REPLICATE}{facts.count}",
        rscales=None if facts is None else 1.0,
        combined_weights=True,
        df=weights.degrees,
        notes=_notes(service, job, rows, weights, facts),
        programs=dict(programs(code)),
    )
    return _Prepared(
        rows,
        weights,
        chosen,
        added,
        None if replicated is None else replicated[0].weights,
        codebook,
    )


def _rows(weights: Weighted, request: WeightsRequest) -> int:
    if request.only_respondents and weights.response is not None:
        return weights.response.facts.respondents
    return weights.design.design.rows


def _chosen(rows: OpenedSample, names: Sequence[str], key: Sequence[str]) -> list[_Chosen]:
    """The columns of the file: the row key, then the chosen ones, by default the table's.

    One with the name of a weight gets another.
    """
    if names:
        wanted = [rows.sample.column(name, ("columns", at)) for at, name in enumerate(names)]
    else:
        shown = {
            each.name
            for each in shown_columns(rows.source.files, rows.design.rounds)
            if each.column.name == each.name
        }
        outside = () if rows.values_from is None else rows.values_from.columns
        wanted = [each for each in rows.sample.columns if each.name in shown or each in outside]
    by_name = {each.name: each for each in rows.sample.columns}
    keys = [by_name[name] for name in key if name in by_name]
    columns = list(dict.fromkeys([*keys, *wanted]))
    used = {ROW, RESPONDED, DESIGN, RESPONSE, FINAL, "place"}
    used |= {each.name.lower() for each in columns if not _is_of_weights(each.name)}
    found = []
    for column in columns:
        name = column.name
        while _is_of_weights(name) or (name != column.name and name.lower() in used):
            name += "_of_table"
        used.add(name.lower())
        found.append(_Chosen(column, name))
    return found


def _is_of_weights(name: str) -> bool:
    lower = name.lower()
    if lower.startswith(REPLICATE) and lower[len(REPLICATE) :].isdecimal():
        return True
    return lower in (ROW, RESPONDED, DESIGN, RESPONSE, FINAL)


def _columns(
    chosen: Sequence[_Chosen], added: dict[str, NDArray[Any]], weights: Weighted, replicates: int
) -> list[WeightsColumn]:
    steps = []
    if weights.response is not None:
        steps.append("made up for nonresponse")
    if weights.calibration is not None and weights.request.calibrate is not None:
        steps.append(f"calibrated by {weights.request.calibrate.method}")
    labels = {
        RESPONDED: "Whether the row responded",
        DESIGN: "Design weight, 1/inclusion probability",
        RESPONSE: "Weight made up for nonresponse",
        FINAL: f"Weight to estimate with{': ' if steps else ''}{', '.join(steps)}",
    }
    files = [Column(each.name, each.column.type) for each in chosen]
    own = [Column(ROW, "VARCHAR"), *files]
    own += [Column(name, "BOOLEAN" if name == RESPONDED else "DOUBLE") for name in added]
    beside = [Column(f"{REPLICATE}{at}", "DOUBLE") for at in range(1, replicates + 1)]
    shorts = short_names([*own, *beside])[: len(own)]
    sources: list[str | None] = [ROW_ID, *(each.column.name for each in chosen)]
    sources += [None] * len(added)
    return [
        WeightsColumn(
            name=column.name,
            short_name=short,
            label=labels[column.name] if source is None else SOURCE_LABELS.get(source, source),
            source=source,
            type=column.type,
        )
        for column, short, source in zip(own, shorts, sources, strict=True)
    ]


def _notes(
    service: Service,
    job: JobRecord,
    rows: OpenedSample,
    weights: Weighted,
    replicates: ReplicateFacts | None,
) -> list[str]:
    settings = EstimateSettings(DEFAULT_CONFIDENCE)
    notes = design_notes(
        service, job, rows.design, rows.source, settings, weights.rows_by_outside_totals
    )
    if rows.values_from is not None:
        notes += rows.values_from.notes_of(made_up=weights.response is not None)
    if weights.response is not None:
        notes += [*weights.response.warnings, *weights.response.notes]
        notes.append("Rows that didn't respond have the weight 0.")
    calibrate = weights.request.calibrate
    if weights.calibration is not None and calibrate is not None:
        exact = "exact " if weights.calibration.source == "table" else ""
        columns = ", ".join(calibrate.columns)
        notes.append(
            f"Calibrated by {calibrate.method} to the {exact}totals of {columns} "
            f"{weights.calibration.place}."
        )
        notes += weights.calibration.notes
    if replicates is not None:
        notes += replicate_notes(replicates)
        if weights.steps.has_steps:
            notes.append("Each replicate went through the same steps as the weight.")
    return notes


def codebook_markdown(codebook: WeightsCodebook) -> str:
    """The codebook as a page of Markdown."""
    design = codebook.design
    lines = [
        f"# Weights of the sample {codebook.job_id[:8]}",
        "",
        f"{codebook.rows:,} rows; the weights `{codebook.weight}` add up to "
        f"{float_text(codebook.weight_sum)}, from {codebook.weight_min:.10g} to "
        f"{codebook.weight_max:.10g}. Design: {design.method}, {design.n:,} of {design.N:,} rows, "
        f"{codebook.df:,} degrees of freedom.",
        "",
        *(f"- {note}" for note in codebook.notes),
        "",
        "## Columns",
        "",
        *_table(
            ("column", "in Stata and SPSS", "is", "type"),
            [(each.name, each.short_name, each.label, each.type) for each in codebook.columns],
        ),
    ]
    replicates = codebook.replicates
    if replicates is not None:
        seed = "" if replicates.seed is None else f", seed {replicates.seed}"
        lines += [
            "",
            "## Replicate weights",
            "",
            f"{codebook.replicate_columns}: {replicates.count:,} {replicates.kind} weights{seed}. "
            f"`scale` is {replicates.scale!r}, `rscales` are 1, `combined.weights` is TRUE, `mse` "
            "is TRUE. The finite population correction is in the weights.",
        ]
    calibration = codebook.calibration
    if calibration is not None:
        rows = [
            (
                each.column or ("rows" if each.group is None else _group_text(each.group)),
                float_text(each.known),
                float_text(each.estimated),
                f"{each.n:,}",
            )
            for each in calibration.totals
        ]
        headings = ("total of", "known", "by the weights before", "sampled rows")
        lines += ["", "## Calibration targets", "", *_table(headings, rows)]
    if codebook.nonresponse is not None and codebook.nonresponse.classes:
        classes = [
            (
                _group_text(each.group),
                f"{each.n:,}",
                f"{each.respondents:,}",
                f"{100 * each.weighted_rate:.1f} %",
                "" if each.factor is None else f"{each.factor:.6g}",
            )
            for each in codebook.nonresponse.classes
        ]
        headings_of_classes = ("class", "rows", "respondents", "weighted rate", "factor")
        lines += ["", "## Response", "", *_table(headings_of_classes, classes)]
    lines += ["", "## Programs"]
    for name, title in PROGRAM_TITLES.items():
        lines += ["", f"### {title}", "", f"```{name}", codebook.programs[name].rstrip(), "```"]
    return "\n".join([*lines, ""])


PROGRAM_TITLES = {"r": "R", "stata": "Stata", "sas": "SAS", "python": "Python"}


def _group_text(group: Mapping[str, Any]) -> str:
    if not group:
        return "all rows"
    return ", ".join(
        f"{name} = {'missing' if value is None else value}" for name, value in group.items()
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table of Markdown; values can't end a cell."""

    def line(cells: Sequence[str]) -> str:
        plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
        return f"| {' | '.join(plain)} |"

    return [line(headings), f"|{' --- |' * len(headings)}", *map(line, rows)]
