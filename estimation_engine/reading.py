"""Read the values of statistics from a sample's file, one row after the other by ordinal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.words import StatisticName
from domain_errors import Loc
from estimation_engine.arrays import Booleans, Ints
from estimation_engine.errors import InvalidEstimate, TooManyGroups
from estimation_engine.estimates import Domains, Values
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement, read_rows
from parquet_tables.tables import TableFiles

ROW_ID = "_logical_row_id"
MAX_CELLS = 50_000_000
"""Values that are read at once: rows times columns."""
MAX_GROUPS = 1_000
NEEDS_NUMBERS = ("mean", "total", "ratio", "quantile")
ALL = "true"


@dataclass(frozen=True)
class Statistic:
    """A statistic to estimate.

    Parameters
    ----------
    condition : Statement, optional
        Of a proportion: SQL over ``f`` of the rows that count as 1.
    counts_missing : bool
        Of a proportion: rows without a value are in the denominator, as for the share of those.
    """

    name: StatisticName
    column: Column | None = None
    denominator: Column | None = None
    condition: Statement | None = None
    counts_missing: bool = False
    q: float = 0.5


@dataclass(frozen=True, eq=False)
class ReadSample:
    """The rows by ordinal: the domains with their keys, and the values of each statistic."""

    domains: Domains
    keys: list[dict[str, Any]]
    values: list[Values]


def relation_of(sample: TableFiles) -> Statement:
    """SQL of a sample's table."""
    return "read_parquet(?)", [[str(file.path) for file in sample.files]]


def check_statistic(statistic: Statistic, loc: Loc) -> None:
    """Refuse a statistic that lacks something, or whose values don't add up."""
    name = statistic.name
    if name != "count" and statistic.column is None:
        raise InvalidEstimate("A {name} needs a `column`.", name=name, loc=(*loc, "column"))
    if name == "ratio" and statistic.denominator is None:
        raise InvalidEstimate(
            "A ratio needs a `denominator`, another column.", loc=(*loc, "denominator")
        )
    if name == "proportion" and statistic.condition is None:
        raise InvalidEstimate("A proportion needs a `value`.", loc=(*loc, "value"))
    if name not in NEEDS_NUMBERS:
        return
    for field, column in (("column", statistic.column), ("denominator", statistic.denominator)):
        if column is not None and not is_summable(column):
            raise InvalidEstimate(
                'A {name} needs a column of numbers; "{column}" is of type {type}.',
                name=name,
                column=column.name,
                type=column.type,
                loc=(*loc, field),
            )


def is_number(column: Column) -> bool:
    """Whether a column holds numbers."""
    return column.data_type.is_number


def number_of(column: Column) -> str:
    """The SQL of a row ``f``'s number; true is 1 and false 0."""
    name = f"f.{quote_identifier(column.name)}"
    return f"CAST({name} AS TINYINT)" if column.type == "BOOLEAN" else name


def is_summable(column: Column) -> bool:
    """Whether a column's values add up: numbers, and true and false as 1 and 0."""
    return column.data_type.is_summable


def read_values(
    cursor: duckdb.DuckDBPyConnection,
    relation: Statement,
    ordinals: Ints,
    statistics: Sequence[Statistic],
    by: Sequence[Column],
    where: Statement | None,
) -> ReadSample:
    """Read a sample whose rows have these sorted ordinals; ``relation`` is SQL of its table.

    Raises
    ------
    InvalidEstimate
        Too much to read, or a value that is no finite number.
    TooManyGroups
    """
    condition, bound = where or (ALL, [])
    selected = [
        f"CAST(split_part(f.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT) AS ordinal",
        f"coalesce({condition}, false) AS included",
        f"{'coalesce(k.place, 0)' if by else '0'} AS place",
    ]
    params = list(bound)
    for at, statistic in enumerate(statistics):
        expressions, given = _expressions(statistic, at)
        selected += expressions
        params += given
    if len(ordinals) * len(selected) > MAX_CELLS:
        raise InvalidEstimate(
            "These are {rows} rows for {columns} columns, more than are read at once: ask for "
            "fewer statistics.",
            rows=len(ordinals),
            columns=len(selected),
        )
    keys = _keys(cursor, relation, by, (condition, bound))
    rows, read = relation
    join, joined = _places(relation, by, (condition, bound))
    found = cursor.execute(
        f"SELECT {', '.join(selected)} FROM {rows} AS f{join}", [*params, *read, *joined]
    ).fetchnumpy()
    columns = _by_ordinal(found)
    if not np.array_equal(np.asarray(columns["ordinal"]), ordinals):
        raise InvalidEstimate("The sample's rows aren't those of its recorded draw.")
    included: Booleans = np.asarray(columns["included"], dtype=np.bool_)
    places = np.where(included, np.asarray(columns["place"], dtype=np.int64), 0)
    domains = Domains(included, places, len(keys))
    values = [_values(statistic, at, columns, included) for at, statistic in enumerate(statistics)]
    return ReadSample(domains, keys, values)


def _by_ordinal(found: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns in the order of the ordinals, which files are often in."""
    ordinals = np.asarray(found["ordinal"])
    if (np.diff(ordinals) > 0).all():
        return found
    order = np.argsort(ordinals, kind="stable")
    return {name: array[order] for name, array in found.items()}


def _places(relation: Statement, by: Sequence[Column], where: Statement) -> Statement:
    """The join of the groups' places in the order of :func:`_keys`, as ``k``."""
    if not by:
        return "", []
    names = [column.group_value() for column in by]
    distinct = ", ".join(f"{name} AS c{at}" for at, name in enumerate(names))
    ordering = ", ".join(f"g.c{at} NULLS LAST" for at in range(len(by)))
    matches = " AND ".join(f"{name} IS NOT DISTINCT FROM k.c{at}" for at, name in enumerate(names))
    return (
        f" LEFT JOIN (SELECT g.*, row_number() OVER (ORDER BY {ordering}) - 1 AS place FROM "
        f"(SELECT DISTINCT {distinct} FROM {relation[0]} AS f WHERE {where[0]}) AS g) AS k "
        f"ON {matches}",
        [*relation[1], *where[1]],
    )


def _keys(
    cursor: duckdb.DuckDBPyConnection, relation: Statement, by: Sequence[Column], where: Statement
) -> list[dict[str, Any]]:
    """The groups with a row, in the order of their values, missing ones last."""
    if not by:
        return [{}]
    names = [column.group_value() for column in by]
    shown = ", ".join(f"{name} AS c{at}" for at, name in enumerate(names))
    ordering = ", ".join(f"{name} NULLS LAST" for name in names)
    sql = (
        f"SELECT {shown} FROM {relation[0]} AS f WHERE {where[0]} GROUP BY {', '.join(names)} "
        f"ORDER BY {ordering} LIMIT {MAX_GROUPS + 1:d}"
    )
    shown_as = [Column(each.name, each.group_type) for each in by]
    keys = read_rows(cursor, (sql, [*relation[1], *where[1]]), shown_as)
    if len(keys) > MAX_GROUPS:
        raise TooManyGroups(
            "{columns} make more than {maximum} groups: choose a column with fewer values, or "
            "filter rows with `filters`.",
            columns=", ".join(f'"{column.name}"' for column in by),
            maximum=MAX_GROUPS,
            loc=("by",),
        )
    return keys


def _expressions(statistic: Statistic, at: int) -> tuple[list[str], list[object]]:
    """The SQL of a statistic's y, its denominator x, and whether there is a value."""
    column = statistic.column
    name = None if column is None else f"f.{quote_identifier(column.name)}"
    if statistic.name == "count":
        return [f"{'true' if name is None else f'{name} IS NOT NULL'} AS p{at}"], []
    if statistic.name == "proportion":
        assert statistic.condition is not None  # noqa: S101 - checked
        sql, params = statistic.condition
        present = "true" if statistic.counts_missing else f"{name} IS NOT NULL"
        return [f"coalesce({sql}, false) AS y{at}", f"{present} AS p{at}"], list(params)
    found = [f"CAST({name} AS DOUBLE) AS y{at}"]
    present = f"{name} IS NOT NULL"
    if statistic.denominator is not None and statistic.name == "ratio":
        below = f"f.{quote_identifier(statistic.denominator.name)}"
        found.append(f"CAST({below} AS DOUBLE) AS x{at}")
        present += f" AND {below} IS NOT NULL"
    return [*found, f"({present}) AS p{at}"], []


def _values(
    statistic: Statistic, at: int, columns: dict[str, NDArray[Any]], included: Booleans
) -> Values:
    present = np.asarray(columns[f"p{at}"], dtype=np.bool_)
    if statistic.name == "count":
        return Values("count", np.ones(len(present)), present)
    arrays = []
    for field, column in ((f"y{at}", statistic.column), (f"x{at}", statistic.denominator)):
        if field not in columns:
            continue
        array = np.ma.filled(columns[field], 0).astype(np.float64, copy=False)
        if not present.all():
            array = np.where(present, array, 0.0)
        finite = np.isfinite(array)
        wrong = int((~finite & included).sum())
        if wrong:
            raise InvalidEstimate(
                'The column "{column}" has {count} sampled {count|row|rows} with NaN or an '
                "infinite value: "
                "leave them out with `filters`.",
                column="" if column is None else column.name,
                count=wrong,
            )
        arrays.append(array if finite.all() else np.where(finite, array, 0.0))
    return Values(
        statistic.name, arrays[0], present, arrays[1] if len(arrays) > 1 else None, statistic.q
    )
