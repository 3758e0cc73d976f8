"""Exact sums of an amount column: of the eligible rows by stratum, and of the drawn rows.

A floating-point number counts as the nearest decimal of six places; missing and infinite values
count as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column
from sampling_engine.engines.engine import DrawState
from sampling_engine.selection.strata import Strata, WholeTable
from sampling_engine.selection.walk_and_scan import Chosen
from sampling_engine.sql import statements
from sampling_engine.sql.passes import AmountsByStratum
from sampling_engine.sql.statements import Halves

FLOAT_PLACES = 6
MIN_FLOAT_PLACES = 2
DIGITS = 60


class Amount(NamedTuple):
    """The sum of amounts, and of the negative ones among them."""

    net: Decimal = Decimal(0)
    negative: Decimal = Decimal(0)

    @property
    def absolute(self) -> Decimal:
        """The sum of the amounts without their signs."""
        opposite = self.negative.copy_negate()
        return add((self.net, opposite, opposite))


Amounts = tuple[Amount, ...]
"""A sum for each stratum, in the order of their numbers."""


@dataclass(frozen=True)
class AmountAccount:
    """A round's amounts by stratum: of its eligible rows, and of those drawn.

    ``drawn`` is what a plan expects; None where the method gives rows unequal probabilities.
    """

    column: Column
    total: Amounts
    drawn: Amounts | None

    def as_json(self) -> dict[str, object]:
        """The sums over all strata, and the coverage."""
        drawn = None if self.drawn is None else add_up(self.drawn)
        return amount_json(self.column, add_up(self.total), drawn)

    @property
    def drawn_total(self) -> Amount:
        """Of all drawn rows."""
        return add_up(self.drawn or ())

    def of_group(self, number: int) -> dict[str, str | None]:
        """The sums of one stratum."""
        drawn = None if self.drawn is None else amount_text(self.column, self.drawn[number].net)
        return {"total": amount_text(self.column, self.total[number].net), "drawn": drawn}


def amount_json(column: Column, total: Amount, drawn: Amount | None) -> dict[str, object]:
    """An amount as a JSON object; sums are texts, so that no digit is lost."""
    return {
        "column": column.name,
        **_covered(column, "", total.net, None if drawn is None else drawn.net),
        **_covered(column, "absolute_", total.absolute, None if drawn is None else drawn.absolute),
    }


def _covered(
    column: Column, prefix: str, total: Decimal, drawn: Decimal | None
) -> dict[str, object]:
    coverage = float(Fraction(drawn) / Fraction(total)) if drawn is not None and total else None
    return {
        f"{prefix}total": amount_text(column, total),
        f"{prefix}drawn": None if drawn is None else amount_text(column, drawn),
        f"{prefix}coverage": coverage,
    }


def amount_text(column: Column, value: Decimal) -> str:
    """A sum with the column's decimal places; of floating-point numbers two to six.

    >>> amount_text(Column("a", "DOUBLE"), Decimal("110.300000"))
    '110.30'
    """
    places = places_of(column)
    with localcontext(prec=DIGITS):
        text = f"{value.quantize(Decimal(1).scaleb(-places)):f}"
    if not column.data_type.is_float:
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(MIN_FLOAT_PLACES, '0')}"


def places_of(column: Column) -> int:
    """The decimal places in which a column's amounts are added."""
    if column.data_type.is_float:
        return FLOAT_PLACES
    digits = column.data_type.digits
    return digits[1] if digits else 0


def add(amounts: Sequence[Decimal]) -> Decimal:
    """The exact sum."""
    with localcontext(prec=DIGITS):
        return sum(amounts, Decimal(0))


def add_up(amounts: Sequence[Amount]) -> Amount:
    """The exact sums over strata."""
    return Amount(add([one.net for one in amounts]), add([one.negative for one in amounts]))


def _amount(sums: Sequence[Any]) -> Amount:
    """The sums of a statement's row; NULL is the sum of no row."""
    return Amount(*(Decimal(one or 0) for one in sums))


def eligible_amounts(state: DrawState, strata: Strata, on_progress: ProgressCallback) -> Amounts:
    """The amounts of the eligible rows, by stratum; ``state`` has an amount column."""
    assert state.amount is not None  # noqa: S101 - the caller's part
    return amounts_of(state, strata, state.amount, on_progress)


def amounts_of(
    state: DrawState,
    strata: Strata,
    column: Column,
    on_progress: ProgressCallback,
    halves: Halves = "away",
) -> Amounts:
    """The exact sums of a column of numbers over the eligible rows, by stratum."""
    amounts = [Amount()] * len(strata.rows)
    if not state.table.file_rows:
        return tuple(amounts)
    for part, sign in state.signed_rows:
        wanted = AmountsByStratum(strata, column, part, halves)
        for number, *sums in state.run(wanted, on_progress):
            found = _amount(sums)
            if sign < 0:
                found = Amount(*(one.copy_negate() for one in found))
            amounts[number] = add_up((amounts[number], found))
    return tuple(amounts)


def source_amount(state: DrawState, on_progress: ProgressCallback) -> Amount:
    """The amount of all rows that may still be drawn, whatever a filter says."""
    return add_up(eligible_amounts(state, WholeTable(state.table), on_progress))


def drawn_account(
    state: DrawState, strata: Strata, chosen: Chosen, on_progress: ProgressCallback
) -> AmountAccount | None:
    """The amounts of a round whose rows aren't taken yet; None without an amount column."""
    if state.amount is None:
        return None
    total = eligible_amounts(state, strata, on_progress)
    drawn = [Amount()] * len(total)
    if len(chosen.ordinals):
        statement = statements.amounts_of_picked(
            state.table, state.amount, RowSet.of("picked", chosen.ordinals)
        )
        picked = {"ordinal": chosen.ordinals, "stratum": chosen.strata}
        with registered(state.cursor, {"picked": picked}):
            for number, *sums in state.cursor.execute(*statement).fetchall():
                drawn[number] = _amount(sums)
    return AmountAccount(state.amount, total, tuple(drawn))
