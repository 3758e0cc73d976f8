"""Check a draw's rounds against a table's columns, before a job exists.

Rounds that pass can still fail on their rows: strata, weights and costs.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import InvalidRounds, InvalidSeed, InvalidSelection
from sampling_engine.methods.parameters import (
    MAX_SEED,
    MAX_SEED_LENGTH,
    MIN_SEED,
    Loc,
    found_column,
)
from sampling_engine.selection.order import Seed
from sampling_engine.spec import MAX_ROUNDS, Round, Selection


def check_rounds(table: TableFiles, rounds: Sequence[Round]) -> None:
    """Refuse rounds that don't fit the table.

    Raises
    ------
    DomainError
        At the first fault; ``loc`` is ``("rounds", i, …)``.
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
    one.method.check(table, parameters)
    if one.filter is not None:
        for column in one.filter.columns:
            found_column(table, column.name, (*loc, "filters"))
    _check_selection(table, one.selection, (*loc, "selection"))


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
        if not MIN_SEED <= seed <= MAX_SEED:
            raise InvalidSeed("A numeric `seed` must fit into 64 bits.", loc=at)
        return
    if len(seed) > MAX_SEED_LENGTH:
        raise InvalidSeed(
            "`seed` has at most {maximum} characters.", maximum=MAX_SEED_LENGTH, loc=at
        )
    try:
        seed.encode()
    except UnicodeEncodeError:
        raise InvalidSeed("The seed isn't valid Unicode text.", loc=at) from None
