"""The rows of a table by a key: whether it names each row, and the rows of the keys of other rows.

A key is one or more columns. Values of a column whose type differs between two tables are compared
as :meth:`SharedColumn.key` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from domain_errors import DomainError, counted
from parquet_tables.progress import ProgressCallback, execute_watched, ignore_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import InvalidKey as InvalidKey
from parquet_tables.rows import Statement, scan_statement
from parquet_tables.tables import Column, TableFiles

NAMED_EXAMPLES = 3
MAX_VALUE_LENGTH = 60


def cell(column: Column) -> str:
    """The SQL of a column of the table ``f``."""
    return f"f.{quote_identifier(column.name)}"


@dataclass(frozen=True)
class TableByKey:
    """A table and its key.

    Parameters
    ----------
    label : str
        The table as errors name it, such as "the later version".
    names : tuple of str
        The key's columns.
    values : tuple of str
        The SQL of the key's values over the table ``f``; statements name them ``k0…``.
    field : str
        The field of the request that has the key.
    """

    table: TableFiles
    label: str
    names: tuple[str, ...]
    values: tuple[str, ...]
    field: str

    @property
    def aliases(self) -> list[str]:
        """``k0…``."""
        return [f"k{place}" for place in range(len(self.names))]

    def statement(self, more: Sequence[str] = ()) -> Statement:
        """Build the statement of ``ordinal``, the key and other expressions over ``f``."""
        keys = (f"{value} AS k{place}" for place, value in enumerate(self.values))
        return scan_statement(self.table, [*keys, *more])

    def require_complete(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Raise InvalidKey if a row has no value in any column of the key."""
        rows, params = self.statement()
        missing = " AND ".join(f"{alias} IS NULL" for alias in self.aliases)
        found = cursor.execute(
            f"SELECT ordinal, count(*) OVER () FROM ({rows}) WHERE {missing} "
            f"ORDER BY ordinal LIMIT {NAMED_EXAMPLES}",
            params,
        ).fetchall()
        if found:
            raise InvalidKey(
                "The key is missing in {rows} of {table}, such as {examples}, counted from 0. "
                f"Choose `{self.field}` with a value in every row.",
                loc=(self.field,),
                rows=counted(found[0][1], "row"),
                table=self.label,
                examples=_rows_text([ordinal for ordinal, _ in found]),
            )

    def require_unique(
        self, cursor: duckdb.DuckDBPyConnection, on_progress: ProgressCallback = ignore_progress
    ) -> None:
        """Raise InvalidKey if rows share a key; the message names the first ones."""
        rows, params = self.statement()
        names = ", ".join(self.aliases)
        shown = ", ".join(
            f"left(CAST({alias} AS VARCHAR), {MAX_VALUE_LENGTH})" for alias in self.aliases
        )
        found = execute_watched(
            cursor,
            f"SELECT first, last, sum(rows) OVER (), [{shown}] FROM (SELECT {names}, "
            "count(*) AS rows, min(ordinal) AS first, max(ordinal) AS last "
            f"FROM ({rows}) GROUP BY {names} HAVING count(*) > 1) "
            f"ORDER BY first LIMIT {NAMED_EXAMPLES}",
            params,
            on_progress,
            "checking the key",
        )
        if found:
            self._refuse_repeated(found)

    def _refuse_repeated(self, found: Sequence[tuple[Any, ...]]) -> None:
        examples = [
            f"{_key_text(self.names, values)} in {_rows_text([first, last])}"
            for first, last, _, values in found
        ]
        raise InvalidKey(
            "The key {keys} isn't unique in {table}: {rows} share their key with another row, such "
            f"as {{examples}}, counted from 0. Add a column to `{self.field}`.",
            loc=(self.field,),
            keys=", ".join(self.names),
            table=self.label,
            rows=counted(int(found[0][2]), "row"),
            examples="; ".join(examples),
        )


def key_columns(
    tables: Sequence[TableFiles], names: Sequence[str], field: str
) -> list[tuple[Column, ...]]:
    """The columns of a key in each table; one that is missing or named twice is refused."""
    columns = []
    for place, name in enumerate(names):
        try:
            columns.append(tuple(table.column(name) for table in tables))
        except DomainError as error:
            error.loc = (field, place)
            raise
    if len(set(columns)) < len(columns):
        raise InvalidKey(f"`{field}` has a column twice.", loc=(field,))
    return columns


def _key_text(names: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))


def _rows_text(ordinals: Sequence[int]) -> str:
    listed = [f"{ordinal:,}" for ordinal in ordinals]
    if len(listed) == 1:
        return f"row {listed[0]}"
    return f"rows {', '.join(listed[:-1])} and {listed[-1]}"
