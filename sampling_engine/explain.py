"""Explain why a row is in a sample, or why not: one verdict for each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import MonotonicProgress, ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine.checks import check_rounds
from sampling_engine.errors import UnknownRow
from sampling_engine.rounds import DrawState, FinishedRound, Prepared, RowOutcome, replay
from sampling_engine.selection.strata import NO_STRATUM
from sampling_engine.selection.walk_and_scan import in_sorted
from sampling_engine.spec import Round


@dataclass(frozen=True, kw_only=True)
class Verdict(RowOutcome):
    """What one round did with the row; ``group`` is the label of its stratum or cluster."""

    round_number: int
    method: str
    effective_seed: str
    group: str | None = None


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
            "There is no row {ordinal}: the table's rows run from 0 to {last}.",
            ordinal=str(ordinal),
            last=table.file_rows - 1,
            loc=("ordinal",),
        )
    if in_sorted(np.array([ordinal]), table.deletion_vector)[0]:
        outcome = RowOutcome("left_out", "The row is left out of this table.")
        verdicts = tuple(_verdict(round_spec, outcome) for round_spec in rounds)
        return RowExplanation(ordinal, None, None, None, verdicts)
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        return _explain(state, rounds, ordinal, MonotonicProgress(on_progress))


def _explain(
    state: DrawState, rounds: Sequence[Round], ordinal: int, on_progress: ProgressCallback
) -> RowExplanation:
    verdicts: list[Verdict] = []
    for finished in replay(state, rounds, on_progress):
        draw, rows = finished.draw, finished.rows
        places = np.flatnonzero(rows.chosen.ordinals == ordinal)
        if not len(places):
            verdicts.append(_not_drawn(state, finished, ordinal))
            continue
        place = int(places[0])
        outcome = draw.explain_drawn(state, rows, place)
        verdicts.append(_in_stratum(draw.prepared, int(rows.chosen.strata[place]), outcome))
        probabilities, weights = draw.probabilities_and_weights(rows)
        return RowExplanation(
            ordinal,
            draw.prepared.round_spec.round_number,
            float(probabilities[place]),
            float(weights[place]),
            tuple(verdicts),
        )
    return RowExplanation(ordinal, None, None, None, tuple(verdicts))


def _not_drawn(state: DrawState, finished: FinishedRound, ordinal: int) -> Verdict:
    prepared = finished.draw.prepared
    stratum = int(prepared.strata.of(np.array([ordinal]), ignore_progress)[0])
    if stratum == NO_STRATUM:
        row_filter = prepared.round_spec.filter
        text = row_filter.text if row_filter else ""
        reason = f"The row doesn't pass the round's filter, {text}."
        return _verdict(prepared.round_spec, RowOutcome("filtered_out", reason))
    outcome = finished.draw.explain_not_drawn(state, finished.rows, ordinal, stratum)
    return _in_stratum(prepared, stratum, outcome)


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
