"""Estimates of a population from a sample, with margins of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.estimation.sample_design import (
    SampleDesign,
    design_json,
    design_notes,
    design_of,
)
from estimation_engine import (
    Estimate,
    InvalidEstimate,
    Settings,
    Statistic,
    VarianceRules,
    check_statistic,
    estimate,
    read_values,
    true_values,
)
from estimation_engine.estimates import StatisticName
from job_runner.sampling_parameters import parse_filter
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, OpenTable, open_source, open_table, output_of
from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine import Round
from sampling_engine.filters import Filter, parse_conditions
from sampling_engine.sample_table import shown_columns
from storage.jobs.jobs import Job

MAX_ESTIMATES = 20_000
DEFAULT_SETTINGS = Settings()


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
    _require_in_every_round(source, found.rounds, request, where)
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


def _require_in_every_round(
    source: OpenTable, rounds: Sequence[Round], request: EstimateRequest, where: Filter | None
) -> None:
    """Refuse a column that some rounds didn't select: their rows have no value of it."""
    partial = {each.name for each in shown_columns(source.files, rounds) if each.rounds is not None}
    named: list[tuple[tuple[str | int, ...], str | None]] = [
        (("statistics", at, field), each.get(field))
        for at, each in enumerate(request.statistics)
        for field in ("column", "denominator")
    ]
    named += [(("by", at), name) for at, name in enumerate(request.by)]
    named += [(("where",), each.name) for each in (() if where is None else where.columns)]
    for loc, name in named:
        if name in partial:
            raise InvalidEstimate(
                'Not every step selected the column "{column}", so not all rows have its values.',
                column=name,
                loc=loc,
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
    if found.population is not None:
        conditions.append(found.population.condition("f"))
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
