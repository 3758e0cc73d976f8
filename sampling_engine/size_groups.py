"""The rows of a weighted round that are left to chance, grouped by size.

Counts and sums are integers, so they don't depend on threads or layout. Used by the preparation of
a weighted round, where the true inclusion probabilities must be computed.
"""

from __future__ import annotations

from math import floor, gcd, log

import numpy as np

from parquet_tables.progress import Report, watched
from sampling_engine import number_statements
from sampling_engine.draw_state import DrawState
from sampling_engine.inclusion import LARGE_QUOTIENT, LARGE_VARIANCE, SizeGroups
from sampling_engine.spec import RowFilter
from sampling_engine.weights import TakeAll, Weights

GROUPS_PER_OCTAVE = number_statements.SIZE_GROUPS_PER_OCTAVE


def read_size_groups(
    state: DrawState,
    weights: Weights,
    take_all: TakeAll,
    row_filter: RowFilter | None,
    report: Report,
) -> SizeGroups | None:
    """Group the rows that are left to chance, if their true probabilities must be computed.

    The sizes of a group differ by 0.5 % at the most. Since its mean is exact, this moves no
    probability by more than 1e-5 of it.

    Returns
    -------
    SizeGroups or None
        None where the sum of p(1-p) is so large that the targets are exact enough.
    """
    if not take_all.size or targets_are_exact(take_all):
        return None
    listed: dict[int, tuple[int, int]] = {}
    for units in take_all.listed.tolist():
        octaves = log_odds_of(units, 1, take_all) / log(2.0)
        _add(listed, floor(octaves * GROUPS_PER_OCTAVE), 1, units)
    others: dict[int, tuple[int, int]] = {}
    tables = ((None, 1), (state.taken_rows, -1)) if state.taken_rows else ((None, 1),)
    for table_name, sign in tables:
        sql, params = number_statements.unit_groups(
            state.table, weights.units, row_filter, table_name, take_all.listed_from
        )
        with watched(state.cursor, report, "grouping rows by size"):
            for group, rows, units in state.cursor.execute(sql, params).fetchall():
                _add(others, group, sign * rows, sign * units)
    groups = sorted(
        (log_odds_of(units, rows, take_all), rows)
        for rows, units in (*listed.values(), *others.values())
        if rows
    )
    counts = np.array([rows for _, rows in groups], dtype=np.float64)
    return SizeGroups(take_all.size, counts, np.array([log_odds for log_odds, _ in groups]))


def targets_are_exact(take_all: TakeAll) -> bool:
    """Whether a lower bound of d = Σp(1-p) shows that π and p differ by less than 0.1 %.

    The bound is exact for the listed rows; p(1-p) of any other is p times 1 - p of the largest of
    them or more.
    """
    listed = take_all.listed.astype(np.float64) * take_all.target_per_unit
    largest = min((take_all.listed_from - 1) * take_all.target_per_unit, 1.0)
    others = max(take_all.size - float(listed.sum()), 0.0)
    variance = float((listed * (1.0 - listed)).sum()) + others * (1.0 - largest)
    most = max(largest, float(listed.max(initial=0.0)))
    return variance >= min(LARGE_VARIANCE, LARGE_QUOTIENT * most)


def log_odds_of(units: int, rows: int, take_all: TakeAll) -> float:
    """log(p/(1-p)) of the mean target p of so many rows with so many units in all.

    From the mean in lowest terms, so that rows of equal size and their group have the same number.
    """
    common = gcd(units, rows)
    drawn = take_all.size * (units // common)
    return log(drawn) - log(rows // common * take_all.total - drawn)


def _add(groups: dict[int, tuple[int, int]], group: int, rows: int, units: int) -> None:
    before = groups.get(group, (0, 0))
    groups[group] = before[0] + rows, before[1] + units
