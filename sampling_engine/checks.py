"""Check a draw's rounds against a table's columns, before a job exists.

Rounds that pass can still fail on their rows: strata, weights and costs.
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.requests.draw import FIRST_DRAW_VERSION, MAX_ROUNDS
from domain_errors import Loc
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import (
    DrawWarning,
    InvalidMethod,
    InvalidRounds,
    InvalidSeed,
    InvalidSelection,
    warned,
)
from sampling_engine.methods.method import Round
from sampling_engine.methods.parameters import (
    MAX_SEED,
    MAX_SEED_LENGTH,
    MIN_SEED,
    check_number_column,
)
from sampling_engine.selection.order import Seed
from sampling_engine.spec import Selection


def amount_of(table: TableFiles, name: str | None, rounds: Sequence[Round] = ()) -> Column | None:
    """The amount column of this name; InvalidMethod if it holds no numbers, or has no use."""
    if name is None:
        return None
    if any(round_spec.method.tables for round_spec in rounds):
        raise InvalidMethod(
            "A draw that divides all rows states no sums: leave `amount_column` out.",
            loc=("amount_column",),
        )
    check_number_column(table, name, "amount_column", ("amount_column",))
    return table.column(name)


def check_rounds(table: TableFiles, rounds: Sequence[Round]) -> None:
    """Refuse rounds that don't fit the table.

    Raises
    ------
    DomainError
        At the first fault; ``loc`` is ``("rounds", i, …)``.
    """
    if not 1 <= len(rounds) <= MAX_ROUNDS:
        raise InvalidRounds(
            "A draw has 1 to {maximum} rounds, not {rounds}.",
            maximum=MAX_ROUNDS,
            rounds=len(rounds),
            loc=("rounds",),
        )
    for i, round_spec in enumerate(rounds):
        if round_spec.round_number != i + 1:
            raise InvalidRounds(
                "Rounds are numbered 1, 2, 3 …: this one is {expected}, not {given}.",
                expected=i + 1,
                given=str(round_spec.round_number),
                loc=("rounds", i, "round_number"),
            )
        _check_round(table, round_spec, ("rounds", i))
        if round_spec.method.tables and len(rounds) > 1:
            raise InvalidRounds(
                "A round by {method} divides all rows: it is the only round of its draw.",
                method=round_spec.method.name,
                loc=("rounds", i, "method"),
            )


def draw_warnings(rounds: Sequence[Round]) -> list[DrawWarning]:
    """The warnings on a draw as a whole."""
    warnings = warned(
        rounds[0].draw_version == FIRST_DRAW_VERSION,
        "old_draw_version",
        "This draw follows draw version 1, which only repeats the rows of an old job: "
        "leave `draw_version` out for a new sample.",
    )
    warnings += warned(
        len(rounds) > 1,
        "several_rounds",
        "Weights and probabilities are per round and given the earlier rounds, so they "
        "can't be added up over rounds. The estimates and the table of the design have "
        "weights over all rounds.",
    )
    return warnings


def _check_round(table: TableFiles, round_spec: Round, loc: Loc) -> None:
    parameters = (*loc, "parameters")
    _check_seed(round_spec.seed, parameters)
    round_spec.method.check(table, parameters)
    if round_spec.order is not None:
        if round_spec.draw_version == FIRST_DRAW_VERSION:
            raise InvalidKey(
                "Draw version 1 has no keyed order: leave `draw_version` out.",
                loc=(*loc, "order"),
            )
        round_spec.method.check_order(table, round_spec.order, (*loc, "order"))
    elif round_spec.method.needs_order:
        raise InvalidKey(
            "Method {method} goes by the keys of rows: name columns that identify a row in `key`, "
            "or declare the row key of the table.",
            method=round_spec.method.name,
            loc=(*loc, "order", "key"),
        )
    if round_spec.filter is not None:
        for column in round_spec.filter.columns:
            table.column(column.name, (*loc, "filters"))
    _check_selection(table, round_spec.selection, (*loc, "selection"))
    if round_spec.method.tables and round_spec.selection.order_by is not None:
        raise InvalidSelection(
            "Parts have the rows in the table's order: leave `order_by` out.",
            loc=(*loc, "selection", "order_by"),
        )


def _check_selection(table: TableFiles, selection: Selection, loc: Loc) -> None:
    columns: list[Column] = []
    for place, name in enumerate(selection.columns):
        at = (*loc, "columns", place)
        column = table.column(name, at)
        if column in columns:
            raise InvalidSelection(
                'The column "{column}" is named twice.', column=column.name, loc=at
            )
        columns.append(column)
    if selection.order_by is None:
        if selection.order_desc:
            raise InvalidSelection("`order_desc` needs `order_by`.", loc=(*loc, "order_desc"))
        return
    table.column(selection.order_by, (*loc, "order_by"))


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
