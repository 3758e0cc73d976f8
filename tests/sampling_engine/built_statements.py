"""Every statement of a draw, built for one small table, under the name of its golden file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parquet_tables.rows import RowSet, Statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine import (
    RandomMethod,
    Round,
    SeededOrder,
    Selection,
    StratifiedMethod,
    sample_table,
)
from sampling_engine.methods.method import Prepared
from sampling_engine.sample_table import Shown
from sampling_engine.sql import statements
from sampling_engine.sql.passes import (
    CountRows,
    CountStrata,
    ExactTotals,
    RangeOf,
    RefusedNumbers,
    RowsOfUnits,
    ScanUnits,
    SumsByStratum,
    UnitGroups,
    UnitTotals,
)
from sampling_engine.sql.units import Units

ORDER = SeededOrder(6, 42)
ONE_KEY = (Column("a b", "VARCHAR"),)
TWO_KEYS = (*ONE_KEY, Column('x"y', "DOUBLE"))
NAMES = ("a b", 'x"y', "_stratum_source", "price")
PRICE = Column("price", "DECIMAL(9,2)")
EXACT = Units(PRICE, decimals=2)
ROUGH = Units(TWO_KEYS[1], centre=0.5, factor=4.0)


@dataclass(frozen=True)
class OneFilter:
    """A filter with one parameter of each kind of place."""

    columns: tuple[Column, ...] = TWO_KEYS
    text: str = "a filter"

    def condition(self, alias: str) -> tuple[str, list[object]]:
        return f'{alias}."a b" = ? OR {alias}."x""y" > ?', ["a", 0.5]


@dataclass(frozen=True)
class SomeStrata:
    """Strata that a statement speaks of."""

    row_filter: OneFilter | None = OneFilter()
    columns: tuple[Column, ...] = TWO_KEYS
    table_name: str | None = "strata_0"


FILTER = OneFilter()
FILTERED = SomeStrata(FILTER, ONE_KEY, "strata_2")
WHOLE = SomeStrata(None, (), None)
TAKEN = RowSet("taken", np.array([1]))
PICKED = RowSet("picked", np.array([0, 1, 3, 5]))


def rounds(*selections: Selection) -> list[Prepared]:
    """A random round without strata, and a stratified one; as many as there are selections."""
    nothing = np.empty(0, dtype=np.int64)
    methods = (
        (RandomMethod(sample_size=1), WHOLE),
        (StratifiedMethod(strata_columns=("a b", 'x"y'), sample_size=1), SomeStrata()),
    )
    return [
        Prepared(
            Round(round_number=i + 1, method=method, seed=1, selection=selection),
            strata,
            nothing,
            nothing,
        )
        for i, ((method, strata), selection) in enumerate(zip(methods, selections, strict=False))
    ]


ROUNDS = rounds(Selection(), Selection())


def shown(table: TableFiles, *rounds: tuple[int, ...] | None) -> list[Shown]:
    """The table's columns, each in some rounds."""
    return [Shown(*one) for one in zip(table.columns, NAMES, rounds, strict=True)]


def drawn_rows(
    table: TableFiles, shown: list[Shown], table_key: str, rounds: list[Prepared]
) -> Statement:
    """The sample's statement over the rows of ``drawn``."""
    (fetched,) = sample_table.fetched_rows(table, shown, rounds, np.arange(6))
    return sample_table.drawn_rows(table, shown, table_key, rounds, fetched)


Builder = Callable[[TableFiles], Statement]
BUILDERS: dict[str, Builder] = {
    "count_strata_one_column": CountStrata(ONE_KEY, None, "strata_1", 9).statement,
    "count_strata_two_columns": CountStrata(TWO_KEYS, None, "strata_0", 9).statement,
    "count_strata_of_a_filter": CountStrata(ONE_KEY, FILTER, "strata_2", 9).statement,
    "count_rows": CountRows(FILTER, "strata_3").statement,
    "load_strata": lambda table: statements.load_strata("strata_0", "kept.parquet"),
    "all_strata": lambda table: statements.all_strata("strata_0"),
    "totals_of_strata": lambda table: statements.totals_of_strata("strata_0"),
    "sizes_of_strata": lambda table: statements.sizes_of_strata("strata_0"),
    "keys_of_strata": lambda table: statements.keys_of_strata("strata_0", TWO_KEYS, [0, 2]),
    "labels_of_strata": lambda table: statements.labels_of_strata("strata_0", TWO_KEYS, [0, 2]),
    "strata_of_labels": lambda table: statements.strata_of_labels(
        "strata_0", TWO_KEYS, ["a | 0.0"]
    ),
    "strata_of_picked": lambda table: statements.strata_of_picked(table, SomeStrata(None), PICKED),
    "strata_of_picked_with_a_filter": lambda table: statements.strata_of_picked(
        table, FILTERED, PICKED
    ),
    "filtered_of_picked": lambda table: statements.strata_of_picked(
        table, SomeStrata(FILTER, (), "strata_3"), PICKED
    ),
    "scan_of_strata": lambda table: statements.scan(table, SomeStrata(None), ORDER),
    "scan_of_strata_with_a_filter": lambda table: statements.scan(table, FILTERED, ORDER),
    "scan_of_whole_table": lambda table: statements.scan(table, WHOLE, ORDER),
    "numbered_rows_of_a_range": lambda table: statements.numbered_rows(table, "", FILTER, 4, 6),
    "exact_totals": ExactTotals(PRICE, FILTER).statement,
    "exact_totals_of_taken": ExactTotals(PRICE, FILTER, TAKEN).statement,
    "range_of": RangeOf(TWO_KEYS[1], None).statement,
    "range_of_exact": RangeOf(PRICE, FILTER).statement,
    "refused_numbers": RefusedNumbers(TWO_KEYS[1], None).statement,
    "unit_totals": UnitTotals(ROUGH, None).statement,
    "units_of_picked": lambda table: statements.units_of_picked(table, EXACT, PICKED, FILTER),
    "rows_of_units": RowsOfUnits(EXACT, FILTER, 250).statement,
    "unit_groups": UnitGroups(EXACT, FILTER, 250).statement,
    "unit_groups_of_taken": UnitGroups(ROUGH, None, 250, TAKEN).statement,
    "scan_units": ScanUnits(EXACT, FILTER, ORDER, 0.001, 250, 1.5).statement,
    "sums_by_stratum": SumsByStratum(SomeStrata(), ROUGH).statement,
    "sums_by_stratum_of_taken": SumsByStratum(SomeStrata(None), EXACT, TAKEN).statement,
    "drawn_rows": lambda table: drawn_rows(
        table, shown(table, None, None, None, None), "primary", ROUNDS
    ),
    "drawn_rows_without_strata": lambda table: drawn_rows(
        table, shown(table, None, None, None, None), "primary", ROUNDS[:1]
    ),
    "drawn_rows_of_selections": lambda table: drawn_rows(
        table,
        shown(table, (1, 2), None, (2,), None)[1:],
        "primary",
        rounds(Selection(order_by="a b", order_desc=True), Selection(order_by='x"y')),
    ),
    "drawn_rows_of_empty_table": lambda table: drawn_rows(
        TableFiles(table.columns, ()),
        shown(table, None, None, None, None),
        "primary",
        ROUNDS,
    ),
    "reserve_rows": lambda table: sample_table.reserve_rows(
        table, "primary", "strata_0", TWO_KEYS, RowSet("chosen")
    ),
    "reserve_rows_of_whole_table": lambda table: sample_table.reserve_rows(
        table, "primary", None, (), RowSet("chosen")
    ),
}
