"""Exact sums of an amount column: of the eligible rows by stratum, and of the drawn rows.

A floating-point number counts as the nearest decimal of six places; missing and infinite values
count as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

from parquet_tables.columns import digits_of
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, watched
from parquet_tables.tables import Column
from sampling_engine import statements
from sampling_engine.selection.strata import Strata, WholeTable
from sampling_engine.selection.walk_and_scan import Chosen

if TYPE_CHECKING:
    from sampling_engine.rounds import DrawState, Prepared

Amounts = tuple[Decimal, ...]
"""A sum for each stratum, in the order of their numbers."""

FLOAT_PLACES = 6
MIN_FLOAT_PLACES = 2
DIGITS = 60


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
        total = add(self.total)
        return amount_json(self.column, total, None if self.drawn is None else add(self.drawn))

    @property
    def drawn_total(self) -> Decimal:
        """Of all drawn rows."""
        return add(self.drawn or ())

    def of_group(self, number: int) -> dict[str, str | None]:
        """The sums of one stratum."""
        drawn = None if self.drawn is None else amount_text(self.column, self.drawn[number])
        return {"total": amount_text(self.column, self.total[number]), "drawn": drawn}


def amount_json(column: Column, total: Decimal, drawn: Decimal | None) -> dict[str, object]:
    """An amount as a JSON object; sums are texts, so that no digit is lost."""
    coverage = float(Fraction(drawn) / Fraction(total)) if drawn is not None and total else None
    return {
        "column": column.name,
        "total": amount_text(column, total),
        "drawn": None if drawn is None else amount_text(column, drawn),
        "coverage": coverage,
    }


def amount_text(column: Column, value: Decimal) -> str:
    """A sum with the column's decimal places; of floating-point numbers two to six.

    >>> amount_text(Column("a", "DOUBLE"), Decimal("110.300000"))
    '110.30'
    """
    places = places_of(column)
    with localcontext(prec=DIGITS):
        text = f"{value.quantize(Decimal(1).scaleb(-places)):f}"
    if column.type not in ("FLOAT", "DOUBLE"):
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(MIN_FLOAT_PLACES, '0')}"


def places_of(column: Column) -> int:
    """The decimal places in which a column's amounts are added."""
    if column.type in ("FLOAT", "DOUBLE"):
        return FLOAT_PLACES
    digits = digits_of(column.type)
    return digits[1] if digits else 0


def add(amounts: Sequence[Decimal]) -> Decimal:
    """The exact sum."""
    with localcontext(prec=DIGITS):
        return sum(amounts, Decimal(0))


def eligible_amounts(state: DrawState, strata: Strata, on_progress: ProgressCallback) -> Amounts:
    """The amounts of the eligible rows, by stratum; ``state`` has an amount column."""
    assert state.amount is not None  # noqa: S101 - the caller's part
    amounts = [Decimal(0)] * len(strata.rows)
    if not state.table.file_rows:
        return tuple(amounts)
    for table_name, sign in state.signed_rows:
        statement = statements.amounts_by_stratum(state.table, strata, state.amount, table_name)
        with watched(state.cursor, on_progress, "adding amounts up"):
            rows = state.cursor.execute(*statement).fetchall()
        for number, amount in rows:
            amounts[number] = add((amounts[number], sign * Decimal(amount or 0)))
    return tuple(amounts)


def source_amount(state: DrawState, on_progress: ProgressCallback) -> Decimal:
    """The amount of all rows that may still be drawn, whatever a filter says."""
    return add(eligible_amounts(state, WholeTable(state.table), on_progress))


def drawn_account(
    state: DrawState, prepared: Prepared, chosen: Chosen, on_progress: ProgressCallback
) -> AmountAccount | None:
    """The amounts of a round whose rows aren't taken yet; None without an amount column."""
    if state.amount is None:
        return None
    total = eligible_amounts(state, prepared.strata, on_progress)
    drawn = [Decimal(0)] * len(total)
    if len(chosen.ordinals):
        statement = statements.amounts_of_picked(state.table, state.amount)
        picked = {"ordinal": chosen.ordinals, "stratum": chosen.strata}
        with registered(state.cursor, {"picked": picked}):
            for number, amount in state.cursor.execute(*statement).fetchall():
                drawn[number] = Decimal(amount or 0)
    return AmountAccount(state.amount, total, tuple(drawn))


def expected_account(
    state: DrawState, prepared: Prepared, on_progress: ProgressCallback
) -> AmountAccount | None:
    """The amounts that a plan expects; None without an amount column."""
    if state.amount is None:
        return None
    total = eligible_amounts(state, prepared.strata, on_progress)
    return AmountAccount(state.amount, total, _expected(prepared, total, state.amount))


def _expected(prepared: Prepared, total: Amounts, column: Column) -> Amounts | None:
    """Exact where all or none of a stratum's rows are drawn, else to the column's unit."""
    if not prepared.round_spec.method.has_margin_of_error:
        return None
    is_float = column.type in ("FLOAT", "DOUBLE")
    unit = 10 ** (MIN_FLOAT_PLACES if is_float else places_of(column))
    expected: list[Decimal] = []
    for amount, allocated, eligible in zip(
        total, prepared.allocated.tolist(), prepared.eligible.tolist(), strict=True
    ):
        if allocated == eligible:
            expected.append(amount)
            continue
        units = round(Fraction(amount) * unit * allocated / max(eligible, 1))
        with localcontext(prec=DIGITS):
            expected.append(Decimal(units) / unit)
    return tuple(expected)
