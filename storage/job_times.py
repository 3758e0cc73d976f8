"""Times as places in the order of submission.

Invariant: the spans hold exactly the jobs that were made after the one time and before the other.
Between two steps of the clock jobs are in order of time, so each time is found by halving, with no
index of times; a clock that is set back costs one more span, not the exactness. Used by
``storage.job_lists``.
"""

from __future__ import annotations

from itertools import pairwise

from storage.database import Transaction
from storage.rows import all_rows, number

Span = tuple[int, int]
"""Every seq above the first, up to the second."""


def spans_between(tx: Transaction, after: str | None, before: str | None) -> list[Span]:
    """Where the jobs lie that were made after ``after`` and before ``before``; None for no bound.

    Returns
    -------
    list of Span
        In ascending order, none empty, none touching another.
    """
    newest = number(tx, "newest_seq")
    if after is None and before is None:
        return [(0, newest)]
    steps = [row["seq"] for row in all_rows(tx, "clock_steps")]
    spans: list[Span] = []
    for low, high in pairwise([0, *(step - 1 for step in steps), newest]):
        start = low if after is None else _made_before(tx, low, high, after, at_it=True)
        end = high if before is None else _made_before(tx, low, high, before, at_it=False)
        _append(spans, (start, end))
    return spans


def _made_before(tx: Transaction, low: int, high: int, moment: str, *, at_it: bool) -> int:
    """Up to which seq the jobs of a stretch in order of time were made before, or at, a moment."""
    params = {"low": low, "high": high, "moment": moment, "at_it": at_it}
    return number(tx, "last_seq_before", **params)


def _append(spans: list[Span], span: Span) -> None:
    if span[0] >= span[1]:
        return
    if spans and spans[-1][1] == span[0]:
        spans[-1] = (spans[-1][0], span[1])
    else:
        spans.append(span)
