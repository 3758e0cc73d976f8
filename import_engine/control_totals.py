"""Control totals of an imported table: the sums of each number column, to compare with the source.

Sums are exact. A DOUBLE counts as the decimal that it shows: 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import duckdb

from parquet_tables.columns import INTEGERS, Column
from parquet_tables.progress import ProgressCallback, execute_watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import TableFiles

MAX_COLUMNS = 1000
"""Number columns of a table that get totals, the first ones."""
CHUNK_COLUMNS = 100
SCALES = (2, 4, 6, 9)
"""Decimals that are tried for the values of a DOUBLE column."""
EXACT_LIMIT = 2**53
_FLOATS = ("DOUBLE", "FLOAT")
_WHOLES = (*INTEGERS, "UBIGINT", "HUGEINT")


@dataclass(frozen=True)
class ControlTotal:
    """The sums of a column as decimal numbers; missing values count as nothing.

    ``is_exact`` is false if values have more than nine decimals, or are too large or not finite.
    """

    column: str
    sum: str
    positive: str
    negative: str
    is_exact: bool


def control_totals(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, on_progress: ProgressCallback
) -> list[ControlTotal]:
    """Add up each number column of a table."""
    columns = [each for each in table.columns if _is_number(each)][:MAX_COLUMNS]
    found: dict[str, ControlTotal] = {}
    scale_of = {each.name: 0 for each in columns}
    while left := [each for each in columns if each.name not in found]:
        for start in range(0, len(left), CHUNK_COLUMNS):
            chunk = left[start : start + CHUNK_COLUMNS]
            sql = _sums_sql([(each, scale_of[each.name]) for each in chunk])
            paths = [str(file.path) for file in table.files]
            (row,) = execute_watched(cursor, sql, [paths], on_progress, "adding control totals")
            for column, sums in zip(chunk, _by_three(row), strict=True):
                total = _total(column, sums, scale_of[column.name])
                if total is None:
                    scale_of[column.name] += 1
                else:
                    found[column.name] = total
    return [found[each.name] for each in columns]


def _is_number(column: Column) -> bool:
    return column.type in (*_FLOATS, *_WHOLES) or column.type.startswith("DECIMAL(")


def _sums_sql(columns: Sequence[tuple[Column, int]]) -> str:
    """Build the query of three values for each column: positive, negative, whether exact."""
    wanted: list[str] = []
    for column, attempt in columns:
        name = f"f.{quote_identifier(column.name)}"
        value, exact = name, "true"
        if column.type in _FLOATS and attempt == len(SCALES):
            exact = "false"
        elif column.type in _FLOATS:
            scale = SCALES[attempt]
            value = f"TRY_CAST({name} AS DECIMAL(18,{scale}))"
            same = f"coalesce(CAST({value} AS {column.type}) = {name}, false)"
            exact = (
                f"bool_and({name} IS NULL OR ({same} AND abs({name}) < {EXACT_LIMIT // 10**scale}))"
            )
        add = "fsum" if exact == "false" else "sum"
        wanted.append(f"{add}({value}) FILTER ({name} > 0)")
        wanted.append(f"{add}({value}) FILTER ({name} < 0)")
        wanted.append(exact)
    return f"SELECT {', '.join(wanted)} FROM read_parquet(?) AS f"


def _by_three(row: Sequence[object]) -> Iterator[Sequence[object]]:
    return (row[start : start + 3] for start in range(0, len(row), 3))


def _total(column: Column, sums: Sequence[object], attempt: int) -> ControlTotal | None:
    """Return the total, or None if the values have more decimals than were tried."""
    positive, negative, exact = sums
    is_last = column.type not in _FLOATS or attempt == len(SCALES)
    if exact is False and not is_last:
        return None
    plus, minus = (Decimal(str(each or 0)) for each in (positive, negative))
    with localcontext() as context:
        context.prec = 60
        both = plus + minus if plus.is_finite() and minus.is_finite() else Decimal("NaN")
    return ControlTotal(column.name, _shown(both), _shown(plus), _shown(minus), exact is not False)


def _shown(value: Decimal) -> str:
    """Write a decimal without exponent and needless zeros.

    >>> _shown(Decimal("1234.500")), _shown(Decimal("1E+3")), _shown(Decimal("-0.00"))
    ('1234.5', '1000', '0')
    """
    if not value.is_finite():
        return str(value)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
