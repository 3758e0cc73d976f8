"""The rounds of a draw, one after the other.

A round is prepared after the rows of all earlier ones are taken. The draw, the plan, the reserves
and the explanation use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.draw_state import DrawState
from sampling_engine.results import GROUPS_LISTED, GroupResult, RoundResult
from sampling_engine.rounds import Prepared, RoundDraw, RoundRows
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import Round

# Parts of the progress: most rounds read all rows once.
QUICK_PART, READING_PART = 1, 10


@dataclass(frozen=True)
class FinishedRound:
    """A round with its rows."""

    draw: RoundDraw
    rows: RoundRows

    @property
    def prepared(self) -> Prepared:
        """What was settled before the rows were chosen."""
        return self.draw.prepared

    @property
    def sampled(self) -> Int64s:
        """Drawn rows of each stratum."""
        return np.bincount(self.rows.chosen.strata, minlength=len(self.prepared.eligible))

    def result(self) -> RoundResult:
        """The account of the round."""
        prepared, one = self.prepared, self.prepared.one
        groups, groups_count = groups_of(prepared, self.sampled)
        return RoundResult(
            round_number=one.round_number,
            method=one.method.name,
            eligible_rows=prepared.eligible_rows,
            rows_sampled=len(self.rows.chosen.ordinals),
            seed=one.seed,
            effective_seed=one.effective_seed,
            run_by=self.rows.run_by,
            group_kind=one.method.group_kind,
            groups=groups,
            groups_count=groups_count,
            warnings=prepared.warnings,
            output_name=one.output_name,
        )


def replay(
    state: DrawState, rounds: Sequence[Round], on_progress: ProgressCallback
) -> Iterator[FinishedRound]:
    """Draw the rounds; each one's rows are taken before it is handed over."""
    parts = [part_of(one) for one in rounds]
    whole = sum(parts)
    for i, one in enumerate(rounds):
        step = progress_part(on_progress, sum(parts[:i]) / whole, sum(parts[: i + 1]) / whole)
        draw = prepare_round(state, one, progress_part(step, 0.0, 0.7))
        rows = draw.choose(state, progress_part(step, 0.7, 1.0))
        state.take(rows.chosen.ordinals)
        yield FinishedRound(draw, rows)


def prepare_round(state: DrawState, one: Round, on_progress: ProgressCallback) -> RoundDraw:
    """Settle what the round draws from and how many rows, and choose none.

    Raises
    ------
    DomainError
        What depends on the rows: ``too_many_strata``, ``minimum_exceeds_sample``,
        ``unknown_stratum``, ``invalid_numbers``, ``rows_missing``.
    """
    columns = one.method.group_columns(state.table)
    strata = state.strata_of(columns, one.filter, progress_part(on_progress, 0.0, 0.5))
    eligible = state.eligible_of(strata, progress_part(on_progress, 0.5, 0.6))
    step = progress_part(on_progress, 0.6, 1.0)
    return one.method.prepare(state, one, strata, eligible, step)


def part_of(one: Round) -> int:
    """A round's part of the progress, relative to those of the other rounds."""
    is_quick = not one.method.reads_rows and one.filter is None
    return QUICK_PART if is_quick else READING_PART


def groups_of(prepared: Prepared, sampled: Int64s) -> tuple[tuple[GroupResult, ...], int]:
    """The first strata or drawn clusters of a round, and how many have eligible rows."""
    kind = prepared.one.method.group_kind
    if kind is None:
        return (), 0
    listed = prepared.eligible if kind == "strata" else prepared.allocated
    numbers = np.flatnonzero(listed)[:GROUPS_LISTED]
    groups = tuple(
        GroupResult(key, int(prepared.eligible[at]), int(prepared.allocated[at]), int(sampled[at]))
        for at, key in zip(numbers, prepared.strata.keys(numbers), strict=True)
    )
    return groups, int((prepared.eligible > 0).sum())
