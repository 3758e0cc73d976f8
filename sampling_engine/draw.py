"""The draw from start to end: check, choose rows round by round, write the sample.

Owns: the order of the steps and what rounds share. Invariant: a row is drawn once at the most, and
the result depends on the table's rows, the rounds and their seeds alone. Called by job handlers,
with rounds whose seeds are settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report, share_of
from parquet_tables.tables import Column, TableFiles
from sampling_engine import statements
from sampling_engine.checks import check_rounds, strata_columns
from sampling_engine.errors import RowsMissing
from sampling_engine.order import Int64s, SeededOrder
from sampling_engine.planner import Plan, plan_round
from sampling_engine.results import (
    GROUPS_LISTED,
    DrawnSample,
    GroupResult,
    RoundResult,
    Strategy,
)
from sampling_engine.sample_table import write_sample
from sampling_engine.scan import scan
from sampling_engine.spec import Method, RandomMethod, Round
from sampling_engine.strata import ColumnStrata, Strata, WholeTable
from sampling_engine.targets import targets_of
from sampling_engine.walk import Chosen, walk

# Parts of the progress: a stratified round counts all rows, writing fetches the drawn ones.
RANDOM_PART, STRATIFIED_PART, WRITING_PART = 1, 10, 10


def draw_sample(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    table_key: str,
    destination: Path,
    report: Report = no_report,
    strategy: Strategy | None = None,
    counts_dir: Path | None = None,
) -> DrawnSample:
    """Draw the rounds from ``table`` and write the sample to one Parquet file.

    Parameters
    ----------
    database : ParquetDatabase
        Holds the table's files and ``destination`` below its root.
    rounds : sequence of Round
        1 to 20; a round never draws a row that an earlier one drew.
    table_key : str
        The table's name in the row ids: row 17 of ``primary`` is ``primary:17``.
    destination : Path
        The file to write; its directory is there.
    report : callable
        Takes the done fraction, 0 to 1, and a word on the step. What it raises stops the draw.
    strategy : {"walk", "scan"}, optional
        Forces how rows are chosen; the rows are the same. The planner decides when None.
    counts_dir : Path, optional
        A directory below the database's root, where counts of strata are kept for the next draw
        from the same files; any file in it may be deleted at any time. None keeps none.

    Returns
    -------
    DrawnSample
        The table's own columns, then ``_logical_row_id`` (VARCHAR), ``_sampling_round`` (INTEGER),
        ``_sampling_method`` (VARCHAR), ``_selection_order`` (BIGINT, from 1 in each round),
        ``_stratum`` (VARCHAR, NULL in a random round), ``_inclusion_probability`` (DOUBLE: drawn
        by eligible rows, of the stratum if there are strata, given the earlier rounds) and
        ``_design_weight`` (DOUBLE, its inverse); rows in order of round, then rank.

    Raises
    ------
    DomainError
        From :func:`check_rounds`, or ``too_many_strata``, ``minimum_exceeds_sample`` and
        ``rows_missing``, which only the rows can tell.
    """
    check_rounds(table, rounds)
    parts = [_part_of(one.method) for one in rounds]
    whole = sum(parts) + WRITING_PART
    with database.cursor() as cursor:
        draw = _Draw(cursor, table, strategy, counts_dir)
        results: list[RoundResult] = []
        for i, one in enumerate(rounds):
            step = share_of(report, sum(parts[:i]) / whole, sum(parts[: i + 1]) / whole)
            results.append(draw.round(one, step))
        step = share_of(report, sum(parts) / whole, 1.0)
        sample, renamed = write_sample(cursor, table, table_key, destination, step)
    expected = sum(result.rows_sampled for result in results)
    if sample.row_count != expected:
        raise RowsMissing(expected - sample.row_count)
    return DrawnSample(sample, tuple(results), draw.taken, renamed)


def _part_of(method: Method) -> int:
    return RANDOM_PART if isinstance(method, RandomMethod) else STRATIFIED_PART


class _Draw:
    """What the rounds of one draw share: the cursor, the rows taken so far and the strata."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        strategy: Strategy | None,
        counts_dir: Path | None,
    ) -> None:
        self._cursor, self._table = cursor, table
        self._strategy, self._counts_dir = strategy, counts_dir
        self.taken: Int64s = np.empty(0, dtype=np.int64)
        self._strata: dict[tuple[Column, ...], Strata] = {}
        cursor.execute(statements.CREATE_DRAWN)
        cursor.execute(statements.CREATE_CELLS)

    def round(self, one: Round, report: Report) -> RoundResult:
        """Draw one round, keep its rows and account for it."""
        strata = self._strata_of(one.method, share_of(report, 0.0, 0.6))
        drawn = strata.of(self.taken, share_of(report, 0.6, 0.7))
        eligible: Int64s = strata.rows - np.bincount(drawn, minlength=len(strata.rows))
        targets = targets_of(one.method, eligible, loc=_parameters(one))
        order = SeededOrder(self._table.row_count, one.seed)
        look_up = bool(strata.columns)
        plan = plan_round(targets.sizes, eligible, order, self._strategy, look_up=look_up)
        chosen = self._choose(order, strata, plan, eligible, share_of(report, 0.7, 1.0))
        self._keep(one, strata, chosen, eligible)
        sampled = np.bincount(chosen.strata, minlength=len(eligible))
        return RoundResult(
            round_number=one.round_number,
            method=one.method.name,
            eligible_rows=int(eligible.sum()),
            rows_sampled=len(chosen.ordinals),
            seed=one.seed,
            run_by=plan.run_by,
            strata=_listed(strata, eligible, targets.sizes, sampled),
            strata_count=int((eligible > 0).sum()) if strata.columns else 0,
            warnings=targets.warnings,
            output_name=one.output_name,
        )

    def _strata_of(self, method: Method, report: Report) -> Strata:
        if isinstance(method, RandomMethod) or not self._table.row_count:
            return WholeTable(self._table)
        columns = strata_columns(self._table, method)
        if columns not in self._strata:
            name = f"strata_{len(self._strata)}"
            self._strata[columns] = ColumnStrata(
                self._cursor, self._table, columns, name, self._counts_dir, report
            )
        return self._strata[columns]

    def _choose(
        self, order: SeededOrder, strata: Strata, plan: Plan, eligible: Int64s, report: Report
    ) -> Chosen:
        walked_part = 0.2 if plan.scanned.any() else 1.0
        step = share_of(report, 0.0, walked_part)
        walked = walk(order, strata, plan.walked, eligible, self.taken, step)
        if not plan.scanned.any():
            return walked
        step = share_of(report, walked_part, 1.0)
        scanned = scan(self._cursor, self._table, order, strata, plan.scanned, eligible, step)
        both = Chosen.of_parts([walked, scanned])
        return both.where(np.argsort(both.ranks))

    def _keep(self, one: Round, strata: Strata, chosen: Chosen, eligible: Int64s) -> None:
        """Put the rows and their strata's sizes where later rounds and the writing find them."""
        rows = {
            "ordinal": chosen.ordinals,
            "selection_order": np.arange(1, len(chosen.ordinals) + 1),
            "stratum": chosen.strata,
        }
        sampled = np.bincount(chosen.strata, minlength=len(eligible))
        cells = np.flatnonzero(sampled)
        sizes = {"stratum": cells, "eligible": eligible[cells], "sampled": sampled[cells]}
        number, name = one.round_number, one.method.name
        for registered, arrays, statement in (
            ("chosen", rows, statements.keep_chosen(number)),
            (
                "stratum_sizes",
                sizes,
                statements.keep_cells(number, name, strata.table_name, len(strata.columns)),
            ),
        ):
            self._cursor.register(registered, arrays)
            self._cursor.execute(*statement)
            self._cursor.unregister(registered)
        self.taken = np.sort(np.concatenate([self.taken, chosen.ordinals]))


def _listed(
    strata: Strata, eligible: Int64s, allocated: Int64s, sampled: Int64s
) -> tuple[GroupResult, ...]:
    """The account of the first strata that have eligible rows."""
    if not strata.columns:
        return ()
    numbers = np.flatnonzero(eligible)[:GROUPS_LISTED]
    return tuple(
        GroupResult(key, int(eligible[at]), int(allocated[at]), int(sampled[at]))
        for at, key in zip(numbers, strata.keys(numbers), strict=True)
    )


def _parameters(one: Round) -> tuple[str | int, ...]:
    return ("rounds", one.round_number - 1, "parameters")
