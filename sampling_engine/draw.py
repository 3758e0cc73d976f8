"""Draw the rounds, and write the sample to one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    ignore_progress,
    progress_part,
)
from parquet_tables.tables import Column, TableFiles
from sampling_engine.amounts import Amount, add_up, amount_json, source_amount
from sampling_engine.checks import amount_of, check_rounds
from sampling_engine.divided_sample import divide_table
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import DrawState, Engine
from sampling_engine.errors import RowsMissing, UnknownRow
from sampling_engine.methods.method import EligibleRows, Prepared, Round, RoundDraw
from sampling_engine.results import (
    DrawnRound,
    DrawnSample,
    FrameFacts,
    RoundFrame,
    RoundResult,
    RowChances,
)
from sampling_engine.rounds import FinishedRound, part_of, prepare_round, replay
from sampling_engine.sample_table import KEEP_DRAWN, write_sample
from sampling_engine.selection.order import Int64s, in_sorted
from sampling_engine.selection.strata import MAX_STRATA, NO_STRATUM
from sampling_engine.spec import Strategy

SURE = log(1e9)
"""A bound that fails with a probability below 1e-9 counts as certain."""
WRITING_PART = 10


def draw_sample(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback = ignore_progress,
    strategy: Strategy | None = None,
    counts_dir: Path | None = None,
    max_strata: int = MAX_STRATA,
    amount_column: str | None = None,
    engine: Engine = DUCKDB,
) -> DrawnSample:
    """Draw the rounds from ``table`` and write the sample to one Parquet file.

    Parameters
    ----------
    table_key : str
        The table's name in the row ids: row 17 of ``primary`` is ``primary:17``.
    on_progress : callable
        An exception that it raises stops the draw.
    strategy : {"walk", "scan"}, optional
        Forces how rows are chosen; the rows are the same.
    counts_dir : Path, optional
        A directory below the database's root where counts are cached for later draws.
    amount_column : str, optional
        A column of numbers, whose sums the account of the draw states.

    Raises
    ------
    DomainError
        From :func:`check_rounds`, or ``too_many_strata``, ``minimum_exceeds_sample``,
        ``unknown_stratum``, ``invalid_numbers`` and ``rows_missing``.
    """
    check_rounds(table, rounds)
    choosing, writing = _progress_of_steps(rounds, on_progress)
    with database.cursor(table) as cursor:
        amount = amount_of(table, amount_column, rounds)
        state = DrawState(
            cursor, table, strategy, counts_dir, max_strata, amount, engine, lists_rows=True
        )
        if rounds[0].method.tables:
            return divide_table(state, rounds[0], table_key, destination, on_progress)
        source = None if amount is None else source_amount(state, ignore_progress)
        results, prepared, ordinals = _choose(cursor, state, rounds, choosing)
        sample, renamed = write_sample(
            cursor, table, prepared, ordinals, table_key, destination, writing
        )
    if sample.row_count != len(ordinals):
        raise RowsMissing(count=len(ordinals) - sample.row_count)
    return DrawnSample(sample, results, ordinals, renamed, _amount_account(amount, source, results))


def _progress_of_steps(
    rounds: Sequence[Round], on_progress: ProgressCallback
) -> tuple[ProgressCallback, ProgressCallback]:
    """The callbacks for the choice of the rows, and for writing them."""
    on_progress = MonotonicProgress(on_progress)
    choosing = sum(part_of(round_spec) for round_spec in rounds)
    until = choosing / (choosing + WRITING_PART)
    return progress_part(on_progress, 0.0, until), progress_part(on_progress, until, 1.0)


def _amount_account(
    amount: Column | None, source: Amount | None, results: Sequence[RoundResult]
) -> dict[str, object] | None:
    """The amount column's sums over the table and over the rows of all rounds."""
    if amount is None or source is None:
        return None
    drawn = add_up([one.amount.drawn_total for one in results if one.amount is not None])
    return amount_json(amount, source, drawn)


def drawn_rounds(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    counts_dir: Path | None = None,
    with_keys: bool = False,
    with_frames: bool = False,
) -> list[DrawnRound]:
    """Draw the rounds of a finished draw again, and write nothing.

    Parameters
    ----------
    with_keys : bool
        Read the values of all strata or clusters.
    with_frames : bool
        Add what each round can draw.
    """
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        finished = list(replay(state, rounds, ignore_progress))
        found = [_drawn_round(each, with_keys=with_keys) for each in finished]
        if not with_frames:
            return found
        frames = _round_frames(state, finished)
        return [replace(each, frame=frame) for each, frame in zip(found, frames, strict=True)]


def row_chances(
    database: ParquetDatabase,
    table: TableFiles,
    round_spec: Round,
    ordinals: Int64s,
    *,
    counts_dir: Path | None = None,
) -> RowChances:
    """The chances of rows, drawn or not, in a round that draws first from ``table``.

    Raises
    ------
    UnknownRow
        The table has no such row.
    """
    outside = (ordinals < 0) | (ordinals >= table.file_rows)
    if outside.any():
        raise UnknownRow(
            "There is no row {ordinal}: the table's rows run from 0 to {last}.",
            ordinal=str(ordinals[outside][0]),
            last=table.file_rows - 1,
        )
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        draw = prepare_round(state, round_spec, ignore_progress)
        found = draw.chances_of(state, ordinals)
    deleted = in_sorted(ordinals, table.deletion_vector)
    return replace(
        found,
        groups=np.where(deleted, NO_STRATUM, found.groups),
        probabilities=np.where(deleted, 0.0, found.probabilities),
    )


def _drawn_round(finished: FinishedRound, *, with_keys: bool) -> DrawnRound:
    chosen, prepared = finished.rows.chosen, finished.draw.prepared
    probabilities, weights = finished.draw.probabilities_and_weights(finished.rows)
    order = np.argsort(chosen.ordinals)
    count = len(prepared.eligible)
    hits = finished.rows.hits
    return DrawnRound(
        chosen.ordinals[order],
        chosen.strata[order],
        probabilities[order],
        prepared.eligible,
        np.bincount(chosen.strata, minlength=count),
        prepared.strata.keys(np.arange(count)) if with_keys else [],
        weights=None if hits is None else weights[order],
        hits=None if hits is None else hits[order],
        stages=finished.draw.stages,
        selected=order,
    )


def _choose(
    cursor: duckdb.DuckDBPyConnection,
    state: DrawState,
    rounds: Sequence[Round],
    on_progress: ProgressCallback,
) -> tuple[tuple[RoundResult, ...], list[Prepared], Int64s]:
    """Choose all rounds' rows and make the cursor's table ``drawn`` of them."""
    parts: list[dict[str, NDArray[Any]]] = []
    results: list[RoundResult] = []
    prepared: list[Prepared] = []
    for finished in replay(state, rounds, on_progress):
        parts.append(_columns_of(finished))
        results.append(finished.result())
        prepared.append(finished.draw.prepared)
    drawn = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    with registered(cursor, {"chosen": drawn}):
        cursor.execute(KEEP_DRAWN)
    return tuple(results), prepared, np.sort(drawn["ordinal"])


def _columns_of(finished: FinishedRound) -> dict[str, NDArray[Any]]:
    chosen = finished.rows.chosen
    count = len(chosen.ordinals)
    round_number = finished.draw.prepared.round_spec.round_number
    probabilities, weights = finished.draw.probabilities_and_weights(finished.rows)
    hits = finished.rows.hits
    return {
        "ordinal": chosen.ordinals,
        "round_number": np.full(count, round_number, dtype=np.int32),
        "selection_order": np.arange(1, count + 1),
        "stratum": chosen.strata,
        "probability": probabilities,
        "weight": weights,
        "hits": np.ones(count, dtype=np.int64) if hits is None else hits,
    }


def _round_frames(state: DrawState, finished: Sequence[FinishedRound]) -> list[RoundFrame]:
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
