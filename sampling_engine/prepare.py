"""From a round as asked for to a round that can be drawn.

Owns: what each method settles before rows are chosen: its strata, its eligible rows and how many
it draws. Invariant: nothing is chosen here but clusters, the start of a grid and rows that are
certain. Called round by round by the replay.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import Column
from sampling_engine.checks import cluster_column, strata_columns
from sampling_engine.draw_state import DrawState
from sampling_engine.errors import UnknownStratum
from sampling_engine.grouped_round import GroupedRound
from sampling_engine.rounds import Prepared, RoundDraw, parameters_of, seed_for
from sampling_engine.selection.grid import Grid, SystematicRound
from sampling_engine.selection.inclusion import read_size_groups
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.selection.strata import ColumnStrata, Strata
from sampling_engine.spec import (
    FIRST_DRAW_VERSION,
    ClusterMethod,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.spread import Shares, neyman_shares, optimal_shares
from sampling_engine.targets import (
    NO_ROW,
    Targets,
    all_drawn,
    cluster_targets,
    named_targets,
    random_targets,
    stratified_targets,
)
from sampling_engine.weighted_round import WeightedRound
from sampling_engine.weights import no_weights, read_weights, take_all_rows

LABELS_NAMED = 10


def prepare_round(state: DrawState, one: Round, on_progress: ProgressCallback) -> RoundDraw:
    """Settle what the round draws from and how much.

    Raises
    ------
    DomainError
        What only the rows can tell: ``too_many_strata``, ``minimum_exceeds_sample``,
        ``unknown_stratum``, ``invalid_numbers``, ``rows_missing``.
    """
    method = one.method
    columns: tuple[Column, ...] = ()
    if isinstance(method, StratifiedMethod):
        columns = strata_columns(state.table, method.strata_columns)
    elif isinstance(method, ClusterMethod):
        columns = (cluster_column(state.table, method),)
    strata = state.strata_of(columns, one.filter, progress_part(on_progress, 0.0, 0.5))
    eligible = state.eligible_of(strata, progress_part(on_progress, 0.5, 0.6))
    step = progress_part(on_progress, 0.6, 1.0)
    if isinstance(method, RandomMethod):
        targets = random_targets(method, int(eligible.sum()))
        return GroupedRound(_prepared(one, strata, eligible, targets))
    if isinstance(method, StratifiedMethod):
        targets = _stratified(state, one, method, strata, eligible, step)
        return GroupedRound(_prepared(one, strata, eligible, targets))
    if isinstance(method, ClusterMethod):
        return _cluster_round(one, method, strata, eligible)
    if isinstance(method, SystematicMethod):
        return _systematic_round(one, method, strata, eligible)
    return _weighted_round(state, one, method, strata, eligible, step)


def _prepared(one: Round, strata: Strata, eligible: Int64s, targets: Targets) -> Prepared:
    return Prepared(one, strata, eligible, targets.sizes, targets.warnings)


def _stratified(
    state: DrawState,
    one: Round,
    method: StratifiedMethod,
    strata: Strata,
    eligible: Int64s,
    on_progress: ProgressCallback,
) -> Targets:
    loc = parameters_of(one)
    if not eligible.any():
        return Targets(np.zeros_like(eligible), (NO_ROW,))
    if method.sizes is not None:
        assert isinstance(strata, ColumnStrata)  # noqa: S101 - there are rows and columns
        return named_targets(_numbered(strata, method.sizes, (*loc, "sizes")), eligible)
    shares = _shares(state, one, method, strata, eligible, on_progress)
    weights = None if shares is None else shares.weights
    targets = stratified_targets(method, eligible, weights, loc)
    warnings = () if shares is None else shares.warnings
    return Targets(targets.sizes, (*warnings, *targets.warnings))


def _shares(
    state: DrawState,
    one: Round,
    method: StratifiedMethod,
    strata: Strata,
    eligible: Int64s,
    on_progress: ProgressCallback,
) -> Shares | None:
    if method.allocation == "equal":
        return Shares((eligible > 0).astype(np.float64), ())
    if method.allocation_column is None:
        return None
    column = state.table.column(method.allocation_column)
    if method.cost_column is None:
        return neyman_shares(state, strata, eligible, column, on_progress)
    columns = (column, state.table.column(method.cost_column))
    loc = (*parameters_of(one), "cost_column")
    return optimal_shares(state, strata, eligible, columns, loc, on_progress)


def _numbered(
    strata: ColumnStrata, sizes: Mapping[str, int], loc: tuple[str | int, ...]
) -> dict[int, int]:
    """The sizes by the strata's numbers.

    Raises
    ------
    UnknownStratum
        No row that passes the filter is of a named stratum.
    """
    numbers = strata.numbers(list(sizes))
    for label in sizes:
        if label not in numbers:
            first = np.arange(min(LABELS_NAMED, len(strata.rows)))
            known = ", ".join(f'"{known}"' for known in strata.labels(first))
            more = len(strata.rows) - len(first)
            raise UnknownStratum(
                f'There is no stratum "{label}". There are {known}'
                + (f" and {more:,} more." if more else "."),
                loc=(*loc, label),
            )
    return {numbers[label]: size for label, size in sizes.items()}


def _cluster_round(
    one: Round, method: ClusterMethod, strata: Strata, eligible: Int64s
) -> GroupedRound:
    """Draw clusters: the first of an order of those that have eligible rows."""
    there = np.flatnonzero(eligible)
    order = SeededOrder(len(there), seed_for(one.effective_seed, "clusters"))
    drawn = there[order.first(method.num_clusters)]
    targets = cluster_targets(method, eligible, drawn)
    prepared = _prepared(one, strata, eligible, targets)
    return GroupedRound(prepared, (len(drawn), len(there)) if len(drawn) else (1, 1))


def _systematic_round(
    one: Round, method: SystematicMethod, strata: Strata, eligible: Int64s
) -> SystematicRound:
    rows = int(eligible.sum())
    grid = Grid.of(method, one.effective_seed, rows)
    warnings = [] if rows else [NO_ROW]
    if rows:
        warnings += all_drawn(method.sample_size or 0, rows)
    if rows and not grid.count:
        warnings.append(
            f"The start, row {grid.first + 1:,}, is beyond the {rows:,} eligible rows, so none was "
            "drawn."
        )
    sizes = np.array([grid.count], dtype=np.int64)
    return SystematicRound(_prepared(one, strata, eligible, Targets(sizes, tuple(warnings))), grid)


def _weighted_round(
    state: DrawState,
    one: Round,
    method: WeightedMethod,
    strata: Strata,
    eligible: Int64s,
    on_progress: ProgressCallback,
) -> WeightedRound:
    column = state.table.column(method.weight_column)
    loc = (*parameters_of(one), "weight_column")
    rows = int(eligible.sum())
    weights = no_weights(column)
    if rows:
        weights = read_weights(state, column, one.filter, loc, progress_part(on_progress, 0.0, 0.7))
    size = min(method.sample_size, weights.positive)
    warnings = [] if rows else [NO_ROW]
    if weights.positive < rows:
        warnings.append(
            f"{rows - weights.positive:,} of {rows:,} eligible rows have no weight in "
            f'"{column.name}", where NULL, NaN and 0 count as none: they can\'t be drawn.'
        )
    if rows and size < method.sample_size:
        warnings.append(
            f"sample_size is {method.sample_size:,}, but only {size:,} eligible rows have a "
            "weight: all of them were drawn."
        )
    take_all = take_all_rows(state, weights, size, one.filter, progress_part(on_progress, 0.7, 0.9))
    groups = None
    if one.draw_version != FIRST_DRAW_VERSION:
        step = progress_part(on_progress, 0.9, 1.0)
        groups = read_size_groups(state, weights, take_all, one.filter, step)
    sizes = np.array([size], dtype=np.int64)
    prepared = _prepared(one, strata, eligible, Targets(sizes, tuple(warnings)))
    return WeightedRound(prepared, weights, take_all, groups)
