"""The SQL of rows, strata and look-ups, built by pure functions that return ``(sql, params)``.

Unquoted names (``k0``, ``picked``, ``strata_0``) are the engine's own and always qualified.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import digest_of, key_text
from parquet_tables.row_keys.digests import NO_KEY
from parquet_tables.rows import RowSet, Statement, file_scans, rows_at
from parquet_tables.tables import Column, TableFiles
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.order import Int64s, SeededOrder, rank_steps
from sampling_engine.spec import RowFilter
from sampling_engine.sql.units import Units


class StrataTable(ABC):
    """What a statement knows of strata: their columns, filter and table; by default all rows."""

    table_name: str | None = None
    columns: Sequence[Column] = ()
    row_filter: RowFilter | None = None

    @abstractmethod
    def of(self, ordinals: Int64s, on_progress: ProgressCallback) -> Int64s:
        """The stratum of each row, below 0 for one that doesn't pass the filter."""


def passing(row_filter: RowFilter | None, joined_by: str = "WHERE") -> Statement:
    """The filter's condition on ``f`` after ``WHERE`` or ``AND``; nothing without a filter."""
    if row_filter is None:
        return "", []
    condition, params = row_filter.condition("f")
    return f" {joined_by} ({condition})", params


def all_rows(table: TableFiles, selected: str, row_filter: RowFilter | None) -> Statement:
    """Every row in the files that passes the filter, in one scan and without its ordinal."""
    paths = [str(file.path) for file, _ in table.with_starts()]
    where, params = passing(row_filter)
    return f"SELECT {selected} FROM read_parquet(?) AS f{where}", [paths, *params]


def numbered_rows(
    table: TableFiles,
    selected: str,
    row_filter: RowFilter | None,
    first: int = 0,
    stop: int | None = None,
) -> Statement:
    """Every row, or those of a range of ordinals, that passes the filter, with its ``ordinal``."""
    more = f", {selected}" if selected else ""
    selects: list[str] = []
    bound: list[object] = []
    for scan in file_scans(table, first, stop):
        conditions, params = scan.conditions()
        if row_filter is not None:
            condition, values = row_filter.condition("f")
            conditions.append(f"({condition})")
            params += values
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        selects.append(f"SELECT {scan.ordinal} AS ordinal{more} FROM {scan.source}{where}")
        bound += [scan.starts, scan.paths, *params]
    return " UNION ALL ".join(selects), bound


def joined_rows(
    table: TableFiles,
    selected: str,
    rows: RowSet,
    carried: Sequence[str] = (),
    row_filter: RowFilter | None = None,
) -> Statement:
    """The rows of a set that pass the filter; see :func:`rows_at`."""
    where, params = passing(row_filter, "AND")
    return rows_at(table, selected, rows, carried, where, params)


def rows_among(
    table: TableFiles, selected: str, row_filter: RowFilter | None, rows: RowSet | None
) -> Statement:
    """All rows, or those of a set; both pass the filter."""
    if rows is None:
        return all_rows(table, selected, row_filter)
    return joined_rows(table, selected, rows, row_filter=row_filter)


def key_columns(columns: Sequence[Column]) -> str:
    """The columns of ``f`` that make a stratum, as ``k0…``."""
    return ", ".join(f"{key_value(column)} AS k{i}" for i, column in enumerate(columns))


def same_keys(columns: Sequence[Column]) -> str:
    """Whether a row ``t`` is of the stratum ``s``."""
    return " AND ".join(f"s.k{i} IS NOT DISTINCT FROM t.k{i}" for i in range(len(columns)))


def label_expression(columns: Sequence[Column]) -> str:
    """The label of a stratum ``s`` from its values: joined by `` | ``, NULL as the bare word.

    A value is put in double quotes, its own doubled, where it could be misread: when it is empty,
    is the word NULL, holds a quote or a bar, or begins or ends with white space. So no two strata
    share a label.
    """
    return " || ' | ' || ".join(
        column.readable(f"s.k{i}")
        if isinstance(column, BandColumn)
        else _readable(f"CAST(s.k{i} AS VARCHAR)")
        for i, column in enumerate(columns)
    )


def _readable(text: str) -> str:
    return (
        f"CASE WHEN {text} IS NULL THEN 'NULL' "
        f"WHEN {text} IN ('', 'NULL') OR regexp_matches({text}, '[\"|]|^\\s|\\s$') "
        f"THEN '\"' || replace({text}, '\"', '\"\"') || '\"' ELSE {text} END"
    )


def key_value(column: Column) -> str:
    """The SQL of a row ``f``'s value of a column as a part of a stratum's key."""
    if isinstance(column, BandColumn):
        return column.number()
    name = f"f.{quote_identifier(column.name)}"
    if column.data_type.is_float:
        # 0.0 and -0.0 are equal but differ as text: adding zero makes both 0.0.
        return f"{name} + CAST(0 AS {column.type})"
    return name


def not_taken(rows: str) -> str:
    """The condition that no earlier round took a row of the table of this alias."""
    return f"NOT EXISTS (SELECT 1 FROM taken AS d WHERE d.ordinal = {rows}.ordinal)"


def load_strata(strata: str, path: str) -> Statement:
    """Make the table ``strata`` from a file that holds one."""
    return f"CREATE TEMP TABLE {strata} AS SELECT * FROM read_parquet(?)", [path]


def one_stratum(strata: str, rows: int) -> Statement:
    """Make the table ``strata`` of one stratum of so many rows."""
    return f"CREATE TEMP TABLE {strata} AS SELECT CAST(0 AS BIGINT) AS stratum, ? AS rows", [rows]


def all_strata(strata: str) -> Statement:
    """The whole table ``strata`` in its order."""
    return f"SELECT * FROM {strata} ORDER BY stratum", []


def totals_of_strata(strata: str) -> Statement:
    """The number of strata, and the rows over all of them."""
    return f"SELECT count(*), CAST(coalesce(sum(rows), 0) AS BIGINT) FROM {strata}", []


def sizes_of_strata(strata: str) -> Statement:
    """The strata's row counts in the order of their numbers."""
    return f"SELECT rows FROM {strata} ORDER BY stratum", []


def distinct_strata(strata: str, columns: int) -> Statement:
    """The number of combinations of the strata's first columns."""
    keys = ", ".join(f"k{i}" for i in range(columns))
    return f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {strata})", []


def band_numbers(strata: str) -> Statement:
    """The first key of each stratum, in the order of their numbers."""
    return f"SELECT k0 FROM {strata} ORDER BY stratum", []


def prefixes_of_strata(strata: str, columns: int) -> str:
    """The numbers of the strata's first values, from 0, in the order of the strata's numbers."""
    order = ", ".join(f"k{i} NULLS LAST" for i in range(columns))
    return (
        f"SELECT dense_rank() OVER (ORDER BY {order}) - 1 AS prefix FROM {strata} ORDER BY stratum"
    )


def repeated_value(strata: str, columns: int) -> Statement:
    """The first value of the last of some columns that lies in several strata, and in how many."""
    keys, last = ", ".join(f"k{i}" for i in range(columns)), f"k{columns - 1}"
    return (
        f"SELECT coalesce(CAST({last} AS VARCHAR), 'NULL'), count(*) "
        f"FROM (SELECT DISTINCT {keys} FROM {strata}) GROUP BY {last} HAVING count(*) > 1 "
        f"ORDER BY {last} NULLS LAST LIMIT 1",
        [],
    )


def digests_of_strata(strata: str, columns: Sequence[Column], first: int = 0) -> str:
    """The digests of the strata's values of some columns, the key's from ``first`` on."""
    values = [f"s.k{first + i}" for i in range(len(columns))]
    digest = digest_of(key_text(columns, values))
    return f"SELECT coalesce({digest}, {NO_KEY}) AS digest FROM {strata} AS s ORDER BY stratum"


def keys_of_strata(strata: str, columns: Sequence[Column], numbers: Sequence[int]) -> Statement:
    """The values of some strata as text, in the order of their numbers."""
    values = ", ".join(
        column.text(f"k{i}") if isinstance(column, BandColumn) else f"CAST(k{i} AS VARCHAR)"
        for i, column in enumerate(columns)
    )
    return (
        f"SELECT {values} FROM {strata} WHERE stratum IN (SELECT unnest(?::BIGINT[])) "
        "ORDER BY stratum",
        [list(numbers)],
    )


def labels_of_strata(strata: str, columns: Sequence[Column], numbers: Sequence[int]) -> Statement:
    """The labels of some strata, in the order of their numbers."""
    return (
        f"SELECT {label_expression(columns)} FROM {strata} AS s "
        "WHERE stratum IN (SELECT unnest(?::BIGINT[])) ORDER BY stratum",
        [list(numbers)],
    )


def strata_of_labels(strata: str, columns: Sequence[Column], labels: Sequence[str]) -> Statement:
    """Label and number of those strata whose label is among ``labels``."""
    return (
        f"SELECT label, stratum FROM (SELECT {label_expression(columns)} AS label, stratum "
        f"FROM {strata} AS s) WHERE label IN (SELECT unnest(?::VARCHAR[]))",
        [list(labels)],
    )


def strata_of_picked(table: TableFiles, strata: StrataTable, picked: RowSet) -> Statement:
    """Position and stratum of the rows in ``picked`` that pass the strata's filter."""
    keys = key_columns(strata.columns)
    branches, params = joined_rows(table, keys, picked, ["position"], strata.row_filter)
    if not strata.columns:
        return f"SELECT t.position, CAST(0 AS BIGINT) AS stratum FROM ({branches}) AS t", params
    return (
        f"SELECT t.position, s.stratum FROM ({branches}) AS t JOIN {strata.table_name} AS s "
        f"ON {same_keys(strata.columns)}",
        params,
    )


def rows_of_strata(
    table: TableFiles, strata: StrataTable, first: int = 0, stop: int | None = None
) -> Statement:
    """Rows of a range of ordinals that are of ``wanted`` strata and aren't taken.

    If the strata have no columns, all rows that pass their filter are of the one in ``wanted``.
    Columns: ordinal, stratum; in no order.
    """
    keys = key_columns(strata.columns)
    branches, params = numbered_rows(table, keys, strata.row_filter, first, stop)
    return (
        f"SELECT t.ordinal, w.stratum FROM ({branches}) AS t {_joined_wanted(strata)} "
        f"WHERE {not_taken('t')}",
        params,
    )


def _joined_wanted(strata: StrataTable) -> str:
    """Join the rows ``t`` with the ``wanted`` strata ``w``."""
    if not strata.columns:
        return "CROSS JOIN wanted AS w"
    return (
        f"JOIN {strata.table_name} AS s ON {same_keys(strata.columns)} "
        "JOIN wanted AS w ON w.stratum = s.stratum"
    )


def scan(table: TableFiles, strata: StrataTable, order: SeededOrder) -> Statement:
    """Rows of ``wanted`` strata that aren't taken and rank below the stratum's threshold.

    If the strata have no columns, all rows that pass their filter are of the one in ``wanted``.
    Columns: ordinal, stratum, rank; in no order.
    """
    branches, params = numbered_rows(table, key_columns(strata.columns), strata.row_filter)
    joined = _joined_wanted(strata)
    source = f"(SELECT t.ordinal, w.stratum, w.threshold FROM ({branches}) AS t {joined})"
    steps, ranked = rank_steps(order, source, ["stratum", "threshold"])
    return (
        f"WITH {', '.join(steps)} SELECT ordinal, stratum, rank FROM {ranked} "
        f"WHERE rank < threshold AND {not_taken(ranked)}",
        params,
    )


def count_before(table: TableFiles, strata: StrataTable, order: SeededOrder) -> Statement:
    """Position in ``lines`` and the number of rows of :func:`scan` that precede it in its stratum.

    A line has a position, a stratum and a rank; one without a row before it is missing.
    """
    scanned, params = scan(table, strata, order)
    return (
        f"SELECT l.position, count(*) AS rows FROM ({scanned}) AS r "
        "JOIN lines AS l ON l.stratum = r.stratum AND r.rank < l.rank GROUP BY l.position",
        params,
    )


def units_of_picked(
    table: TableFiles, units: Units, picked: RowSet, row_filter: RowFilter | None
) -> Statement:
    """Position and units of the rows in ``picked`` that pass the filter and have more than 0."""
    value = f"{units.sql()} AS v"
    branches, params = joined_rows(table, value, picked, ["position"], row_filter)
    return f"SELECT t.position, t.v FROM ({branches}) AS t WHERE t.v > 0", params


Halves = Literal["away", "to_even"]
"""Where floating-point numbers go that lie between two decimals of six places."""


def amount_value(column: Column, halves: Halves = "away") -> str:
    """The amount of a row ``f`` as an exact number; NULL where it is missing or not finite.

    A floating-point number counts as the nearest decimal of six places. ``to_even`` rounds its
    product with a million, as Spark does.
    """
    name = f"f.{quote_identifier(column.name)}"
    if column.data_type.is_float and halves == "to_even":
        millionths = f"round_even(CAST({name} AS DOUBLE) * 1e6, 0)"
        whole = f"CAST(CAST({millionths} AS HUGEINT) AS DECIMAL(38, 0))"
        exact = f"{whole} * CAST(1e-6 AS DECIMAL(7, 6))"
        return f"CASE WHEN isfinite({name}) AND abs({millionths}) < 1e38 THEN {exact} END"
    if column.data_type.is_float:
        return f"CASE WHEN isfinite({name}) THEN TRY_CAST({name} AS DECIMAL(38, 6)) END"
    return name


def amounts_of_picked(table: TableFiles, column: Column, picked: RowSet) -> Statement:
    """By stratum: its number, the exact sum of an amount over ``picked`` rows, and of negatives."""
    source, params = joined_rows(table, f"{amount_value(column)} AS v", picked, ["stratum"])
    return (
        "SELECT stratum, sum(v) AS net, sum(v) FILTER (WHERE v < 0) AS negative "
        f"FROM ({source}) GROUP BY stratum",
        params,
    )
