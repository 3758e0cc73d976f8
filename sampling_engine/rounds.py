"""Prepare the rounds of a draw and choose their rows, one round after the other.

A row that is taken, deleted from the table or drawn, is never drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.amounts import AmountAccount, drawn_account
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.method import EligibleRows, Prepared, Round, RoundDraw
from sampling_engine.results import (
    GROUPS_LISTED,
    GroupResult,
    RoundAccount,
    RoundResult,
    RoundRows,
)
from sampling_engine.selection.order import Int64s


@dataclass(frozen=True)
class FinishedRound:
    """A round with its rows."""

    draw: RoundDraw
    rows: RoundRows
    amounts: AmountAccount | None = None

    def result(self) -> RoundResult:
        """The account of the round."""
        strata = self.rows.chosen.strata
        sampled = np.bincount(strata, minlength=len(self.draw.prepared.eligible))
        return RoundResult(
            **vars(account_of(self.draw.prepared, sampled, self.amounts)),
            rows_sampled=len(strata),
            order_version=self.draw.prepared.round_spec.order_version,
            run_by=self.rows.run_by,
            output_name=self.draw.prepared.round_spec.output_name,
        )


def account_of(prepared: Prepared, sampled: Int64s, amounts: AmountAccount | None) -> RoundAccount:
    """A round's account; its groups are the first strata, or the first drawn clusters."""
    round_spec, eligible, allocated = prepared.round_spec, prepared.eligible, prepared.allocated
    kind = round_spec.method.group_kind
    uncovered = (eligible > 0) & (allocated == 0)
    return RoundAccount(
        round_number=round_spec.round_number,
        method=round_spec.method.name,
        eligible_rows=int(eligible.sum()),
        seed=round_spec.seed,
        effective_seed=round_spec.effective_seed,
        group_kind=kind,
        groups=_groups(prepared, sampled, amounts) if kind is not None else (),
        groups_count=int((eligible > 0).sum()) if kind is not None else 0,
        uncovered_rows=int(eligible[uncovered].sum()) if kind == "strata" else None,
        amount=amounts,
        own=prepared.own,
        warnings=tuple(prepared.warnings),
    )


def _groups(
    prepared: Prepared, sampled: Int64s, amounts: AmountAccount | None
) -> tuple[GroupResult, ...]:
    eligible, allocated, strata = prepared.eligible, prepared.allocated, prepared.strata
    requested = allocated if prepared.requested is None else prepared.requested
    is_listed = (
        (eligible > 0) | (requested > 0)
        if prepared.round_spec.method.group_kind == "strata"
        else allocated > 0
    )
    numbers = np.flatnonzero(is_listed)[:GROUPS_LISTED]
    named = zip(numbers, strata.keys(numbers), strata.labels(numbers), strict=True)
    return tuple(
        GroupResult(
            key,
            label,
            int(eligible[at]),
            int(requested[at]),
            int(allocated[at]),
            int(sampled[at]),
            None if amounts is None else amounts.of_group(int(at)),
        )
        for at, key, label in named
    )


def replay(
    state: DrawState, rounds: Sequence[Round], on_progress: ProgressCallback
) -> Iterator[FinishedRound]:
    """Draw the rounds; each one's rows are taken before it is handed over."""
    parts = [part_of(round_spec) for round_spec in rounds]
    whole = sum(parts)
    for i, round_spec in enumerate(rounds):
        step = progress_part(on_progress, sum(parts[:i]) / whole, sum(parts[: i + 1]) / whole)
        draw = prepare_round(state, round_spec, progress_part(step, 0.0, 0.7))
        rows = draw.choose(state, progress_part(step, 0.7, 1.0))
        amounts = drawn_account(
            state, draw.prepared.strata, rows.chosen, progress_part(step, 1.0, 1.0)
        )
        state.take(rows.chosen.ordinals)
        yield FinishedRound(draw, rows, amounts)


def prepare_round(
    state: DrawState,
    round_spec: Round,
    on_progress: ProgressCallback,
    *,
    checks_key: bool = True,
) -> RoundDraw:
    """Settle what the round draws from and how many rows, and choose none.

    Without ``checks_key`` the key of its order isn't checked, which reads all rows.
    """
    keyed = round_spec.order
    if keyed is not None and round_spec.method.orders_rows(keyed.key) and checks_key:
        state.digests_of(keyed.key, progress_part(on_progress, 0.0, 0.3), round_spec.key_loc)
    eligible = eligible_rows(state, round_spec, progress_part(on_progress, 0.3, 0.6))
    return round_spec.method.prepare(eligible, progress_part(on_progress, 0.6, 1.0))


def eligible_rows(
    state: DrawState, round_spec: Round, on_progress: ProgressCallback
) -> EligibleRows:
    """Count what the round may draw."""
    method = round_spec.method
    strata = state.strata_of(
        method.group_columns(state.table),
        round_spec.filter,
        progress_part(on_progress, 0.0, 0.8),
        lists_rows=state.lists_rows and method.draws_from_list,
    )
    counts = state.eligible_of(strata, progress_part(on_progress, 0.8, 1.0))
    return EligibleRows(state, round_spec, strata, counts)


def part_of(round_spec: Round) -> int:
    """A round's part of the progress, relative to the others: most read all rows once."""
    reads_none = not round_spec.method.reads_rows and round_spec.filter is None
    return 1 if reads_none and round_spec.order is None else 10
