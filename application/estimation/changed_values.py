"""The values of the rows in two samples that differ: old and new value of each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import duckdb
import numpy as np

from application.estimation.shared_rows import (
    SampleSource,
    shared_key,
    sharing,
)
from application.estimation.value_sources import value_source, with_values
from contract.declarations import Help
from contract.requests.change import ChangedValuesRequest
from domain_errors import InvalidRequest
from estimation_engine.reading import ROW_ID
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Column, Int64s, TableFiles, UnknownColumn
from presentation.content import formula_safe
from service.service import Service
from service.tables.open_tables import SAMPLE, open_source, open_table, output_of
from service.tables.sample_design import design_of
from storage.jobs.jobs import JobRecord

MAX_CELLS = 20_000_000
"""Values that are compared at once: common rows times columns."""
BATCH = 10_000


@dataclass(frozen=True)
class ChangedColumn:
    """A column and how many of the common rows have another value in it."""

    column: str
    changed: int


@dataclass(frozen=True)
class ChangedValue:
    """A value of a row in both samples that differs; null is a missing value."""

    key: Annotated[dict[str, str | None], Help("The row's key, or its position in the version.")]
    first_row_id: str
    second_row_id: str
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ChangedValues:
    """A page of changed values, by the rows' order in the first table."""

    job_id: str
    with_job: str
    common_rows: Annotated[int, Help("Rows in both samples.")]
    changed_rows: Annotated[int, Help("Those with a value that differs.")]
    columns: Annotated[list[ChangedColumn], Help("The compared columns.")]
    not_compared: Annotated[list[str], Help("Columns that one of both samples alone has.")]
    data: list[ChangedValue]
    total: int
    offset: int
    limit: int


def changed_values(
    service: Service, first: JobRecord, second: JobRecord, request: ChangedValuesRequest
) -> ChangedValues:
    """A page of the values that differ.

    Raises
    ------
    DomainError
        A column isn't in both samples, or the rows have no common key.
    """
    with _comparing(service, first, second, request) as compared:
        counts = compared.counts()
        total = sum(each.changed for each in counts)
        return ChangedValues(
            first.id,
            second.id,
            compared.common_rows,
            compared.changed_rows(),
            counts,
            compared.not_compared,
            list(compared.page(request.offset, request.limit)),
            total,
            request.offset,
            request.limit,
        )


def write_changed_values(
    service: Service,
    first: JobRecord,
    second: JobRecord,
    request: ChangedValuesRequest,
    path: Path,
) -> None:
    """Write all changed values as CSV."""
    with (
        _comparing(service, first, second, request) as compared,
        path.open("w", newline="", encoding="utf-8-sig") as target,
    ):
        lines = csv.writer(target)
        keys = compared.key_names
        lines.writerow([*map(formula_safe, keys), "row_id", "with_row_id", "column", "old", "new"])
        offset = 0
        while page := list(compared.page(offset, BATCH)):
            for each in page:
                cells = [*each.key.values(), each.first_row_id, each.second_row_id, each.column]
                lines.writerow([_safe(cell) for cell in (*cells, each.old, each.new)])
            offset += len(page)


def _safe(cell: str | None) -> str | None:
    return None if cell is None else formula_safe(cell)


class _Compared:
    """The values that differ, in a temporary table of a cursor; :func:`_comparing` makes it."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        tables: tuple[SampleSource, SampleSource],
        key: RowKey | None,
        columns: Sequence[str],
        not_compared: list[str],
        common_rows: int,
    ) -> None:
        self._cursor, self._tables, self._columns = cursor, tables, columns
        self.not_compared, self.common_rows = not_compared, common_rows
        self.key_names = ["position"] if key is None else list(key.columns)
        self._is_keyed = key is not None

    def counts(self) -> list[ChangedColumn]:
        found = dict(
            self._cursor.execute(
                "SELECT place, count(*) FROM changed_values GROUP BY place"
            ).fetchall()
        )
        return [ChangedColumn(name, found.get(at, 0)) for at, name in enumerate(self._columns)]

    def changed_rows(self) -> int:
        (rows,) = self._cursor.execute(
            "SELECT count(DISTINCT first_row) FROM changed_values"
        ).fetchall()[0]
        return int(rows)

    def page(self, offset: int, limit: int) -> Iterator[ChangedValue]:
        rows = self._cursor.execute(
            "SELECT first_row, second_row, place, old, new FROM changed_values "
            "ORDER BY first_row, place LIMIT ? OFFSET ?",
            [limit, offset],
        ).fetchall()
        keys = self._keys(sorted({row[0] for row in rows}))
        first, second = self._tables
        for one, other, place, old, new in rows:
            yield ChangedValue(
                keys[one],
                f"{first.source.key}:{one}",
                f"{second.source.key}:{other}",
                self._columns[place],
                old,
                new,
            )

    def _keys(self, ordinals: list[int]) -> dict[int, dict[str, str | None]]:
        """The keys of rows of the first table as texts."""
        if not self._is_keyed or not ordinals:
            return {row: {"position": str(row)} for row in ordinals}
        table = self._tables[0].source.files
        selected = ", ".join(
            f"CAST(f.{quote_identifier(name)} AS VARCHAR) AS k{at}"
            for at, name in enumerate(self.key_names)
        )
        wanted = _int64s(ordinals)
        source, params = rows_at(table, selected, RowSet.of("wanted", wanted), ["ordinal"])
        with registered(self._cursor, {"wanted": {"ordinal": wanted}}):
            rows = self._cursor.execute(source, params).fetchall()
            names = [one[0] for one in self._cursor.description or ()]
        at = names.index("ordinal")
        return {
            row[at]: dict(zip(self.key_names, row[:at] + row[at + 1 :], strict=True))
            for row in rows
        }


@contextmanager
def _comparing(
    service: Service, first: JobRecord, second: JobRecord, request: ChangedValuesRequest
) -> Iterator[_Compared]:
    sides = _side(service, first), _side(service, second)
    key = shared_key(service, *sides, request.key, request.duplicates)
    (table, relation), (other, of_other) = (_values(service, side.job, request) for side in sides)
    pairs, not_compared = _columns(table, other, request.columns)
    with sharing(service, *sides, key) as shared:
        rows = sides[0].design.ordinals[shared.first], sides[1].design.ordinals[shared.second]
    if len(rows[0]) * len(pairs) > MAX_CELLS:
        raise InvalidRequest(
            "These are {rows} common rows for {columns} columns, more than are compared at once: "
            "name fewer `columns`.",
            rows=len(rows[0]),
            columns=len(pairs),
            loc=("query", "columns"),
        )
    with service.parquet.cursor(table, other, sides[0].source.files) as cursor:
        with registered(cursor, {"shared_rows": {"first_row": rows[0], "second_row": rows[1]}}):
            _compare(cursor, pairs, relation, of_other)
        names = [own.name for own, _ in pairs]
        yield _Compared(cursor, sides, key, names, not_compared, len(rows[0]))


def _side(service: Service, job: JobRecord) -> SampleSource:
    source = open_source(service, job)
    return SampleSource(job, source, design_of(service, job, source))


def _values(
    service: Service, job: JobRecord, request: ChangedValuesRequest
) -> tuple[TableFiles, Statement]:
    """The columns of the table and of the values from outside, and SQL of the sample."""
    stored = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    source = value_source(service, job, request.values, request.book_column)
    table, relation = with_values(stored, source)
    of_draw = [column.name for column in stored.columns].index(ROW_ID)
    outside = () if source is None else tuple(source.columns)
    return replace(table, columns=(*stored.columns[:of_draw], *outside)), relation


def _columns(
    first: TableFiles, second: TableFiles, requested: Sequence[str]
) -> tuple[list[tuple[Column, Column]], list[str]]:
    """The columns of both samples, and the names of those that one alone has."""
    others = {column.name: column for column in second.columns}
    if requested:
        pairs = []
        for name in requested:
            for table in (first, second):
                try:
                    table.column(name)
                except UnknownColumn as error:
                    error.loc = ("query", "columns")
                    raise
            pairs.append((first.column(name), second.column(name)))
        return pairs, []
    pairs = [(own, others[own.name]) for own in first.columns if own.name in others]
    both = {own.name for own, _ in pairs}
    columns = (*first.columns, *second.columns)
    return pairs, [column.name for column in columns if column.name not in both]


def _compare(
    cursor: duckdb.DuckDBPyConnection,
    pairs: Sequence[tuple[Column, Column]],
    first: Statement,
    second: Statement,
) -> None:
    """Make the table of values that differ."""
    ordinal = f"CAST(split_part({{}}.{quote_identifier(ROW_ID)}, ':', -1) AS BIGINT)"
    selected = "".join(
        f", a.{quote_identifier(own.name)} AS a{at}, b.{quote_identifier(other.name)} AS b{at}"
        for at, (own, other) in enumerate(pairs)
    )
    cursor.execute(
        f"CREATE TEMP TABLE rows_of_both AS SELECT s.first_row, s.second_row{selected} "
        f"FROM shared_rows AS s JOIN {first[0]} AS a ON {ordinal.format('a')} = s.first_row "
        f"JOIN {second[0]} AS b ON {ordinal.format('b')} = s.second_row",
        [*first[1], *second[1]],
    )
    parts = [
        "SELECT first_row, second_row, 0 AS place, '' AS old, '' AS new FROM rows_of_both "
        "WHERE false"
    ]
    for at, (own, other) in enumerate(pairs):
        are_alike = own.type == other.type or (
            own.data_type.is_number and other.data_type.is_number
        )
        sides = [f"{side}{at}" for side in ("a", "b")]
        texts = [f"CAST({side} AS VARCHAR)" for side in sides]
        old, new = sides if are_alike else texts
        parts.append(
            f"SELECT first_row, second_row, {at:d} AS place, {texts[0]} AS old, {texts[1]} AS new "
            f"FROM rows_of_both WHERE {old} IS DISTINCT FROM {new}"
        )
    cursor.execute(f"CREATE TEMP TABLE changed_values AS {' UNION ALL '.join(parts)}")


def _int64s(ordinals: Sequence[int]) -> Int64s:
    return np.array(ordinals, dtype=np.int64)
