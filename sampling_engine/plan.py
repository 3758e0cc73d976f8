"""Plan a draw: its sizes, warnings and margin of error.

Earlier rounds are drawn, because a later round depends on their rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist

import numpy as np

from contract.fields import DEFAULT_CONFIDENCE
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    ignore_progress,
    progress_part,
)
from parquet_tables.tables import Column, TableFiles
from sampling_engine.amounts import (
    DIGITS,
    MIN_FLOAT_PLACES,
    Amount,
    AmountAccount,
    Amounts,
    eligible_amounts,
    places_of,
)
from sampling_engine.checks import amount_of, check_rounds
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import DrawState, Engine
from sampling_engine.errors import warned
from sampling_engine.methods.method import Prepared, Round
from sampling_engine.results import RoundPlan
from sampling_engine.rounds import account_of, prepare_round, replay
from sampling_engine.selection.order import Int64s

MAX_CHECKED_ROWS = 4_000_000
"""Rows of which a plan checks the key, in about three seconds the first time."""


def margin_of_error(allocated: Int64s, eligible: Int64s, confidence: float) -> float | None:
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
    >>> round(margin_of_error(np.array([1000]), np.array([1_000_000]), 0.95), 4)
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
    engine: Engine = DUCKDB,
) -> tuple[RoundPlan, ...]:
    """Compute what :func:`draw_sample` would draw; it raises the same errors."""
    check_rounds(table, rounds)
    on_progress = MonotonicProgress(on_progress)
    *earlier, last = rounds
    with database.cursor(table) as cursor:
        amount = amount_of(table, amount_column, rounds)
        state = DrawState(cursor, table, counts_dir=counts_dir, amount=amount, engine=engine)
        replayed = replay(state, earlier, progress_part(on_progress, 0.0, 0.5))
        plans = [_plan_of(finished.draw.prepared, finished.amounts) for finished in replayed]
        checks_key = table.file_rows <= MAX_CHECKED_ROWS
        step = progress_part(on_progress, 0.5, 0.9)
        prepared = prepare_round(state, last, step, checks_key=checks_key).prepared
        amounts = _expected_account(state, prepared, progress_part(on_progress, 0.9, 1.0))
        plan = _plan_of(prepared, amounts)
        unchecked = warned(
            last.order is not None
            and not checks_key
            and not last.method.divides
            and last.method.orders_rows(last.order.key),
            "key_not_checked",
            "Whether the key is complete and unique isn't checked before the draw: the table has "
            "{rows} rows. The draw checks it.",
            rows=table.file_rows,
        )
        return (*plans, replace(plan, warnings=(*plan.warnings, *unchecked)))


def _plan_of(prepared: Prepared, amounts: AmountAccount | None) -> RoundPlan:
    margin = None
    if prepared.round_spec.method.has_margin_of_error:
        margin = margin_of_error(prepared.allocated, prepared.eligible, DEFAULT_CONFIDENCE)
    return RoundPlan(
        **vars(account_of(prepared, np.zeros_like(prepared.eligible), amounts)),
        rows_planned=int(prepared.allocated.sum()),
        margin_of_error=margin,
    )


def _expected_account(
    state: DrawState, prepared: Prepared, on_progress: ProgressCallback
) -> AmountAccount | None:
    """The amounts that a plan expects; None without an amount column."""
    if state.amount is None:
        return None
    total = eligible_amounts(state, prepared.strata, on_progress)
    return AmountAccount(state.amount, total, _expected(prepared, total, state.amount))


def _expected(prepared: Prepared, total: Amounts, column: Column) -> Amounts | None:
    """Exact where all or none of a stratum's rows are drawn, else to the column's unit."""
    if not prepared.round_spec.method.has_margin_of_error:
        return None
    is_float = column.data_type.is_float
    unit = 10 ** (MIN_FLOAT_PLACES if is_float else places_of(column))
    expected: list[Amount] = []
    for amount, allocated, eligible in zip(
        total, prepared.allocated.tolist(), prepared.eligible.tolist(), strict=True
    ):
        if allocated == eligible:
            expected.append(amount)
            continue
        share = Fraction(allocated, max(eligible, 1))
        with localcontext(prec=DIGITS):
            expected.append(
                Amount(*(Decimal(round(Fraction(one) * unit * share)) / unit for one in amount))
            )
    return tuple(expected)
