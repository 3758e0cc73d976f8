"""What each round of a draw can draw, whatever rows other rounds drew by chance.

Estimates combine rounds by these facts, so that no round's share in an estimate depends on chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ignore_progress
from sampling_engine.results import FrameFacts, RoundFrame
from sampling_engine.rounds import DrawState, EligibleRows, FinishedRound, RoundDraw, prepare_round
from sampling_engine.selection.order import Int64s

SURE = log(1e9)
"""A bound that fails with a probability below 1e-9 counts as certain."""


def round_frames(state: DrawState, finished: Sequence[FinishedRound]) -> list[RoundFrame]:
    """The frames of the rounds of a finished draw; ``state`` is used up.

    Rounds at the start that take all that they can draw leave nothing to chance, so their rows are
    in no later frame.
    """
    every = np.setdiff1d(state.taken, state.table.deletion_vector)
    covers = [_covered(state, each, every) for each in finished]
    state.taken = state.table.deletion_vector
    by_chance: list[FrameFacts] = []
    found = []
    for each, covered in zip(finished, covers, strict=True):
        if not by_chance:
            facts, always = each.draw.frame_facts(state), covered
        else:
            alone = prepare_round(state, each.draw.prepared.round_spec, ignore_progress)
            facts, always = alone.frame_facts(state), covered
            if not facts.takes_all:
                always = covered & _always(state, alone, every, by_chance)
        found.append(RoundFrame(facts, covered, always))
        if facts.takes_all and not by_chance:
            state.take(each.rows.chosen.ordinals)
        else:
            by_chance.append(facts)
    return found


def _covered(state: DrawState, finished: FinishedRound, every: Int64s) -> NDArray[np.bool_]:
    """The rows that the round could draw; none if it draws none of several, by its start."""
    covered: NDArray[np.bool_] = finished.draw.groups_of(state, every) >= 0
    prepared = finished.draw.prepared
    is_empty = not len(finished.rows.chosen.ordinals)
    if is_empty and prepared.round_spec.method.may_draw_none:
        return covered & (not prepared.eligible.any())
    return covered


def _always(
    state: DrawState, alone: RoundDraw, every: Int64s, by_chance: Sequence[FrameFacts]
) -> NDArray[np.bool_]:
    """The rows from whose group the round draws whatever earlier rounds drew."""
    prepared = alone.prepared
    rows = EligibleRows(state, prepared.round_spec, prepared.strata, prepared.eligible)
    taken = _most_taken(rows.counts, by_chance)
    draws = prepared.round_spec.method.always_draws(rows, taken)
    groups = alone.groups_of(state, every)
    found: NDArray[np.bool_] = (groups >= 0) & draws[groups]
    return found


def _most_taken(rows: Int64s, by_chance: Sequence[FrameFacts]) -> Int64s:
    """Bounds of the rows of each group that some rounds draw.

    The first round's are by Bernstein's inequality, which holds for rows drawn without replacement
    (Hoeffding 1963, section 6); a later round's chances depend on what is left.
    """
    first, *others = by_chance
    mean = rows * first.most_chance
    most = mean + SURE / 3.0 + np.sqrt((SURE / 3.0) ** 2 + 2.0 * mean * SURE)
    of_first = np.minimum(np.ceil(most), first.most_rows)
    taken = np.minimum(of_first + sum(each.most_rows for each in others), rows)
    found: Int64s = taken.astype(np.int64)
    return found
