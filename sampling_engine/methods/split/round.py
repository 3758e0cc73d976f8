"""The round of a split: the part of each row by u = (rank + ½)/2^62, or by a cut at ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from domain_errors import counted
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.row_keys.digests import EXAMPLES, NO_KEY, KeyDigests, KeyMissing, RowKey
from sampling_engine.engines.duckdb_engine import eligible_pieces
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import DrawWarning, InvalidSize, warned
from sampling_engine.methods.divided_round import NO_PART, DividedRound, Parts, WrittenParts
from sampling_engine.methods.method import NO_ROW, EligibleRows
from sampling_engine.methods.split.account import (
    PartAccount,
    SplitAccount,
    with_written,
)
from sampling_engine.methods.split.rule import SplitRule, first_rank
from sampling_engine.selection.keyed import SIZE, DigestRanks
from sampling_engine.selection.order import Int64s

MOST_EXACT_ROWS = 1 << 25
"""Rows of an exact split, which are sorted in memory, 50 bytes for each."""
STRATA_ROWS = 1 << 20
_NONE: Int64s = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SplitRound(DividedRound):
    """A split at work."""

    rule: SplitRule
    ranks: DigestRanks
    digests: KeyDigests

    def ranks_and_reasons(self, state: DrawState, ordinals: Int64s) -> list[tuple[int, str]]:
        """The ranks of some rows, and where their u is."""
        ranks = self.ranks.of(self.digests.of(ordinals)).tolist()
        return [
            (rank, self._reason(self.rule.tables[number], rank))
            for rank, number in zip(ranks, self.parts[ordinals].tolist(), strict=True)
        ]

    def _reason(self, name: str, rank: int) -> str:
        u = f"u, {(rank + 0.5) / SIZE:.9f},"
        if self.rule.is_exact:
            return (
                f"In the part {name} by a cut at exact sizes, of rows ordered by {u} and the seed."
            )
        start, end = self.rule.range_of(name)
        return f"In the part {name}: its {u} is from {start:g} to below {end:g}."

    def account(
        self, state: DrawState, written: WrittenParts, on_progress: ProgressCallback
    ) -> SplitAccount:
        """The plan's account with groups, strata and the checks of the written tables."""
        planned = self.prepared.own
        assert isinstance(planned, SplitAccount)  # noqa: S101 - as it was prepared
        columns = self.prepared.round_spec.method.group_columns(state.table)
        return with_written(planned, state, written, columns, on_progress)


def prepared_split(
    rule: SplitRule, eligible: EligibleRows, on_progress: ProgressCallback
) -> SplitRound:
    """Find the part of each eligible row.

    Raises
    ------
    KeyMissing
        An eligible row has no key, or no group.
    InvalidSize
        There are more rows than an exact split takes.
    """
    keyed = eligible.round_spec.order
    start = Fraction(0) if keyed is None else keyed.start
    ranks = DigestRanks(eligible.round_spec.effective_seed, start)
    digests = _digests(rule, eligible, progress_part(on_progress, 0.0, 0.5))
    parts = _eligible(eligible, progress_part(on_progress, 0.5, 0.7))
    # The numbers of the parts in the order of their ranges.
    numbers = np.array([rule.tables.index(name) for name, _ in rule.ends], dtype=np.int8)
    bounds = np.array([first_rank(end) for _, end in rule.ends[:-1]], dtype=np.int64)
    missing, examples, sorted_later = 0, [], [_NONE]
    for first, piece in digests.pieces():
        here = parts[first : first + len(piece)]
        rows = np.flatnonzero(here != NO_PART)
        without = rows[piece[rows] == NO_KEY]
        missing += len(without)
        examples += (first + without[:EXAMPLES]).tolist()
        found = ranks.of(piece[rows])
        here[rows] = numbers[np.searchsorted(bounds, found, side="right")]
        if rule.is_exact:
            sorted_later.append(found)
        on_progress(0.7 + 0.2 * (first + len(piece)) / len(parts), "finding the parts")
    if missing:
        raise _missing(rule, eligible, missing, examples[:EXAMPLES])
    moved = None
    if rule.is_exact:
        step = progress_part(on_progress, 0.9, 1.0)
        moved = _cut(rule, eligible, parts, np.concatenate(sorted_later), numbers, step)
    own = _planned(rule, eligible, parts, moved)
    prepared = eligible.prepared(eligible.counts, _warnings(eligible, own))
    return SplitRound(replace(prepared, own=own), parts, rule, ranks, digests)


def _digests(rule: SplitRule, eligible: EligibleRows, on_progress: ProgressCallback) -> KeyDigests:
    """The digests of the groups, or of the keys; rows of one key have one digest."""
    state, keyed = eligible.state, eligible.round_spec.order
    if rule.group is not None or keyed is None:
        key = RowKey((str(rule.group),))
    elif keyed.key.duplicates == "refuse":
        return state.digests_of(keyed.key, on_progress)
    else:
        key = keyed.key
    return KeyDigests(state.cursor, state.table, key, state.counts_dir, on_progress)


def _eligible(eligible: EligibleRows, on_progress: ProgressCallback) -> Parts:
    """0 for each eligible row, ``NO_PART`` for the others."""
    state, row_filter = eligible.state, eligible.round_spec.filter
    parts = np.full(state.table.file_rows, NO_PART, dtype=np.int8)
    if row_filter is None:
        parts[:] = 0
        parts[state.taken] = NO_PART
        return parts
    for ordinals in eligible_pieces(state, row_filter, on_progress):
        parts[ordinals] = 0
    return parts


def _missing(
    rule: SplitRule, eligible: EligibleRows, rows: int, examples: Sequence[int]
) -> KeyMissing:
    keyed = eligible.round_spec.order
    if rule.group is not None or keyed is None:
        column, loc = str(rule.group), (*eligible.loc, "group")
    else:
        column, loc = keyed.key.name, (*eligible.loc[:-1], "order", "key")
    return KeyMissing(
        "{rows} without a value in {column} can't be divided, such as {examples}, counted from 0: "
        "filter them out, or choose another column.",
        rows=counted(rows, "row"),
        column=column,
        examples=", ".join(f"row {row}" for row in examples),
        loc=loc,
    )


def _cut(
    rule: SplitRule,
    eligible: EligibleRows,
    parts: Parts,
    ranks: Int64s,
    numbers: NDArray[np.int8],
    on_progress: ProgressCallback,
) -> int:
    """Cut the rows in order of rank, in each stratum, and count those that change their part.

    A cut is between two units, keys or groups, as near to the exact size as they allow.
    """
    ordinals = np.flatnonzero(parts != NO_PART)
    if len(ordinals) > MOST_EXACT_ROWS:
        raise InvalidSize(
            "`exact` sorts up to {maximum} rows, not {rows}. Leave it out: of so many rows the "
            "shares differ little from those asked.",
            maximum=MOST_EXACT_ROWS,
            rows=len(ordinals),
            loc=(*eligible.loc, "exact"),
        )
    strata = np.zeros(len(ordinals), dtype=np.int64)
    if rule.group is None and eligible.round_spec.method.group_columns(eligible.state.table):
        for first in range(0, len(ordinals), STRATA_ROWS):
            some = slice(first, first + STRATA_ROWS)
            step = progress_part(
                on_progress, first / len(ordinals), min((first + STRATA_ROWS) / len(ordinals), 1)
            )
            strata[some] = eligible.strata.of(ordinals[some], step)
    order = np.lexsort((ranks, strata))
    cut = np.empty(len(ordinals), dtype=np.int8)
    for begin, stop in _runs(strata[order]):
        rows = order[begin:stop]
        starts = np.flatnonzero(np.diff(ranks[rows])) + 1
        units = np.concatenate([[0], starts, [stop - begin]])
        first = 0
        for number, (_, end) in zip(numbers.tolist(), rule.ends, strict=True):
            last = _nearest(units, end * (stop - begin))
            cut[rows[first:last]] = number
            first = last
    moved = int((cut != parts[ordinals]).sum())
    parts[ordinals] = cut
    return moved


def _runs(values: Int64s) -> Iterator[tuple[int, int]]:
    """The beginnings and ends of runs of equal values."""
    bounds = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return pairwise(bounds) if len(values) else iter(())


def _nearest(units: NDArray[np.intp], target: Fraction) -> int:
    """The bound between units that is nearest to a number of rows, the lower of two."""
    place = int(np.searchsorted(units, int(target), side="right"))
    near = units[max(place - 1, 0) : place + 1].tolist()
    return int(min(near, key=lambda bound: (abs(bound - target), bound)))


def _planned(
    rule: SplitRule, eligible: EligibleRows, parts: Parts, moved: int | None
) -> SplitAccount:
    keyed, total = eligible.round_spec.order, eligible.total
    found = []
    for number, (name, share) in enumerate(rule.shares.items()):
        rows = int((parts == number).sum())
        start, end = rule.range_of(name)
        found.append(PartAccount(name, share, start, end, rows, rows / total if total else None))
    table = eligible.state.table
    key = None if keyed is None else tuple(column.name for column in keyed.key.of(table))
    group = None if rule.group is None else table.column(rule.group).name
    return SplitAccount(tuple(found), key, group, rule.is_exact, moved)


def _warnings(eligible: EligibleRows, own: SplitAccount) -> list[DrawWarning]:
    if not eligible.total:
        return [NO_ROW]
    empty = [part.name for part in own.parts if not part.rows]
    return [
        *warned(
            empty,
            "part_without_rows",
            "No row is in {parts}: the table is small for such shares.",
            parts=", ".join(empty),
        ),
        *warned(
            own.exact and own.group is not None and eligible.strata.columns,
            "strata_not_balanced",
            "`exact` cuts between groups of rows that stay together, so the parts aren't balanced "
            "by `strata_columns`; their shares are listed.",
        ),
    ]
