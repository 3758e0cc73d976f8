"""Estimates of a population from a sample, with margins of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, TypedDict

from application.estimation.calibrating import (
    CalibrationFrame,
    CalibrationJson,
    FoundCalibration,
    both,
    find_calibration,
)
from application.estimation.interval_notes import interval_notes
from application.estimation.monetary_selection import drawable
from application.estimation.uploaded_values import Upload, shown_upload
from application.estimation.value_sources import (
    FINDINGS,
    ValueSource,
    value_source,
    with_values,
)
from contract.fields import NOT_GIVEN
from contract.requests.estimate import CalibrateRequest, EstimatesRequest
from contract.words import StatisticName
from domain_errors import counted
from estimation_engine import (
    Design,
    Estimate,
    InvalidEstimate,
    Settings,
    Statistic,
    Values,
    VarianceRules,
    check_statistic,
    estimate,
    read_values,
    true_values,
)
from estimation_engine.known_values import require_known_value
from estimation_engine.reading import ReadSample
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine import Round
from sampling_engine.filters import Filter, parse_conditions
from sampling_engine.sample_table import shown_columns
from service.sampling_parameters import parse_filter
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_source, open_table, output_of
from service.tables.sample_design import (
    DesignJson,
    SampleDesign,
    design_json,
    design_notes,
    design_of,
)
from storage.audit.findings import list_replacements
from storage.jobs.jobs import Job

MAX_ESTIMATES = 20_000
MAX_RESIDUALS = 500_000_000
"""Residuals of a calibrated answer, some 5 s of work."""


class PlainEstimate(TypedDict):
    """An estimate without calibration."""

    estimate: float | None
    standard_error: float | None
    ci_low: float | None
    ci_high: float | None


class EstimateJson(PlainEstimate):
    """An estimate of one group; the fields are those of the API."""

    statistic: StatisticName
    column: str | None
    denominator: str | None
    value: Any
    q: float | None
    group: dict[str, Any]
    confidence: float
    df: int
    design_effect: float | None
    n: int
    n_missing: int
    interval: str
    variance: float | None
    true_value: float | None
    uncalibrated: PlainEstimate | None


class EstimatesJson(TypedDict):
    """The answer of a request of estimates."""

    job_id: str
    confidence: float
    estimates: list[EstimateJson]
    calibration: CalibrationJson | None
    values: Upload | None
    design: DesignJson
    warnings: list[str]
    notes: list[str]


@dataclass(frozen=True)
class _Sampled:
    """A sample as a request reads it: its table and source, its design, the values, the figures."""

    source: OpenTable
    sample: TableFiles
    relation: Statement
    values_from: ValueSource | None
    design: SampleDesign
    read: ReadSample
    figures: Sequence[Mapping[str, Any]]


def estimates_of(service: Service, job: Job, request: EstimatesRequest) -> EstimatesJson:
    """Estimate statistics from the rows of a completed draw, as JSON.

    Raises
    ------
    DomainError
        A column or value doesn't fit, or the design has no formula.
    """
    sampled, settings = _sampled(service, job, request), settings_of(request)
    design, has_filter = sampled.design.design, request.where is not None
    calibration = None
    if request.calibrate is not None:
        calibration = _calibration(service, sampled, request, request.calibrate)
    estimated = [
        pair
        for given, values in zip(sampled.figures, sampled.read.values, strict=True)
        for pair in _of_statistic(given, values, sampled.read, design, settings, calibration)
    ]
    estimates = [figure for figure, _ in estimated]
    warnings = interval_notes(estimated, settings, design.unit)
    notes = [*warnings, *design_notes(job, sampled.design, sampled.source, settings)]
    notes += _value_notes(service, job, request, sampled.values_from)
    if calibration is not None and request.calibrate is not None:
        notes += _calibration_notes(request.calibrate, calibration, estimates)
    notes += _estimate_notes(estimates, has_filter)
    notes += _equal_value_notes(design, estimates, has_filter)
    if request.true_values:
        notes += _add_true_values(service, sampled, request, estimates)
    upload = sampled.values_from and sampled.values_from.upload
    return {
        "job_id": job.id,
        "confidence": request.confidence,
        "estimates": estimates,
        "calibration": calibration.as_json(request.calibrate)
        if calibration and request.calibrate
        else None,
        "values": shown_upload(upload, job) if upload else None,
        "design": design_json(sampled.design),
        "warnings": warnings,
        "notes": notes,
    }


def _sampled(service: Service, job: Job, request: EstimatesRequest) -> _Sampled:
    """Read the values of the sampled rows, after all checks of the request."""
    source = open_source(service, job)
    stored = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    values_from = value_source(service, job, request.values, request.book_column)
    sample, relation = with_values(stored, values_from)
    figures = [figure.given() for figure in request.statistics]
    statistics = [_statistic(sample, at, given) for at, given in enumerate(figures)]
    by = [_column(sample, name, ("by", at)) for at, name in enumerate(request.by)]
    where = None if request.where is None else parse_filter(request.where, sample, ("where",))
    _require_known_values(service, source, values_from, request, statistics)
    design = design_of(service, job, source)
    _require_in_every_round(source, design.rounds, request, where)
    with service.parquet.cursor(sample) as cursor:
        condition = None if where is None else where.condition("f")
        read = read_values(cursor, relation, design.ordinals, statistics, by, condition)
    count = len(read.keys) * len(statistics)
    if count > MAX_ESTIMATES:
        raise InvalidEstimate(
            "These are {estimates} estimates; an answer has up to {maximum}.",
            estimates=count,
            maximum=MAX_ESTIMATES,
        )
    return _Sampled(source, sample, relation, values_from, design, read, figures)


def _value_notes(
    service: Service, job: Job, request: EstimatesRequest, values_from: ValueSource | None
) -> list[str]:
    """Notes on where the values come from."""
    notes = [] if values_from is None else list(values_from.notes)
    if request.values == FINDINGS:
        return notes
    with service.database.read() as tx:
        replaced = len(list_replacements(tx, job.id))
    if replaced:
        rows = counted(replaced, "row was", "rows were")
        notes.insert(0, f"{rows} replaced; estimates use the drawn rows.")
    return notes


def _require_in_every_round(
    source: OpenTable, rounds: Sequence[Round], request: EstimatesRequest, where: Filter | None
) -> None:
    """Refuse a column that some rounds didn't select: their rows have no value of it."""
    partial = {each.name for each in shown_columns(source.files, rounds) if each.rounds is not None}
    named: list[tuple[tuple[str | int, ...], str | None]] = [
        (("statistics", at, field), getattr(each, field))
        for at, each in enumerate(request.statistics)
        for field in ("column", "denominator")
    ]
    named += [(("by", at), name) for at, name in enumerate(request.by)]
    calibrated = () if request.calibrate is None else request.calibrate.columns
    named += [(("calibrate", "columns", at), name) for at, name in enumerate(calibrated)]
    named += [(("where",), each.name) for each in (() if where is None else where.columns)]
    for loc, name in named:
        if name in partial:
            raise InvalidEstimate(
                'Not every step selected the column "{column}", so not all rows have its values.',
                column=name,
                loc=loc,
            )


def _is_of_table(table: TableFiles, found: SampleDesign, name: str) -> bool:
    """Whether a column of the sample isn't another one than the table's of this name."""
    if all(column.name != name for column in table.columns):
        return True
    return any(each.column.name == name == each.name for each in shown_columns(table, found.rounds))


def _require_of_table(
    table: TableFiles, found: SampleDesign, name: str, loc: tuple[str | int, ...]
) -> None:
    if not _is_of_table(table, found, name):
        raise InvalidEstimate(
            'In the sample, "{column}" is a column of the draw or of the upload, and not that of '
            "the table, so its total isn't known.",
            column=name,
            loc=loc,
        )


def _calibration(
    service: Service, sampled: _Sampled, request: EstimatesRequest, calibrate: CalibrateRequest
) -> FoundCalibration:
    """The calibration of a request; a difference needs the source's own groups and filter."""
    read, found, table = sampled.read, sampled.design, sampled.source.files
    # A calibration has a residual of each row for each estimate.
    residuals = found.design.rows * len(read.keys) * len(read.values)
    if residuals > MAX_RESIDUALS:
        raise InvalidEstimate(
            "The sampled rows times the calibrated estimates are {count}, more than {maximum}: "
            "reduce the statistics or the groups.",
            count=residuals,
            maximum=MAX_RESIDUALS,
            loc=("calibrate",),
        )
    for at, name in enumerate(calibrate.columns):
        loc = ("calibrate", "columns", at)
        _column(sampled.sample, name, loc)
        _require_of_table(table, found, name, loc)
    by: list[Column] = []
    where: Statement | None = None
    keys: list[dict[str, Any]] = [{}]
    if calibrate.method == "difference":
        by = [_column(table, name, ("by", at)) for at, name in enumerate(request.by)]
        keys = read.keys
        if request.where is not None:
            where = parse_filter(request.where, table, ("where",)).condition("f")
    frame = CalibrationFrame(
        service.parquet,
        table,
        frame_condition(found, table),
        sampled.relation,
        found.ordinals,
        found.design,
    )
    return find_calibration(frame, calibrate, by, where, keys)


def frame_condition(found: SampleDesign, table: TableFiles) -> Statement | None:
    """SQL over ``f`` of the source's rows that any round could draw; None for all rows."""
    conditions: list[Statement] = []
    for spec in found.rounds:
        condition = drawable(spec, table)
        if condition is None:
            return None
        if condition not in conditions:
            conditions.append(condition)
    if len(conditions) == 1:
        return conditions[0]
    sql = " OR ".join(f"coalesce({each}, false)" for each, _ in conditions)
    return f"({sql})", [value for _, params in conditions for value in params]


def _of_statistic(
    given: Mapping[str, Any],
    values: Values,
    read: ReadSample,
    design: Design,
    settings: Settings,
    calibration: FoundCalibration | None,
) -> list[tuple[EstimateJson, Estimate]]:
    """The estimates of one statistic, by group; calibrated ones have the uncalibrated, too."""
    plain = estimate(design, values, read.domains, settings)
    if calibration is None:
        return [
            (_as_json(given, key, each, settings), each)
            for key, each in zip(read.keys, plain, strict=True)
        ]
    known = calibration.calibration
    calibrated = estimate(design, values, read.domains, settings, known)
    return [
        (
            _as_json(given, key, _with_effect(each, before), settings, before),
            each,
        )
        for key, each, before in zip(read.keys, calibrated, plain, strict=True)
    ]


def _with_effect(calibrated: Estimate, plain: Estimate) -> Estimate:
    """The variance by that of an uncalibrated simple random sample."""
    effect = None
    if plain.design_effect is not None and plain.error and calibrated.error is not None:
        effect = plain.design_effect * (calibrated.error / plain.error) ** 2
    return replace(calibrated, design_effect=effect)


def _width(each: PlainEstimate) -> float | None:
    low, high = each["ci_low"], each["ci_high"]
    return None if low is None or high is None else high - low


def _calibration_notes(
    request: CalibrateRequest, calibration: FoundCalibration, estimates: Sequence[EstimateJson]
) -> list[str]:
    columns = ", ".join(request.columns)
    notes = [f"Calibrated by {request.method} to the exact totals of {columns} in the table."]
    pairs = [
        (_width(figure), _width(figure["uncalibrated"]))
        for figure in estimates
        if figure["uncalibrated"] is not None
    ]
    shares = [after / before for after, before in pairs if after is not None and before]
    if len(shares) == 1:
        percent = round(100 * abs(1 - shares[0]))
        change = f"{percent} %" if percent else "no"
        direction = "narrower" if shares[0] <= 1 or not percent else "wider"
        notes.append(f"The interval is {change} {direction} than without calibration.")
    elif shares:
        least, most = (f"{100 * (share - 1):+.0f} %" for share in (min(shares), max(shares)))
        notes.append(f"Calibration changes the widths of the intervals by {least} to {most}.")
    return notes + list(calibration.notes)


def _column(table: TableFiles, name: str, loc: tuple[str | int, ...]) -> Column:
    try:
        return table.column(name)
    except UnknownColumn as error:
        error.loc = loc
        raise


def _statistic(table: TableFiles, at: int, given: Mapping[str, Any]) -> Statistic:
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


def _require_known_values(
    service: Service,
    source: OpenTable,
    values_from: ValueSource | None,
    request: EstimatesRequest,
    statistics: Sequence[Statistic],
) -> None:
    """Refuse the share of a value that no row of the table has.

    A value from outside that no sampled row has is a result, not a mistake; its column isn't in the
    table.
    """
    outside = () if values_from is None else values_from.columns
    with service.parquet.cursor(source.files) as cursor:
        for at, (given, each) in enumerate(zip(request.statistics, statistics, strict=True)):
            column = each.column
            if column is None or each.condition is None or given.value in (None, NOT_GIVEN):
                continue
            if column in source.files.columns and column not in outside:
                loc = ("statistics", at, "value")
                condition, value = each.condition, given.value
                require_known_value(
                    cursor, source.files, column, condition, value, InvalidEstimate, loc
                )


def _as_json(
    given: Mapping[str, Any],
    key: dict[str, Any],
    found: Estimate,
    settings: Settings,
    plain: Estimate | None = None,
) -> EstimateJson:
    """An estimate with the request's names; ``plain`` is that without the calibration."""
    if not all(map(isfinite, (found.value or 0.0, found.error or 0.0))):
        raise InvalidEstimate(
            'The {statistic} of "{column}", or its variance, is beyond the largest number, '
            "1.8e308: divide the values, or leave out the largest ones with `where`.",
            statistic=given["statistic"],
            column=given.get("column") or "",
            loc=("statistics",),
        )
    return {
        "statistic": given["statistic"],
        "column": given.get("column"),
        "denominator": given.get("denominator"),
        "value": given.get("value"),
        "q": given.get("q"),
        "group": key,
        **_plain(found),
        "confidence": settings.confidence,
        "df": found.degrees,
        "design_effect": found.design_effect,
        "n": found.rows,
        "n_missing": found.missing,
        "interval": found.interval,
        "variance": None if found.error is None else found.error**2,
        "true_value": None,
        "uncalibrated": None if plain is None else _plain(plain),
    }


def _plain(found: Estimate) -> PlainEstimate:
    return {
        "estimate": found.value,
        "standard_error": found.error,
        "ci_low": found.low,
        "ci_high": found.high,
    }


def _estimate_notes(estimates: Sequence[EstimateJson], has_filter: bool) -> list[str]:
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
            f"{counted(without, 'estimate has', 'estimates have')} no margin: no row, one unit "
            "alone, a denominator of 0, or a quantile beyond the sampled values."
        )
    return notes


def _equal_value_notes(
    design: Design, estimates: Sequence[EstimateJson], has_filter: bool
) -> list[str]:
    """A note on margins of 0 that may follow from sampled rows that are all alike."""
    without_width = 0
    for each in estimates:
        is_part = each["column"] or each["group"] or has_filter
        is_point = each["standard_error"] == 0.0 and each["ci_low"] == each["ci_high"]
        without_width += is_point and bool(each["statistic"] != "count" or is_part)
    if design.is_census or not without_width:
        return []
    return [
        f"{counted(without_width, 'estimate has', 'estimates have')} a margin of 0. That is exact "
        "where the design or a calibration fixes the figure; otherwise the sampled rows are all "
        "alike, which doesn't show that the other rows are."
    ]


def _add_true_values(
    service: Service,
    sampled: _Sampled,
    request: EstimatesRequest,
    estimates: Sequence[EstimateJson],
) -> list[str]:
    """Add each estimate's true value from the source, if it has the columns; returns notes."""
    table, found = sampled.source.files, sampled.design
    if found.design.uncovered_rows:
        return ["True values are those of all rows, so estimates of a part have none."]
    try:
        where, named = frame_condition(found, table), list(request.by)
        if request.where is not None:
            asked = parse_filter(request.where, table, ("where",))
            where = both(where, asked.condition("f"))
            named += [column.name for column in asked.columns]
        by = [table.column(name) for name in request.by]
        for name in named:
            _require_of_table(table, found, name, ("by",))
    except (UnknownColumn, InvalidEstimate) as error:
        return [f"The groups and the filter have no true values. {error.message}"]
    known = {
        at: _statistic(table, at, given)
        for at, given in enumerate(sampled.figures)
        if all(
            name is None
            or (
                (any(column.name == name for column in table.columns))
                and _is_of_table(table, found, name)
            )
            for name in (given.get("column"), given.get("denominator"))
        )
    }
    if not known:
        return ["The columns aren't in the table, so their true values aren't known."]
    with service.parquet.cursor(table) as cursor:
        truth = true_values(cursor, table, list(known.values()), by, where)
    if truth is None:
        return ["The source has too many groups to compute their true values at once."]
    groups = len(estimates) // len(request.statistics)
    places = {at: place for place, at in enumerate(known)}
    for at, each in enumerate(estimates):
        values = truth.get(tuple(each["group"].values()))
        if values is not None and at // groups in places:
            each["true_value"] = values[places[at // groups]]
    others = len(truth) - groups
    if not by or others <= 0:
        return []
    return [
        f"{counted(others, 'group of the source has', 'groups of the source have')} no sampled row."
    ]


def settings_of(request: EstimatesRequest) -> Settings:
    """The settings of a request."""
    variance = request.variance
    return Settings(
        request.confidence,
        request.interval.proportion,
        VarianceRules(variance.lonely_stratum, variance.systematic),
        request.interval.minimum_degrees,
    )
