"""Every statement of a draw, built by pure functions.

Owns: the engine's SQL, except for the order's arithmetic (:mod:`sampling_engine.rank_sql`).
Invariant: a builder returns ``(sql, params)``, values are bound, names are quoted, and the words
that are written as they are (``k0``, ``picked``, ``strata_0`` …) are the engine's own. A table's
columns are renamed to ``k0…`` or ``c0…`` at once, so that no name of theirs can meet one of ours.
Called by the strata, the scan and the sample's writing.

Temporary tables and registered arrays that the statements speak of, all on the draw's own cursor:

========================= ===================================================================
``picked``                position, ordinal: rows whose strata are asked for
``wanted``                stratum, threshold: what a scan looks for
``chosen``                ordinal, selection_order, stratum: what a round chose, in order of rank
``stratum_sizes``         stratum, eligible, sampled: for the strata from which rows were drawn
``drawn``                 ordinal, round_number, selection_order, stratum: what all rounds chose
``cells``                 for each round and stratum in ``drawn``: method, label, eligible, sampled
``strata_0…``             stratum, k0…, rows: the strata of one list of columns
========================= ===================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.order import SeededOrder
from sampling_engine.rank_sql import rank_steps

Statement = tuple[str, list[object]]

CREATE_DRAWN = (
    "CREATE TEMP TABLE drawn "
    "(ordinal BIGINT, round_number INTEGER, selection_order BIGINT, stratum BIGINT)"
)
DRAWN = "p.ordinal, p.round_number, p.selection_order, p.stratum"
CREATE_CELLS = (
    "CREATE TEMP TABLE cells (round_number INTEGER, stratum BIGINT, method VARCHAR, label VARCHAR, "
    "eligible BIGINT, sampled BIGINT)"
)


def keep_chosen(round_number: int) -> Statement:
    """Add ``chosen`` to ``drawn``."""
    return (
        "INSERT INTO drawn SELECT ordinal, CAST(? AS INTEGER), selection_order, stratum "
        "FROM chosen",
        [round_number],
    )


def keep_cells(round_number: int, method: str, strata: str | None, keys: int) -> Statement:
    """Add a round's ``stratum_sizes`` to ``cells``, labelled when ``strata`` names their table."""
    label = label_expression(keys) if strata else "CAST(NULL AS VARCHAR)"
    joined = f" JOIN {strata} AS s USING (stratum)" if strata else ""
    return (
        f"INSERT INTO cells SELECT CAST(? AS INTEGER), z.stratum, ?, {label}, z.eligible, "
        f"z.sampled FROM stratum_sizes AS z{joined}",
        [round_number, method],
    )


def count_strata(table: TableFiles, columns: Sequence[Column], strata: str) -> Statement:
    """Make the table ``strata``: numbered from 0 in the order of the values, NULL last."""
    keys = [f"k{i}" for i in range(len(columns))]
    order = ", ".join(f"{key} NULLS LAST" for key in keys)
    paths = [str(file.path) for file, _ in table.with_starts()]
    return (
        f"CREATE TEMP TABLE {strata} AS SELECT row_number() OVER (ORDER BY {order}) - 1 AS "
        f"stratum, {', '.join(keys)}, rows FROM (SELECT {_key_columns(columns)}, count(*) AS rows "
        f"FROM read_parquet(?) AS f GROUP BY ALL)",
        [paths],
    )


def load_strata(strata: str, path: str) -> Statement:
    """Make the table ``strata`` from a file that holds one."""
    return f"CREATE TEMP TABLE {strata} AS SELECT * FROM read_parquet(?)", [path]


def all_strata(strata: str) -> Statement:
    """The whole table ``strata`` in its order."""
    return f"SELECT * FROM {strata} ORDER BY stratum", []


def totals_of_strata(strata: str) -> Statement:
    """The number of strata, and the rows over all of them."""
    return f"SELECT count(*), CAST(sum(rows) AS BIGINT) FROM {strata}", []


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


def strata_of_picked(table: TableFiles, columns: Sequence[Column], strata: str) -> Statement:
    """The stratum of each row in ``picked``: position, stratum."""
    branches, params = _joined_branches(table, f"{_key_columns(columns)}, p.position", "picked")
    return (
        f"SELECT t.position, s.stratum FROM ({branches}) AS t JOIN {strata} AS s "
        f"ON {_same_keys(columns)}",
        params,
    )


def scan(
    table: TableFiles, columns: Sequence[Column], strata: str | None, order: SeededOrder
) -> Statement:
    """Rows of ``wanted`` strata that aren't drawn yet and rank below the stratum's threshold.

    Without ``strata`` all rows are of the one stratum in ``wanted``. Columns: ordinal, stratum,
    rank; in no order.
    """
    selects: list[str] = []
    params: list[object] = []
    keys = f", {_key_columns(columns)}" if columns else ""
    for file, start in table.with_starts():
        selects.append(
            f"SELECT f.file_row_number + ? AS ordinal{keys} "
            "FROM read_parquet(?, file_row_number = true) AS f"
        )
        params += [start, str(file.path)]
    joined = (
        f"JOIN {strata} AS s ON {_same_keys(columns)} JOIN wanted AS w ON w.stratum = s.stratum"
        if strata
        else "CROSS JOIN wanted AS w"
    )
    source = (
        f"(SELECT t.ordinal, w.stratum, w.threshold FROM ({' UNION ALL '.join(selects)}) AS t "
        f"{joined})"
    )
    steps, ranked = rank_steps(order, source, ["stratum", "threshold"])
    return (
        f"WITH {', '.join(steps)} SELECT ordinal, stratum, rank FROM {ranked} "
        "WHERE rank < threshold AND NOT EXISTS "
        f"(SELECT 1 FROM drawn AS d WHERE d.ordinal = {ranked}.ordinal)",
        params,
    )


def drawn_rows(
    table: TableFiles, names: Sequence[str], told: Sequence[str], table_key: str
) -> Statement:
    """The sample: all of ``drawn``, in order of round, then rank.

    Parameters
    ----------
    names : sequence of str
        What the table's own columns are called in the sample.
    told : sequence of str
        The names of the seven columns that tell of the draw, in their order: row id, round, method,
        selection order, stratum, inclusion probability, design weight.
    """
    own = ", ".join(f"f.{quote_identifier(c.name)} AS c{i}" for i, c in enumerate(table.columns))
    branches, params = _joined_branches(table, f"{own}, {DRAWN}", "drawn")
    renamed = [f"t.c{i} AS {quote_identifier(name)}" for i, name in enumerate(names)]
    values = [
        "CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR)",
        "t.round_number",
        "s.method",
        "t.selection_order",
        "s.label",
        "CAST(s.sampled AS DOUBLE) / CAST(s.eligible AS DOUBLE)",
        "CAST(s.eligible AS DOUBLE) / CAST(s.sampled AS DOUBLE)",
    ]
    telling = [
        f"{value} AS {quote_identifier(name)}" for value, name in zip(values, told, strict=True)
    ]
    return (
        f"SELECT {', '.join(renamed + telling)} FROM ({branches}) AS t JOIN cells AS s "
        "ON s.round_number = t.round_number AND s.stratum = t.stratum "
        "ORDER BY t.round_number, t.selection_order",
        [table_key, *params],
    )


def label_expression(keys: int) -> str:
    """A stratum's label from its values: joined by `` | ``, NULL as the bare word.

    A value is put in double quotes, its own doubled, where it could be misread: when it is empty,
    is the word NULL, holds a quote or a bar, or begins or ends with white space. So no two strata
    share a label.
    """
    return " || ' | ' || ".join(_readable(f"CAST(s.k{i} AS VARCHAR)") for i in range(keys))


def _readable(text: str) -> str:
    return (
        f"CASE WHEN {text} IS NULL THEN 'NULL' "
        f"WHEN {text} IN ('', 'NULL') OR regexp_matches({text}, '[\"|]|^\\s|\\s$') "
        f"THEN '\"' || replace({text}, '\"', '\"\"') || '\"' ELSE {text} END"
    )


def _key_columns(columns: Sequence[Column]) -> str:
    return ", ".join(f"{_key(column)} AS k{i}" for i, column in enumerate(columns))


def _key(column: Column) -> str:
    name = f"f.{quote_identifier(column.name)}"
    if column.type in ("FLOAT", "DOUBLE"):
        # 0.0 and -0.0 are equal but differ as text: adding zero makes both 0.0.
        return f"{name} + CAST(0 AS {column.type})"
    return name


def _same_keys(columns: Sequence[Column]) -> str:
    return " AND ".join(f"s.k{i} IS NOT DISTINCT FROM t.k{i}" for i in range(len(columns)))


def _joined_branches(table: TableFiles, selected: str, rows: str) -> Statement:
    """One branch a file that fetches the file's part of ``rows`` (table ``p``) by ordinal.

    Over a list of files in one scan DuckDB 2.0 reads every page; over one file only those in which
    a wanted row is. A table without rows gives one branch of the right types and no row.
    """
    selects: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        selects.append(
            f"SELECT {selected} FROM read_parquet(?, file_row_number = true) AS f "
            f"JOIN (SELECT *, ordinal - ? AS file_ordinal FROM {rows} "
            "WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number"
        )
        params += [str(file.path), start, start, start + file.rows]
    if not selects:
        selects.append(f"SELECT {selected} FROM ({_no_row(table)}) AS f JOIN {rows} AS p ON false")
    return " UNION ALL ".join(selects), params


def _no_row(table: TableFiles) -> str:
    return "SELECT " + ", ".join(
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}"
        for column in table.columns
    )
