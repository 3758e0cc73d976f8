"""Plan a draw: its sizes, warnings and margin of error.

Earlier rounds are drawn, because a later round depends on their rows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    ignore_progress,
    progress_part,
)
from parquet_tables.tables import TableFiles
from sampling_engine.amounts import AmountAccount, expected_account
from sampling_engine.checks import amount_of, check_rounds
from sampling_engine.errors import InvalidMethod
from sampling_engine.results import RoundPlan
from sampling_engine.rounds import (
    DrawState,
    Prepared,
    account_of,
    eligible_rows,
    prepare_round,
    replay,
)
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import Round

CONFIDENCE = 0.95


def margin_of_error(
    allocated: Int64s, eligible: Int64s, confidence: float = CONFIDENCE
) -> float | None:
    """Half-width of the confidence interval for a share of one half, from 0 to 1.

    For simple random sampling the variance is (1 - n/N) · p(1-p)/(n-1); over strata it is the sum
    of W² times that, W = N_h/N (Cochran 1977, Sampling Techniques, 3rd ed., §3.2 and §5.3). A
    systematic draw is treated as a random one.

    Parameters
    ----------
    allocated, eligible : arrays of int64, shape (strata,)
    confidence : float
        Between 0 and 1.

    Returns
    -------
    float or None
        None if no row is drawn from a stratum that has rows.

    Examples
    --------
    >>> round(margin_of_error(np.array([1000]), np.array([1_000_000])), 4)
    0.031
    """
    present = eligible > 0
    drawn, rows = allocated[present], eligible[present]
    if not len(rows) or not drawn.all():
        return None
    weights = rows / rows.sum()
    # One row gives no variance of its stratum: the largest possible one is used.
    variances = (1 - drawn / rows) * 0.25 / np.maximum(drawn - 1, 1)
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)
    return float(quantile * math.sqrt(float((weights**2 * variances).sum())))


def plan_draw(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    on_progress: ProgressCallback = ignore_progress,
    counts_dir: Path | None = None,
    amount_column: str | None = None,
) -> tuple[RoundPlan, ...]:
    """Compute what :func:`draw_sample` would draw; it raises the same errors."""
    check_rounds(table, rounds)
    on_progress = MonotonicProgress(on_progress)
    *earlier, last = rounds
    with database.cursor(table) as cursor:
        amount = amount_of(table, amount_column)
        state = DrawState(cursor, table, counts_dir=counts_dir, amount=amount)
        replayed = replay(state, earlier, progress_part(on_progress, 0.0, 0.5))
        plans = [_plan_of(finished.draw.prepared, finished.amounts) for finished in replayed]
        prepared = prepare_round(state, last, progress_part(on_progress, 0.5, 0.9)).prepared
        amounts = expected_account(state, prepared, progress_part(on_progress, 0.9, 1.0))
        return (*plans, _plan_of(prepared, amounts))


@dataclass(frozen=True)
class SizeForMargin:
    """The smallest sample whose margin of error is within a goal; None if no sample's is."""

    sample_size: int
    margin_of_error: float
    eligible_rows: int


def size_for_margin(
    database: ParquetDatabase,
    table: TableFiles,
    round_spec: Round,
    margin: float,
    *,
    confidence: float = CONFIDENCE,
    counts_dir: Path | None = None,
) -> SizeForMargin:
    """The rows that a round must draw for a margin of error; the inverse of margin_of_error.

    The size in ``round_spec`` is ignored. Of strata, each gives one row at least.

    Parameters
    ----------
    margin : float
        Half-width of the confidence interval for a share of one half, above 0 and below 1.
    confidence : float
        From 0.5 to below 1.

    Raises
    ------
    InvalidMethod
        The sizes alone don't give the method's margin of error.
    DomainError
        As :func:`plan_draw`.
    """
    method = round_spec.method
    if not method.has_margin_of_error:
        raise InvalidMethod(
            "The margin of error of method {method} depends on the rows that it draws: give a "
            "size.",
            method=method.name,
            loc=("design", "method"),
        )
    check_rounds(table, [round_spec])
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        eligible = eligible_rows(state, round_spec, ignore_progress)
        if not eligible.total:
            return SizeForMargin(0, 0.0, 0)
        allocations = method.allocations(eligible, ignore_progress)

    def margin_of(size: int) -> float:
        found = margin_of_error(allocations(size), eligible.counts, confidence)
        return 1.0 if found is None else found

    size = 1 + bisect_left(range(1, eligible.total), -margin, key=lambda rows: -margin_of(rows))
    while margin_of(size) > margin:  # rounding can make one row more give a wider margin
        size += 1
    size = int(allocations(size).sum())
    return SizeForMargin(size, margin_of(size), eligible.total)


def _plan_of(prepared: Prepared, amounts: AmountAccount | None) -> RoundPlan:
    margin = None
    if prepared.round_spec.method.has_margin_of_error:
        margin = margin_of_error(prepared.allocated, prepared.eligible)
    return RoundPlan(
        **account_of(prepared, np.zeros_like(prepared.eligible), amounts),
        rows_planned=int(prepared.allocated.sum()),
        margin_of_error=margin,
    )
