"""The change of figures between two samples, with margins of error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Annotated, Any

from application.estimation.estimates import sampled_values, settings_of
from application.estimation.figures import GroupFigure, PlainEstimate, interval_notes
from application.estimation.sample_rows import SampledValues
from application.estimation.shared_rows import (
    SharedRows,
    SharedSource,
    shared_key,
    shared_starts,
    sharing,
)
from contract.answers import AtConfidence, Hidden
from contract.declarations import Help, copied
from contract.requests.change import ChangeRequest
from contract.requests.estimate import EstimatesRequest, StatisticRequest
from contract.words import ChangeRule
from domain_errors import counted, render
from estimation_engine import DomainEstimate, InvalidEstimate
from estimation_engine.change import (
    FigureChange,
    WaveSample,
    can_share_numbers,
    can_share_rows,
    changes,
)
from estimation_engine.reading import ReadSample
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.digests import RowKey
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.sample_design import DesignSummary, design_summary
from storage.jobs.jobs import JobRecord

RULES: Mapping[ChangeRule, str] = {
    "common_rows": "The standard error of the change has the covariance of the rows in both "
    "samples, given their number (Qualité and Tillé 2008): both are simple random samples, of the "
    "table or of strata, and every row in both tables has the same chance to be in both.",
    "no_common_rows": "The samples have fewer than two common rows, so the covariance of {count} "
    "{count|figure|figures} isn't known; the standard error is the largest that it allows.",
    "shared_numbers": "Both draws compare the same number of a row with its probability, so the "
    "probability that a row is in both samples is known, and the standard error of the change has "
    "the covariance of the rows in both (Berger 2004, with Hájek's approximation).",
    "independent": "The draws have different seeds, and neither depends on what the other drew, so "
    "they are independent: the variance of the change is the sum of both.",
    "bound": "{reason} The standard error of the change is the largest that both allow, SE1 + SE2, "
    "so the interval holds the change more often than it says.",
}


@dataclass(frozen=True, kw_only=True)
class WaveFigure(PlainEstimate):
    """A figure of one of both samples."""

    df: Annotated[int, Help("Degrees of freedom of the group.")]
    n: Annotated[int, Help("Sampled rows of the group with a value.")]
    n_missing: Annotated[int, Help("Sampled rows of the group without one.")]


@dataclass(frozen=True, kw_only=True)
class ChangeFigure(PlainEstimate):
    """The change of a figure, second less first."""

    df: Annotated[int, Help("The smaller of both degrees of freedom.")]
    p_value: Annotated[float | None, Help("Two-sided, by Student's t, if nothing had changed.")]
    correlation: Annotated[
        float | None, Help("Of both estimates: their covariance by both standard errors.")
    ]


@dataclass(frozen=True, kw_only=True)
class FigureOfTwo(GroupFigure):
    """A figure of two samples and its change; ``computed`` is what it was made from."""

    first: WaveFigure | None
    second: WaveFigure | None
    change: ChangeFigure
    rule: Annotated[
        ChangeRule,
        Help(
            "What the standard error rests on: the `common_rows`; `no_common_rows`: the largest "
            "that their absence allows; `shared_numbers` of draws by probability; `independent` "
            "draws; or the `bound` SE1 + SE2."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class ChangeAnswer(AtConfidence):
    """Figures of two samples and their change."""

    job_id: str
    with_job: str
    figures: list[FigureOfTwo]
    common_rows: Annotated[int, Help("Rows in both samples.")]
    only_first: Annotated[int, Help("Rows in the first sample alone.")]
    only_second: Annotated[int, Help("Rows in the second sample alone.")]
    kept_rows: Annotated[
        int | None, Help("Rows that both samples could draw; null where no figure needs them.")
    ]
    key: Annotated[
        list[str] | None, Help("The columns that identify a row; null for the position.")
    ]
    first_design: DesignSummary
    second_design: DesignSummary
    warnings: Annotated[list[str], Help("The first of `notes`: doubts about intervals.")]
    notes: Annotated[list[str], Help("What the change assumes and refers to.")]


@dataclass(frozen=True)
class _NotedFigure:
    """A figure of one sample that a note is about."""

    computed: Hidden[DomainEstimate]
    figure_name: str
    group: dict[str, Any]


def change_of(
    service: Service, first: JobRecord, second: JobRecord, request: ChangeRequest
) -> ChangeAnswer:
    """Estimate the change of figures from the first sample to the second.

    Raises
    ------
    DomainError
        A column doesn't fit, a design has no formula, or the rows have no common key.
    """
    for at, figure in enumerate(request.statistics):
        if figure.statistic == "quantile":
            raise InvalidEstimate(
                "A quantile has no change: choose a mean, total, proportion, count or ratio.",
                loc=("statistics", at, "statistic"),
            )
    asked = copied(EstimatesRequest, request)
    settings = settings_of(asked)
    sampled = sampled_values(service, first, asked), sampled_values(service, second, asked)
    sources = (
        SharedSource(first, sampled[0].source, sampled[0].design),
        SharedSource(second, sampled[1].source, sampled[1].design),
    )
    rule, reason = _rule(*sources)
    key = shared_key(service, *sources, request.key, request.duplicates)
    with sharing(service, *sources, key) as shared:
        common = shared.common(
            with_populations=rule == "common_rows",
            starts=shared_starts(*sources) or (0.0, 0.0),
        )
    groups, pairs = _pairs(sampled[0].read, sampled[1].read)
    figures: list[FigureOfTwo] = []
    noted: list[_NotedFigure] = []
    for at, figure in enumerate(request.statistics):
        waves = [
            WaveSample(each.design.design, each.read.values[at], each.read.domains)
            for each in sampled
        ]
        found = changes(waves[0], waves[1], pairs, rule, common, settings)
        figures += [_figure(figure, *each) for each in zip(groups, found, strict=True)]
        noted += _noted(figure, groups, found)
    designs = [each.design.design for each in sampled]
    by_size = any(design.draws_by_size for design in designs)
    warnings = interval_notes(noted, settings, designs[0].unit, by_size=by_size)
    notes = [*warnings, *_rule_notes(figures, reason), *_notes(sampled, figures, key, shared)]
    return ChangeAnswer(
        request.confidence,
        job_id=first.id,
        with_job=second.id,
        figures=figures,
        common_rows=len(common.first),
        only_first=sampled[0].design.design.rows - len(common.first),
        only_second=sampled[1].design.design.rows - len(common.first),
        kept_rows=int(common.kept[:, 2].sum()) if rule == "common_rows" else None,
        key=None if key is None else list(key.columns),
        first_design=design_summary(sampled[0].design),
        second_design=design_summary(sampled[1].design),
        warnings=warnings,
        notes=notes,
    )


def _rule(first: SharedSource, second: SharedSource) -> tuple[ChangeRule, str]:
    """What is known of the covariance; of a bound with the reason that it isn't known."""
    for each in (first, second):
        if _depends_on_draws(each.job):
            return "bound", (
                "A sample was drawn from the rows that another draw left or took, so the draws may "
                "depend on each other."
            )
    if can_share_rows(first.design.design, second.design.design):
        return "common_rows", ""
    if (
        can_share_numbers(first.design.design, second.design.design)
        and shared_starts(first, second) is not None
    ):
        return "shared_numbers", ""
    seeds = [_seeds(each) for each in (first, second)]
    if seeds[0].isdisjoint(seeds[1]):
        return "independent", ""
    return "bound", (
        "The draws have a seed in common, so they may depend on each other, and these designs have "
        "no formula of their covariance."
    )


def _depends_on_draws(job: JobRecord) -> bool:
    """Whether a draw's rows depend on those that another draw took."""
    excluded = job.run_parameters.get("excluded")
    if excluded is not None:
        return bool(excluded.get("job_ids", True))
    return job.run_parameters.get("source_draw") is not None


def _seeds(side: SharedSource) -> set[str]:
    rounds = recorded_rounds(side.job.run_parameters, side.source.files)
    return {spec.effective_seed for spec in rounds}


def _pairs(
    first: ReadSample, second: ReadSample
) -> tuple[list[dict[str, Any]], list[tuple[int | None, int | None]]]:
    """The groups of either sample, with their domains in both."""
    keys: dict[tuple[Any, ...], dict[str, Any]] = {}
    places: list[dict[tuple[Any, ...], int]] = []
    for read in (first, second):
        places.append({tuple(key.values()): at for at, key in enumerate(read.keys)})
        for key in read.keys:
            keys.setdefault(tuple(key.values()), key)
    pairs = [(places[0].get(values), places[1].get(values)) for values in keys]
    return list(keys.values()), pairs


def _figure(figure: StatisticRequest, group: dict[str, Any], found: FigureChange) -> FigureOfTwo:
    if not all(map(isfinite, (found.value or 0.0, found.error or 0.0))):
        raise InvalidEstimate(
            "A change is beyond the largest number, 1.8e308: divide the values.",
            loc=("statistics",),
        )
    return FigureOfTwo(
        **vars(GroupFigure.of_request(figure, group)),
        first=_wave_figure(found.first),
        second=_wave_figure(found.second),
        change=ChangeFigure(
            estimate=found.value,
            standard_error=found.error,
            ci_low=found.low,
            ci_high=found.high,
            df=found.degrees,
            p_value=found.p_value,
            correlation=found.correlation,
        ),
        rule=found.rule,
    )


def _wave_figure(found: DomainEstimate | None) -> WaveFigure | None:
    if found is None:
        return None
    return WaveFigure(
        **vars(PlainEstimate.of(found)), df=found.degrees, n=found.rows, n_missing=found.missing
    )


def _noted(
    figure: StatisticRequest, groups: Iterable[dict[str, Any]], found: Iterable[FigureChange]
) -> list[_NotedFigure]:
    """The figures of both samples, named as such."""
    noted = []
    for group, change in zip(groups, found, strict=True):
        name = GroupFigure.of_request(figure, group).figure_name
        for wave, computed in (("first", change.first), ("second", change.second)):
            if computed is not None:
                noted.append(_NotedFigure(computed, f"{name}, {wave} sample", group))
    return noted


def _rule_notes(figures: list[FigureOfTwo], reason: str) -> list[str]:
    """What the standard errors rest on."""
    notes = []
    for rule, text in RULES.items():
        count = sum(
            each.rule == rule and each.change.standard_error is not None for each in figures
        )
        if count:
            parameters = {"reason": reason, "count": count}
            notes.append(render(text, parameters, lambda field: f"`{field}`"))
    return notes


def _notes(
    sampled: tuple[SampledValues, SampledValues],
    figures: list[FigureOfTwo],
    key: RowKey | None,
    shared: SharedRows,
) -> list[str]:
    notes = []
    if key is None:
        notes.append("Both samples are of one version; rows are matched by their position.")
    else:
        notes.append(f"Rows are matched by {', '.join(key.columns)}.")
        if key.duplicates == "number":
            notes.append("Equal keys are numbered by all columns, so a changed row may be another.")
    names = {each.source.files.row_count for each in sampled}
    if len(names) > 1 or key is not None:
        notes.append(
            "A row that only one table has counts as 0 in a total of the other, and isn't in a "
            "mean, share or ratio of it."
        )
    without = sum(each.first is None or each.second is None for each in figures)
    if without:
        notes.append(
            f"{counted(without, 'figure has', 'figures have')} no change: no row of the group is "
            "in one of both samples."
        )
    if any(
        (each.first and each.first.n_missing) or (each.second and each.second.n_missing)
        for each in figures
    ):
        notes.append("Rows without a value are left out: a total is that of the rows with one.")
    if sum(each.change.p_value is not None for each in figures) > 1:
        notes.append(
            "Each p value is that of one comparison alone; of many, some are small by chance."
        )
    return notes
