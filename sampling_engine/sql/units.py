"""How a number of a row becomes an integer, so that sums don't depend on threads or files."""

from __future__ import annotations

from math import floor
from typing import Literal

from lazy_dataclasses import dataclass
from parquet_tables.columns import as_integer
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column


@dataclass(frozen=True)
class Units:
    """How a number becomes an integer.

    An exact one is multiplied by ten to the power ``decimals``; another, or its absolute value, is
    (value - centre) · factor, to the nearest integer.
    """

    column: Column
    decimals: int | None = None
    centre: float = 0.0
    factor: float = 1.0
    is_absolute: bool = False

    def sql(self) -> str:
        """The integer of a row ``f`` as BIGINT; NULL for NULL, NaN and the infinite."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self.decimals is not None:
            return as_integer(name, self.column.type)
        value = f"CAST({name} AS DOUBLE)"
        value = f"abs({value})" if self.is_absolute else value
        moved = f"({value} - CAST({self.centre!r} AS DOUBLE))" if self.centre else value
        return (
            f"CASE WHEN isfinite({value}) "
            f"THEN CAST({moved} * CAST({self.factor!r} AS DOUBLE) AS BIGINT) END"
        )


MILLION = 1_000_000
TAKE_ALL_UNITS = 1 << 62
"""More than the units of all other rows of a table together."""
MOST_UNCERTAIN = MILLION // 2


def millionths(weight: float) -> int:
    """A weight in millionths, to the nearest one, a half upwards."""
    return floor(MILLION * weight + 0.5)


@dataclass(frozen=True)
class UncertaintyUnits(Units):
    """√(p(1 - p)) of a column of probabilities p in millionths, and ``least`` of them or more.

    Each operation is one of IEEE 754's on doubles, whose result is the nearest double, so every
    program finds the same integer. NULL for a p below 0, above 1 or NaN; ``missing`` for a row
    without a p.
    """

    least: int = 1
    missing: int = TAKE_ALL_UNITS

    def sql(self) -> str:
        """The millionths of a row ``f`` as BIGINT."""
        name = f"f.{quote_identifier(self.column.name)}"
        value = f"CAST({name} AS DOUBLE)"
        weight = f"sqrt({value} * (1::DOUBLE - {value}))"
        own = f"CAST(floor({weight} * {MILLION}::DOUBLE + 0.5::DOUBLE) AS BIGINT)"
        return (
            f"CASE WHEN {name} IS NULL THEN {self.missing}::BIGINT "
            f"WHEN {value} >= 0::DOUBLE AND {value} <= 1::DOUBLE "
            f"THEN greatest({self.least}::BIGINT, {own}) END"
        )


Population = Literal["positive", "absolute", "negative"]
MINOR_PLACES = 2
MAX_MONEY = 1 << 62
# Cents of a floating-point number below 2^52, so that rounding gives the nearest one.
MAX_FLOAT_AMOUNT = 4e13


@dataclass(frozen=True)
class MoneyUnits(Units):
    """How an amount becomes minor units, of which the rows of ``population`` have more than 0.

    An exact type counts in its last decimal place, a floating-point number in hundredths, a wider
    one in hundredths or, without decimals, in ones; each is rounded to the nearest.
    """

    population: Population = "positive"

    @classmethod
    def of(cls, column: Column, population: Population) -> MoneyUnits:
        """The minor units of a column."""
        decimals = column.data_type.decimals
        if decimals is None:
            digits = column.data_type.digits
            whole = 0 if "INT" in column.type else MINOR_PLACES
            decimals = min(digits[1], MINOR_PLACES) if digits else whole
        return cls(column, decimals=decimals, population=population)

    def signed(self) -> str:
        """The minor units of a row ``f`` as BIGINT; NULL where missing, not finite or too large."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return as_integer(name, self.column.type)
        if self.column.data_type.is_float:
            value = f"CAST({name} AS DOUBLE)"
            return (
                f"CASE WHEN abs({value}) < {MAX_FLOAT_AMOUNT!r}::DOUBLE "
                f"THEN CAST(round({value} * 100) AS BIGINT) END"
            )
        return as_integer(f"TRY_CAST({name} AS {self._narrow})", self._narrow)

    def sql(self) -> str:
        """The minor units as a population counts them; 0 or less for rows that aren't in it."""
        value = self.signed()
        if self.population == "positive":
            return value
        opposite = "-" if self.population == "negative" else "abs"
        # The smallest BIGINT has no opposite.
        return f"CASE WHEN {value} > {-MAX_MONEY} THEN {opposite}({value}) END"

    def refused(self) -> str:
        """Whether a row ``f`` has an amount that is infinite or too large."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return "false"
        present = f"NOT isnan({name})" if self.column.data_type.is_float else "true"
        return f"{name} IS NOT NULL AND {present} AND ({self.signed()}) IS NULL"

    def rounded(self) -> str:
        """Whether a row ``f`` has a fraction of a minor unit, beyond its type's own precision."""
        name = f"f.{quote_identifier(self.column.name)}"
        if self._is_exact:
            return "false"
        if self.column.data_type.is_float:
            cents = f"CAST({name} AS DOUBLE) * 100"
            precision = 1e-7 if self.column.type == "FLOAT" else 1e-15
            return (
                f"isfinite({name}) AND abs({cents} - round({cents})) > 0.001::DOUBLE + "
                f"abs({cents}) * {precision!r}::DOUBLE"
            )
        return f"{name} <> TRY_CAST({name} AS {self._narrow})"

    @property
    def _is_exact(self) -> bool:
        return self.column.data_type.decimals is not None

    @property
    def _narrow(self) -> str:
        """The exact type that a wider one is rounded to."""
        return f"DECIMAL(18,{self.decimals})" if self.column.data_type.digits else "BIGINT"
