"""The rows that people name: by row id, or by the declared row key of the table.

A row id such as ``primary:17`` is the row with this number. Any other text is a key if the table
has a row key; ``key:`` before a text says that it is one, also if it looks like a row id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from domain_errors import Loc, located
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import KeyValue, text_of_value
from parquet_tables.row_keys.written import UnreadableKey, WrittenKey, written_keys
from parquet_tables.rows import RowView, find_rows, read_rows, rows_statement
from parquet_tables.tables import Column, TableFiles
from service.service import Service
from service.tables.open_tables import OpenTable, open_source
from service.tables.row_names import (
    ROW_NUMBER,
    RowNames,
    columns_of_key,
    declared_key,
    key_of_source,
    names_of_job,
    names_of_rows,
)
from storage.errors import InvalidValue, NotFound
from storage.jobs.jobs import JobRecord

KEY_PREFIX = "key:"
MAX_KEYS = 100
"""Rows that one request can name by their keys, if each takes a search of the table."""
MAX_NAMED = 3
"""Rows of one key that an error names."""
MAX_ROWS_OF_KEY = 20
MAX_PADDED = 20
"""Digits of a value with leading zeros that is proposed."""
MAX_SHOWN = 100
"""Characters of a key in an error."""
Values = Sequence[KeyValue]
RowsWithValues = Callable[[Values], tuple[list[str], RowNames]]
"""The row ids of the rows that have some values, and their names."""


class SeveralRows(InvalidValue):
    """Several rows have the key."""

    code = "several_rows"


class SourceRows:
    """The rows of a table, named by row id or by key; a key takes a search of its columns."""

    def __init__(self, service: Service, dataset_id: int, source: OpenTable) -> None:
        self._service, self._source = service, source
        self._key = declared_key(service, dataset_id, source.key, source.commit_id)
        self._columns = columns_of_key(source.files, self._key)
        self._rows: dict[str, int] = {}

    def row(self, text: str, loc: Loc = ()) -> int:
        """The number of the row that a person named.

        Without a row key, a bare number is that of the row.

        Raises
        ------
        InvalidValue, UnreadableKey
            The text is neither a row id nor a key, or several rows have the key.
        NotFound
            No row has the number or the key.
        """
        if not self._columns or is_row_id(self._source.key, text):
            return ordinal_of(self._source, text, loc)
        if text not in self._rows:
            if len(self._rows) >= MAX_KEYS:
                raise InvalidValue(
                    "A request can name {maximum} rows by their keys. Name the others by row id.",
                    maximum=MAX_KEYS,
                    loc=loc,
                )
            self._rows[text] = self._with_key(text, loc)
        return self._rows[text]

    def _with_key(self, text: str, loc: Loc) -> int:
        row_id = _chosen(self._columns, text, self._with_values, loc)
        if row_id is None:
            raise _unknown_key(self._service, self._source.files, self._columns, text, loc)
        return int(row_id.removeprefix(f"{self._source.key}:"))

    def _with_values(self, values: Values) -> tuple[list[str], RowNames]:
        found = _rows_with(self._service, self._source.files, self._columns, values)
        rows = [f"{self._source.key}:{row}" for row in found]
        return rows, names_of_rows(self._service, self._source, self._key, rows)


def row_of(service: Service, dataset_id: int, source: OpenTable, text: str, loc: Loc = ()) -> int:
    """The number of the row that a person named; see :meth:`SourceRows.row`."""
    return SourceRows(service, dataset_id, source).row(text, loc)


def is_row_id(table_key: str, text: str) -> bool:
    """Whether a text has the form of a row id of the table.

    >>> [is_row_id("primary", text) for text in ("primary:17", "17", "primary:0017", "other:17")]
    [True, False, False, False]
    """
    prefix, _, number = text.strip().rpartition(":")
    return prefix == table_key and ROW_NUMBER.fullmatch(number) is not None


def ordinal_of(source: OpenTable, row_id: str, loc: Loc = ()) -> int:
    """The number of a row id such as ``primary:17``, or of ``17``."""
    key, _, number = row_id.strip().rpartition(":")
    if key not in ("", source.key) or not ROW_NUMBER.fullmatch(number):
        raise InvalidValue(
            '"{row_id}" isn\'t a row of this draw. A row id looks like "{key}:17".',
            loc=loc,
            row_id=row_id,
            key=source.key,
        )
    if len(number) > 18 or int(number) >= source.files.file_rows:
        raise NotFound(
            "The table has no row {row_id}; the last is {last}.",
            row_id=row_id,
            last=source.files.file_rows - 1,
            loc=loc,
        )
    return int(number)


class NamedItems:
    """Rows of a sample, named by row id or by key.

    Parameters
    ----------
    row_ids : collection of str
        The rows that can be named.
    """

    def __init__(self, service: Service, job: JobRecord, row_ids: Collection[str]) -> None:
        self._service, self._job, self._row_ids = service, job, row_ids

    def row_id(self, text: str, loc: Loc = ()) -> str:
        """The row id of the row that a person named; a row id as it is, also of another row.

        Raises
        ------
        UnreadableKey, SeveralRows
            The text is neither a row id nor a key; several rows have the key.
        NotFound
            None of the rows has the key.
        """
        if text in self._row_ids or is_row_id(self._job.run_parameters["table_key"], text):
            return text
        if not self._columns:
            return text
        row_id = _chosen(self._columns, text, self._with_values, loc)
        if row_id is None:
            raise NotFound(
                'No row of the sample has the {columns} "{text}".{hint}',
                columns=", ".join(column.name for column in self._columns),
                text=_bare(text),
                hint=_hint(self._similar(text)),
                loc=loc,
            )
        return row_id

    def _similar(self, text: str) -> str | None:
        """The value that differs by leading zeros alone, of a key of one column."""
        stripped = _bare(text).lstrip("0")
        values = (values for values in self._by_values if len(values) == 1)
        return next((value for (value,) in values if value.lstrip("0") == stripped), None)

    @cached_property
    def names(self) -> RowNames:
        """The names of the rows."""
        return names_of_job(self._service, self._job, self._row_ids)

    @cached_property
    def _columns(self) -> tuple[Column, ...]:
        key = key_of_source(self._service, self._job)
        if key is None:
            return ()
        return columns_of_key(open_source(self._service, self._job).files, key)

    @cached_property
    def _by_values(self) -> dict[tuple[str, ...], list[str]]:
        rows: dict[tuple[str, ...], list[str]] = {}
        for row_id, key in self.names.keys.items():
            rows.setdefault(key.values, []).append(row_id)
        return rows

    def _with_values(self, values: Values) -> tuple[list[str], RowNames]:
        return self._by_values.get(tuple(map(text_of_value, values)), []), self.names


def _chosen(
    columns: Sequence[Column], text: str, with_values: RowsWithValues, loc: Loc
) -> str | None:
    """The row id of the only row that a key means; None if no row has it."""
    for candidate in _written(columns, text, loc):
        rows, names = with_values(candidate.values)
        if candidate.number is not None:
            rows = [
                row
                for row in rows
                if row in names.keys and names.keys[row].number == candidate.number
            ]
        if len(rows) > 1:
            are_numbered = any(names.has(row) for row in rows)
            raise SeveralRows(
                "{count} rows have the key {key}: {rows}. Name one by its row id{advice}.",
                advice=", or add its number" if are_numbered else "",
                count=len(rows),
                key=", ".join(map(text_of_value, candidate.values))[:MAX_SHOWN],
                rows=_listed(rows, names),
                loc=loc,
            )
        if rows:
            return rows[0]
    return None


def _listed(rows: Sequence[str], names: RowNames) -> str:
    """The first rows, by name and by row id."""
    shown = [
        f"{names.of(row)} ({row})" if names.has(row) else f"row {row}" for row in rows[:MAX_NAMED]
    ]
    return ", ".join([*shown, *(["…"] if len(rows) > MAX_NAMED else [])])


def _written(columns: Sequence[Column], text: str, loc: Loc) -> list[WrittenKey]:
    with located(loc, UnreadableKey, always=True):
        return written_keys(columns, _without_prefix(text))


def _rows_with(
    service: Service, files: TableFiles, columns: Sequence[Column], values: Values
) -> list[int]:
    """The numbers of the first rows that have these values."""
    is_it = " AND ".join(f"f.{quote_identifier(column.name)} = ?" for column in columns)
    with service.parquet.cursor(files) as cursor:
        found = find_rows(cursor, files, RowView((is_it, list(values))), 0, MAX_ROWS_OF_KEY)
    return sorted(found.tolist())


def _unknown_key(
    service: Service, files: TableFiles, columns: Sequence[Column], text: str, loc: Loc
) -> NotFound:
    """The error of a key that no row has; with the one that differs by leading zeros alone."""
    similar = None
    if len(columns) == 1:
        similar = similar_value(service, files, columns[0], _bare(text))
    return NotFound(
        'No row has the {columns} "{text}".{hint}',
        columns=", ".join(column.name for column in columns),
        text=_bare(text),
        hint=_hint(similar),
        loc=loc,
    )


def _without_prefix(text: str) -> str:
    """The text of a key, with blanks at its ends, which may belong to it."""
    bare = text.lstrip()
    return bare.removeprefix(KEY_PREFIX) if bare.startswith(KEY_PREFIX) else text


def _bare(text: str) -> str:
    return _without_prefix(text).strip()[:MAX_SHOWN]


def _hint(similar: str | None) -> str:
    return "" if similar is None else f' Did you mean "{similar}"?'


def similar_value(service: Service, files: TableFiles, column: Column, text: str) -> str | None:
    """The value of a text column with more or fewer leading zeros; None if there is none."""
    if column.type != "VARCHAR" or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    padded = [digits.zfill(length) for length in range(len(digits), MAX_PADDED + 1)]
    name = quote_identifier(column.name)
    is_one = f"f.{name} IN ({', '.join('?' * len(padded))})"
    with service.parquet.cursor(files) as cursor:
        rows = find_rows(cursor, files, RowView((is_one, list[object](padded))), 0, 1)
        if not len(rows):
            return None
        (cells,) = read_rows(cursor, rows_statement(files, (column,), rows), (column,))
    return str(cells[column.name])
