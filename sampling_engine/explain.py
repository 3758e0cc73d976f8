"""Explain why rows are in a sample, or why not: one verdict for each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import MonotonicProgress, ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.checks import check_rounds
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import UnknownRow
from sampling_engine.key_places import KeyPlace, key_places
from sampling_engine.methods.method import Prepared, Round
from sampling_engine.results import RowOutcome
from sampling_engine.rounds import FinishedRound, replay
from sampling_engine.selection.order import Int64s, in_sorted
from sampling_engine.selection.strata import NO_STRATUM


@dataclass(frozen=True, kw_only=True)
class Verdict(RowOutcome):
    """The outcome of one round for a row; ``group`` is the label of its stratum or cluster."""

    round_number: int
    method: str
    effective_seed: Annotated[
        str, Help("The seed text that entered the keys of the round's order.")
    ]
    group: str | None = None
    key_place: Annotated[
        KeyPlace | None, Help("The place of its key, if the round has a keyed order.")
    ] = None


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


def explain_rows(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    ordinals: Sequence[int],
    *,
    on_progress: ProgressCallback = ignore_progress,
    counts_dir: Path | None = None,
) -> list[RowExplanation]:
    """Replay the rounds once, and explain what each did with the rows, in the order given.

    Raises
    ------
    UnknownRow, DomainError
        As :func:`draw_sample`.
    """
    check_rounds(table, rounds)
    for ordinal in ordinals:
        if not 0 <= ordinal < table.file_rows:
            raise UnknownRow(
                "There is no row {ordinal}: the table's rows run from 0 to {last}.",
                ordinal=str(ordinal),
                last=table.file_rows - 1,
                loc=("ordinal",),
            )
    wanted = np.unique(np.array(ordinals, dtype=np.int64))
    is_deleted = in_sorted(wanted, table.deletion_vector)
    found = {int(each): _deleted(rounds, int(each)) for each in wanted[is_deleted]}
    if not is_deleted.all():
        with database.cursor(table) as cursor:
            state = DrawState(cursor, table, counts_dir=counts_dir)
            progress = MonotonicProgress(on_progress)
            found |= _explain(state, rounds, wanted[~is_deleted], progress)
    return [found[ordinal] for ordinal in ordinals]


def _deleted(rounds: Sequence[Round], ordinal: int) -> RowExplanation:
    outcome = RowOutcome("left_out", "The row is left out of this table.")
    verdicts = tuple(_verdict(round_spec, outcome) for round_spec in rounds)
    return RowExplanation(ordinal, None, None, None, verdicts)


def _explain(
    state: DrawState, rounds: Sequence[Round], ordinals: Int64s, on_progress: ProgressCallback
) -> dict[int, RowExplanation]:
    """Explain rows by their ordinals; ``pending`` are those that no round has drawn yet."""
    verdicts: dict[int, list[Verdict]] = {int(ordinal): [] for ordinal in ordinals}
    explained: dict[int, RowExplanation] = {}
    pending = ordinals
    for finished in replay(state, rounds, on_progress):
        draw, rows = finished.draw, finished.rows
        places = _places(state, draw.prepared.round_spec, pending)
        is_drawn = np.isin(pending, rows.chosen.ordinals)
        for ordinal in pending[is_drawn].tolist():
            place = int(np.flatnonzero(rows.chosen.ordinals == ordinal)[0])
            outcome = draw.explain_drawn(state, rows, place)
            last = _in_stratum(draw.prepared, int(rows.chosen.strata[place]), outcome)
            last = _with_place(last, places.get(ordinal))
            probabilities, weights = draw.probabilities_and_weights(rows)
            explained[ordinal] = RowExplanation(
                ordinal,
                draw.prepared.round_spec.round_number,
                float(probabilities[place]),
                float(weights[place]),
                (*verdicts[ordinal], last),
            )
        pending = pending[~is_drawn]
        if not len(pending):
            break
        for ordinal, verdict in zip(
            pending.tolist(), _not_drawn(state, finished, pending), strict=True
        ):
            verdicts[ordinal].append(_with_place(verdict, places.get(ordinal)))
    for ordinal in pending.tolist():
        explained[ordinal] = RowExplanation(ordinal, None, None, None, tuple(verdicts[ordinal]))
    return explained


def _places(state: DrawState, round_spec: Round, ordinals: Int64s) -> dict[int, KeyPlace]:
    """The places of rows by their ordinals; none without a keyed order."""
    if round_spec.order is None:
        return {}
    return key_places(state, round_spec, round_spec.order, ordinals)


def _with_place(verdict: Verdict, place: KeyPlace | None) -> Verdict:
    if place is None or verdict.outcome in ("filtered_out", "no_weight"):
        return verdict
    place = place.in_stratum(verdict.group)
    reason = f"{verdict.reason} {place.sentence}"
    return replace(verdict, reason=reason, key_place=place)


def _not_drawn(state: DrawState, finished: FinishedRound, ordinals: Int64s) -> list[Verdict]:
    prepared = finished.draw.prepared
    strata = prepared.strata.of(ordinals, ignore_progress)
    eligible = strata != NO_STRATUM
    outcomes = iter(
        finished.draw.explain_not_drawn(state, finished.rows, ordinals[eligible], strata[eligible])
    )
    row_filter = prepared.round_spec.filter
    reason = f"The row doesn't pass the round's filter, {row_filter.text if row_filter else ''}."
    return [
        _in_stratum(prepared, int(stratum), next(outcomes))
        if stratum != NO_STRATUM
        else _verdict(prepared.round_spec, RowOutcome("filtered_out", reason))
        for stratum in strata
    ]


def _in_stratum(prepared: Prepared, stratum: int, outcome: RowOutcome) -> Verdict:
    group = prepared.strata.labels(np.array([stratum]))[0]
    return _verdict(prepared.round_spec, outcome, group)


def _verdict(round_spec: Round, outcome: RowOutcome, group: str | None = None) -> Verdict:
    return Verdict(
        round_number=round_spec.round_number,
        method=round_spec.method.name,
        effective_seed=round_spec.effective_seed,
        group=group,
        **asdict(outcome),
    )
