"""The sample as a table: its columns' names and its one Parquet file.

Owns: the columns that tell of the draw. Invariant: they come after the table's own under exactly
these names, so whoever reads a sample can rely on them; a table that brings a column of such a
name, as an imported sample does, keeps it under a new one. Rounds may select different columns: the
sample has all that any of them selects, NULL in the rows of the others. Called at the end of a
draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from parquet_tables.progress import ProgressCallback
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.spec import Round
from sampling_engine.sql import sample
from sampling_engine.sql.sample import DrawnRound, Shown, Sorted

TOLD_COLUMNS = {
    "_logical_row_id": "VARCHAR",
    "_sampling_round": "INTEGER",
    "_sampling_method": "VARCHAR",
    "_selection_order": "BIGINT",
    "_stratum": "VARCHAR",
    "_inclusion_probability": "DOUBLE",
    "_design_weight": "DOUBLE",
}
"""With their types."""
RESERVE_COLUMNS = ("_logical_row_id", "_stratum", "_reserve_order")
RENAMED_SUFFIX = "_source"


def names_in_sample(own: Sequence[str], told: Iterable[str] = TOLD_COLUMNS) -> list[str]:
    """What the table's own columns are called in the sample.

    A name that the sample needs gets the suffix ``_source``, and a number where that is taken as
    well; names that differ in case alone are one name.

    >>> names_in_sample(["price", "_Stratum", "_stratum_source"])
    ['price', '_Stratum_source_2', '_stratum_source']
    """
    needed = set(told)
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
    rounds: Sequence[Round],
    told: Sequence[DrawnRound],
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback,
) -> tuple[TableFiles, dict[str, str]]:
    """Fetch what the cursor's table ``drawn`` names and write it to ``destination``.

    Returns
    -------
    sample : TableFiles
        One file, in order of round, then as the round's selection sorts it. Stored types are read
        back as they were written (:mod:`parquet_tables.columns`), so nobody has to look.
    renamed_columns : dict of str to str
        The table's own columns that got another name, old to new.
    """
    shown = shown_columns(table, rounds)
    ordered = sorted_rounds(table, rounds)
    sql, params = sample.drawn_rows(table, shown, TOLD_COLUMNS, table_key, told, ordered)
    file = write_parquet(
        cursor, sql, params, destination, on_progress=on_progress, message="writing the sample"
    )
    renamed = {one.column.name: one.name for one in shown if one.column.name != one.name}
    types = [*(one.column.type for one in shown), *TOLD_COLUMNS.values()]
    written = [*(one.name for one in shown), *TOLD_COLUMNS]
    columns = tuple(Column(name, type_) for name, type_ in zip(written, types, strict=True))
    return TableFiles(columns, (file,)), renamed


def shown_columns(table: TableFiles, rounds: Sequence[Round]) -> list[Shown]:
    """The columns that any round selects, in the table's order."""
    names = names_in_sample([column.name for column in table.columns])
    by_round = {one.round_number: set(table.select(one.selection.columns)) for one in rounds}
    shown: list[Shown] = []
    for column, name in zip(table.columns, names, strict=True):
        numbers = tuple(number for number, columns in by_round.items() if column in columns)
        if numbers:
            shown.append(Shown(column, name, None if len(numbers) == len(rounds) else numbers))
    return shown


def sorted_rounds(table: TableFiles, rounds: Sequence[Round]) -> list[Sorted]:
    """The rounds that are sorted by a column."""
    return [
        Sorted(one.round_number, table.column(one.selection.order_by), one.selection.order_desc)
        for one in rounds
        if one.selection.order_by is not None
    ]
