"""The account of a round that selects by amounts: every eligible row is in one of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Literal

from lazy_dataclasses import dataclass
from sampling_engine.results import RoundAccount
from sampling_engine.sql.units import Population

NAME = "monetary_unit"
"""The name of the method, and of its account in JSON."""

Selection = Literal["fixed_interval", "cell", "random"]
AT_RANDOM: Selection = "random"
Cumulation = Literal["seeded", "file"]
INTERVAL_PLACES = 4
"""Decimal places of an interval beyond those of its amounts."""


@dataclass(frozen=True)
class RowsAndTotal:
    """Rows, and the sum of their amounts in minor units."""

    rows: int
    total: int

    def as_json(self, decimals: int) -> dict[str, object]:
        """The sum as an exact decimal text."""
        return {"rows": self.rows, "total": decimal_text(self.total, decimals)}


@dataclass(frozen=True, kw_only=True)
class MonetaryAccount:
    """The populations, interval and units of a round.

    Parameters
    ----------
    decimals : int
        Of the amounts: a minor unit is 10^-decimals.
    positive, zero, negative : RowsAndTotal
        The eligible rows by the sign of their amount; ``missing_rows`` have none.
    take_all : RowsAndTotal
        The rows of at least the interval, which are drawn with certainty.
    interval : Fraction
        Minor units by selected unit; 0 where every row is a take-all row.
    units : int
        The selected units outside take-all rows.
    near_interval_share : float, optional
        Of a fixed interval, the share of the money outside take-all rows that rows of half an
        interval or more have; None where it isn't checked.
    regularity : float, optional
        Of a fixed interval, the extra variance of :func:`~.fixed_interval.regularity_of`.
    """

    book_column: str
    decimals: int
    population: Population
    selection: Selection
    order: Cumulation
    positive: RowsAndTotal
    zero: RowsAndTotal
    negative: RowsAndTotal
    missing_rows: int
    take_all: RowsAndTotal
    interval: Fraction
    units: int
    near_interval_share: float | None = None
    regularity: float | None = None
    name: ClassVar[str] = NAME

    @property
    def audited(self) -> RowsAndTotal:
        """The population: its rows, and the sum of their amounts without signs."""
        parts = []
        if self.population != "negative":
            parts.append(self.positive)
        if self.population != "positive":
            parts.append(self.negative)
        return RowsAndTotal(sum(p.rows for p in parts), sum(abs(p.total) for p in parts))

    def as_json(self) -> dict[str, object]:
        """The account as a JSON object; amounts are exact decimal texts."""
        places = self.decimals + INTERVAL_PLACES
        interval = decimal_text(round(self.interval * 10**INTERVAL_PLACES), places)
        return {
            "book_column": self.book_column,
            "minor_unit": decimal_text(1, self.decimals),
            "population": self.population,
            "selection": self.selection,
            "order": self.order,
            "positive": self.positive.as_json(self.decimals),
            "zero": self.zero.as_json(self.decimals),
            "negative": self.negative.as_json(self.decimals),
            "missing_rows": self.missing_rows,
            "audited": self.audited.as_json(self.decimals),
            "take_all": self.take_all.as_json(self.decimals),
            "interval": interval if self.interval else None,
            "units": self.units,
            "near_interval_share": self.near_interval_share,
            "regularity": self.regularity,
        }


def account_of_money(account: RoundAccount) -> MonetaryAccount | None:
    """The amounts of a round that selects by them; None of other rounds."""
    return account.own if isinstance(account.own, MonetaryAccount) else None


def recorded_account(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same of a round in a job's summary, as JSON."""
    return result.get(NAME)


def decimal_text(units: int, decimals: int) -> str:
    """An amount of minor units as a decimal text.

    >>> decimal_text(-1205, 2), decimal_text(7, 0)
    ('-12.05', '7')
    """
    if not decimals:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"
