"""Every statement of a draw, built for one small table, under the name of its golden file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parquet_tables.rows import RowSet
from parquet_tables.tables import Column, TableFiles
from sampling_engine import (
    RandomMethod,
    Round,
    SeededOrder,
    Selection,
    StratifiedMethod,
    sample_table,
    statements,
)
from sampling_engine.rounds import Prepared
from sampling_engine.sample_table import Shown
from sampling_engine.statements import Statement, Units

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
class TwoStrata:
    """Strata that a statement speaks of."""

    row_filter: OneFilter | None = OneFilter()
    columns: tuple[Column, ...] = TWO_KEYS
    table_name: str | None = "strata_0"


FILTER = OneFilter()
TAKEN = RowSet("taken", np.array([1]))
PICKED = RowSet("picked", np.array([0, 1, 3, 5]))


def rounds(*selections: Selection) -> list[Prepared]:
    """A random round without strata, and a stratified one; as many as there are selections."""
    nothing = np.empty(0, dtype=np.int64)
    methods = (
        (RandomMethod(sample_size=1), TwoStrata(None, (), None)),
        (StratifiedMethod(strata_columns=("a b", 'x"y'), sample_size=1), TwoStrata()),
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
    "count_strata_one_column": lambda table: statements.count_strata(table, ONE_KEY, "strata_1"),
    "count_strata_two_columns": lambda table: statements.count_strata(table, TWO_KEYS, "strata_0"),
    "count_strata_of_a_filter": lambda table: statements.count_strata(
        table, ONE_KEY, "strata_2", FILTER
    ),
    "count_rows": lambda table: statements.count_rows(table, "strata_3", FILTER),
    "load_strata": lambda table: statements.load_strata("strata_0", "kept.parquet"),
    "all_strata": lambda table: statements.all_strata("strata_0"),
    "totals_of_strata": lambda table: statements.totals_of_strata("strata_0"),
    "sizes_of_strata": lambda table: statements.sizes_of_strata("strata_0"),
    "keys_of_strata": lambda table: statements.keys_of_strata("strata_0", TWO_KEYS, [0, 2]),
    "labels_of_strata": lambda table: statements.labels_of_strata("strata_0", TWO_KEYS, [0, 2]),
    "strata_of_labels": lambda table: statements.strata_of_labels(
        "strata_0", TWO_KEYS, ["a | 0.0"]
    ),
    "strata_of_picked": lambda table: statements.strata_of_picked(
        table, TWO_KEYS, "strata_0", PICKED
    ),
    "strata_of_picked_with_a_filter": lambda table: statements.strata_of_picked(
        table, ONE_KEY, "strata_2", PICKED, FILTER
    ),
    "filtered_of_picked": lambda table: statements.strata_of_picked(
        table, (), "strata_3", PICKED, FILTER
    ),
    "scan_of_strata": lambda table: statements.scan(table, TWO_KEYS, "strata_0", ORDER),
    "scan_of_strata_with_a_filter": lambda table: statements.scan(
        table, ONE_KEY, "strata_2", ORDER, FILTER
    ),
    "scan_of_whole_table": lambda table: statements.scan(table, (), None, ORDER),
    "numbered_rows_of_a_range": lambda table: statements.numbered_rows(table, "", FILTER, 4, 6),
    "exact_totals": lambda table: statements.exact_totals(table, PRICE, FILTER, None),
    "exact_totals_of_taken": lambda table: statements.exact_totals(table, PRICE, FILTER, TAKEN),
    "range_of": lambda table: statements.range_of(table, TWO_KEYS[1], None, None),
    "range_of_exact": lambda table: statements.range_of(table, PRICE, FILTER, None),
    "refused_numbers": lambda table: statements.refused_numbers(table, TWO_KEYS[1], None, None),
    "unit_totals": lambda table: statements.unit_totals(table, ROUGH, None, None),
    "units_of_picked": lambda table: statements.units_of_picked(table, EXACT, PICKED, FILTER),
    "rows_of_units": lambda table: statements.rows_of_units(table, EXACT, FILTER, 250),
    "unit_groups": lambda table: statements.unit_groups(table, EXACT, FILTER, None, 250),
    "unit_groups_of_taken": lambda table: statements.unit_groups(table, ROUGH, None, TAKEN, 250),
    "scan_units": lambda table: statements.scan_units(table, EXACT, FILTER, ORDER, 0.001, 250, 1.5),
    "sums_by_stratum": lambda table: statements.sums_by_stratum(table, TwoStrata(), ROUGH, None),
    "sums_by_stratum_of_taken": lambda table: statements.sums_by_stratum(
        table, TwoStrata(None), EXACT, TAKEN
    ),
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
