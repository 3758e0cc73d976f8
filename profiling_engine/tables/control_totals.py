"""Control totals of a table: the sums of each number column, to compare with a source or a version.

Sums are exact, and have the decimals of a DECIMAL column. A DOUBLE counts as the decimal that it
shows: 0.1 + 0.2 is 0.3. Columns of numbers
that identify rows, such as account numbers, are marked: their sums mean little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from itertools import compress
from typing import Any

import duckdb

from contract.columns import is_identifier_name
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.exact_values import SCALES, are_exact, exact_value
from parquet_tables.progress import ProgressCallback, execute_watched, ignore_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement, scan_statement, unique_in_first_rows
from parquet_tables.tables import TableFiles

MAX_COLUMNS = 1000
"""Number columns of a table that get totals, the first ones."""
CHUNK_COLUMNS = 100
MAX_SUM_DIGITS = 28
"""Digits of numbers of which ten billion can be added up exactly."""
SUM_DIGITS = 60
MIN_UNIQUE_ROWS = 20
"""Rows below which unique numbers may be amounts."""
MAX_GAP = 10
"""The largest average distance of numbers that count rows."""


@dataclass(frozen=True)
class ControlTotal:
    """The sums of a column as decimal numbers; missing values count as nothing.

    ``is_exact`` is false if values have more than nine decimals, or are too large or not finite.
    ``is_identifier`` is true for numbers that identify something, rather than amounts.
    """

    column: str
    sum: str
    positive: str
    negative: str
    is_exact: bool
    is_identifier: bool


def control_totals(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    on_progress: ProgressCallback = ignore_progress,
) -> list[ControlTotal]:
    """Add up each number column of a table."""
    columns = [each for each in table.columns if each.data_type.is_number][:MAX_COLUMNS]
    identifiers = _identifiers(cursor, table, [each for each in columns if each.data_type.is_whole])
    found: dict[str, ControlTotal] = {}
    scale_of = {column.name: 0 for column in columns}
    while left := [column for column in columns if column.name not in found]:
        for start in range(0, len(left), CHUNK_COLUMNS):
            chunk = left[start : start + CHUNK_COLUMNS]
            sql, params = _sums(table, [(column, scale_of[column.name]) for column in chunk])
            (row,) = execute_watched(cursor, sql, params, on_progress, "adding control totals")
            for column, sums in zip(chunk, _by_three(row), strict=True):
                is_identifier = column.name in identifiers
                total = _total(column, sums, scale_of[column.name], is_identifier=is_identifier)
                if total is None:
                    scale_of[column.name] += 1
                else:
                    found[column.name] = total
    return [found[each.name] for each in columns]


def _identifiers(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, columns: Sequence[Column]
) -> set[str]:
    """The columns of whole numbers that identify: by their names, or as their values say."""
    found = {column.name for column in columns if is_identifier_name(column.name)}
    others = [column for column in columns if column.name not in found]
    if table.row_count >= MIN_UNIQUE_ROWS:
        for start in range(0, len(others), CHUNK_COLUMNS):
            chunk = others[start : start + CHUNK_COLUMNS]
            unique = unique_in_first_rows(cursor, table, [(column,) for column in chunk])
            found |= _like_row_numbers(cursor, table, list(compress(chunk, unique)))
    return found


def _like_row_numbers(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, columns: Sequence[Column]
) -> set[str]:
    """The columns without a missing or negative value, of one length or with small gaps."""
    if not columns:
        return set()
    names = [f"v{at}" for at in range(len(columns))]
    cells = [
        f"f.{quote_identifier(column.name)} AS {name}"
        for column, name in zip(columns, names, strict=True)
    ]
    sql, params = scan_statement(table, cells)
    wanted = ", ".join(f"count({name}), min({name}), max({name})" for name in names)
    (row,) = cursor.execute(f"SELECT {wanted} FROM ({sql})", params).fetchall()
    rows = table.row_count
    return {
        column.name
        for column, (filled, least, most) in zip(columns, _by_three(row), strict=True)
        if filled == rows
        and int(least) >= 0
        and (len(str(least)) == len(str(most)) or int(most) - int(least) < MAX_GAP * rows)
    }


def _sums(table: TableFiles, columns: Sequence[tuple[Column, int]]) -> Statement:
    """Build the query of three values for each column: positive, negative, whether exact."""
    wanted: list[str] = []
    cells: list[str] = []
    values: list[str] = []
    for at, (column, attempt) in enumerate(columns):
        x, v = f"x{at}", f"v{at}"
        cells.append(f"f.{quote_identifier(column.name)} AS {x}")
        if _is_approximate(column, attempt):
            values.append(f"CAST({x} AS DOUBLE) AS {v}")
            wanted += [f"fsum({v}) FILTER ({v} > 0)", f"fsum({v}) FILTER ({v} < 0)", "false"]
            continue
        value, exact = x, "true"
        if column.data_type.is_float:
            scale = SCALES[attempt]
            value = exact_value(x, scale)
            exact = are_exact(x, v, column.type, scale)
        values.append(f"{x}, {value} AS {v}")
        negative = f"sum({v}) FILTER ({v} < 0)"
        wanted += [f"sum({v}) - coalesce({negative}, 0)", negative, exact]
    sql, params = scan_statement(table, cells)
    return f"SELECT {', '.join(wanted)} FROM (SELECT {', '.join(values)} FROM ({sql}))", params


def _is_approximate(column: Column, attempt: int) -> bool:
    """Whether the sum is one of DOUBLEs: of unusual fractions, or where exact ones may overflow."""
    if column.data_type.is_float:
        return attempt == len(SCALES)
    digits = column.data_type.digits
    return column.type == "HUGEINT" or (digits is not None and digits[0] > MAX_SUM_DIGITS)


def _by_three(row: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (row[start : start + 3] for start in range(0, len(row), 3))


def _total(
    column: Column, sums: Sequence[object], attempt: int, *, is_identifier: bool
) -> ControlTotal | None:
    """Return the total, or None if the values have more decimals than were tried."""
    positive, negative, exact = sums
    is_last = not column.data_type.is_float or attempt == len(SCALES)
    if exact is False and not is_last:
        return None
    plus, minus = (Decimal(str(part or 0)) for part in (positive, negative))
    with localcontext() as context:
        context.prec = SUM_DIGITS
        both = plus + minus if plus.is_finite() and minus.is_finite() else Decimal("NaN")
    digits = column.data_type.digits

    def text(value: Decimal) -> str:
        return f"{value:.{digits[1]}f}" if digits else shown_decimal(value)

    return ControlTotal(
        column.name,
        text(both),
        text(plus),
        text(minus),
        is_exact=exact is not False,
        is_identifier=is_identifier,
    )


def shown_decimal(value: Decimal) -> str:
    """Write a decimal without exponent and needless zeros.

    >>> [shown_decimal(Decimal(text)) for text in ("1234.500", "1E+3", "-0.00")]
    ['1234.5', '1000', '0']
    """
    if not value.is_finite():
        return str(value)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
