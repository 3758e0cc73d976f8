"""Reads rows of a table: pages by position, filtered and sorted views, rows by ordinal.

A page reads only the files and row groups that it touches, in the table's order. One with more text
than ``MAX_PAGE_BYTES`` is refused before it takes memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.quoting import positional_names, quote_identifier, quote_text
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles
from parquet_tables.transient_errors import is_out_of_memory
from parquet_tables.writing import write_parquet

MAX_RUN_LENGTH = 1 << 30
"""Rows of one bit string, which DuckDB indexes by 32-bit integers."""

Statement = tuple[str, list[object]]
"""SQL and its parameters."""


MAX_BRANCHES = 32
"""Files of one statement that reads rows by ordinal. Each takes 0.25 MB, and 4 MB where hundreds of
its rows are wanted; more of them in a statement are no faster."""
MAX_FEW_ROWS = 1_000
"""Rows that are read from each of their files, however many these are."""
MAX_LISTED_ROWS = 16
"""Rows of a file, on average, that a statement lists. Joining more takes three quarters of the
time of listing them; joining few takes a quarter more, for each file has a join of its own."""
FILE_ORDINAL = "f.file_row_number + ?"
"""The ordinal of a row of one file; its parameter is the ordinal of the file's first row."""


@dataclass(frozen=True)
class FileScan:
    """One ``read_parquet`` over consecutive files: whole ones, or rows of one file.

    ``rows`` are the first row of that file and the one after the last; None of whole files.
    """

    files: tuple[tuple[DataFile, int], ...]
    rows: tuple[int, int] | None = None

    @property
    def source(self) -> str:
        """The FROM item ``f``; its parameter is :attr:`paths`."""
        return "read_parquet(?, file_row_number = true) AS f"

    @property
    def paths(self) -> list[str]:
        return [str(file.path) for file, _ in self.files]

    @property
    def ordinal(self) -> str:
        """The expression of a row's ordinal; its parameter is :attr:`starts`."""
        if len(self.files) == 1:
            return FILE_ORDINAL
        return "f.file_row_number + list_extract(?::BIGINT[], CAST(f.file_index AS BIGINT) + 1)"

    @property
    def starts(self) -> int | list[int]:
        starts = [start for _, start in self.files]
        return starts[0] if len(starts) == 1 else starts

    @property
    def ordinals(self) -> tuple[int, int]:
        """The ordinal of the first row and the one after the last."""
        file, start = self.files[-1]
        if self.rows is not None:
            return start + self.rows[0], start + self.rows[1]
        return self.files[0][1], start + file.rows

    def conditions(self, deletion_vector: Int64s | None = None) -> tuple[list[str], list[object]]:
        """The conditions for the rows of the scan that aren't deleted.

        Bit strings mask the deleted rows, since a join would lose the rows' order.
        """
        conditions: list[str] = []
        params: list[object] = []
        if self.rows is not None:
            # Each comparison costs a fifth of a count of all rows.
            first, last = self.rows
            if first > 0:
                conditions.append("f.file_row_number >= ?")
                params.append(first)
            if last < self.files[0][0].rows:
                conditions.append("f.file_row_number < ?")
                params.append(last)
        if deletion_vector is None:
            return conditions, params
        first, last = self.ordinals
        for begin in range(first, last, MAX_RUN_LENGTH):
            end = min(begin + MAX_RUN_LENGTH, last)
            lower, upper = np.searchsorted(deletion_vector, (begin, end))
            if lower == upper:
                continue
            bits = np.zeros(end - begin, dtype=np.bool_)
            bits[deletion_vector[lower:upper] - begin] = True
            is_left = f"get_bit(?::BLOB::BIT, CAST({self.ordinal} - ? AS INTEGER)) = 0"
            bound: list[object] = [np.packbits(bits).tobytes(), self.starts, begin]
            if (begin, end) != (first, last):  # a run's bits cover its own rows alone
                is_left = f"({self.ordinal} NOT BETWEEN ? AND ? OR {is_left})"
                bound = [self.starts, begin, end - 1, *bound]
            conditions.append(is_left)
            params += bound
        return conditions, params


def file_scans(table: TableFiles, first: int = 0, stop: int | None = None) -> list[FileScan]:
    """Cover the ordinals ``first`` to ``stop`` of a table in order, by as few scans as possible.

    Whole files are one scan, however many they are: planning a scan costs the same for one file
    and for thousands. A file of which rows are left out is a scan of its own.
    """
    stop = table.file_rows if stop is None else stop
    parts: list[FileScan] = []
    for file, start in table.with_starts(first, stop):
        rows = max(first - start, 0), min(stop - start, file.rows)
        parts.append(FileScan(((file, start),), None if rows == (0, file.rows) else rows))
    if _hides_file_index(table):
        return parts
    scans: list[FileScan] = []
    for is_whole, group in groupby(parts, key=lambda part: part.rows is None):
        if is_whole:
            scans.append(FileScan(tuple(part.files[0] for part in group)))
        else:
            scans += group
    return scans


def _hides_file_index(table: TableFiles) -> bool:
    """Whether the table has a column of the name by which DuckDB numbers the files of a scan."""
    return any(column.name.lower() == "file_index" for column in table.columns)


def page_statement(
    table: TableFiles, columns: Sequence[Column], offset: int = 0, limit: int | None = None
) -> Statement:
    """Build the statement that reads rows ``offset`` to ``offset + limit`` of some columns."""
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in columns)
    end = table.row_count if limit is None else min(offset + limit, table.row_count)
    if offset >= end:
        return empty_statement(columns), []
    branches: list[str] = []
    params: list[object] = []
    for scan in file_scans(table, table.ordinal_at(offset), table.ordinal_at(end - 1) + 1):
        where, bound = _where(*scan.conditions(table.deletion_vector))
        branches.append(f"SELECT {names} FROM {scan.source}{where}")
        params += [scan.paths, *bound]
    return "\nUNION ALL\n".join(branches), params


def _where(conditions: Sequence[str], params: list[object]) -> Statement:
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", params


@dataclass(frozen=True)
class RowSet:
    """Rows of a table: a table of DuckDB with a column ``ordinal``, by its name or as a query.

    ``ordinals`` are the same, sorted; None if they aren't known. A statement reads only files
    that hold one of them.
    """

    name: str
    ordinals: Int64s | None = None

    @classmethod
    def of(cls, name: str, ordinals: Int64s) -> RowSet:
        """Build the set of a table whose ordinals are given in any order."""
        return cls(name, np.unique(ordinals))

    def in_files(self, table: TableFiles) -> list[tuple[DataFile, int]]:
        """List the files that may hold such rows, with the ordinals of their first rows."""
        if self.ordinals is None:
            return list(table.with_starts())
        _, begins = np.unique(table.files_of(self.ordinals), return_index=True)
        firsts = self.ordinals[begins].tolist()
        return [file for first in firsts for file in table.with_starts(first, first + 1)]

    def by_files(self, table: TableFiles, max_files: int = MAX_BRANCHES) -> list[RowSet]:
        """Divide known rows so that no part lies in more than ``max_files`` files."""
        if self.ordinals is None:
            return [self]
        first_of_each = np.flatnonzero(np.diff(table.files_of(self.ordinals))) + 1
        cuts = first_of_each[max_files - 1 :: max_files]
        return [RowSet(self.name, part) for part in np.split(self.ordinals, cuts)]


def rows_at(
    table: TableFiles,
    selected: str,
    rows: RowSet,
    carried: Sequence[str] = (),
    where: str = "",
    params: Sequence[object] = (),
) -> Statement:
    """Build the statement that reads some rows of a table, unordered.

    Each file that holds such rows has its own branch, which lists or joins their numbers in the
    file: DuckDB 2.0 then skips row groups, and drops the other rows in the scan. More than
    ``MAX_FEW_ROWS`` rows in more than ``MAX_BRANCHES`` files are read by one scan of all these
    files; :meth:`RowSet.by_files` prevents it.

    Parameters
    ----------
    selected : str
        The SELECT list over the table ``f``. With ``carried`` columns it may be empty, and its
        names aren't ``ordinal`` nor theirs.
    carried : sequence of str
        Columns of ``rows`` that the result has after those; without them ``rows`` may repeat none.
    where, params : str, sequence
        A condition on ``f``, and its parameters.
    """
    touched = rows.in_files(table)
    known = rows.ordinals
    few = known is not None and len(known) <= MAX_FEW_ROWS
    if few and known is not None and 0 < len(known) <= MAX_LISTED_ROWS * len(touched):
        return _listed_rows(touched, known, selected, rows.name, carried, where, params)
    shown = ", ".join([*([selected] if selected else []), *(f"p.{name}" for name in carried)])
    join = "JOIN" if carried else "SEMI JOIN"
    if len(touched) > MAX_BRANCHES and not few and not _hides_file_index(table):
        scan = FileScan(tuple(touched))
        return (
            f"SELECT {shown} FROM {scan.source} "
            f"{join} {rows.name} AS p ON p.ordinal = {scan.ordinal}{where}",
            [scan.paths, scan.starts, *params],
        )
    branches: list[str] = []
    bound: list[object] = []
    for file, start in touched:
        scan = FileScan(((file, start),))
        branches.append(
            f"SELECT {shown} FROM {scan.source} {join} (SELECT *, ordinal - ? AS file_ordinal "
            f"FROM {rows.name} WHERE ordinal BETWEEN ? AND ?) AS p "
            f"ON p.file_ordinal = f.file_row_number{where}"
        )
        bound += [scan.paths, start, start, start + file.rows - 1, *params]
    if not branches:
        empty = empty_statement(table.columns)
        branches.append(f"SELECT {shown} FROM ({empty}) AS f {join} {rows.name} AS p ON false")
    return " UNION ALL ".join(branches), bound


def _listed_rows(
    touched: Sequence[tuple[DataFile, int]],
    ordinals: Int64s,
    selected: str,
    name: str,
    carried: Sequence[str],
    where: str,
    params: Sequence[object],
) -> Statement:
    """Build the statement that names the rows of each file and joins them once."""
    first = f"{FILE_ORDINAL} AS ordinal{', ' if selected else ''}" if carried else ""
    branches: list[str] = []
    bound: list[object] = []
    for file, start in touched:
        scan = FileScan(((file, start),))
        begin, end = np.searchsorted(ordinals, (start, start + file.rows))
        numbers = (ordinals[begin:end] - start).tolist()
        branches.append(
            f"SELECT {first}{selected} FROM {scan.source} "
            f"WHERE f.file_row_number IN ({', '.join('?' * len(numbers))}){where}"
        )
        bound += [*([start] if carried else []), scan.paths, *numbers, *params]
    union = " UNION ALL ".join(branches)
    if not carried:
        return union, bound
    listed = ", ".join(f"p.{column}" for column in carried)
    joined = f"SELECT t.* EXCLUDE (ordinal), {listed} FROM ({union}) AS t"
    return f"{joined} JOIN {name} AS p ON p.ordinal = t.ordinal", bound


def empty_statement(columns: Sequence[Column]) -> str:
    nulls = (
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}" for column in columns
    )
    return f"SELECT {', '.join(nulls)} LIMIT 0"


@dataclass(frozen=True)
class RowView:
    """A filter and an order of a table's rows: a boolean SQL expression over ``f``, a column."""

    condition: Statement | None = None
    order_by: Column | None = None
    descending: bool = False


def count_statement(table: TableFiles, view: RowView) -> Statement:
    branches, params = _branches(table, view)
    return f"SELECT count(*) FROM ({branches})", params


def find_rows(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, view: RowView, offset: int, limit: int
) -> Int64s:
    """Return the ordinals of a view's rows ``offset`` to ``offset + limit``, in its order."""
    sql, params = _view_rows(table, view, "", "t.ordinal", offset, limit)
    ordinals: Int64s = cursor.execute(sql, params).fetchnumpy()["ordinal"]
    return np.asarray(ordinals, dtype=np.int64)


def view_statement(
    table: TableFiles, columns: Sequence[Column], view: RowView, offset: int, limit: int | None
) -> Statement:
    """Build the statement that reads a view's rows in one scan, for an export."""
    renamed, shown = _renamed(columns)
    return _view_rows(table, view, f", {renamed}", shown, offset, limit)


def _view_rows(
    table: TableFiles, view: RowView, selected: str, shown: str, offset: int, limit: int | None
) -> Statement:
    order = ""
    if view.order_by is not None:
        selected += f", f.{quote_identifier(view.order_by.name)} AS k"
        order = f" ORDER BY t.k {'DESC' if view.descending else 'ASC'} NULLS LAST, t.ordinal"
    branches, params = _branches(table, view, selected)
    bounds = " OFFSET ?" if limit is None else " LIMIT ? OFFSET ?"
    params += [offset] if limit is None else [limit, offset]
    return f"SELECT {shown} FROM ({branches}) AS t{order}{bounds}", params


def _branches(
    table: TableFiles, view: RowView, selected: str = "", params: Sequence[object] = ()
) -> Statement:
    """Build the SELECT of ``ordinal`` and more columns, which have ``params``."""
    selects: list[str] = []
    bound: list[object] = []
    for scan in file_scans(table):
        conditions, values = scan.conditions(table.deletion_vector)
        if view.condition is not None:
            conditions.append(f"({view.condition[0]})")
            values += view.condition[1]
        where, values = _where(conditions, values)
        selects.append(f"SELECT {scan.ordinal} AS ordinal{selected} FROM {scan.source}{where}")
        bound += [scan.starts, *params, scan.paths, *values]
    if not selects:
        selects.append(
            f"SELECT 0::BIGINT AS ordinal{selected} FROM ({empty_statement(table.columns)}) AS f"
        )
        bound += params
    return " UNION ALL ".join(selects), bound


UNIQUE_ROWS = 100_000


def unique_in_first_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    keys: Sequence[Sequence[Column]],
    rows: int = UNIQUE_ROWS,
) -> list[bool]:
    """Whether each key, of one or more columns, is unique and complete in the table's first rows.

    A quick check: few row groups are read.
    """
    columns = list(dict.fromkeys(column for key in keys for column in key))
    if not columns:
        return []
    sql, params = page_statement(table, columns, 0, rows)
    name = {column: f"c{at}" for at, column in enumerate(columns)}
    counts = []
    for key in keys:
        names = [name[column] for column in key]
        distinct = names[0] if len(names) == 1 else f"({', '.join(names)})"
        complete = (f"count({part}) = count(*)" for part in names)
        counts.append(f"{' AND '.join(complete)} AND count(DISTINCT {distinct}) = count(*)")
    listed = positional_names(len(columns))
    query = f"SELECT {', '.join(counts)} FROM ({sql}) AS t({listed})"
    return list(cursor.execute(query, params).fetchall()[0])


def rows_statement(table: TableFiles, columns: Sequence[Column], ordinals: Int64s) -> Statement:
    """Build the statement that reads rows by their ordinals, in the given order."""
    renamed, shown = _renamed(columns)
    rows = RowSet.of("wanted", ordinals)
    branches, params = rows_at(table, renamed, rows, ["place"])
    return (
        "WITH wanted AS (SELECT unnest(o) AS ordinal, unnest(range(len(o))) AS place "
        f"FROM (SELECT ?::BIGINT[] AS o)) SELECT {shown} FROM ({branches}) AS t ORDER BY t.place",
        [ordinals.tolist(), *params],
    )


def scan_statement(
    table: TableFiles, selected: Sequence[str], params: Sequence[object] = ()
) -> Statement:
    """Build the statement that reads every row, unordered: ``ordinal``, then the expressions.

    ``selected`` are expressions over the table ``f``, with their aliases and ``params``.
    """
    return _branches(table, RowView(), "".join(f", {each}" for each in selected), params)


ORDINALS = (
    "SELECT CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT) AS ordinal "
    "FROM read_parquet(?) AS f"
)


def ordinals_of(
    cursor: duckdb.DuckDBPyConnection, paths: Sequence[str], *, has_sides: bool = False
) -> Int64s:
    """The ordinals of rows by their ids, in files with a column ``_logical_row_id``; sorted.

    Parameters
    ----------
    has_sides : bool
        Whether the files are the result of a test of two tables, of which the rows of the first
        one count.
    """
    sql = f"{ORDINALS} WHERE f._side = 'this'" if has_sides else ORDINALS
    rows = cursor.execute(sql, [list(paths)]).fetchnumpy()
    return np.unique(np.asarray(rows["ordinal"], dtype=np.int64))


def _renamed(columns: Sequence[Column]) -> tuple[str, str]:
    """Return the SELECT lists that rename the columns of ``f``, and name those of ``t`` again."""
    names = [quote_identifier(column.name) for column in columns]
    renamed = (f"f.{name} AS c{at}" for at, name in enumerate(names))
    shown = (f"t.c{at} AS {name}" for at, name in enumerate(names))
    return ", ".join(renamed), ", ".join(shown)


MAX_PAGE_BYTES = 32 * 1024**2
"""Limit of text and binary values; Python and JSON hold them several times."""
_TOO_LARGE = "jobsvc: these rows hold too much text"


class PageTooLarge(DomainError):
    code = "page_too_large"


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Read a page of rows; see :func:`read_rows`."""
    return read_rows(cursor, page_statement(table, columns, offset, limit), columns)


def read_rows(
    cursor: duckdb.DuckDBPyConnection, statement: Statement, columns: Sequence[Column]
) -> list[dict[str, Any]]:
    """Read the rows of a statement with these columns, each a flat object by column name.

    Raises
    ------
    PageTooLarge
        The values take more than ``MAX_PAGE_BYTES``.
    """
    sql, params = statement
    page = f"(\n{sql}\n) AS page({positional_names(len(columns))})"
    cells = [shown_expression(f"c{at}", column.type) for at, column in enumerate(columns)]
    try:
        rows = cursor.execute(
            f"SELECT {', '.join(cells)} FROM {_limited(page, columns)}", params
        ).fetchall()
    except duckdb.Error as error:
        if not is_out_of_memory(error) and _TOO_LARGE not in str(error):
            raise
        raise PageTooLarge(
            "The rows hold more than {limit_mb} MiB of text. Reduce the rows or columns, or "
            "download the table as a file.",
            limit_mb=MAX_PAGE_BYTES // 1024**2,
        ) from None
    names = [column.name for column in columns]
    return [dict(zip(names, map(json_value, row), strict=True)) for row in rows]


def _limited(page: str, columns: Sequence[Column]) -> str:
    """Wrap a page so that it fails at the first row beyond ``MAX_PAGE_BYTES``.

    The running sum is computed row by row, so no later row is held in memory.
    """
    sizes = [
        f"coalesce({'octet_length' if column.type == 'BLOB' else 'strlen'}(c{at}), 0)"
        for at, column in enumerate(columns)
        if column.type in ("VARCHAR", "BLOB")
    ]
    if not sizes:
        return page
    return (
        f"(SELECT *, sum({' + '.join(sizes)}) OVER (ROWS UNBOUNDED PRECEDING) AS bytes_so_far "
        f"FROM {page} QUALIFY CASE WHEN bytes_so_far <= {MAX_PAGE_BYTES} THEN true "
        f"ELSE error({quote_text(_TOO_LARGE)}) END)"
    )


@dataclass(frozen=True)
class TopValues:
    """Distinct JSON values without NULL, the most frequent first.

    ``complete`` says whether these are all distinct values of the table.
    """

    values: tuple[Any, ...]
    complete: bool
    has_nulls: bool


def frequent_values(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    column: Column,
    limit: int,
    *,
    max_rows: int = 1_000_000,
    run_rows: int = 16_384,
) -> TopValues:
    """Return up to ``limit`` distinct values of a column; deleted rows are included.

    Of a table with more than ``max_rows`` rows, as many rows in evenly spaced runs of ``run_rows``
    are read, so that the values of a sorted table are found, too.
    """
    every = max(table.file_rows * run_rows // max_rows, run_rows)
    is_sampled = table.file_rows > max_rows
    branches: list[str] = []
    params: list[object] = []
    for scan in file_scans(table):
        name = quote_identifier(column.name)
        where = f" WHERE ({scan.ordinal}) % ? < ?" if is_sampled else ""
        branches.append(f"SELECT f.{name} AS v FROM {scan.source}{where}")
        params += [scan.paths, *([scan.starts, every, run_rows] if is_sampled else [])]
    if not branches:
        return TopValues(values=(), complete=True, has_nulls=False)
    rows = cursor.execute(
        f"SELECT {shown_expression('v', column.type)}, n FROM (SELECT v, count(*) AS n "
        f"FROM ({' UNION ALL '.join(branches)}) GROUP BY v) ORDER BY n DESC, v LIMIT ?",
        [*params, limit + 2],
    ).fetchall()
    values = [json_value(value) for value, _ in rows if value is not None]
    return TopValues(
        values=tuple(values[:limit]),
        complete=not is_sampled and len(values) <= limit,
        has_nulls=any(value is None for value, _ in rows),
    )


def write_ordinals(cursor: duckdb.DuckDBPyConnection, ordinals: Int64s, path: Path) -> DataFile:
    """Write ordinals, given in any order, to a file of one ascending column ``ordinal``."""
    with registered(cursor, {"deleted": {"ordinal": np.unique(ordinals)}}):
        return write_parquet(cursor, "SELECT ordinal FROM deleted ORDER BY ordinal", [], path)


def read_ordinals(cursor: duckdb.DuckDBPyConnection, path: Path) -> Int64s:
    rows = cursor.execute(
        "SELECT f.ordinal FROM read_parquet(?) AS f ORDER BY f.ordinal", [str(path)]
    ).fetchnumpy()
    return np.asarray(rows["ordinal"], dtype=np.int64)
