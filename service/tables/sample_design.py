"""The design of a sample, for estimates and for the weights of comparisons.

The design is that of the recorded draw, which is drawn again; recent ones are cached in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from contract.declarations import Help
from contract.requests.draw import FIRST_DRAW_VERSION
from domain_errors import counted
from estimation_engine import Design, EstimateSettings, UnsupportedDesign
from estimation_engine.arrays import Floats
from estimation_engine.designs import design_class
from estimation_engine.designs.design import DrawnRows, DrawnStages, SamplePart
from estimation_engine.designs.rounds import CombinedRound, Frame, RoundsDesign, combined_design
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Column, Int64s, TableFiles
from sampling_engine import (
    DrawnRound,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    RowFilter,
    drawn_rounds,
    plan_draw,
)
from sampling_engine.methods.cluster.declaration import ClusterMethod
from sampling_engine.methods.monetary_unit.account import recorded_account
from sampling_engine.methods.monetary_unit.fixed_interval import doubts_of, unchecked_of
from service.sampling_parameters import is_from_draw, recorded_rounds
from service.service import Service
from service.tables.open_tables import OpenTable
from storage.jobs.jobs import JobRecord

DRAWN_AMOUNTS = {"positive": "above 0", "negative": "below 0", "absolute": "other than 0"}
"""The amounts of the rows that a population of monetary units has."""


@dataclass(frozen=True)
class UnionFilter:
    """Rows that pass any of several filters."""

    filters: tuple[RowFilter, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(dict.fromkeys(column for part in self.filters for column in part.columns))

    @property
    def text(self) -> str:
        return " OR ".join(f"({part.text})" for part in self.filters)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias``'s columns, and its parameters in order."""
        parts = [part.condition(alias) for part in self.filters]
        sql = " OR ".join(f"({condition})" for condition, _ in parts)
        return f"({sql})", [value for _, params in parts for value in params]


@dataclass(frozen=True)
class SampleDesign:
    """A sample's design, and its rounds; those of which no row passes the filter are left out.

    Parameters
    ----------
    ordinals, round_numbers : arrays, shape (rows,)
        Of the sample's rows, sorted by ordinal.
    population : RowFilter, optional
        The rows that any round could draw; None for the whole table.
    """

    design: Design
    ordinals: Int64s
    round_numbers: Int64s
    rounds: tuple[Round, ...]
    population: RowFilter | None

    @property
    def samples(self) -> list[tuple[Round, Design]]:
        """The designs that are one sample each, with their first rounds."""
        return [
            (spec, part.design) for spec, part in zip(self.rounds, self.design.parts, strict=False)
        ]


def design_of(service: Service, job: JobRecord, source: OpenTable) -> SampleDesign:
    """The design of a completed draw, cached.

    Raises
    ------
    UnsupportedDesign
        The sample has no row.
    """
    found: SampleDesign = service.results.designs.get(job.id, lambda: _design(service, job, source))
    return found


def _design(service: Service, job: JobRecord, source: OpenTable) -> SampleDesign:
    rounds = recorded_rounds(job.run_parameters, source.files)
    counts_dir = service.directory.counts_dir
    found = design_of_draw(
        service.parquet, source.files, rounds, _results_of(job), counts_dir=counts_dir
    )

    @cache
    def with_keys() -> Mapping[int, DrawnRound]:
        """The rounds with the keys of their groups: drawn only if a name is needed."""
        drawn = drawn_rounds(
            service.parquet, source.files, rounds, counts_dir=counts_dir, with_keys=True
        )
        return {spec.round_number: each for spec, each in zip(rounds, drawn, strict=True)}

    def named(spec: Round, design: Design) -> Design:
        if not isinstance(spec.method, ClusterMethod):
            return design
        column = source.files.column(spec.method.cluster_column).name

        def name_of(group: int) -> str:
            value = with_keys()[spec.round_number].keys[group][column]
            return "NULL" if value is None else str(value)

        return design.with_names(name_of)

    if found.design.is_one_sample:
        return replace(found, design=named(found.rounds[0], found.design))
    if not isinstance(found.design, RoundsDesign):
        return found
    parts = zip(found.rounds, found.design.rounds, strict=True)
    parts_named = tuple(replace(part, design=named(spec, part.design)) for spec, part in parts)
    return replace(found, design=replace(found.design, rounds=parts_named))


def design_of_draw(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    results: Sequence[Mapping[str, Any]],
    *,
    counts_dir: Path,
) -> SampleDesign:
    """Draw a finished draw's rounds again for their design; ``results`` are their summaries."""
    drawn = drawn_rounds(
        database, table, rounds, counts_dir=counts_dir, with_frames=not _are_one_sample(rounds)
    )
    if not any(len(part.ordinals) for part in drawn):
        raise UnsupportedDesign("The sample has no row, so nothing can be estimated from it.")
    filled = [pair for pair in zip(rounds, drawn, strict=True) if _can_draw(pair[1])]
    specs = tuple(spec for spec, _ in filled)
    parts = [_with_rescaled_units(_account_of(results, spec), part) for spec, part in filled]
    ordinals = np.concatenate([part.ordinals for part in parts])
    order = np.argsort(ordinals)
    ordinals = ordinals[order]
    numbers = [
        np.full(len(part.ordinals), spec.round_number)
        for spec, part in zip(specs, parts, strict=True)
    ]
    population = _population_filter(specs)
    if _are_one_sample(specs):
        # The frame of rounds that are one sample is that of the first.
        groups = np.concatenate([part.groups for part in parts])[order]
        design = _design_of(specs[0], replace(parts[0], groups=groups))
    else:
        design = design_of_rounds(specs, parts, _rows_of(database, table, population, counts_dir))
    return SampleDesign(design, ordinals, np.concatenate(numbers)[order], specs, population)


def _with_rescaled_units(account: Mapping[str, Any] | None, part: DrawnRound) -> DrawnRound:
    """Weights of monetary units that add up to the known amount.

    A given interval makes the number of selected units random; so each stands for the amount
    without take-all rows by that number, and not for the interval.
    """
    if part.weights is None or not account:
        return part
    left = Decimal(account["audited"]["total"]) - Decimal(account["take_all"]["total"])
    if not left:
        return part
    if not account["units"]:
        raise UnsupportedDesign(
            "Only take-all rows were drawn: the interval of {interval} selected no unit in the "
            "other rows, with {amount} in all, so they can't be estimated. Draw with a smaller "
            "interval.",
            interval=account["interval"],
            amount=str(left),
        )
    factor = float(left / (account["units"] * Decimal(account["interval"])))
    scaled = np.where(part.probabilities == 1.0, part.weights, part.weights * factor)
    return replace(part, weights=scaled)


def _results_of(job: JobRecord) -> Sequence[Mapping[str, Any]]:
    results: Sequence[Mapping[str, Any]] = (job.output_summary or {})["rounds"]
    return results


def _account_of(results: Sequence[Mapping[str, Any]], spec: Round) -> Mapping[str, Any] | None:
    """The account of a round by monetary units; None for other rounds."""
    return recorded_account(results[spec.round_number - 1])


def _can_draw(part: DrawnRound) -> bool:
    """Whether it can draw a row of the table; earlier rounds may have drawn all that it could."""
    return bool(len(part.ordinals)) or (part.frame is not None and part.frame.facts.drawn > 0)


def design_of_rounds(specs: Sequence[Round], parts: Sequence[DrawnRound], rows: int) -> Design:
    """The combined design of rounds that were drawn with their frames; ``rows`` is N."""
    ordinals = np.sort(np.concatenate([part.ordinals for part in parts]))
    rounds = [_round_rows(spec, part, ordinals) for spec, part in zip(specs, parts, strict=True)]
    design = combined_design(rounds, len(ordinals), rows)
    population = _population_filter(specs)
    # What a round over the whole population covers, another one's empty strata don't take away.
    whole = [
        each.design.uncovered_rows
        for spec, each in zip(specs, rounds, strict=True)
        if not each.design.by_size
        and (spec.filter and spec.filter.text) == (population and population.text)
    ]
    return replace(design, left_uncovered=min(whole, default=None))


def _round_rows(spec: Round, part: DrawnRound, ordinals: Int64s) -> CombinedRound:
    assert part.frame is not None  # noqa: S101 - drawn with frames
    facts = part.frame.facts
    return CombinedRound(
        _design_of(spec, part),
        np.searchsorted(ordinals, part.ordinals),
        Frame(facts.rows, facts.drawn, facts.effective_units, facts.degrees, facts.takes_all),
        part.frame.covers,
        part.frame.always,
    )


def _design_of(spec: Round, drawn: DrawnRound) -> Design:
    method = spec.method
    rows = DrawnRows(
        drawn.groups,
        drawn.group_rows,
        drawn.probabilities,
        drawn.weights,
        drawn.hits,
        isinstance(method, MonetaryUnitMethod) and method.with_replacement,
        None if drawn.stages is None else DrawnStages(**vars(drawn.stages)),
        drawn.selected if method.is_at_distances else None,
        method.sorted_by,
    )
    return design_class(method.key).of_draw(rows)


def _are_one_sample(rounds: Sequence[Round]) -> bool:
    """Two random rounds of one frame are one random sample, and strata likewise."""
    first = rounds[0]
    name = first.method.key
    return len(rounds) == 1 or (
        design_class(name).joins_rounds
        and all(
            each.method.key == name
            and getattr(each.method, "strata_columns", None)
            == getattr(first.method, "strata_columns", None)
            and (each.filter and each.filter.text) == (first.filter and first.filter.text)
            for each in rounds
        )
    )


def _population_filter(rounds: Sequence[Round]) -> RowFilter | None:
    """Rows that pass the filter of any round; None if a round has no filter."""
    filters = {each.filter.text: each.filter for each in rounds if each.filter is not None}
    if any(each.filter is None for each in rounds):
        return None
    found = tuple(filters.values())
    return found[0] if len(found) == 1 else UnionFilter(found)


def _rows_of(
    database: ParquetDatabase, table: TableFiles, population: RowFilter | None, counts_dir: Path
) -> int:
    """The rows of the table that pass a filter."""
    if population is None:
        return table.row_count
    every = Round(round_number=1, method=RandomMethod(sample_size=1), seed=0, filter=population)
    (plan,) = plan_draw(database, table, [every], counts_dir=counts_dir)
    return plan.eligible_rows


@dataclass(frozen=True)
class DesignSummary:
    """A design without its strata."""

    method: Annotated[str, Help("`rounds` if several rounds aren't one sample.")]
    n: Annotated[int, Help("Drawn rows.")]
    N: Annotated[int, Help("Rows that could be drawn, without `uncovered_rows`.")]
    filter: str | None
    rounds: Annotated[int, Help("Rounds with a drawn row.")]
    strata: Annotated[int | None, Help("Strata with rows.")]
    strata_drawn: Annotated[int | None, Help("Strata with a drawn row.")]
    clusters: Annotated[int | None, Help("Clusters with rows.")]
    clusters_drawn: int | None
    take_all_rows: Annotated[int | None, Help("Rows drawn with certainty.")]
    uncovered_rows: Annotated[int, Help("Rows of strata without a drawn row.")]
    df: int


def design_summary(found: SampleDesign) -> DesignSummary:
    """Sum up a design."""
    design = found.design
    clusters_drawn, clusters = design.clusters or (None, None)
    strata_drawn, strata = design.strata_counts or (None, None)
    return DesignSummary(
        design.method,
        design.rows,
        design.covered_rows,
        found.population.text if found.population else None,
        len(found.rounds),
        strata,
        strata_drawn,
        clusters,
        clusters_drawn,
        int(design.take_all.sum()) if design.by_size else None,
        design.uncovered_rows,
        design.degrees,
    )


def design_notes(
    service: Service,
    job: JobRecord,
    found: SampleDesign,
    source: OpenTable,
    settings: EstimateSettings,
    rows: float | None = None,
) -> list[str]:
    """Notes on the assumptions and the scope of the estimates.

    ``rows`` are those that calibrated weights add up to, by totals from outside.
    """
    design, methods = found.design, [each.method for each in found.rounds]
    scope = _scope(job, found, source)
    if rows is not None and round(rows) != found.design.covered_rows:
        scope = (
            f"{counted(round(rows), 'row')}: the weights add up to these by totals from outside, "
            f"not to {scope}"
        )
    notes = [f"The estimates are for {scope}."]
    if any(isinstance(each, MonetaryUnitMethod) and each.follows_file for each in methods):
        notes.append("Units were selected in the file's order, so the variance is approximate.")
    notes += [
        doubt
        for each in found.rounds
        if (money := _account_of(_results_of(job), each))
        for doubt in (*doubts_of(money), *unchecked_of(money))
    ]
    if is_from_draw(service, job):
        notes.append(
            "That table is itself a sample or a residual. The estimates are for its rows, and not "
            "for the table from which it was drawn."
        )
    if design.is_one_sample:
        if len(found.rounds) > 1:
            notes.append(f"The {len(found.rounds)} steps count as one {design.method} sample.")
        return notes + design.notes(settings.rules)
    notes.append(
        "The steps differ in method or filter. Each estimates the rows that it could draw, with "
        "those that earlier steps drew, and these estimates are averaged by fixed shares (Des Raj "
        "1956)."
    )
    if found.rounds[0].draw_version == FIRST_DRAW_VERSION:
        notes.append(
            "This draw follows draw version 1: its steps aren't independent if they share a seed, "
            "so the margins may be wrong."
        )
    for spec, part in zip(found.rounds, design.parts, strict=True):
        of_step = part.design.notes(settings.rules, part.chance)
        of_step += _weightless_note(part, design.weights[part.rows])
        notes += [f"Step {spec.round_number}: {note}" for note in of_step]
    return notes


def _weightless_note(part: SamplePart, weights: Floats) -> list[str]:
    """A note on the drawn rows that no estimate uses."""
    rows = int((weights == 0.0).sum())
    if not rows:
        return []
    counted_rows = f"{counted(rows, 'row has', 'rows have')} the weight 0: "
    if part.design.degrees == 0:
        return [counted_rows + "one drawn row or cluster alone has no variance."]
    return [
        counted_rows + "what earlier steps drew decides whether this step draws from their strata "
        "at all, so counting them would bias the estimates. A `min_per_stratum` of 1 or more, or "
        "rows by group, makes them count."
    ]


def _scope(job: JobRecord, found: SampleDesign, source: OpenTable) -> str:
    """The rows that the estimates are for."""
    design, covered, drawable = found.design, found.design.covered_rows, ""
    if design.by_size:
        drawable = ": those with a weight above 0"
        account = _account_of(_results_of(job), found.rounds[0])
        if account:
            covered = account["audited"]["rows"]
            drawable = f": those with an amount {DRAWN_AMOUNTS[account['population']]}"
    rows = f"the {counted(design.population, 'row')} of {source.key}"
    if covered < design.population:
        rows = f"{covered:,} of {rows}"
    passing = f" that pass the filter {found.population.text}" if found.population else ""
    return f"{rows}{passing}{drawable}"
