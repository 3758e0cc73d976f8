"""Prepare the rounds of a draw and choose their rows, one round after the other.

A row that is taken, deleted from the table or drawn, is never drawn again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.declarations import Help
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column, TableFiles
from sampling_engine.amounts import AmountAccount, drawn_account
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import Engine
from sampling_engine.errors import DrawWarning, InvalidNumbers, NoReserves
from sampling_engine.results import (
    GROUPS_LISTED,
    FrameFacts,
    GroupResult,
    OwnAccount,
    RoundAccount,
    RoundResult,
    RunBy,
    Strategy,
)
from sampling_engine.selection.order import Int64s, Seed
from sampling_engine.selection.strata import MAX_STRATA, ColumnStrata, Strata, WholeTable
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.spec import Round, RowFilter
from sampling_engine.sql.passes import CountRows, CountStrata, Pass, RefusedNumbers, Result
from sampling_engine.sql.statements import one_stratum, units_of_picked
from sampling_engine.sql.units import Units

StrataKey = tuple[tuple[Column, ...], str | None]


class DrawState:
    """The state that the rounds of one draw share: engine, cursor, taken rows and strata."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        strategy: Strategy | None = None,
        counts_dir: Path | None = None,
        max_strata: int = MAX_STRATA,
        amount: Column | None = None,
        engine: Engine = DUCKDB,
        *,
        lists_rows: bool = False,
    ) -> None:
        self.lists_rows = lists_rows and strategy is None
        self._cursor, self.table, self.amount = cursor, table, amount
        self.engine = engine if table.file_rows else DUCKDB
        self.strategy, self.counts_dir, self.max_strata = strategy, counts_dir, max_strata
        self.taken: Int64s = table.deletion_vector
        self._registered: Int64s | None = None
        self._strata: dict[StrataKey, Strata] = {}

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The draw's own, with ``taken`` as it is now."""
        if self._registered is not self.taken:
            self._cursor.register("taken", {"ordinal": self.taken})
            self._registered = self.taken
        return self._cursor

    @property
    def signed_rows(self) -> list[tuple[RowSet | None, int]]:
        """The rows that add up to the eligible ones: all (None), less the table ``taken``."""
        taken = self.taken_rows
        return [(None, 1)] if taken is None else [(None, 1), (taken, -1)]

    @property
    def taken_rows(self) -> RowSet | None:
        """The table ``taken``, if it has rows."""
        return RowSet("taken", self.taken) if len(self.taken) else None

    def run(self, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        """Make a pass over all rows by the draw's engine."""
        return self.engine.run(self, wanted, on_progress)

    def units_of(
        self, units: Units, row_filter: RowFilter | None, ordinals: Int64s
    ) -> tuple[Int64s, Int64s]:
        """Places in ``ordinals`` and units of the rows that pass the filter and have some."""
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        rows = RowSet.of("picked", ordinals)
        statement = units_of_picked(self.table, units, rows, row_filter)
        with registered(self.cursor, {"picked": picked}):
            found = self.cursor.execute(*statement).fetchnumpy()
        return found["position"], found["v"]

    def take(self, ordinals: Int64s) -> None:
        """No later round draws these rows."""
        self.taken = np.sort(np.concatenate([self.taken, ordinals]))

    def strata_of(
        self,
        columns: Sequence[Column],
        row_filter: RowFilter | None,
        on_progress: ProgressCallback,
        *,
        lists_rows: bool = False,
    ) -> Strata:
        """The strata of these columns among the rows that pass the filter, counted once a draw.

        With ``lists_rows`` the pass that counts the rows of a filter also lists them, if these are
        few, so that a draw from them needs no other pass.
        """
        if not self.table.file_rows or not (columns or row_filter):
            return WholeTable(self.table)
        key = (tuple(columns), row_filter.text if row_filter else None)
        if key not in self._strata:
            name = f"strata_{len(self._strata)}"
            counting: CountStrata | CountRows = (
                CountRows(row_filter, name)
                if row_filter is not None and not columns
                else CountStrata(tuple(columns), row_filter, name, self.max_strata)
            )
            self._strata[key] = ColumnStrata(
                self.cursor,
                self.table,
                counting,
                self.counts_dir,
                lambda: self._count(counting, lists_rows, on_progress),
            )
        return self._strata[key]

    def _count(
        self, counting: CountStrata | CountRows, lists_rows: bool, on_progress: ProgressCallback
    ) -> Int64s | None:
        if lists_rows and isinstance(counting, CountRows):
            listed = self.engine.list_rows(self, counting.row_filter, None, on_progress)
            if listed is not None:
                self.cursor.execute(*one_stratum(counting.table_name, len(listed)))
                return listed
        self.run(counting, on_progress)
        return None

    def eligible_of(self, strata: Strata, on_progress: ProgressCallback) -> Int64s:
        """Rows of each stratum that aren't taken, shape (strata,)."""
        if not len(self.taken):
            return strata.rows
        numbers = strata.of(self.taken, on_progress)
        taken = np.bincount(numbers[numbers >= 0], minlength=len(strata.rows))
        eligible: Int64s = strata.rows - taken
        return eligible


Floats = NDArray[np.float64]

Outcome = Literal[
    "drawn",
    "left_out",
    "filtered_out",
    "no_weight",
    "not_hit",
    "off_the_grid",
    "cluster_not_drawn",
    "beyond_the_last",
]


@dataclass(frozen=True)
class RoundRows:
    """A round's rows in their order of selection.

    ``probabilities`` has shape (rows,); None where all rows of a stratum have the same. ``hits``,
    shape (rows,), are the selected monetary units in each row, and ``weights`` what they stand
    for; None for other methods.
    """

    chosen: Chosen
    run_by: RunBy
    probabilities: Floats | None = None
    hits: Int64s | None = None
    weights: Floats | None = None


@dataclass(frozen=True)
class RowChances:
    """The chances of some rows in a round, drawn or not; arrays have shape (rows,).

    Parameters
    ----------
    groups : array of int
        Their strata or clusters; -1 for rows that the round has no chance to draw.
    probabilities : array of float
        Inclusion probabilities, 0 for such rows.
    places, circle : array of int and (int, int), optional
        Of a systematic round, the places p of the rows among the eligible ones, and the drawn
        parts a of b possible starts: the row is drawn by the a starts p·a, p·a + 1 … modulo b.
    """

    groups: Int64s
    probabilities: Floats
    places: Int64s | None = None
    circle: tuple[int, int] | None = None


@dataclass(frozen=True)
class Prepared:
    """The facts of a round that are computed before rows are chosen.

    ``eligible`` and ``allocated`` have shape (strata,): rows that may be drawn, and rows to draw.
    ``requested`` are the requested rows, where a stratum may have fewer; None if as allocated.
    ``own`` is the part of the account that the round's method alone has.
    """

    round_spec: Round
    strata: Strata
    eligible: Int64s
    allocated: Int64s
    warnings: Sequence[DrawWarning] = ()
    requested: Int64s | None = None
    own: OwnAccount | None = None


@dataclass(frozen=True)
class EligibleRows:
    """The rows that a round may draw; ``counts`` by stratum, shape (strata,)."""

    state: DrawState
    round_spec: Round
    strata: Strata
    counts: Int64s

    @property
    def total(self) -> int:
        """Over all strata."""
        return int(self.counts.sum())

    @property
    def loc(self) -> tuple[str | int, ...]:
        """Where the round's parameters are in the caller's input."""
        return ("rounds", self.round_spec.round_number - 1, "parameters")

    def prepared(
        self,
        allocated: Int64s,
        warnings: Sequence[DrawWarning],
        requested: Int64s | None = None,
    ) -> Prepared:
        """The round with the rows to draw from each stratum."""
        return Prepared(self.round_spec, self.strata, self.counts, allocated, warnings, requested)

    def refuse_numbers(self, column: Column, parameter: str, on_progress: ProgressCallback) -> None:
        """Refuse numbers of eligible rows that are negative or infinite."""
        negative, infinite = 0, 0
        for part, sign in self.state.signed_rows:
            refused = RefusedNumbers(column, self.round_spec.filter, part)
            found = self.state.run(refused, on_progress)
            negative, infinite = negative + sign * found.negative, infinite + sign * found.infinite
        if negative or infinite:
            raise InvalidNumbers(
                'The column "{column}" has {negative} negative and {infinite} infinite values in '
                "the eligible rows: filter them out or choose another column.",
                column=column.name,
                negative=negative,
                infinite=infinite,
                loc=(*self.loc, parameter),
            )


@dataclass(frozen=True)
class RowOutcome:
    """The outcome of a round for one row.

    The line of a row has the eligible rows of its stratum or cluster in the order in which they
    would be drawn.
    """

    outcome: Outcome
    reason: str
    rank: Annotated[
        int | None, Help("In the seeded order, from 0; may be above the number of rows.")
    ] = None
    last_rank: Annotated[
        int | None, Help("The largest rank drawn from its stratum or cluster.")
    ] = None
    nth_in_line: Annotated[
        int | None,
        Help(
            "The row's place, from 1, among the eligible rows of its stratum or cluster. Null "
            "where rows have no order, or far behind the drawn rows of a weighted round."
        ),
    ] = None
    line_rows: Annotated[int | None, Help("The eligible rows of its stratum or cluster.")] = None
    line_drawn: Annotated[
        int | None, Help("How many of them the round drew: the first in line.")
    ] = None

    @classmethod
    def drawn(cls, rows: RoundRows, place: int, rank: int | None = None) -> RowOutcome:
        """The outcome of the row at ``place``, from 0, in the order of selection."""
        count = len(rows.chosen.ordinals)
        reason = f"Drawn as number {place + 1:,} of the round's {count:,} rows."
        return cls("drawn", reason, rank)


@dataclass(frozen=True)
class RoundDraw(ABC):
    """One kind of round at work."""

    prepared: Prepared

    @abstractmethod
    def choose(self, state: DrawState, on_progress: ProgressCallback) -> RoundRows:
        """The round's rows."""

    def next_rows(self, state: DrawState, limit: int, on_progress: ProgressCallback) -> Chosen:
        """The rows after the drawn ones that no round drew, ``limit`` a stratum."""
        raise NoReserves(self.prepared.round_spec.method.no_reserves or "")

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """Inclusion probability and design weight of each drawn row; by default its own."""
        assert rows.probabilities is not None  # noqa: S101 - set by choose
        weights = 1.0 / rows.probabilities if rows.weights is None else rows.weights
        return rows.probabilities, weights

    @abstractmethod
    def facts(self, rows: RoundRows) -> dict[str, object]:
        """The facts of all rows that the draw depends on, as docs/CERTIFICATE.md lists them.

        Groups are complete, whatever their number.
        """

    def groups_of(self, state: DrawState, ordinals: Int64s) -> Int64s:
        """The stratum or cluster of each row; -1 for rows that the round has no chance to draw.

        Whether an earlier round drew a row makes no difference.
        """
        return self.prepared.strata.of(ordinals, ignore_progress)

    @abstractmethod
    def frame_facts(self, state: DrawState) -> FrameFacts:
        """The size of the round, if earlier rounds left nothing to chance.

        Effective units are for a column that has nothing to do with the design: N²/Σ(1/π) over the
        round's rows.
        """

    @abstractmethod
    def chances_of(self, state: DrawState, ordinals: Int64s) -> RowChances:
        """The chances of rows that aren't taken, before the round draws."""

    def explain_drawn(self, state: DrawState, rows: RoundRows, place: int) -> RowOutcome:
        """Explain the drawn row at ``place``, from 0, in the order of selection."""
        return RowOutcome.drawn(rows, place)

    @abstractmethod
    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """Explain why eligible rows of these strata weren't drawn, before a later round draws."""


def nth(place: int) -> str:
    """An ordinal number.

    >>> nth(1), nth(12), nth(1023)
    ('1st', '12th', '1,023rd')
    """
    is_teen = place % 100 in (11, 12, 13)
    suffix = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{suffix}"


def seed_for(effective_seed: Seed, purpose: str) -> str:
    """The seed of another order than that of the rows, which must not repeat their ranks."""
    return f"{effective_seed}:{purpose}"


@dataclass(frozen=True)
class FinishedRound:
    """A round with its rows."""

    draw: RoundDraw
    rows: RoundRows
    amounts: AmountAccount | None = None

    def result(self) -> RoundResult:
        """The account of the round."""
        strata = self.rows.chosen.strata
        sampled = np.bincount(strata, minlength=len(self.draw.prepared.eligible))
        return RoundResult(
            **vars(account_of(self.draw.prepared, sampled, self.amounts)),
            rows_sampled=len(strata),
            run_by=self.rows.run_by,
            output_name=self.draw.prepared.round_spec.output_name,
        )


def account_of(prepared: Prepared, sampled: Int64s, amounts: AmountAccount | None) -> RoundAccount:
    """A round's account; its groups are the first strata, or the first drawn clusters."""
    round_spec, eligible, allocated = prepared.round_spec, prepared.eligible, prepared.allocated
    kind = round_spec.method.group_kind
    uncovered = (eligible > 0) & (allocated == 0)
    return RoundAccount(
        round_number=round_spec.round_number,
        method=round_spec.method.name,
        eligible_rows=int(eligible.sum()),
        seed=round_spec.seed,
        effective_seed=round_spec.effective_seed,
        group_kind=kind,
        groups=_groups(prepared, sampled, amounts) if kind is not None else (),
        groups_count=int((eligible > 0).sum()) if kind is not None else 0,
        uncovered_rows=int(eligible[uncovered].sum()) if kind == "strata" else None,
        amount=amounts,
        own=prepared.own,
        warnings=tuple(prepared.warnings),
    )


def _groups(
    prepared: Prepared, sampled: Int64s, amounts: AmountAccount | None
) -> tuple[GroupResult, ...]:
    eligible, allocated, strata = prepared.eligible, prepared.allocated, prepared.strata
    requested = allocated if prepared.requested is None else prepared.requested
    is_listed = (
        (eligible > 0) | (requested > 0)
        if prepared.round_spec.method.group_kind == "strata"
        else allocated > 0
    )
    numbers = np.flatnonzero(is_listed)[:GROUPS_LISTED]
    named = zip(numbers, strata.keys(numbers), strata.labels(numbers), strict=True)
    return tuple(
        GroupResult(
            key,
            label,
            int(eligible[at]),
            int(requested[at]),
            int(allocated[at]),
            int(sampled[at]),
            None if amounts is None else amounts.of_group(int(at)),
        )
        for at, key, label in named
    )


def replay(
    state: DrawState, rounds: Sequence[Round], on_progress: ProgressCallback
) -> Iterator[FinishedRound]:
    """Draw the rounds; each one's rows are taken before it is handed over."""
    parts = [part_of(round_spec) for round_spec in rounds]
    whole = sum(parts)
    for i, round_spec in enumerate(rounds):
        step = progress_part(on_progress, sum(parts[:i]) / whole, sum(parts[: i + 1]) / whole)
        draw = prepare_round(state, round_spec, progress_part(step, 0.0, 0.7))
        rows = draw.choose(state, progress_part(step, 0.7, 1.0))
        amounts = drawn_account(state, draw.prepared, rows.chosen, progress_part(step, 1.0, 1.0))
        state.take(rows.chosen.ordinals)
        yield FinishedRound(draw, rows, amounts)


def prepare_round(state: DrawState, round_spec: Round, on_progress: ProgressCallback) -> RoundDraw:
    """Settle what the round draws from and how many rows, and choose none."""
    eligible = eligible_rows(state, round_spec, progress_part(on_progress, 0.0, 0.6))
    return round_spec.method.prepare(eligible, progress_part(on_progress, 0.6, 1.0))


def eligible_rows(
    state: DrawState, round_spec: Round, on_progress: ProgressCallback
) -> EligibleRows:
    """Count what the round may draw."""
    method = round_spec.method
    strata = state.strata_of(
        method.group_columns(state.table),
        round_spec.filter,
        progress_part(on_progress, 0.0, 0.8),
        lists_rows=state.lists_rows and method.draws_from_list,
    )
    counts = state.eligible_of(strata, progress_part(on_progress, 0.8, 1.0))
    return EligibleRows(state, round_spec, strata, counts)


def part_of(round_spec: Round) -> int:
    """A round's part of the progress, relative to the others: most read all rows once."""
    return 1 if not round_spec.method.reads_rows and round_spec.filter is None else 10
