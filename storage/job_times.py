"""Convert a range of creation times to ranges of job seqs.

The result is exact. Between two steps of the clock the jobs are in time order, so binary search
replaces an index of times; each clock step adds one range.
"""

from __future__ import annotations

from itertools import pairwise

from storage.database import Transaction
from storage.rows import all_rows, number

SeqRange = tuple[int, int]
"""The seqs above the first number, up to the second."""


def seq_ranges_between(tx: Transaction, after: str | None, before: str | None) -> list[SeqRange]:
    """Return the ranges of jobs created after ``after`` and before ``before``; None: no bound.

    Returns
    -------
    list of Span
        Non-empty, not adjacent, in ascending order.
    """
    newest = number(tx, "newest_seq")
    if after is None and before is None:
        return [(0, newest)]
    steps = [row["seq"] for row in all_rows(tx, "clock_steps")]
    ranges: list[SeqRange] = []
    for low, high in pairwise([0, *(step - 1 for step in steps), newest]):
        start = low if after is None else _last_before(tx, low, high, after, at_it=True)
        end = high if before is None else _last_before(tx, low, high, before, at_it=False)
        _append(ranges, (start, end))
    return ranges


def _last_before(tx: Transaction, low: int, high: int, moment: str, *, at_it: bool) -> int:
    """Return the last seq in a time-ordered range of a job created before, or at, a time."""
    params = {"low": low, "high": high, "moment": moment, "at_it": at_it}
    return number(tx, "last_seq_before", **params)


def _append(ranges: list[SeqRange], seq_range: SeqRange) -> None:
    if seq_range[0] >= seq_range[1]:
        return
    if ranges and ranges[-1][1] == seq_range[0]:
        ranges[-1] = (ranges[-1][0], seq_range[1])
    else:
        ranges.append(seq_range)
