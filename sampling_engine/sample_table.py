"""The sample as a table: its columns' names and its one Parquet file.

Owns: the columns that tell of the draw. Invariant: they come after the table's own under exactly
these names, so whoever reads a sample can rely on them; a table that brings a column of such a
name, as an imported sample does, keeps it under a new one. Called at the end of a draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from parquet_tables.progress import Report
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from sampling_engine import statements

TOLD_COLUMNS = (
    "_logical_row_id",
    "_sampling_round",
    "_sampling_method",
    "_selection_order",
    "_stratum",
    "_inclusion_probability",
    "_design_weight",
)
RENAMED_SUFFIX = "_source"


def names_in_sample(own: Sequence[str]) -> list[str]:
    """What the table's own columns are called in the sample.

    A name that the sample needs gets the suffix ``_source``, and a number where that is taken as
    well; names that differ in case alone are one name.

    >>> names_in_sample(["price", "_Stratum", "_stratum_source"])
    ['price', '_Stratum_source_2', '_stratum_source']
    """
    needed = set(TOLD_COLUMNS)
    used = needed | {name.lower() for name in own}
    names: list[str] = []
    for name in own:
        renamed, number = name, 1
        if name.lower() in needed:
            renamed = f"{name}{RENAMED_SUFFIX}"
            while renamed.lower() in used:
                number += 1
                renamed = f"{name}{RENAMED_SUFFIX}_{number}"
            used.add(renamed.lower())
        names.append(renamed)
    return names


def write_sample(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    table_key: str,
    destination: Path,
    report: Report,
) -> tuple[TableFiles, dict[str, str]]:
    """Fetch what the cursor's table ``drawn`` names and write it to ``destination``.

    Returns
    -------
    sample : TableFiles
        One file, in order of round, then rank.
    renamed_columns : dict of str to str
        The table's own columns that got another name, old to new.
    """
    own = [column.name for column in table.columns]
    names = names_in_sample(own)
    sql, params = statements.drawn_rows(table, names, TOLD_COLUMNS, table_key)
    file = write_parquet(
        cursor, sql, params, destination, report=report, message="writing the sample"
    )
    renamed = {old: new for old, new in zip(own, names, strict=True) if old != new}
    return TableFiles(read_columns(cursor, destination), (file,)), renamed
