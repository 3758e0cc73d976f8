"""Estimates of a population from a sample, with margins of error.

The design is that of the recorded draw, which is drawn again; recent ones are cached in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimation_engine import (
    Design,
    Estimate,
    InvalidEstimate,
    Settings,
    Statistic,
    UnsupportedDesign,
    VarianceRules,
    check_statistic,
    cluster_design,
    estimate,
    random_design,
    read_values,
    stratified_design,
    systematic_design,
    true_values,
    weighted_design,
)
from estimation_engine.estimates import StatisticName
from job_runner.sampling_parameters import parse_filter, recorded_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, OpenTable, open_source, open_table, output_of
from parquet_tables.tables import Column, Int64s, TableFiles, UnknownColumn
from sampling_engine import DrawnRound, Round, drawn_rounds
from sampling_engine.filters import parse_conditions
from storage.jobs.jobs import Job

MAX_ESTIMATES = 20_000
DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True)
class SampleDesign:
    """A sample's design, the sorted ordinals of its rows, and the rounds that have rows."""

    design: Design
    ordinals: Int64s
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class EstimateRequest:
    """What to estimate; the statistics and the filter as the API's schema gives them."""

    statistics: Sequence[Mapping[str, Any]]
    by: Sequence[str] = ()
    where: dict[str, Any] | None = None
    settings: Settings = DEFAULT_SETTINGS
    with_true_values: bool = False


def estimates_of(service: Service, job: Job, request: EstimateRequest) -> dict[str, Any]:
    """Estimate statistics from the rows of a completed draw, as JSON.

    Raises
    ------
    DomainError
        A column or value doesn't fit, or the design has no formula.
    """
    source = open_source(service, job)
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    statistics = [_statistic(sample, at, given) for at, given in enumerate(request.statistics)]
    by = [_column(sample, name, ("by", at)) for at, name in enumerate(request.by)]
    where = None if request.where is None else parse_filter(request.where, sample, ("where",))
    found = design_of(service, job, source)
    with service.parquet.cursor(sample) as cursor:
        condition = None if where is None else where.condition("f")
        read = read_values(cursor, sample, found.ordinals, statistics, by, condition)
    if len(read.keys) * len(statistics) > MAX_ESTIMATES:
        raise InvalidEstimate(
            "These are {estimates} estimates; an answer has up to {maximum}.",
            estimates=len(read.keys) * len(statistics),
            maximum=MAX_ESTIMATES,
        )
    estimates = [
        _as_json(given, key, each, request.settings)
        for given, values in zip(request.statistics, read.values, strict=True)
        for key, each in zip(
            read.keys, estimate(found.design, values, read.domains, request.settings), strict=True
        )
    ]
    notes = design_notes(job, found, source, request.settings)
    notes += _estimate_notes(estimates, where is not None)
    if request.with_true_values:
        notes += _add_true_values(service, source, found, request, estimates)
    return {
        "job_id": job.id,
        "confidence": request.settings.confidence,
        "estimates": estimates,
        "design": design_json(found),
        "notes": notes,
    }


def design_of(service: Service, job: Job, source: OpenTable) -> SampleDesign:
    """The design of a completed draw, cached.

    Raises
    ------
    UnsupportedDesign
        The sample has no row, or its rounds aren't one design.
    """
    found: SampleDesign = service.results.designs.get(job.id, lambda: _design(service, job, source))
    return found


def _design(service: Service, job: Job, source: OpenTable) -> SampleDesign:
    rounds = recorded_rounds(job.run_parameters, source.files)
    counts_dir = service.directory.counts_dir
    drawn = drawn_rounds(service.parquet, source.files, rounds, counts_dir=counts_dir)
    filled = [pair for pair in zip(rounds, drawn, strict=True) if len(pair[1].ordinals)]
    if not filled:
        raise UnsupportedDesign("The sample has no row, so nothing can be estimated from it.")
    specs, parts = tuple(spec for spec, _ in filled), [part for _, part in filled]
    if len(specs) > 1:
        _require_one_design(specs)
    ordinals = np.concatenate([part.ordinals for part in parts])
    order = np.argsort(ordinals)
    groups = np.concatenate([part.groups for part in parts])[order]
    return SampleDesign(_design_of(specs[0], parts[0], groups), ordinals[order], specs)


def _design_of(spec: Round, first: DrawnRound, groups: Int64s) -> Design:
    """The design of rounds that are one: the frame is that of the first."""
    population = int(first.group_rows.sum())
    match spec.method.declaration.name:
        case "random":
            return random_design(len(groups), population)
        case "stratified":
            return stratified_design(groups, first.group_rows)
        case "cluster":
            clusters = int((first.group_rows > 0).sum())
            return cluster_design(groups, first.group_rows, clusters, population)
        case "systematic":
            return systematic_design(len(groups), population)
        case _:
            return weighted_design(first.probabilities, first.probabilities == 1.0, population)


def _require_one_design(rounds: Sequence[Round]) -> None:
    """Two random rounds of one frame are one random sample, and strata likewise."""
    first = rounds[0]
    name = first.method.declaration.name
    is_one = name in ("random", "stratified") and all(
        each.method.declaration.name == name
        and getattr(each.method, "strata_columns", None)
        == getattr(first.method, "strata_columns", None)
        and (each.filter and each.filter.text) == (first.filter and first.filter.text)
        for each in rounds
    )
    if not is_one:
        raise UnsupportedDesign(
            "Estimates from several steps need random or stratified steps of one method, with the "
            "same filter and the same strata columns. This sample mixes others, so draw each step "
            "as a sample of its own to estimate from it."
        )
    if len({frozenset(each.selection.columns) for each in rounds}) > 1:
        raise UnsupportedDesign(
            "The steps of this sample selected different columns, so not all rows have the values."
        )


def _column(table: TableFiles, name: str, loc: tuple[str | int, ...]) -> Column:
    try:
        return table.column(name)
    except UnknownColumn as error:
        error.loc = loc
        raise


def _statistic(
    table: TableFiles, at: int, given: Mapping[str, Any], loc: tuple[str | int, ...] = ()
) -> Statistic:
    """The statistic of a request, checked against a table."""
    loc = ("statistics", at)
    name: StatisticName = given["statistic"]
    columns = {
        field: None if given.get(field) is None else _column(table, given[field], (*loc, field))
        for field in ("column", "denominator")
    }
    column = columns["column"]
    condition = None
    is_missing = "value" in given and given["value"] is None
    if name == "proportion" and column is not None and "value" in given:
        wanted = {"column": column.name, "operator": "=", "value": given["value"]}
        if is_missing:
            wanted = {"column": column.name, "operator": "is_null"}
        condition = parse_conditions([wanted], "AND", table, loc=(*loc, "value")).condition("f")
    statistic = Statistic(
        name,
        column,
        columns["denominator"],
        condition,
        counts_missing=is_missing,
        q=given.get("q", 0.5),
    )
    check_statistic(statistic, loc)
    return statistic


def _as_json(
    given: Mapping[str, Any], key: dict[str, Any], found: Estimate, settings: Settings
) -> dict[str, Any]:
    names = ("statistic", "column", "denominator", "value", "q")
    return {
        **{name: given.get(name) for name in names},
        "group": key,
        "estimate": found.value,
        "standard_error": found.error,
        "ci_low": found.low,
        "ci_high": found.high,
        "confidence": settings.confidence,
        "df": found.degrees,
        "design_effect": found.design_effect,
        "n": found.rows,
        "n_missing": found.missing,
        "interval": found.interval,
        "variance": None if found.error is None else found.error**2,
        "true_value": None,
    }


def design_json(found: SampleDesign) -> dict[str, Any]:
    """The design as JSON, without its strata."""
    design = found.design
    clusters_drawn, clusters = design.clusters or (None, None)
    is_stratified = design.method == "stratified"
    first = found.rounds[0]
    return {
        "method": design.method,
        "n": design.rows,
        "N": design.population,
        "filter": first.filter.text if first.filter else None,
        "rounds": len(found.rounds),
        "strata": int((design.group_rows > 0).sum()) if is_stratified else None,
        "strata_drawn": int((design.group_drawn > 0).sum()) if is_stratified else None,
        "clusters": clusters,
        "clusters_drawn": clusters_drawn,
        "take_all_rows": int(design.take_all.sum()) if design.method == "weighted" else None,
        "uncovered_rows": design.uncovered_rows,
        "df": design.degrees,
    }


def design_notes(job: Job, found: SampleDesign, source: OpenTable, settings: Settings) -> list[str]:
    """What the estimates assume and refer to, in plain words."""
    design, first = found.design, found.rounds[0]
    table = source.key
    notes = [f"The estimates are for the {design.population:,} rows of {table}"]
    notes[0] += f" that pass the filter {first.filter.text}." if first.filter else "."
    if job.run_parameters.get("source_draw") is not None:
        notes.append(
            "That table was itself drawn, or is what a draw left. The estimates are for its rows, "
            "and not for the table that it came from."
        )
    if len(found.rounds) > 1:
        notes.append(f"The {len(found.rounds)} steps count as one {design.method} sample.")
    if design.uncovered_rows:
        notes.append(
            f"No row was drawn from strata with {design.uncovered_rows:,} rows; the estimates "
            "don't cover them."
        )
    if design.lonely.any():
        notes.append(
            f"{int(design.lonely.sum()):,} strata have one drawn row of several; their variance is "
            f"a substitute ({settings.rules.lonely_stratum})."
        )
    if design.method == "systematic":
        notes.append(
            "The variance is approximate: one systematic sample can't tell how much another start "
            f"would differ ({settings.rules.systematic})."
        )
    if design.method == "weighted":
        notes.append(
            "The variance is Hájek's approximation from the true selection probabilities. Rows "
            f"drawn with certainty ({int(design.take_all.sum()):,}) have no part in it."
        )
        notes.append("Rows without a weight above 0 couldn't be drawn and aren't covered.")
    if design.method == "cluster":
        notes.append("Rows of one cluster were drawn together, so the clusters set the margin.")
        single = int(((design.group_drawn == 1) & (design.group_rows > 1)).sum())
        if single:
            notes.append(
                f"{single:,} clusters gave one row of several; the variance inside them can't be "
                "known and counts as 0."
            )
    return notes


def _estimate_notes(estimates: Sequence[Mapping[str, Any]], has_filter: bool) -> list[str]:
    notes = []
    if any(each["n_missing"] for each in estimates):
        notes.append("Rows without a value are left out: a total is that of the rows with one.")
    if has_filter or any(each["group"] for each in estimates):
        notes.append(
            "Rows outside a group or the filter stay in the design, so the number of rows inside "
            "is estimated, too."
        )
    without = sum(each["standard_error"] is None for each in estimates)
    if without:
        notes.append(
            f"{without:,} estimates have no margin: they rest on no row, on one unit alone, or on "
            "a denominator of 0."
        )
    return notes


def _add_true_values(
    service: Service,
    source: OpenTable,
    found: SampleDesign,
    request: EstimateRequest,
    estimates: Sequence[dict[str, Any]],
) -> list[str]:
    """Add each estimate's true value from the source, if it has the columns; returns notes."""
    table = source.files
    filters = [request.where] if request.where is not None else []
    conditions = [parse_filter(given, table, ("where",)).condition("f") for given in filters]
    spec = found.rounds[0]
    if spec.filter is not None:
        conditions.append(spec.filter.condition("f"))
    where = None
    if conditions:
        sql = " AND ".join(f"coalesce({each}, false)" for each, _ in conditions)
        where = (sql, [value for _, params in conditions for value in params])
    statistics = [_statistic(table, at, given) for at, given in enumerate(request.statistics)]
    by = [table.column(name) for name in request.by]
    with service.parquet.cursor(table) as cursor:
        truth = true_values(cursor, table, statistics, by, where)
    if truth is None:
        return ["The source has too many groups to compute their true values at once."]
    groups = len(estimates) // len(statistics)
    for at, each in enumerate(estimates):
        values = truth.get(tuple(each["group"].values()))
        each["true_value"] = None if values is None else values[at // groups]
    others = len(truth) - groups
    return [f"{others:,} groups of the source have no sampled row."] if by and others > 0 else []


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings of a request."""
    variance = given.get("variance") or {}
    return Settings(
        given.get("confidence", 0.95),
        (given.get("interval") or {}).get("proportion", "korn_graubard"),
        VarianceRules(variance.get("lonely_stratum", "fail"), variance.get("systematic", "sd1")),
    )
