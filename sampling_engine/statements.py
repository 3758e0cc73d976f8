"""The statements by which rows are counted, looked up and chosen, built by pure functions.

Owns: the SQL of strata and of the order's front. Invariant: a builder returns ``(sql, params)``,
and the words that are written as they are (``k0``, ``picked``, ``strata_0`` …) are the engine's
own. Its pieces are in :mod:`sampling_engine.table_sql`, the order's arithmetic in
:mod:`sampling_engine.rank_sql`, columns of numbers in :mod:`sampling_engine.number_statements` and
the sample's in :mod:`sampling_engine.sample_statements`.

Temporary tables and registered arrays that the statements speak of, all on the draw's own cursor:

========================= ==================================================================
``taken``                 ordinal: rows that are left out or were drawn by an earlier round
``picked``                position, ordinal: rows that are looked up
``wanted``                stratum, threshold: what a scan looks for
``chosen``                ordinal, selection_order, stratum: reserves; or as ``drawn``
``drawn``                 ordinal, round_number, selection_order, stratum, probability, weight:
                          what all rounds chose
``strata_0…``             stratum, k0…, rows: the strata of one list of columns and one filter
========================= ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import Column, TableFiles
from sampling_engine.order import SeededOrder
from sampling_engine.rank_sql import rank_steps
from sampling_engine.spec import RowFilter
from sampling_engine.table_sql import (
    Statement,
    all_rows,
    joined_rows,
    key_columns,
    label_expression,
    numbered_rows,
    passing,
    same_keys,
)

NOT_TAKEN = "NOT EXISTS (SELECT 1 FROM taken AS d WHERE d.ordinal = {rows}.ordinal)"


def count_strata(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Make the table ``strata``: numbered from 0 in the order of the values, NULL last."""
    keys = [f"k{i}" for i in range(len(columns))]
    order = ", ".join(f"{key} NULLS LAST" for key in keys)
    rows, params = all_rows(table, f"{key_columns(columns)}, count(*) AS rows", row_filter)
    return (
        f"CREATE TEMP TABLE {strata} AS SELECT row_number() OVER (ORDER BY {order}) - 1 AS "
        f"stratum, {', '.join(keys)}, rows FROM ({rows} GROUP BY ALL)",
        params,
    )


def count_rows(table: TableFiles, strata: str, row_filter: RowFilter) -> Statement:
    """Make the table ``strata`` of one stratum: the rows that pass the filter."""
    rows, params = all_rows(table, "count(*) AS rows", row_filter)
    return (
        f"CREATE TEMP TABLE {strata} AS SELECT CAST(0 AS BIGINT) AS stratum, rows FROM ({rows})",
        params,
    )


def load_strata(strata: str, path: str) -> Statement:
    """Make the table ``strata`` from a file that holds one."""
    return f"CREATE TEMP TABLE {strata} AS SELECT * FROM read_parquet(?)", [path]


def all_strata(strata: str) -> Statement:
    """The whole table ``strata`` in its order."""
    return f"SELECT * FROM {strata} ORDER BY stratum", []


def totals_of_strata(strata: str) -> Statement:
    """The number of strata, and the rows over all of them."""
    return f"SELECT count(*), CAST(coalesce(sum(rows), 0) AS BIGINT) FROM {strata}", []


def sizes_of_strata(strata: str) -> Statement:
    """The strata's row counts in the order of their numbers."""
    return f"SELECT rows FROM {strata} ORDER BY stratum", []


def keys_of_strata(strata: str, keys: int, numbers: Sequence[int]) -> Statement:
    """The values of some strata as text, in the order of their numbers."""
    values = ", ".join(f"CAST(k{i} AS VARCHAR)" for i in range(keys))
    return (
        f"SELECT {values} FROM {strata} WHERE stratum IN (SELECT unnest(?::BIGINT[])) "
        "ORDER BY stratum",
        [list(numbers)],
    )


def labels_of_strata(strata: str, keys: int, numbers: Sequence[int]) -> Statement:
    """The labels of some strata, in the order of their numbers."""
    return (
        f"SELECT {label_expression(keys)} FROM {strata} AS s "
        "WHERE stratum IN (SELECT unnest(?::BIGINT[])) ORDER BY stratum",
        [list(numbers)],
    )


def strata_of_labels(strata: str, keys: int, labels: Sequence[str]) -> Statement:
    """Label and number of those strata whose label is among ``labels``."""
    return (
        f"SELECT label, stratum FROM (SELECT {label_expression(keys)} AS label, stratum "
        f"FROM {strata} AS s) WHERE label IN (SELECT unnest(?::VARCHAR[]))",
        [list(labels)],
    )


def strata_of_picked(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Position and stratum of the rows in ``picked`` that pass the filter."""
    if not columns:
        selected = "p.position, CAST(0 AS BIGINT) AS stratum"
        return joined_rows(table, selected, "picked", row_filter)
    selected = f"{key_columns(columns)}, p.position"
    branches, params = joined_rows(table, selected, "picked", row_filter)
    return (
        f"SELECT t.position, s.stratum FROM ({branches}) AS t JOIN {strata} AS s "
        f"ON {same_keys(columns)}",
        params,
    )


def scan(
    table: TableFiles,
    columns: Sequence[Column],
    strata: str | None,
    order: SeededOrder,
    row_filter: RowFilter | None = None,
) -> Statement:
    """Rows of ``wanted`` strata that aren't taken and rank below the stratum's threshold.

    Without ``columns`` all rows are of the one stratum in ``wanted``. Columns: ordinal, stratum,
    rank; in no order.
    """
    branches, params = numbered_rows(table, key_columns(columns), row_filter)
    joined = (
        f"JOIN {strata} AS s ON {same_keys(columns)} JOIN wanted AS w ON w.stratum = s.stratum"
        if columns
        else "CROSS JOIN wanted AS w"
    )
    source = f"(SELECT t.ordinal, w.stratum, w.threshold FROM ({branches}) AS t {joined})"
    steps, ranked = rank_steps(order, source, ["stratum", "threshold"])
    return (
        f"WITH {', '.join(steps)} SELECT ordinal, stratum, rank FROM {ranked} "
        f"WHERE rank < threshold AND {NOT_TAKEN.format(rows=ranked)}",
        params,
    )


def ordinals_between(
    path: str, start: int, first: int, stop: int, row_filter: RowFilter
) -> Statement:
    """Ordinals of a file's rows ``first`` to ``stop`` that pass the filter; in no order.

    Parameters
    ----------
    start : int
        The ordinal of the file's first row.
    """
    condition, params = passing(row_filter, "AND")
    return (
        "SELECT f.file_row_number + ? AS ordinal FROM read_parquet(?, file_row_number = true) AS f "
        f"WHERE f.file_row_number >= ? AND f.file_row_number < ?{condition}",
        [start, path, first, stop, *params],
    )
