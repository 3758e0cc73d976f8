"""The pieces that the engine's statements are made of.

Owns: how rows of a table are read, all of them or some by ordinal, and how a stratum's values are
told apart and labelled. Invariant: values are bound, names are quoted; a table is called ``f``
where its own columns are meant, and its columns are renamed to ``k0…`` or ``c0…`` at once, so that
no name of theirs can meet one of ours. Used by the modules of statements alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.pages import rows_at
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.spec import RowFilter

Statement = tuple[str, list[object]]


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


def numbered_rows(table: TableFiles, selected: str, row_filter: RowFilter | None) -> Statement:
    """Every row in the files that passes the filter, with its ``ordinal``; a branch a file.

    Parameters
    ----------
    selected : str
        What else is selected, from ``f``; may be empty.
    """
    where, params = passing(row_filter)
    more = f", {selected}" if selected else ""
    selects: list[str] = []
    bound: list[object] = []
    for file, start in table.with_starts():
        selects.append(
            f"SELECT f.file_row_number + ? AS ordinal{more} "
            f"FROM read_parquet(?, file_row_number = true) AS f{where}"
        )
        bound += [start, str(file.path), *params]
    return " UNION ALL ".join(selects), bound


def joined_rows(
    table: TableFiles, selected: str, rows: str, row_filter: RowFilter | None = None
) -> Statement:
    """The rows that the table ``rows`` (``p`` to ``selected``) names, and that pass the filter."""
    where, params = passing(row_filter)
    return rows_at(table, selected, rows, where, params)


def rows_among(
    table: TableFiles, selected: str, row_filter: RowFilter | None, rows: str | None
) -> Statement:
    """All rows, or those that the table ``rows`` names; both pass the filter."""
    if rows is None:
        return all_rows(table, selected, row_filter)
    return joined_rows(table, selected, rows, row_filter)


def key_columns(columns: Sequence[Column]) -> str:
    """The columns of ``f`` that make a stratum, as ``k0…``."""
    return ", ".join(f"{_key(column)} AS k{i}" for i, column in enumerate(columns))


def same_keys(columns: Sequence[Column]) -> str:
    """Whether a row ``t`` is of the stratum ``s``."""
    return " AND ".join(f"s.k{i} IS NOT DISTINCT FROM t.k{i}" for i in range(len(columns)))


def label_expression(keys: int) -> str:
    """The label of a stratum ``s`` from its values: joined by `` | ``, NULL as the bare word.

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


def _key(column: Column) -> str:
    name = f"f.{quote_identifier(column.name)}"
    if column.type in ("FLOAT", "DOUBLE"):
        # 0.0 and -0.0 are equal but differ as text: adding zero makes both 0.0.
        return f"{name} + CAST(0 AS {column.type})"
    return name
