"""Everything about a draw that can be refused before it starts.

Owns: the rules for rounds against a table's columns. Invariant: rounds that pass need no look at a
row to be known as valid, but for what strata, weights and costs there are. Called by whoever takes
a request, before a job exists, and again by the draw itself. The rules of each method are in
:mod:`sampling_engine.method_checks`.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.errors import (
    InvalidRounds,
    InvalidSeed,
    InvalidSelection,
    InvalidStrata,
)
from sampling_engine.method_checks import Loc, check_sizes, number_columns
from sampling_engine.selection.order import Seed
from sampling_engine.spec import MAX_ROUNDS, ClusterMethod, Round, Selection, StratifiedMethod

SMALLEST_SEED, MAX_SEED = -(1 << 63), (1 << 63) - 1
MAX_SEED_LENGTH = 1_000

# Types whose values are told apart and put in order by one comparison, and have a text of their
# own. Not INTERVAL: DuckDB holds "1 month" and "30 days" for equal.
STRATA_TYPES = frozenset(
    {
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        *("FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "ENUM", "UUID", "BLOB", "JSON", "DATE"),
        *("TIME", "TIME_NS", "TIME WITH TIME ZONE"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)


def check_rounds(table: TableFiles, rounds: Sequence[Round]) -> None:
    """Refuse rounds that this table can't be sampled by.

    Raises
    ------
    InvalidRounds, InvalidSize, InvalidSeed, InvalidStrata, InvalidMethod, InvalidSelection,
    UnknownColumn
        At the first fault; ``loc`` is ``("rounds", i, …)``, for a method's parameter
        ``("rounds", i, "parameters", name)``.
    """
    if not 1 <= len(rounds) <= MAX_ROUNDS:
        raise InvalidRounds(
            f"A draw has 1 to {MAX_ROUNDS} rounds, not {len(rounds)}.", loc=("rounds",)
        )
    for i, one in enumerate(rounds):
        if one.round_number != i + 1:
            raise InvalidRounds(
                f"Rounds are numbered 1, 2, 3 …: this one is {i + 1}, not {one.round_number}.",
                loc=("rounds", i, "round_number"),
            )
        _check_round(table, one, ("rounds", i))


def _check_round(table: TableFiles, one: Round, loc: Loc) -> None:
    parameters = (*loc, "parameters")
    _check_seed(one.seed, parameters)
    check_sizes(one.method, parameters)
    if isinstance(one.method, StratifiedMethod):
        strata_columns(table, one.method.strata_columns, parameters)
    elif isinstance(one.method, ClusterMethod):
        cluster_column(table, one.method, parameters)
    number_columns(table, one.method, parameters)
    if one.filter is not None:
        for column in one.filter.columns:
            found_column(table, column.name, (*loc, "filters"))
    _check_selection(table, one.selection, (*loc, "selection"))


def strata_columns(table: TableFiles, names: Sequence[str], loc: Loc = ()) -> tuple[Column, ...]:
    """The table's columns that make strata.

    Raises
    ------
    InvalidStrata, UnknownColumn
        With ``loc`` and the place in ``strata_columns``.
    """
    loc = (*loc, "strata_columns")
    if not names:
        raise InvalidStrata("Name at least one column that makes the strata.", loc=loc)
    columns: list[Column] = []
    for place, name in enumerate(names):
        at = (*loc, place)
        column = found_column(table, name, at)
        if column in columns:
            raise InvalidStrata(f'The column "{column.name}" is named twice.', loc=at)
        _require_groups(column, "strata", at)
        columns.append(column)
    return tuple(columns)


def cluster_column(table: TableFiles, method: ClusterMethod, loc: Loc = ()) -> Column:
    """The table's column that makes clusters.

    Raises
    ------
    InvalidStrata, UnknownColumn
    """
    at = (*loc, "cluster_column")
    column = found_column(table, method.cluster_column, at)
    _require_groups(column, "clusters", at)
    return column


def found_column(table: TableFiles, name: str, loc: Loc) -> Column:
    """The table's column of this name.

    Raises
    ------
    UnknownColumn
        With ``loc``.
    """
    try:
        return table.column(name)
    except UnknownColumn as unknown:
        raise UnknownColumn(unknown.message, loc=loc) from None


def _require_groups(column: Column, what: str, loc: Loc) -> None:
    # A list of texts ends in [], an array in [3]; what is in parentheses is a width or the choices.
    if column.type.endswith("]") or column.type.split("(")[0] not in STRATA_TYPES:
        raise InvalidStrata(
            f'The column "{column.name}" is of type {column.type}, whose values make no '
            f"{what}: use a column of numbers, texts, dates, times or true and false.",
            loc=loc,
        )


def _check_selection(table: TableFiles, selection: Selection, loc: Loc) -> None:
    columns: list[Column] = []
    for place, name in enumerate(selection.columns):
        at = (*loc, "columns", place)
        column = found_column(table, name, at)
        if column in columns:
            raise InvalidSelection(f'The column "{column.name}" is named twice.', loc=at)
        columns.append(column)
    if selection.order_by is None:
        if selection.order_desc:
            raise InvalidSelection("order_desc goes with order_by.", loc=(*loc, "order_desc"))
        return
    found_column(table, selection.order_by, (*loc, "order_by"))


def _check_seed(seed: Seed, loc: Loc) -> None:
    at = (*loc, "seed")
    if isinstance(seed, int):
        if not SMALLEST_SEED <= seed <= MAX_SEED:
            raise InvalidSeed("A seed that is a number fits into 64 bits.", loc=at)
        return
    if len(seed) > MAX_SEED_LENGTH:
        raise InvalidSeed(f"A seed has up to {MAX_SEED_LENGTH:,} characters.", loc=at)
    try:
        seed.encode()
    except UnicodeEncodeError:
        raise InvalidSeed("The seed isn't valid Unicode text.", loc=at) from None
