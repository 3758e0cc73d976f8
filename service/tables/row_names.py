"""The names by which people read rows: "document 0000027589" for the row id ``primary:24397``.

A table with a declared row key names its rows by it; rows of other tables have their row ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field

import numpy as np

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import value_text
from parquet_tables.row_keys.digests import KeyDigests, RowKey, known_faults, repeated_keys
from parquet_tables.rows import RowSet, rows_at
from parquet_tables.tables import Column, Int64s, TableFiles
from service.service import Service
from service.tables.chosen_keys import declared_key_at
from service.tables.open_tables import OpenTable, open_source
from storage.jobs.jobs import JobRecord

ROW_NUMBER = re.compile("0|[1-9][0-9]*")
"""Digits with leading zeros are a value of a column rather than a row's number."""
MAX_DIGITS = 18
"""Digits of a row's number."""
MAX_VALUE = 80
"""Characters of a value in a name."""


def declared_key(
    service: Service, dataset_id: int, table_key: str, commit_id: str | None = None
) -> RowKey | None:
    """The declared row key of a table, by its stored key; None without one.

    A sample or a residual of the version ``commit_id`` has that of the table it was drawn from.
    """
    with service.database.read() as tx:
        key = declared_key_at(tx, dataset_id, table_key, commit_id)
    return None if key is None else RowKey(tuple(key.columns), key.duplicates)


def key_of_source(service: Service, job: JobRecord) -> RowKey | None:
    """The row key of the table that a job draws from; None without one."""
    return declared_key(
        service, job.dataset_id, job.run_parameters["table_key"], job.source_commit_id
    )


def key_of_job(service: Service, job: JobRecord) -> tuple[str, ...]:
    """The columns of the row key of the table that a job draws from; none without one."""
    key = key_of_source(service, job)
    return () if key is None else key.columns


def columns_of_key(files: TableFiles, key: RowKey | None) -> tuple[Column, ...]:
    """The columns of a key; none if there is no key, or a version can't have it."""
    if key is not None:
        with suppress(DomainError):
            return key.of(files)
    return ()


@dataclass(frozen=True)
class KeyOfRow:
    """The canonical texts of a row's values in the columns of the key.

    Parameters
    ----------
    is_shared : bool
        Whether another row has the same values.
    number : int, optional
        The row's number among those, from 1, if the key numbers them.
    """

    values: tuple[str, ...]
    is_shared: bool = False
    number: int | None = None


@dataclass(frozen=True)
class RowNames:
    """Names of rows by row id: "document 0000027589"; else the row id itself.

    Parameters
    ----------
    columns : tuple of str
        The key's columns; none if the table has no row key.
    keys : mapping
        The keys of rows by row id; rows without a value in a column have none.
    """

    columns: tuple[str, ...] = ()
    keys: Mapping[str, KeyOfRow] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether the table has a row key."""
        return bool(self.columns)

    @property
    def label(self) -> str:
        """What a column of the names' values is called."""
        return ", ".join(self.columns) or "Row"

    def has(self, row_id: str) -> bool:
        """Whether a row has a name other than its row id."""
        key = self.keys.get(row_id)
        return key is not None and (key.number is not None or not key.is_shared)

    def of(self, row_id: str) -> str:
        """The name of a row: "document 0000027589", or its row id."""
        if not self.has(row_id):
            return row_id
        values = zip(self.columns, self.keys[row_id].values, strict=True)
        named = [f"{column} {_shortened(value)}" for column, value in values]
        return ", ".join([*named, *self._number(row_id)])

    def value(self, row_id: str) -> str:
        """The name below the label of the columns: "0000027589"."""
        if not self.has(row_id):
            return row_id
        return ", ".join([*map(_shortened, self.keys[row_id].values), *self._number(row_id)])

    def _number(self, row_id: str) -> list[str]:
        number = self.keys[row_id].number
        return [] if number is None else [f"number {number}"]


NO_NAMES = RowNames()


def _shortened(value: str) -> str:
    return value if len(value) <= MAX_VALUE else f"{value[: MAX_VALUE - 1]}…"


def names_of_job(service: Service, job: JobRecord, row_ids: Iterable[str]) -> RowNames:
    """The names of rows of the table that a job draws from; row ids if it can't be read."""
    key = key_of_source(service, job)
    if key is None:
        return NO_NAMES
    with suppress(DomainError):  # it was pruned, or its files are damaged
        return names_of_rows(service, open_source(service, job), key, row_ids)
    return NO_NAMES


def named(service: Service, job: JobRecord, row_id: str) -> str:
    """The name of one row of the table that a job draws from."""
    return names_of_job(service, job, [row_id]).of(row_id)


def names_of_rows(
    service: Service, source: OpenTable, key: RowKey | None, row_ids: Iterable[str]
) -> RowNames:
    """The names of rows of a table by their row ids; other ids have no name.

    Rows that share their key are numbered, or have no name if the key doesn't number them. Which
    do is known once the key was checked in this version; before, only rows that share it with
    another one of ``row_ids`` have no name.
    """
    columns = columns_of_key(source.files, key)
    if key is None or not columns:
        return NO_NAMES
    prefix = f"{source.key}:"
    rows = {
        int(number)
        for row_id in row_ids
        if (number := row_id.removeprefix(prefix)) != row_id
        and len(number) <= MAX_DIGITS
        and ROW_NUMBER.fullmatch(number)
    }
    ordinals = np.array(sorted(row for row in rows if row < source.files.file_rows), dtype=np.int64)
    values = _values_at(service, source.files, columns, ordinals)
    numbers = _numbers(service, source.files, columns, key, values) if values else {}
    return RowNames(
        tuple(column.name for column in columns),
        {
            f"{prefix}{row}": KeyOfRow(texts, row in numbers, numbers.get(row))
            for row, texts in values.items()
        },
    )


def numbers_of_rows(
    service: Service, files: TableFiles, key: RowKey, ordinals: Int64s
) -> Int64s | None:
    """The numbers of rows among those of their key, 0 if no other has it; None without numbers."""
    if key.duplicates == "refuse":
        return None
    with service.parquet.cursor(files) as cursor:
        keyed = KeyDigests(cursor, files, key, service.directory.counts_dir)
        keys = repeated_keys(cursor, files, keyed.columns, keyed.faults())
    numbers = {row: number for each in keys for number, row in enumerate(each.rows, start=1)}
    return np.array([numbers.get(row, 0) for row in ordinals.tolist()], dtype=np.int64)


def _values_at(
    service: Service, files: TableFiles, columns: Sequence[Column], ordinals: Int64s
) -> dict[int, tuple[str, ...]]:
    """The canonical texts of keys by ordinal, of the rows that have all values."""
    if not len(ordinals):
        return {}
    texts = [value_text(one, f"f.{quote_identifier(one.name)}") for one in columns]
    selected = ", ".join(f"{text} AS c{at}" for at, text in enumerate(texts))
    statement, params = rows_at(files, selected, RowSet.of("wanted", ordinals), ["ordinal"])
    with (
        service.parquet.cursor(files) as cursor,
        registered(cursor, {"wanted": {"ordinal": ordinals}}),
    ):
        names = ", ".join(f"c{at}" for at in range(len(columns)))
        rows = cursor.execute(f"SELECT ordinal, {names} FROM ({statement})", params).fetchall()
    return {row: tuple(texts) for row, *texts in rows if None not in texts}


def _numbers(
    service: Service,
    files: TableFiles,
    columns: Sequence[Column],
    key: RowKey,
    values: Mapping[int, tuple[str, ...]],
) -> dict[int, int | None]:
    """The numbers of those rows that share their key with another; None if the key has none.

    Before the key was checked in this version, only rows of ``values`` are compared.
    """
    faults = known_faults(service.directory.counts_dir, files, columns)
    if faults is None:
        counts = Counter(values.values())
        return {row: None for row, texts in values.items() if counts[texts] > 1}
    repeated: set[int] = set(faults.repeated_rows.tolist())
    repeated &= values.keys()
    if not repeated or key.duplicates == "refuse":
        return dict.fromkeys(repeated)
    with service.parquet.cursor(files) as cursor:
        keys = repeated_keys(cursor, files, columns, faults)
    numbers = {row: number for each in keys for number, row in enumerate(each.rows, start=1)}
    return {row: numbers[row] for row in repeated if row in numbers}
