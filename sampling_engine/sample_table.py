"""Write the sample: the table's columns, then those of the draw.

A table's own column of such a name is renamed. Rounds may select different columns.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb

from lazy_dataclasses import dataclass
from parquet_tables.database import cache_footers, registered
from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement
from parquet_tables.tables import Column, Int64s, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.methods.method import Prepared, Round
from sampling_engine.sql.statements import joined_rows, label_expression

SAMPLE_COLUMNS = {
    "_logical_row_id": "VARCHAR",
    "_sampling_round": "INTEGER",
    "_sampling_method": "VARCHAR",
    "_selection_order": "BIGINT",
    "_stratum": "VARCHAR",
    "_inclusion_probability": "DOUBLE",
    "_design_weight": "DOUBLE",
}
HITS_COLUMN = {"_hits": "BIGINT"}
RESERVE_COLUMNS = ("_logical_row_id", "_stratum", "_reserve_order")
RENAMED_SUFFIX = "_source"

FILES_READ_TOGETHER = 8
"""Files of a statement that fetches drawn rows: of 100 files, 32 took a tenth longer."""
STATEMENTS_AT_ONCE = 2
"""Each of which plans with one thread."""

# A table knows that it holds no NULL, as an array doesn't: its columns are stored as required.
KEEP_DRAWN = "CREATE TEMP TABLE drawn AS SELECT * FROM chosen"
DRAWN = ("ordinal", "round_number", "selection_order", "stratum", "probability", "weight")
NO_LABEL = "CAST(NULL AS VARCHAR)"
ROW_ID = "CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR)"


@dataclass(frozen=True)
class Shown:
    """A column of the table in the sample; NULL in rows of other rounds than ``rounds``, if set."""

    column: Column
    name: str
    rounds: tuple[int, ...] | None = None


def names_in_sample(own: Sequence[str], needed: Iterable[str] = SAMPLE_COLUMNS) -> list[str]:
    """The names of the table's own columns in the sample.

    A name that the sample needs gets the suffix ``_source``, and a number where that is taken as
    well; names that differ in case alone are one name.

    >>> names_in_sample(["price", "_Stratum", "_stratum_source"])
    ['price', '_Stratum_source_2', '_stratum_source']
    """
    needed = set(needed)
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
    rounds: Sequence[Prepared],
    ordinals: Int64s,
    table_key: str,
    destination: Path,
    on_progress: ProgressCallback,
) -> tuple[TableFiles, dict[str, str]]:
    """Write the rows of the cursor's table ``drawn``, whose sorted ``ordinals`` are given.

    Returns
    -------
    sample : TableFiles
        One file, in order of round, then as the round's selection sorts it.
    renamed_columns : dict of str to str
        The table's own columns that got another name, old to new.
    """
    shown = shown_columns(table, [each.round_spec for each in rounds])
    parts = fetched_rows(table, shown, rounds, ordinals)
    (first,) = fetched_rows(table, shown, rounds, ordinals[:1])
    with gathered(cursor, table, parts, first, progress_part(on_progress, 0.0, 0.8)) as source:
        sql, params = drawn_rows(table, shown, table_key, rounds, source)
        on_progress = progress_part(on_progress, 0.8, 1.0)
        file = write_parquet(
            cursor, sql, params, destination, on_progress=on_progress, message="writing the sample"
        )
    renamed = {each.column.name: each.name for each in shown if each.column.name != each.name}
    own = [Column(each.name, each.column.type) for each in shown]
    specs = [each.round_spec for each in rounds]
    added = [Column(name, type_) for name, type_ in columns_of_draw(specs).items()]
    return TableFiles((*own, *added), (file,)), renamed


def columns_of_draw(rounds: Sequence[Round]) -> dict[str, str]:
    """Name and type of the columns that a sample has after the table's own."""
    return {**SAMPLE_COLUMNS, **HITS_COLUMN} if _has_hits(rounds) else SAMPLE_COLUMNS


def _has_hits(rounds: Sequence[Round]) -> bool:
    return any(each.method.selects_money for each in rounds)


def shown_columns(table: TableFiles, rounds: Sequence[Round]) -> list[Shown]:
    """The columns that any round selects, in the table's order."""
    names = names_in_sample([column.name for column in table.columns], columns_of_draw(rounds))
    by_round = {each.round_number: set(table.select(each.selection.columns)) for each in rounds}
    shown: list[Shown] = []
    for column, name in zip(table.columns, names, strict=True):
        numbers = tuple(number for number, columns in by_round.items() if column in columns)
        if numbers:
            shown.append(Shown(column, name, None if len(numbers) == len(rounds) else numbers))
    return shown


def fetched_rows(
    table: TableFiles, shown: Sequence[Shown], rounds: Sequence[Prepared], ordinals: Int64s
) -> list[Statement]:
    """The columns of the drawn rows as ``c0`` …, with those of ``drawn``; a statement a few files.

    A table without files has one statement, without rows.
    """
    columns, _ = _fetched(table, shown, rounds)
    own = ", ".join(
        f"f.{quote_identifier(column.name)} AS c{i}" for i, column in enumerate(columns)
    )
    has_hits = _has_hits([each.round_spec for each in rounds])
    carried = [*DRAWN, *(["hits"] if has_hits else [])]
    parts = RowSet("drawn", ordinals).by_files(table, FILES_READ_TOGETHER)
    return [joined_rows(table, own, part, carried) for part in parts]


@contextmanager
def gathered(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    parts: Sequence[Statement],
    first: Statement,
    on_progress: ProgressCallback,
) -> Iterator[Statement]:
    """The rows of all statements: the only one, or those of a table made of several.

    The rows of thousands of files are read part by part, because the plan of a statement takes
    memory for each of its files. DuckDB plans with one thread, and planning is half of the work
    there, so two parts are read at a time. ``first`` reads one row, and so states the columns.
    """
    if len(parts) == 1:
        yield parts[0]
        return
    fetched = f"fetched_{secrets.token_hex(8)}"  # other draws share the instance
    drawn = cursor.execute("SELECT * FROM drawn").fetchnumpy()
    cursor.execute(f"CREATE TABLE {fetched} AS SELECT * FROM ({first[0]}) LIMIT 0", first[1])
    finished: list[Statement] = []

    def read_part(part: Statement) -> None:
        def report(_: float, message: str) -> None:
            on_progress(len(finished) / len(parts), message)

        with closing(cursor.cursor()) as own:
            cache_footers(own, table)
            with registered(own, {"drawn": drawn}), watched(own, report, "reading the drawn rows"):
                own.execute(f"INSERT INTO {fetched} {part[0]}", part[1])
        finished.append(part)

    try:
        with ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix="drawn-rows") as pool:
            for _ in pool.map(read_part, parts):
                pass
        yield f"SELECT * FROM {fetched}", []
    finally:
        with suppress(duckdb.Error):  # a broken instance is replaced, with its tables
            cursor.execute(f"DROP TABLE {fetched}")


def _fetched(
    table: TableFiles, shown: Sequence[Shown], rounds: Sequence[Prepared]
) -> tuple[list[Column], dict[int, Column]]:
    """The columns to read, and those by which rounds sort their rows."""
    sorted_by = {
        each.round_spec.round_number: table.column(each.round_spec.selection.order_by)
        for each in rounds
        if each.round_spec.selection.order_by is not None
    }
    return list(dict.fromkeys([*(each.column for each in shown), *sorted_by.values()])), sorted_by


def drawn_rows(
    table: TableFiles,
    shown: Sequence[Shown],
    table_key: str,
    rounds: Sequence[Prepared],
    fetched: Statement,
) -> Statement:
    """The sample: all fetched rows, in order of round, then as the round sorts them."""
    columns, sorted_by = _fetched(table, shown, rounds)
    places = {column: f"t.c{i}" for i, column in enumerate(columns)}
    *earlier, last = (each.round_spec for each in rounds)
    names = columns_of_draw([*earlier, last])
    has_hits = _has_hits([*earlier, last])
    branches, params = fetched
    labels = " UNION ALL ".join(_labels(each) for each in rounds if each.strata.columns)
    values = [
        ROW_ID,
        "t.round_number",
        f"CASE t.round_number {'WHEN ? THEN ? ' * len(earlier)}ELSE ? END" if earlier else "?",
        "t.selection_order",
        "s.label" if labels else NO_LABEL,
        "t.probability",
        "t.weight",
        *(["t.hits"] if has_hits else []),
    ]
    methods = [value for each in earlier for value in (each.round_number, each.method.name)]
    selected = [f"{_in_rounds(places[s.column], s)} AS {quote_identifier(s.name)}" for s in shown]
    selected += [
        f"{value} AS {quote_identifier(name)}" for name, value in zip(names, values, strict=True)
    ]
    ordering = ["t.round_number"]
    ordering += [
        f"CASE WHEN t.round_number = {each.round_number:d} "
        f"THEN {places[sorted_by[each.round_number]]} END "
        f"{'DESC' if each.selection.order_desc else 'ASC'} NULLS LAST"
        for each in (*earlier, last)
        if each.round_number in sorted_by
    ]
    return (
        f"SELECT {', '.join(selected)} FROM ({branches}) AS t"
        + (f" LEFT JOIN ({labels}) AS s USING (round_number, stratum)" if labels else "")
        + f" ORDER BY {', '.join([*ordering, 't.selection_order'])}",
        [table_key, *methods, last.method.name, *params],
    )


def reserve_rows(
    table: TableFiles,
    table_key: str,
    strata: str | None,
    columns: Sequence[Column],
    chosen: RowSet,
) -> Statement:
    """All of ``chosen`` with the labels of its strata, in order of stratum, then of the reserve."""
    own = [column.name for column in table.columns]
    names = names_in_sample(own, (*SAMPLE_COLUMNS, *RESERVE_COLUMNS))
    fetched = ", ".join(f"f.{quote_identifier(name)} AS c{i}" for i, name in enumerate(own))
    carried = ("ordinal", "selection_order", "stratum")
    branches, params = joined_rows(table, fetched, chosen, carried)
    label = label_expression(columns) if columns else NO_LABEL
    joined = f" JOIN {strata} AS s ON s.stratum = t.stratum" if columns else ""
    selected = [f"t.c{i} AS {quote_identifier(name)}" for i, name in enumerate(names)]
    selected += [
        f"{value} AS {quote_identifier(name)}"
        for value, name in zip((ROW_ID, label, "t.selection_order"), RESERVE_COLUMNS, strict=True)
    ]
    return (
        f"SELECT {', '.join(selected)} FROM ({branches}) AS t{joined} "
        "ORDER BY t.stratum, t.selection_order",
        [table_key, *params],
    )


def _labels(prepared: Prepared) -> str:
    """Round, number and label of those strata of a round that have drawn rows."""
    number, strata = prepared.round_spec.round_number, prepared.strata
    return (
        f"SELECT {number:d} AS round_number, s.stratum, {label_expression(strata.columns)} AS "
        f"label FROM {strata.table_name} AS s SEMI JOIN drawn AS d "
        f"ON d.round_number = {number:d} AND d.stratum = s.stratum"
    )


def _in_rounds(value: str, shown: Shown) -> str:
    if shown.rounds is None:
        return value
    numbers = ", ".join(f"{number:d}" for number in shown.rounds)
    return f"CASE WHEN t.round_number IN ({numbers}) THEN {value} END"
