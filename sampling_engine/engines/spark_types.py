"""Types of stored columns in Spark, and conversions that give the numbers DuckDB gives."""

from __future__ import annotations

from collections.abc import Iterable

from contract.columns import MAX_EXACT_DIGITS, DataType
from domain_errors import DomainError
from parquet_tables.tables import Column

SPARK_TYPES = {
    "BOOLEAN": "BOOLEAN",
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    # Spark reads unsigned integers as the next wider type.
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INT",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "VARCHAR": "STRING",
    "BLOB": "BINARY",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
}
EXACT_DIGITS = 15
"""Decimals of so many digits, and their integers, differ as DOUBLE."""
EXACT_DOUBLE = 1 << 53


class NotInSpark(DomainError):
    """The Spark engine can't read a column's type, or can't add it up as DuckDB does."""

    code = "spark_unsupported_type"

    def __init__(self, column: Column) -> None:
        super().__init__(
            'The column "{column}" is of type {type}, which the Spark engine can\'t use here. '
            "Choose the engine duckdb, or store the column with another type.",
            column=column.name,
            type=column.type,
            loc=("engine",),
        )


def spark_type(type_: str) -> str:
    """The Spark type of a DuckDB type that Spark reads, and that literals are cast to."""
    return SPARK_TYPES.get(type_, type_)


def is_read_by_spark(type_: str) -> bool:
    """Whether Spark reads a column of this type from Parquet."""
    return type_ in SPARK_TYPES or DataType(type_).digits is not None


def require_types(columns: Iterable[Column]) -> None:
    """Raise NotInSpark for a column that Spark doesn't read."""
    for column in columns:
        if not is_read_by_spark(column.type):
            raise NotInSpark(column)


def require_number(column: Column) -> None:
    """Raise NotInSpark for a number that becomes another DOUBLE in Spark than in DuckDB."""
    digits = column.data_type.digits
    if column.type == "UBIGINT" or (digits and digits[0] > MAX_EXACT_DIGITS):
        raise NotInSpark(column)


def as_double(value: str, column: Column) -> str:
    """A number as the DOUBLE that DuckDB makes of it."""
    require_number(column)
    if column.data_type.digits:
        return double_of_decimal(value, column.type)
    return f"CAST({value} AS DOUBLE)"


def double_of_decimal(value: str, type_: str) -> str:
    """A DECIMAL of up to 18 digits as DOUBLE: DuckDB divides the integer by a power of ten.

    Above 2^53 it divides whole part and remainder apart.
    """
    digits = DataType(type_).digits
    assert digits is not None  # noqa: S101 - the caller's part
    if digits[0] > MAX_EXACT_DIGITS:
        raise NotInSpark(Column("", type_))
    if digits[0] <= EXACT_DIGITS:
        return f"CAST({value} AS DOUBLE)"  # The nearest one, as the quotient of exact numbers is.
    if not digits[1]:
        return f"CAST(CAST({value} AS BIGINT) AS DOUBLE)"
    factor = 10 ** digits[1]
    integer, power = as_integer(value, type_), f"{factor}D"
    near = f"CAST({integer} AS DOUBLE) / {power}"
    whole = f"CAST({integer} DIV {factor}L AS DOUBLE)"
    return (
        f"(CASE WHEN abs({integer}) <= {EXACT_DOUBLE}L THEN {near} "
        f"ELSE {whole} + CAST({integer} % {factor}L AS DOUBLE) / {power} END)"
    )


def as_integer(value: str, type_: str) -> str:
    """An exact number as BIGINT: a DECIMAL(12,2) counts in hundredths.

    Up to 15 digits it is the nearest integer of a DOUBLE, since Spark is slow at multiplying
    decimals: the product of two roundings is off by less than 10^15 · 2^-52 = 0.23.
    """
    digits = DataType(type_).digits
    if not digits or not digits[1]:
        return f"CAST({value} AS BIGINT)"
    if digits[0] <= EXACT_DIGITS:
        return f"CAST(rint(CAST({value} AS DOUBLE) * {10 ** digits[1]}D) AS BIGINT)"
    return f"CAST({value} * CAST({10 ** digits[1]} AS DECIMAL({digits[1] + 1},0)) AS BIGINT)"


def is_integer_cheap(type_: str) -> bool:
    """Whether :func:`as_integer` of an exact type multiplies no decimals."""
    digits = DataType(type_).digits
    return not digits or not digits[1] or digits[0] <= EXACT_DIGITS


def decimal_of_text(text: str, type_: str) -> str:
    """A DECIMAL of the type from an expression of text, which has all its digits after the point.

    Up to 18 digits Spark holds it as an integer, as a stored one. CAST makes a BigDecimal of a
    text, and then each comparison with a stored number makes another one.
    """
    digits = DataType(type_).digits
    if digits is None or digits[0] > MAX_EXACT_DIGITS:
        return f"CAST({text} AS {type_})"
    whole, places = max(digits[0] - digits[1], 1), digits[1]
    pattern = f"S{'9' * whole}{'D' + '9' * places if places else ''}"
    return f"CAST(to_number({text}, '{pattern}') AS {type_})"


def is_finite(double: str) -> str:
    """Whether a DOUBLE is a number; NULL for NULL."""
    return f"(NOT isnan({double}) AND abs({double}) < CAST('Infinity' AS DOUBLE))"


def double(number: float) -> str:
    """A DOUBLE literal with all its digits."""
    return f"CAST('{number!r}' AS DOUBLE)"
