"""Times as places in the order of submission.

Invariant: the spans hold exactly the jobs that were made after the one time and before the other.
Between two steps of the clock jobs are in order of time, so each time is found by halving, with no
index of times; a clock that is set back costs one more span, not the exactness. Used by
``storage.job_lists``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import pairwise

from storage.database import Transaction
from storage.rows import all_rows, first, number

Span = tuple[int, int]
"""Every seq above the first, up to the second."""

_LATER_THAN_ANY = "~"


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
        seqs = range(low + 1, high + 1)
        created_at = _created_at(tx, high)
        skipped = 0 if after is None else bisect_right(seqs, after, key=created_at)
        ended = len(seqs) if before is None else bisect_left(seqs, before, key=created_at)
        _append(spans, (low + skipped, low + ended))
    return spans


def _created_at(tx: Transaction, last: int) -> Callable[[int], str]:
    """When the first job from a seq on was made, up to ``last``: some have been removed."""

    def at(seq: int) -> str:
        row = first(tx, "created_at_from", seq=seq, last=last)
        return _LATER_THAN_ANY if row is None else row["created_at"]

    return at


def _append(spans: list[Span], span: Span) -> None:
    if span[0] >= span[1]:
        return
    if spans and spans[-1][1] == span[0]:
        spans[-1] = (spans[-1][0], span[1])
    else:
        spans.append(span)
