"""The values at given ranks, exactly, in bounded memory.

Owns: the search. Invariant: whatever the distribution and the number of rows, a search reads the
rows a few times (two to four as a rule, seven at most for 64 bits) and holds some ten thousand
groups.

It is a radix selection: the values' keys, which are integers in the values' order, are counted by
their leading bits; then by the bits that follow, among those rows alone whose leading bits are a
wanted rank's; until no bit is left.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from profiling_engine.kinds import Axis, Number
from profiling_engine.sources import Source, Statement

FIRST_BITS = 12
MOST_GROUPS = 1 << 14
FEW_ROWS = 1 << 14
"""So few rows are counted by their whole keys."""

Fetch = Callable[[Statement], list[tuple[int, int, int]]]


@dataclass(frozen=True)
class Ranked:
    """A value at a rank.

    Parameters
    ----------
    x : int or float
        The value on its axis.
    rows_above : int
        Rows whose value is larger.
    amount_above : int
        Their amounts.
    """

    x: Number
    rows_above: int
    amount_above: int


@dataclass(frozen=True)
class _Search:
    """One rank, counted from the largest value, and what is already known of it.

    Parameters
    ----------
    prefix : int
        The leading bits of its key.
    rows : int
        With these leading bits.
    above, amount_above : int
        Rows with larger ones, and their amounts.
    """

    from_above: int
    prefix: int
    rows: int
    above: int = 0
    amount_above: int = 0


class _Groups:
    """Groups of rows by the leading bits of their keys, the largest first."""

    def __init__(self, groups: Sequence[tuple[int, int, int]]) -> None:
        self._groups = groups
        self._rows = list(accumulate((count for _, count, _ in groups), initial=0))
        self._amounts = list(accumulate((int(amount) for *_, amount in groups), initial=0))

    @property
    def rows(self) -> int:
        """Over all groups."""
        return self._rows[-1]

    def narrow(self, one: _Search) -> _Search:
        """The search in the one group that holds its rank."""
        at = bisect_left(self._rows, one.from_above - one.above) - 1
        prefix, count, _ = self._groups[at]
        above, amount = one.above + self._rows[at], one.amount_above + self._amounts[at]
        return _Search(one.from_above, prefix, count, above, amount)


def count_keys(
    source: Source, axis: Axis, shift: int, before: int, prefixes: Sequence[int], amount: str
) -> Statement:
    """Leading bits, rows and amount of the rows whose bits until then are among ``prefixes``.

    Parameters
    ----------
    shift : int
        Bits that are not looked at.
    before : int
        Bits that were not looked at the last time; all rows count when there are no prefixes.
    amount : str
        An integer of ``x`` that is summed.

    Returns
    -------
    (str, list)
        The largest bits first.
    """
    among = ""
    params = list(source.params)
    if prefixes:
        among = f" AND (k >> {before:d}) IN ({', '.join('?' * len(prefixes))})"
        params += prefixes
    return (
        f"SELECT k >> {shift:d} AS p, {source.rows}, {source.total(amount)} "
        f"FROM (SELECT *, {axis.key_sql()} AS k FROM "
        f"(SELECT *, {axis.sql('v')} AS x FROM {source.relation})) "
        f"WHERE x IS NOT NULL{among} GROUP BY p ORDER BY p DESC",
        params,
    )


def values_at(
    fetch: Fetch,
    source: Source,
    axis: Axis,
    between: tuple[Number, Number],
    ranks: Sequence[int],
    amount: str = "0",
) -> list[Ranked]:
    """The values at some ranks.

    Parameters
    ----------
    fetch : callable
        Runs a statement.
    between : (number, number)
        The smallest and the largest ``x``.
    ranks : sequence of int
        From 1, the smallest value, to the number of values.

    Returns
    -------
    list of Ranked
        In the order of ``ranks``.
    """
    if not ranks:
        return []
    low, high = (axis.key(x) for x in between)
    shift = max((high - low).bit_length() - FIRST_BITS, 0)
    groups = _Groups(fetch(count_keys(source, axis, shift, shift, (), amount)))
    found = [groups.narrow(_Search(groups.rows - rank + 1, 0, groups.rows)) for rank in ranks]
    while shift:
        prefixes = sorted({one.prefix for one in found})
        before, shift = shift, _next_shift(shift, found, prefixes)
        rows = fetch(count_keys(source, axis, shift, before, prefixes, amount))
        by_prefix: dict[int, list[tuple[int, int, int]]] = {prefix: [] for prefix in prefixes}
        for row in rows:
            by_prefix[row[0] >> (before - shift)].append(row)
        inside = {prefix: _Groups(those) for prefix, those in by_prefix.items()}
        found = [inside[one.prefix].narrow(one) for one in found]
    return [Ranked(axis.of_key(one.prefix), one.above, one.amount_above) for one in found]


def _next_shift(shift: int, found: Sequence[_Search], prefixes: Sequence[int]) -> int:
    """Bits to leave for later: none if few rows are left, else as many as keep the groups few."""
    rows = {one.prefix: one.rows for one in found}
    if sum(rows.values()) <= FEW_ROWS:
        return 0
    bits = (MOST_GROUPS // len(prefixes)).bit_length() - 1
    return max(shift - max(bits, 1), 0)
