"""Why a row is in the sample, or why not.

Owns: the shape of the answer. Invariant: there is one verdict a round, up to the one that drew the
row; its sentence can be shown as it is.

Why a row was drawn, or why not.

Owns: the verdicts. Invariant: they come from replaying the rounds, so they tell what the draw did
and not what it should have done. Called by whoever answers for a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, never_decreasing
from parquet_tables.tables import TableFiles
from sampling_engine.checks import check_rounds
from sampling_engine.draw_state import DrawState
from sampling_engine.errors import UnknownRow
from sampling_engine.grouped_round import GroupedRound
from sampling_engine.replay import FinishedRound, replay
from sampling_engine.selection.order import SeededOrder
from sampling_engine.selection.walk import in_sorted
from sampling_engine.spec import ClusterMethod, Round
from sampling_engine.weighted_round import WeightedRound

Outcome = Literal[
    "drawn",
    "left_out",
    "filtered_out",
    "no_weight",
    "off_the_grid",
    "cluster_not_drawn",
    "beyond_the_last",
]


@dataclass(frozen=True)
class Verdict:
    """What one round made of the row.

    Parameters
    ----------
    effective_seed : str
        The seed text that entered the keys of the round's order.
    outcome : str
        ``drawn``; ``left_out`` of the table; ``filtered_out``; ``no_weight``, which is NULL, NaN or
        0; ``off_the_grid`` of a systematic round; ``cluster_not_drawn``; or ``beyond_the_last`` row
        that was drawn of its stratum or cluster.
    reason : str
        The same in a sentence, with the figures.
    group : str or None
        The label of the row's stratum or cluster.
    rank : int or None
        The row's rank in the round's order, where the method has one.
    last_rank : int or None
        The largest rank that was drawn from its stratum or cluster, or from all rows; not for a
        weighted round, whose order is not that of the ranks alone.
    """

    round_number: int
    method: str
    effective_seed: str
    outcome: Outcome
    reason: str
    group: str | None = None
    rank: int | None = None
    last_rank: int | None = None


@dataclass(frozen=True)
class RowExplanation:
    """One row's fate.

    Parameters
    ----------
    round_number : int or None
        The round that drew it.
    inclusion_probability, design_weight : float or None
        As in the sample, if it was drawn.
    verdicts : tuple of Verdict
        One a round, ending with the round that drew it.
    """

    ordinal: int
    round_number: int | None
    inclusion_probability: float | None
    design_weight: float | None
    verdicts: tuple[Verdict, ...]

    @property
    def drawn(self) -> bool:
        """Whether it is in the sample."""
        return self.round_number is not None


def explain_row(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    ordinal: int,
    *,
    on_progress: ProgressCallback = ignore_progress,
    counts_dir: Path | None = None,
) -> RowExplanation:
    """Replay the rounds and say what each made of the row.

    Parameters
    ----------
    ordinal : int
        The row's, from 0 over the table's files, as in ``_logical_row_id``.

    Returns
    -------
    RowExplanation
        With one verdict a round, up to the one that drew the row.

    Raises
    ------
    UnknownRow
        The table's files have no such row.
    DomainError
        As :func:`draw_sample`.
    """
    check_rounds(table, rounds)
    if not 0 <= ordinal < table.file_rows:
        raise UnknownRow(
            f"There is no row {ordinal}: the table's rows run from 0 to {table.file_rows - 1:,}.",
            loc=("ordinal",),
        )
    if in_sorted(np.array([ordinal]), table.deletion_vector)[0]:
        reason = "The row is left out of this table."
        deletion_vector = tuple(_verdict(one, "left_out", reason) for one in rounds)
        return RowExplanation(ordinal, None, None, None, deletion_vector)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        return _explained(state, rounds, ordinal, never_decreasing(on_progress))


def _explained(
    state: DrawState, rounds: Sequence[Round], ordinal: int, on_progress: ProgressCallback
) -> RowExplanation:
    verdicts: list[Verdict] = []
    for finished in replay(state, rounds, on_progress):
        place = np.flatnonzero(finished.rows.chosen.ordinals == ordinal)
        if len(place):
            verdicts.append(_drawn(state, finished, int(place[0])))
            chance, weight = _chance(finished, int(place[0]))
            number = finished.prepared.one.round_number
            return RowExplanation(ordinal, number, chance, weight, tuple(verdicts))
        verdicts.append(_not_drawn(state, finished, ordinal))
    return RowExplanation(ordinal, None, None, None, tuple(verdicts))


def _chance(finished: FinishedRound, place: int) -> tuple[float, float]:
    own = finished.rows.probabilities
    if own is not None:
        return float(own[place]), 1.0 / float(own[place])
    probabilities, weights = finished.draw.chances(finished.sampled)
    stratum = finished.rows.chosen.strata[place]
    return float(probabilities[stratum]), float(weights[stratum])


def _drawn(state: DrawState, finished: FinishedRound, place: int) -> Verdict:
    chosen = finished.rows.chosen
    count = len(chosen.ordinals)
    reason = f"Drawn as number {place + 1:,} of the round's {count:,} rows."
    base = _base(finished, int(chosen.strata[place]), reason)
    if isinstance(finished.draw, GroupedRound):
        return replace(base, outcome="drawn", rank=int(chosen.ranks[place]))
    if isinstance(finished.draw, WeightedRound):
        ordinals = chosen.ordinals[place : place + 1]
        rank = int(finished.draw.pareto(state).order.rank(ordinals)[0])
        is_take_all = place < len(finished.draw.take_all.ordinals)
        more = " Its weight makes it a take-all row." if is_take_all else ""
        return replace(base, outcome="drawn", rank=rank, reason=reason + more)
    return replace(base, outcome="drawn")


def _base(finished: FinishedRound, stratum: int, reason: str) -> Verdict:
    """A verdict with what every row of this stratum has in common."""
    one, chosen = finished.prepared.one, finished.rows.chosen
    label = finished.prepared.strata.labels(np.array([stratum]))[0]
    last: int | None = None
    if isinstance(finished.draw, GroupedRound):
        ranks = chosen.ranks[chosen.strata == stratum]
        last = int(ranks.max()) if len(ranks) else None
    return replace(_verdict(one, "beyond_the_last", reason), group=label, last_rank=last)


def _verdict(one: Round, outcome: Outcome, reason: str) -> Verdict:
    return Verdict(one.round_number, one.method.name, one.effective_seed, outcome, reason)


def _not_drawn(state: DrawState, finished: FinishedRound, ordinal: int) -> Verdict:
    one, draw = finished.prepared.one, finished.draw
    ordinals = np.array([ordinal])
    stratum = int(finished.prepared.strata.of(ordinals, ignore_progress)[0])
    if stratum < 0:
        filter_text = one.filter.text if one.filter else ""
        reason = f"The row doesn't pass the round's filter, {filter_text}."
        return _verdict(one, "filtered_out", reason)
    if isinstance(draw, WeightedRound):
        return _too_late(state, finished, draw, ordinal)
    base = _base(finished, stratum, "")
    if not isinstance(draw, GroupedRound):
        reason = "The row stands between those that the round's interval meets."
        return replace(base, outcome="off_the_grid", reason=reason)
    rank = int(SeededOrder(state.table.file_rows, one.effective_seed).rank(ordinals)[0])
    if isinstance(one.method, ClusterMethod) and not finished.prepared.allocated[stratum]:
        drawn, there = draw.drawn_of
        reason = f"Its cluster, {base.group}, is not among the {drawn:,} drawn of {there:,}."
        return replace(base, outcome="cluster_not_drawn", reason=reason, rank=rank)
    where = "" if base.group is None else f" in {base.group}"
    taken = (
        f"the last rank taken{where} is {base.last_rank}"
        if base.last_rank is not None
        else (f"no row was taken{where}")
    )
    return replace(base, rank=rank, reason=f"Its rank is {rank}; {taken}.")


def _too_late(
    state: DrawState, finished: FinishedRound, draw: WeightedRound, ordinal: int
) -> Verdict:
    """A row of a weighted round: without a weight, or with too large a key."""
    base = _base(finished, 0, "")
    pareto = draw.pareto(state)
    ordinals = np.array([ordinal])
    ranks = pareto.order.rank(ordinals)
    found = pareto.look_up(state, ordinals, ranks)
    if not len(found.keys):
        reason = "Its weight is NULL, NaN or 0, so it can't be drawn."
        return replace(base, outcome="no_weight", reason=reason)
    probability = float(draw.inclusion_probabilities(state, found.units)[0])
    chosen = finished.rows.chosen
    last = pareto.look_up(state, chosen.ordinals[-1:], chosen.ranks[-1:])
    after = f", after the last one taken, {last.keys[0]:.6g}" if len(last.keys) else ""
    reason = (
        f"Its inclusion probability was {probability:.6g}; its key in the Pareto order is "
        f"{found.keys[0]:.6g}{after}."
    )
    return replace(base, reason=reason, rank=int(ranks[0]))
