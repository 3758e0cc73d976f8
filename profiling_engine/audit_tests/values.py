"""The SQL of the values that audit tests compare: days, exact amounts, texts compared loosely.

All are expressions over the table ``f``. A value that can't be tested is NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from contract.columns import MAX_EXACT_DIGITS
from domain_errors import DomainError, InvalidRequest
from lazy_dataclasses import dataclass
from parquet_tables.columns import as_integer
from parquet_tables.exact_values import exact_value
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.tables import Column, TableFiles

DOUBLE_PLACES = 4
"""Decimals with which an amount of a DOUBLE column counts."""
WIDE_DIGITS = 20
"""Digits of a DECIMAL whose sums fit 38 digits for each number of rows."""
LARGE = ("BIGINT", "UBIGINT")
"""Types of whole numbers whose differences may exceed 64 bits."""
NOT_LOOSE = "'[^\\p{L}\\p{M}\\p{N}]+'"
LOOSE = "'[a-z0-9]+'"
"""Texts in which :data:`NOT_LOOSE` finds nothing: to ask takes less time than to replace."""


@dataclass(frozen=True)
class ColumnValue:
    """A column of a test: the SQL of its value, and why a value isn't tested.

    Parameters
    ----------
    value : str
        NULL where the value is missing or ``unread``.
    unread : str
        Why a value that isn't missing can't be read; "" if all can.
    """

    column: Column
    value: str
    unread: str = ""

    @property
    def cell(self) -> str:
        """The SQL of the column itself."""
        return cell(self.column)


@dataclass(frozen=True)
class AmountValue(ColumnValue):
    """A column of amounts, whose value is an exact number with ``places`` decimals.

    ``units`` is the SQL of the same as a whole number of units of the last decimal, which has at
    most ``digits`` digits.
    """

    places: int = 0
    units: str = ""
    digits: int = MAX_EXACT_DIGITS

    @property
    def is_wide(self) -> bool:
        """Whether a sum may exceed the 38 digits of a DECIMAL."""
        return self.digits > WIDE_DIGITS

    def summed(self, value: str) -> str:
        """The SQL of what is summed of a value: units without a limit if it is wide."""
        return f"CAST({_units_text(value)} AS BIGNUM)" if self.is_wide else value

    def shown(self, total: int | Decimal | str | None) -> str | None:
        """A sum of amounts, as a text; None of None.

        >>> amount = AmountValue(Column("a", "DECIMAL(9,2)"), "x", places=2)
        >>> amount.shown(Decimal("-123.4")), amount.shown("-12340")
        ('-123.40', '-123.40')
        """
        if isinstance(total, str):
            total = Decimal(f"{total}E-{self.places}")
        return None if total is None else f"{Decimal(total):.{self.places}f}"


@dataclass(frozen=True)
class DayValue(ColumnValue):
    """A column of days; ``any_day`` is the SQL of a day that may also be infinite.

    DuckDB counts the days of a file faster by ``any_day``, since it knows their first and last.
    """

    any_day: str = ""


def cell(column: Column) -> str:
    """The SQL of a column's value."""
    return f"f.{quote_identifier(column.name)}"


def find_column(table: TableFiles, name: str, *loc: str | int) -> Column:
    """Find a column; UnknownColumn has the location."""
    try:
        return table.column(name)
    except DomainError as error:
        error.loc = loc
        raise


def exact_columns(table: TableFiles, names: Sequence[str], field: str) -> list[ColumnValue]:
    """Columns whose values are compared as they are."""
    found = [find_column(table, name, field, place) for place, name in enumerate(names)]
    return [ColumnValue(column, cell(column)) for column in found]


def loose_columns(table: TableFiles, names: Sequence[str], field: str) -> list[ColumnValue]:
    """Columns whose texts are compared without case, blanks and punctuation.

    Raises
    ------
    InvalidRequest
        A column isn't of texts.
    """
    found = []
    for place, name in enumerate(names):
        column = find_column(table, name, field, place)
        if not column.data_type.is_text:
            raise InvalidRequest(
                'The column "{column}" has the type {type}. Only texts are compared loosely: name '
                "it in `columns`.",
                column=column.name,
                type=column.type,
                loc=(field, place),
            )
        text = f"replace(lower({cell(column)}), '-', '')"
        loose = (
            f"CASE WHEN regexp_full_match({text}, {LOOSE}) THEN {text} "
            f"ELSE nullif(regexp_replace({text}, {NOT_LOOSE}, '', 'g'), '') END"
        )
        found.append(ColumnValue(column, loose, "has no letter and no digit"))
    return found


def key_values(columns: Sequence[ColumnValue]) -> list[str]:
    """The SQL of the values of columns, with the names ``k0…``."""
    return [f"{each.value} AS k{at}" for at, each in enumerate(columns)]


def key_list(columns: Sequence[ColumnValue], table: str = "s") -> str:
    """The SQL of the values ``k0…`` of a table, as a list."""
    return ", ".join(f"{table}.k{at}" for at in range(len(columns)))


def same_keys(one: str, two: str, columns: Sequence[ColumnValue]) -> str:
    """The condition that two rows have equal values ``k0…``."""
    return " AND ".join(f"{one}.k{at} = {two}.k{at}" for at in range(len(columns))) or "true"


def day_column(table: TableFiles, name: str, field: str, time_zone: str = "UTC") -> DayValue:
    """A column of dates or timestamps, whose value is a day.

    Raises
    ------
    InvalidRequest
        The column has another type.
    """
    column = find_column(table, name, field)
    kind = column.data_type
    if not kind.is_moment:
        raise InvalidRequest(
            'The column "{column}" has the type {type}. The test needs dates: import the table '
            "with the type DATE for this column.",
            column=column.name,
            type=column.type,
            loc=(field,),
        )
    value = cell(column)
    day = value
    if kind.name == "TIMESTAMP WITH TIME ZONE":
        day = f"CAST(timezone({quote_text(time_zone)}, {value}) AS DATE)"
    elif kind.is_timestamp:
        day = f"CAST({value} AS DATE)"
    finite = f"CASE WHEN isfinite({value}) THEN {day} END"
    return DayValue(column, finite, "isn't finite", day)


def amount_column(table: TableFiles, name: str, field: str) -> AmountValue:
    """A column of numbers as exact amounts; a DOUBLE counts with four decimals.

    Raises
    ------
    InvalidRequest
        The column isn't of numbers.
    """
    column = find_column(table, name, field)
    kind, value = column.data_type, cell(column)
    if kind.is_float:
        exact = exact_value(value, DOUBLE_PLACES)
        units = as_integer(exact, f"DECIMAL({MAX_EXACT_DIGITS},{DOUBLE_PLACES})")
        return AmountValue(column, exact, "isn't finite, or is too large", DOUBLE_PLACES, units)
    if kind.is_integer:
        whole = f"CAST({value} AS {'HUGEINT' if kind.name in LARGE else 'BIGINT'})"
        return AmountValue(column, whole, units=whole, digits=WIDE_DIGITS)
    if kind.digits is None:
        raise InvalidRequest(
            'The column "{column}" has the type {type}. The test needs numbers: import the table '
            "with a type of numbers for this column.",
            column=column.name,
            type=column.type,
            loc=(field,),
        )
    digits, places = kind.digits
    units = as_integer(value, column.type)
    if digits > MAX_EXACT_DIGITS:
        units = f"CAST({_units_text(value)} AS HUGEINT)"
    return AmountValue(column, value, places=places, units=units, digits=digits)


def _units_text(value: str) -> str:
    """The SQL of the digits of a DECIMAL, whose text has all its places.

    A product with a power of ten may exceed 38 digits where the number itself doesn't.
    """
    return f"replace(CAST({value} AS VARCHAR), '.', '')"


def optional_amount(table: TableFiles, name: str | None) -> AmountValue | None:
    """The ``amount_column`` of a request that needn't have one."""
    return None if name is None else amount_column(table, name, "amount_column")
