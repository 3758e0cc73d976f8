"""Estimates of a population from a sample, with margins of error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite
from typing import Annotated, Any

import numpy as np

from application.estimation.calibrating import (
    CalibrationFacts,
    FigureDomains,
    FoundCalibration,
    both,
)
from application.estimation.contrasts import (
    ContrastAnswer,
    ContrastEstimate,
    TwoGroups,
    contrasts_of,
    two_groups,
    with_both_figures,
)
from application.estimation.corrected import with_second_readings
from application.estimation.figures import (
    FigureEstimate,
    GroupFigure,
    NotedFigure,
    PlainEstimate,
    interval_notes,
)
from application.estimation.judging import judge_figures, judge_notes
from application.estimation.known_totals import Census
from application.estimation.nonresponse import NonresponseFacts
from application.estimation.sample_rows import (
    NamedColumn,
    OpenedSample,
    SampledValues,
    is_of_table,
    require_in_every_round,
    require_of_table,
    sample_rows,
)
from application.estimation.uploaded_values import ValuesUpload
from application.estimation.value_sources import (
    FROM_ENTRIES,
    ValueSource,
    value_condition,
)
from application.estimation.weighting import (
    Weighted,
    frame_condition,
    replicate_notes,
    weighted,
)
from application.samples.facts import population_note
from contract.answers import AtConfidence
from contract.declarations import Help
from contract.fields import NOT_GIVEN
from contract.requests.classification import ClassificationRequest
from contract.requests.estimate import (
    BetweenRequest,
    CalibrateRequest,
    EstimatesRequest,
    StatisticRequest,
)
from contract.words import WITHOUT_WEIGHTS
from domain_errors import counted
from estimation_engine import (
    DomainEstimate,
    EstimateSettings,
    InvalidEstimate,
    Judge,
    Statistic,
    check_statistic,
    estimate,
    read_values,
    true_values,
)
from estimation_engine.known_values import require_known_value
from estimation_engine.reading import ReadSample
from estimation_engine.replicates import ReplicateFacts
from estimation_engine.weighting import ReplicateWeights
from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles, UnknownColumn
from sampling_engine.filters import Filter
from service.sampling_parameters import parse_filter
from service.service import Service
from service.tables.open_tables import OpenTable
from service.tables.sample_design import (
    DesignSummary,
    SampleDesign,
    design_notes,
    design_summary,
)
from storage.audit.findings import list_replacements
from storage.jobs.jobs import JobRecord

MAX_ESTIMATES = 20_000
CONTRAST_LOC = ("contrast", "between")
MAX_RESIDUALS = 500_000_000
"""Residuals of a calibrated answer, some 5 s of work."""


@dataclass(frozen=True, kw_only=True)
class EstimatesAnswer(AtConfidence):
    """Estimates of a sample's population."""

    job_id: str
    estimates: list[FigureEstimate]
    contrasts: Annotated[
        list[ContrastEstimate], Help("Of each figure and group, if `contrast` was given.")
    ]
    calibration: CalibrationFacts | None
    nonresponse: NonresponseFacts | None
    replicates: Annotated[
        ReplicateFacts | None, Help("Of the replicate weights, if the errors are by these.")
    ]
    values: Annotated[ValuesUpload | None, Help("The upload that values were read from.")]
    design: DesignSummary
    warnings: Annotated[
        list[str], Help("The first of `notes`: those that say which intervals are doubtful.")
    ]
    notes: Annotated[list[str], Help("What the estimates assume and refer to.")]


def estimates_of(
    service: Service, job: JobRecord, request: EstimatesRequest, census: Census | None = None
) -> EstimatesAnswer:
    """Estimate statistics from the rows of a completed draw.

    Parameters
    ----------
    census : Census, optional
        The table that the request's calibration names, by :func:`census_of`.

    Raises
    ------
    DomainError
        A column or value doesn't fit, or the design has no formula.
    """
    request = with_both_figures(request)
    sampled, settings = sampled_values(service, job, request), settings_of(request)
    computed = computed_estimates(service, sampled, request, census)
    weights, replicates = computed.weights, computed.replicates
    estimates, reader_notes = with_second_readings(
        *(service, job, request, sampled, _statistics(sampled, request), settings, weights),
        computed.estimates,
    )
    truth_notes: list[str] = []
    if request.true_values:
        estimates, truth_notes = _with_true_values(service, sampled, request, estimates)
    responding = _responding(sampled.read, weights)
    contrasted = contrasts_of(
        *(request, sampled.design.design, responding, sampled.membership),
        *(settings, weights, estimates),
    )
    warnings = _warnings(sampled, settings, weights, contrasted, estimates)
    rows = weights.rows_by_outside_totals
    notes = [
        *warnings,
        *design_notes(service, job, sampled.design, sampled.source, settings, rows),
        *filter(None, [population_note(job.run_parameters)]),
        *_value_notes(service, job, request, sampled.values_from),
        *reader_notes,
        *_weight_notes(request, computed, estimates),
        *contrasted.notes,
        *_figure_notes(request, sampled, weights, estimates),
        *truth_notes,
    ]
    upload = sampled.values_from and sampled.values_from.upload
    return EstimatesAnswer(
        request.confidence,
        job_id=job.id,
        estimates=estimates,
        contrasts=contrasted.contrasts,
        calibration=weights.calibration_facts(),
        nonresponse=weights.nonresponse_facts(),
        replicates=replicates,
        values=ValuesUpload.of(upload, job) if upload else None,
        design=design_summary(sampled.design),
        warnings=warnings,
        notes=notes,
    )


@dataclass(frozen=True)
class ComputedEstimates:
    """Each figure of a request in each group, with the weights that it has."""

    weights: Weighted
    replicates: ReplicateFacts | None
    estimates: list[FigureEstimate]


def computed_estimates(
    service: Service,
    sampled: SampledValues,
    request: EstimatesRequest,
    census: Census | None = None,
) -> ComputedEstimates:
    """Estimate the figures of a request from values that were read.

    Raises
    ------
    DomainError
        The calibration or the response model doesn't fit, or the design has no formula.
    """
    weights = _weighted(service, sampled, request, census)
    replicated = weights.replicated()
    errors = _Errors(None if replicated is None else replicated[0], weights.plain_replicates())
    settings = settings_of(request)
    estimates = [
        each
        for at in range(len(request.statistics))
        for each in _of_statistic(request, at, sampled, settings, weights, errors)
    ]
    return ComputedEstimates(weights, None if replicated is None else replicated[1], estimates)


def _warnings(
    sampled: SampledValues,
    settings: EstimateSettings,
    weights: Weighted,
    contrasted: ContrastAnswer,
    estimates: Sequence[FigureEstimate],
) -> list[str]:
    """The notes that say which intervals are doubtful."""
    design = sampled.design.design
    noted: list[NotedFigure] = [*contrasted.contrasts, *estimates]
    return [
        *(() if weights.response is None else weights.response.warnings),
        *contrasted.warnings,
        *interval_notes(noted, settings, design.unit, by_size=design.draws_by_size),
    ]


def _weight_notes(
    request: EstimatesRequest, computed: ComputedEstimates, estimates: Sequence[FigureEstimate]
) -> list[str]:
    """Notes on what the weights assume."""
    weights = computed.weights
    notes = [] if weights.response is None else list(weights.response.notes)
    if weights.calibration is not None and request.calibrate is not None:
        notes += _calibration_notes(request.calibrate, weights.calibration, estimates)
    if computed.replicates is not None:
        notes += replicate_notes(computed.replicates)
    return notes


def _figure_notes(
    request: EstimatesRequest,
    sampled: SampledValues,
    weights: Weighted,
    estimates: Sequence[FigureEstimate],
) -> list[str]:
    """Notes on what the figures are of, and on errors of 0."""
    has_filter = request.filters is not None
    is_census = sampled.design.design.is_census and weights.response is None
    return [
        *_estimate_notes(estimates, has_filter),
        *_size_notes(sampled.design, estimates, has_filter),
        *_equal_value_notes(estimates, has_filter, is_census=is_census),
    ]


def sampled_values(
    service: Service, job: JobRecord, request: EstimatesRequest, *, has_known_values: bool = True
) -> SampledValues:
    """Read the values of the sampled rows, after all checks of the request.

    Without ``has_known_values`` the share of a value that no row of the table has is 0.
    """
    rows = sample_rows(service, job, request.values, request.book_column)
    source, sample, values_from, design = rows.source, rows.sample, rows.values_from, rows.design
    statistics = _statistics(rows, request)
    by = [sample.column(name, ("by", at)) for at, name in enumerate(request.by)]
    filters = None
    if request.filters is not None:
        filters = parse_filter(request.filters, sample, ("filters",))
    if has_known_values:
        _require_known_values(service, source, values_from, request, statistics)
    between = None if request.contrast is None else request.contrast.between
    groups = None
    if between is not None:
        sample.column(between.by, (*CONTRAST_LOC, "by"))
        groups = two_groups(sample, between)
        _require_known_groups(service, source, values_from, between, groups)
    require_in_every_round(rows, _named_columns(request, filters))
    condition = None if filters is None else filters.condition("f")
    of_groups: list[Statistic] = []
    if groups is not None and between is not None:
        condition = both(condition, groups.either)
        of_groups = groups.statistics(sample, between.by)
    with service.parquet.cursor(sample) as cursor:
        read = read_values(
            cursor, rows.relation, design.ordinals, [*statistics, *of_groups], by, condition
        )
    membership = None
    if of_groups:
        first, second = (each.y > 0 for each in read.values[-2:])
        membership, read = (first, second), replace(read, values=read.values[:-2])
    count = len(read.keys) * len(statistics)
    if count > MAX_ESTIMATES:
        raise InvalidEstimate(
            "These are {estimates} estimates; an answer has up to {maximum}.",
            estimates=count,
            maximum=MAX_ESTIMATES,
        )
    return SampledValues(**vars(rows), read=read, membership=membership)


def _responding(read: ReadSample, weights: Weighted) -> ReadSample:
    """The rows that responded, where others are made up for."""
    if weights.response is None:
        return read
    included = read.domains.included & weights.response.model.responded
    return replace(read, domains=replace(read.domains, included=included))


def _value_notes(
    service: Service, job: JobRecord, request: EstimatesRequest, values_from: ValueSource | None
) -> list[str]:
    """Notes on where the values come from."""
    made_up = request.nonresponse is not None
    notes = [] if values_from is None else values_from.notes_of(made_up=made_up)
    if request.values in FROM_ENTRIES:
        return notes
    with service.database.read() as tx:
        replaced = len(list_replacements(tx, job.id))
    if replaced:
        rows = counted(replaced, "row was", "rows were")
        notes.insert(0, f"{rows} replaced; estimates use the drawn rows.")
    return notes


def _named_columns(request: EstimatesRequest, filters: Filter | None) -> list[NamedColumn]:
    """The columns of the figures, the groups and the filter."""
    named: list[NamedColumn] = [
        (("statistics", at, field), getattr(each, field))
        for at, each in enumerate(request.statistics)
        for field in ("column", "denominator")
    ]
    named += [(("by", at), name) for at, name in enumerate(request.by)]
    named += [(("filters",), each.name) for each in (() if filters is None else filters.columns)]
    return named


def _weighted(
    service: Service, sampled: SampledValues, request: EstimatesRequest, census: Census | None
) -> Weighted:
    """The weights of a request; a difference needs the source's own groups and filter."""
    read, table = sampled.read, sampled.source.files
    if request.calibrate is not None or request.nonresponse is not None:
        # A calibration has a residual of each row for each estimate.
        residuals = sampled.design.design.rows * len(read.keys) * len(read.values)
        if residuals > MAX_RESIDUALS:
            raise InvalidEstimate(
                "The sampled rows times the calibrated estimates are {count}, more than {maximum}: "
                "reduce the statistics or the groups.",
                count=residuals,
                maximum=MAX_RESIDUALS,
                loc=("nonresponse" if request.calibrate is None else "calibrate",),
            )
    domains = FigureDomains()
    if request.calibrate is not None and request.calibrate.method in WITHOUT_WEIGHTS:
        by = [table.column(name, ("by", at)) for at, name in enumerate(request.by)]
        domains = FigureDomains(
            by,
            _condition(request, table),
            read.keys,
            [_statistic(sampled.sample, at, each) for at, each in enumerate(request.statistics)],
            [each.value for each in request.statistics],
        )
    if request.replicates != "none" and request.contrast is not None:
        raise InvalidEstimate(
            "A contrast has no standard error by replicate weights: leave out `replicates`.",
            loc=("replicates",),
        )
    return weighted(service.parquet, sampled, request, census, domains)


@dataclass(frozen=True)
class _Errors:
    """Standard errors by replicates: of the weights, and of those of the design alone."""

    final: ReplicateWeights | None
    plain: ReplicateWeights | None


def _of_statistic(
    request: EstimatesRequest,
    at: int,
    sampled: SampledValues,
    settings: EstimateSettings,
    weights: Weighted,
    errors: _Errors,
) -> list[FigureEstimate]:
    """The estimates of one statistic, by group; weighted ones have those of the design, too."""
    design, read = sampled.design.design, sampled.read
    figure, values, weighting = request.statistics[at], read.values[at], weights.of_figure(at)
    plain = estimate(design, values, read.domains, settings, replicated=errors.plain)
    if weighting is None:
        return [
            _figure_estimate(figure, key, each, settings)
            for key, each in zip(read.keys, plain, strict=True)
        ]
    domains = _responding(read, weights).domains
    final = estimate(design, values, domains, settings, weighting, errors.final)
    estimates = [
        _figure_estimate(figure, key, _with_effect(each, before), settings, before)
        for key, each, before in zip(read.keys, final, plain, strict=True)
    ]
    if not isinstance(weighting, Judge):
        return estimates
    rows = np.flatnonzero(domains.included & values.present)
    stands_for = np.bincount(domains.groups[rows], design.weights[rows], domains.count)
    return [
        replace(each, judge=judge_figures(weighting, place, before, after, stands_for[place]))
        for place, (each, before, after) in enumerate(zip(estimates, plain, final, strict=True))
    ]


def _with_effect(calibrated: DomainEstimate, plain: DomainEstimate) -> DomainEstimate:
    """The variance by that of an uncalibrated simple random sample."""
    effect = None
    if plain.design_effect is not None and plain.error and calibrated.error is not None:
        effect = plain.design_effect * (calibrated.error / plain.error) ** 2
    return replace(calibrated, design_effect=effect)


def _calibration_notes(
    request: CalibrateRequest, calibration: FoundCalibration, estimates: Sequence[FigureEstimate]
) -> list[str]:
    columns = ", ".join(request.columns)
    exact = "exact " if calibration.source == "table" else ""
    notes = [
        f"Calibrated by {request.method} to the {exact}totals of {columns} {calibration.place}."
    ]
    if calibration.judges:
        judged = [each.judge for each in estimates if each.judge is not None]
        notes = judge_notes(judged, lacks_labels=any(each.n_missing for each in estimates))
    pairs = [
        (each.width, each.uncalibrated.width) for each in estimates if each.uncalibrated is not None
    ]
    shares = [after / before for after, before in pairs if after is not None and before]
    if len(shares) == 1:
        percent = _change_text(shares[0])
        changes = percent != "+0 %"
        change = percent.lstrip("+-") if changes else "no"
        direction = "narrower" if shares[0] <= 1 or not changes else "wider"
        notes.append(f"The interval is {change} {direction} than without calibration.")
    elif shares:
        least, most = (_change_text(share) for share in (min(shares), max(shares)))
        if least == most == "+0 %":
            notes.append("Calibration changes the width of no interval by 1 % or more.")
        elif least == most:
            notes.append(f"Calibration changes the widths of the intervals by {least}.")
        else:
            notes.append(f"Calibration changes the widths of the intervals by {least} to {most}.")
    return notes + list(calibration.notes)


def _change_text(share: float) -> str:
    """A width as a share of the one before, as a change in percent.

    It is -100 % only of a width of 0.

    >>> [_change_text(share) for share in (1.004, 1.12, 0.6, 0.00394, 0.00001, 0.0)]
    ['+0 %', '+12 %', '-40 %', '-99.6 %', '-99.9 %', '-100 %']
    """
    percent = 100.0 * (share - 1.0)
    if -100.0 < percent < -99.0:
        return f"{ceil(10.0 * percent) / 10.0:.1f} %"
    return f"{round(percent):+} %" if round(percent) else "+0 %"


def _condition(request: EstimatesRequest, table: TableFiles) -> Statement | None:
    """SQL over ``f`` of the rows that a request is about; None for all."""
    where = None
    if request.filters is not None:
        where = parse_filter(request.filters, table, ("filters",)).condition("f")
    groups = two_groups(table, request.contrast.between) if request.contrast else None
    return where if groups is None else both(where, groups.either)


def _statistics(rows: OpenedSample, request: EstimatesRequest) -> list[Statistic]:
    """The statistics of a request, checked against the sample."""
    return [_statistic(rows.sample, at, each) for at, each in enumerate(request.statistics)]


def _statistic(table: TableFiles, at: int, figure: StatisticRequest) -> Statistic:
    """The statistic of a request, checked against a table."""
    loc, condition = ("statistics", at), None
    column, denominator = (
        None if (name := getattr(figure, field)) is None else table.column(name, (*loc, field))
        for field in ("column", "denominator")
    )
    if figure.statistic == "proportion" and column is not None and figure.value is not NOT_GIVEN:
        condition = value_condition(table, column, figure.value, (*loc, "value"))
    statistic = Statistic(
        figure.statistic,
        column,
        denominator,
        condition,
        counts_missing=figure.value is None,
        q=figure.q,
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


def _require_known_groups(
    service: Service,
    source: OpenTable,
    values_from: ValueSource | None,
    between: BetweenRequest,
    groups: TwoGroups | None,
) -> None:
    """Refuse a group that no row of the table is in; one of values from outside is a result."""
    outside = () if values_from is None else values_from.columns
    names = {column.name for column in source.files.columns}
    if groups is None or between.by not in names or any(c.name == between.by for c in outside):
        return
    column = source.files.column(between.by)
    with service.parquet.cursor(source.files) as cursor:
        for side, condition, value in (
            ("first", groups.first, between.first),
            ("second", groups.second, between.second),
        ):
            loc = (*CONTRAST_LOC, side)
            require_known_value(
                cursor, source.files, column, condition, value, InvalidEstimate, loc
            )


def _figure_estimate(
    figure: StatisticRequest,
    group: dict[str, Any],
    found: DomainEstimate,
    settings: EstimateSettings,
    plain: DomainEstimate | None = None,
) -> FigureEstimate:
    """An estimate with the request's names; ``plain`` is that without the calibration."""
    if not all(map(isfinite, (found.value or 0.0, found.error or 0.0))):
        raise InvalidEstimate(
            'The {statistic} of "{column}", or its variance, is beyond the largest number, '
            "1.8e308: divide the values, or leave out the largest ones with `filters`.",
            statistic=figure.statistic,
            column=figure.column or "",
            loc=("statistics",),
        )
    return FigureEstimate(
        **vars(GroupFigure.of_request(figure, group)),
        **vars(PlainEstimate.of(found)),
        confidence=settings.confidence,
        computed=found,
        df=found.degrees,
        design_effect=found.design_effect,
        n=found.rows,
        n_missing=found.missing,
        interval=found.interval,
        variance=None if found.error is None else found.error**2,
        uncalibrated=None if plain is None else PlainEstimate.of(plain),
    )


def _estimate_notes(estimates: Sequence[FigureEstimate], has_filter: bool) -> list[str]:
    notes = []
    if any(each.n_missing for each in estimates):
        notes.append("Rows without a value are left out: a total is that of the rows with one.")
    if has_filter or any(each.group for each in estimates):
        notes.append(
            "Rows outside a group or the filter stay in the design, so the number of rows inside "
            "is estimated, too."
        )
    without = sum(each.standard_error is None for each in estimates)
    if without:
        notes.append(
            f"{counted(without, 'estimate has', 'estimates have')} no margin: no row, one unit "
            "alone, a denominator of 0, or a quantile beyond the sampled values."
        )
    return notes


def _size_notes(
    found: SampleDesign, estimates: Sequence[FigureEstimate], has_filter: bool
) -> list[str]:
    """A note on the total of the column by which rows were drawn, which has no error."""
    method = found.rounds[0].method if found.rounds else None
    column = method.favoured_column if method and method.favours == "weight" else None
    is_whole = len(found.rounds) == 1 and not has_filter
    if not is_whole or column is None:
        return []
    has_total = any(
        each.statistic == "total"
        and each.column == column
        and not each.group
        and each.standard_error == 0.0
        for each in estimates
    )
    return (
        [
            f"The total of {column} is exact, so its standard error is 0: rows were drawn with "
            f"probability proportional to {column}, and every such sample gives this total."
        ]
        if has_total
        else []
    )


def _equal_value_notes(
    estimates: Sequence[FigureEstimate], has_filter: bool, *, is_census: bool
) -> list[str]:
    """A note on margins of 0 that may follow from sampled rows that are all alike."""
    without_width = 0
    for each in estimates:
        is_part = each.column or each.group or has_filter
        is_point = each.standard_error == 0.0 and each.ci_low == each.ci_high
        without_width += is_point and bool(each.statistic != "count" or is_part)
    if is_census or not without_width:
        return []
    return [
        f"{counted(without_width, 'estimate has', 'estimates have')} a margin of 0. That is exact "
        "where the design or a calibration fixes the figure; otherwise the sampled rows are all "
        "alike, which doesn't show that the other rows are."
    ]


def _with_true_values(
    service: Service,
    sampled: SampledValues,
    request: EstimatesRequest,
    estimates: list[FigureEstimate],
) -> tuple[list[FigureEstimate], list[str]]:
    """The estimates with their true values, where the source has the columns; and notes."""
    table, found = sampled.source.files, sampled.design
    if found.design.uncovered_rows:
        return estimates, ["True values are those of all rows, so estimates of a part have none."]
    try:
        where, named = frame_condition(found.rounds, table), list(request.by)
        by = [table.column(name) for name in request.by]
        where = both(where, _condition(request, table))
        if request.filters is not None:
            asked = parse_filter(request.filters, table, ("filters",))
            named += [column.name for column in asked.columns]
        for name in named:
            require_of_table(table, found, name, ("by",))
    except (UnknownColumn, InvalidEstimate) as error:
        return estimates, [f"The groups and the filter have no true values. {error.message}"]
    names = {column.name for column in table.columns}
    known = {
        at: _statistic(table, at, figure)
        for at, figure in enumerate(request.statistics)
        if all(
            name is None or (name in names and is_of_table(table, found, name))
            for name in (figure.column, figure.denominator)
        )
    }
    if not known:
        return estimates, ["The columns aren't in the table, so their true values aren't known."]
    with service.parquet.cursor(table) as cursor:
        truth = true_values(cursor, table, list(known.values()), by, where)
    if truth is None:
        return estimates, ["The source has too many groups to compute their true values at once."]
    groups = len(estimates) // len(request.statistics)
    places = {at: place for place, at in enumerate(known)}
    estimates = [
        replace(each, true_value=values[places[at // groups]])
        if (values := truth.get(tuple(each.group.values()))) and at // groups in places
        else each
        for at, each in enumerate(estimates)
    ]
    others = len(truth) - groups
    if not by or others <= 0:
        return estimates, []
    return estimates, [
        f"{counted(others, 'group of the source has', 'groups of the source have')} no sampled row."
    ]


def settings_of(request: EstimatesRequest | ClassificationRequest) -> EstimateSettings:
    """The settings of a request."""
    return EstimateSettings(
        request.confidence,
        request.interval.proportion,
        request.variance,
        request.interval.minimum_degrees,
    )
