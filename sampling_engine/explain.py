"""Explain why a row is in a sample, or why not: one verdict for each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import MonotonicProgress, ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.checks import check_rounds
from sampling_engine.errors import UnknownRow
from sampling_engine.rounds import DrawState, FinishedRound, Outcome, RowOutcome, replay
from sampling_engine.selection.walk_and_scan import in_sorted
from sampling_engine.spec import Round


@dataclass(frozen=True)
class Verdict:
    """What one round did with the row.

    Parameters
    ----------
    outcome : str
        One of :data:`Outcome`; ``reason`` is the same in a sentence.
    group : str or None
        The label of the row's stratum or cluster.
    rank, last_rank : int or None
        The row's rank, and the largest that was drawn from its group, where the method has ranks.
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
    """A row's verdicts, up to the round that drew it; ``round_number`` is None if none did."""

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
    """Replay the rounds and explain what each did with the row ``ordinal``.

    Raises
    ------
    UnknownRow, DomainError
        As :func:`draw_sample`.
    """
    check_rounds(table, rounds)
    if not 0 <= ordinal < table.file_rows:
        raise UnknownRow(
            f"There is no row {ordinal}: the table's rows run from 0 to {table.file_rows - 1:,}.",
            loc=("ordinal",),
        )
    if in_sorted(np.array([ordinal]), table.deletion_vector)[0]:
        outcome = RowOutcome("left_out", "The row is left out of this table.")
        verdicts = tuple(_verdict(one, outcome) for one in rounds)
        return RowExplanation(ordinal, None, None, None, verdicts)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        return _explained(state, rounds, ordinal, MonotonicProgress(on_progress))


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
    outcome = finished.draw.explain_drawn(state, finished.rows, place)
    return _verdict_of(finished, int(finished.rows.chosen.strata[place]), outcome)


def _not_drawn(state: DrawState, finished: FinishedRound, ordinal: int) -> Verdict:
    one, strata = finished.prepared.one, finished.prepared.strata
    stratum = int(strata.of(np.array([ordinal]), ignore_progress)[0])
    if stratum < 0:
        filter_text = one.filter.text if one.filter else ""
        reason = f"The row doesn't pass the round's filter, {filter_text}."
        return _verdict(one, RowOutcome("filtered_out", reason))
    outcome = finished.draw.explain_not_drawn(state, finished.rows, ordinal, stratum)
    return _verdict_of(finished, stratum, outcome)


def _verdict_of(finished: FinishedRound, stratum: int, outcome: RowOutcome) -> Verdict:
    group = finished.prepared.strata.labels(np.array([stratum]))[0]
    return _verdict(finished.prepared.one, outcome, group)


def _verdict(one: Round, outcome: RowOutcome, group: str | None = None) -> Verdict:
    return Verdict(
        one.round_number,
        one.method.name,
        one.effective_seed,
        outcome.outcome,
        outcome.reason,
        group,
        outcome.rank,
        outcome.last_rank,
    )
