"""The drawn rows of a table as they are in a later one, found by the digests of their keys.

Only rows of the sampled keys are read. A row of the result is a drawn row with its values then and
now, or another row that a sampled key has by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from domain_errors import Loc
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase, registered
from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.row_keys.digests import (
    EXAMPLES,
    NO_KEY,
    KeyDigests,
    KeyMissing,
    RowKey,
    rows_of_keys,
)
from parquet_tables.rows import rows_statement
from parquet_tables.tables import Column, Int64s, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.row_diff import (
    ADDED,
    BASE_ROW,
    CHANGE,
    CHANGED,
    OTHER_ROW,
    REMOVED,
    UNCHANGED,
    DiffedRows,
    diff_rows,
    resolve_keys,
)


@dataclass(frozen=True)
class RowsAgain:
    """The drawn rows then and now, and their counts.

    Parameters
    ----------
    table : TableFiles
        The columns of a row diff; ``_change`` may be ``unchanged``.
    keys : tuple of str
        Its key columns.
    """

    table: TableFiles
    keys: tuple[str, ...]
    unchanged: int
    changed: int
    removed: int
    added: int


def read_again(
    database: ParquetDatabase,
    source: TableFiles,
    later: TableFiles,
    key: RowKey,
    drawn: Int64s,
    columns: Sequence[Column],
    counts_dir: Path,
    folder: Path,
    loc: Loc,
) -> RowsAgain:
    """Find drawn rows of ``source`` in ``later``.

    Parameters
    ----------
    drawn : array of int64
        Distinct ordinals in ``source``; the result has their order.
    columns : sequence of Column
        Those of ``source`` that are compared; the result has the key besides.
    folder : Path
        An existing folder for the files of the result.

    Raises
    ------
    KeyMissing
        A drawn row has no value in a column of the key.
    """
    read = _read(database, source, later, key, drawn, columns, counts_dir, folder, loc)
    found = diff_rows(
        database,
        *read.tables,
        resolve_keys(*read.tables, key.columns),
        folder,
        duplicates="number",
        with_unchanged=True,
    )
    with database.cursor() as cursor:
        table, counts = _listed(cursor, found, read, folder / "rows.parquet")
    kinds = (counts.get(kind, 0) for kind in (UNCHANGED, CHANGED, REMOVED, ADDED))
    return RowsAgain(table, found.keys, *kinds)


@dataclass(frozen=True)
class _ReadRows:
    """The rows of the sampled keys in the source and in the version, as two tables.

    Parameters
    ----------
    before, now : array of int64
        Their ordinals; the first ``drawn`` of ``before`` are the drawn rows.
    """

    tables: tuple[TableFiles, TableFiles]
    before: Int64s
    now: Int64s
    drawn: int


def _read(
    database: ParquetDatabase,
    source: TableFiles,
    later: TableFiles,
    key: RowKey,
    drawn: Int64s,
    columns: Sequence[Column],
    counts_dir: Path,
    folder: Path,
    loc: Loc,
) -> _ReadRows:
    """Find the rows of the sampled keys by their digests, and write them to files."""
    with database.cursor(source, later) as cursor:
        keyed, keyed_now = (
            KeyDigests(cursor, table, key, counts_dir, loc=loc) for table in (source, later)
        )
        digests = keyed.of(drawn)
        _require_keys(key.name, drawn[digests == NO_KEY], loc)
        same, now = rows_of_keys(keyed, digests), rows_of_keys(keyed_now, digests)
        # The drawn rows first, in the order of the sample; then others of their keys.
        before = np.concatenate([drawn, same[~np.isin(same, drawn)]])
        wanted = {*columns, *keyed.columns}
        of_source = tuple(column for column in source.columns if column in wanted)
        of_later = _columns_now(source, later, of_source)
        return _ReadRows(
            (
                _written(cursor, source, of_source, before, folder / "before.parquet"),
                _written(cursor, later, of_later, now, folder / "now.parquet"),
            ),
            before,
            now,
            len(drawn),
        )


def _require_keys(key: str, missing: Int64s, loc: Loc) -> None:
    if len(missing):
        rows = missing[:EXAMPLES].tolist()
        raise KeyMissing.of_rows(f"{key} of the sample", len(missing), rows, loc)


def _columns_now(
    source: TableFiles, later: TableFiles, columns: Sequence[Column]
) -> tuple[Column, ...]:
    """The columns of the later table, without those of the source that aren't compared."""
    kept = {folded(column.name) for column in columns}
    left_out = {folded(column.name) for column in source.columns} - kept
    return tuple(column for column in later.columns if folded(column.name) not in left_out)


def _written(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: tuple[Column, ...],
    ordinals: Int64s,
    path: Path,
) -> TableFiles:
    file = write_parquet(cursor, *rows_statement(table, columns, ordinals), path)
    return TableFiles(columns, (file,))


def _listed(
    cursor: duckdb.DuckDBPyConnection, found: DiffedRows, read: _ReadRows, path: Path
) -> tuple[TableFiles, dict[str, int]]:
    """Write the rows of the sample and the further ones of its keys, and count them by kind.

    Row numbers become those in the source and in the version. Rows of other keys that have the
    digest of a sampled one are left out.
    """
    change, base, other = (quote_identifier(name) for name in (CHANGE, BASE_ROW, OTHER_ROW))
    keys = ", ".join(f"t.{quote_identifier(name)}" for name in found.keys)
    is_drawn = f"t.{base} < {read.drawn:d}"
    files = [str(file.path) for file in found.files]
    sql = (
        f"SELECT t.* REPLACE (b.ordinal AS {base}, o.ordinal AS {other}) "
        "FROM (SELECT t.*, row_number() OVER () AS place FROM read_parquet(?) AS t) AS t "
        f"LEFT JOIN rows_before AS b ON b.place = t.{base} "
        f"LEFT JOIN rows_now AS o ON o.place = t.{other} "
        f"WHERE {is_drawn} OR (t.{change} = {quote_text(ADDED)} AND ({keys}) IN "
        f"(SELECT ({keys}) FROM read_parquet(?) AS t WHERE {is_drawn})) ORDER BY t.place"
    )
    named = ", ".join(f"r.{quote_identifier(column.name)}" for column in found.columns)
    places = {
        name: {"place": np.arange(len(ordinals), dtype=np.int64), "ordinal": ordinals}
        for name, ordinals in (("rows_before", read.before), ("rows_now", read.now))
    }
    with registered(cursor, places):
        file = write_parquet(cursor, f"SELECT {named} FROM ({sql}) AS r", [files, files], path)
    counts = cursor.execute(
        f"SELECT t.{change}, count(*) FROM read_parquet(?) AS t GROUP BY ALL", [str(path)]
    ).fetchall()
    return TableFiles(found.columns, (file,)), dict(counts)
