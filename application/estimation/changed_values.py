"""The values of the rows in two samples that differ: old and new value of each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from application.estimation.shared_rows import (
    SharedSource,
    shared_key,
    sharing,
)
from application.estimation.value_sources import value_source, with_values
from contract.declarations import Help
from contract.requests.change import ChangedValuesRequest
from domain_errors import InvalidRequest
from estimation_engine.reading import ROW_ID
from lazy_dataclasses import dataclass
from parquet_tables.changed_cells import ChangedCells, texts_at
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, Int64s, TableFiles
from presentation.content import formula_safe
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from service.tables.sample_design import design_of
from storage.jobs.jobs import JobRecord

MAX_CELLS = 20_000_000
"""Values that are compared at once: common rows times columns."""
BATCH = 10_000


@dataclass(frozen=True)
class ColumnOfChanges:
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
class ValueChanges:
    """A page of changed values, by the rows' order in the first table."""

    job_id: str
    with_job: str
    common_rows: Annotated[int, Help("Rows in both samples.")]
    changed_rows: Annotated[int, Help("Those with a value that differs.")]
    columns: Annotated[list[ColumnOfChanges], Help("The compared columns.")]
    not_compared: Annotated[list[str], Help("Columns that only one sample has.")]
    data: list[ChangedValue]
    total: int
    offset: int
    limit: int


def changed_values(
    service: Service, first: JobRecord, second: JobRecord, request: ChangedValuesRequest
) -> ValueChanges:
    """A page of the values that differ.

    Raises
    ------
    DomainError
        A column isn't in both samples, or the rows have no common key.
    """
    with _comparing(service, first, second, request) as compared:
        counts = compared.counts()
        total = sum(each.changed for each in counts)
        return ValueChanges(
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
    """The values that differ; :func:`_comparing` opens it."""

    def __init__(
        self,
        cells: ChangedCells,
        keys_of: Callable[[Int64s], Mapping[int, list[str | None]]],
        tables: tuple[SharedSource, SharedSource],
        key: RowKey | None,
        columns: Sequence[str],
        not_compared: list[str],
        common_rows: int,
    ) -> None:
        self._cells, self._keys_of, self._tables, self._columns = cells, keys_of, tables, columns
        self.not_compared, self.common_rows = not_compared, common_rows
        self.key_names = ["position"] if key is None else list(key.columns)
        self._is_keyed = key is not None

    def counts(self) -> list[ColumnOfChanges]:
        """The changed values of each column."""
        found = self._cells.counts()
        return [ColumnOfChanges(name, found.get(at, 0)) for at, name in enumerate(self._columns)]

    def changed_rows(self) -> int:
        """The common rows with a value that differs."""
        return self._cells.changed_rows()

    def page(self, offset: int, limit: int) -> Iterator[ChangedValue]:
        """Some changed values with their keys."""
        cells = self._cells.page(offset, limit)
        keys: Mapping[int, list[str | None]] = {}
        if self._is_keyed:
            rows = sorted({cell.first_row for cell in cells})
            keys = self._keys_of(np.array(rows, dtype=np.int64))
        first, second = self._tables
        for cell in cells:
            key = keys.get(cell.first_row, [str(cell.first_row)])
            yield ChangedValue(
                dict(zip(self.key_names, key, strict=True)),
                f"{first.source.key}:{cell.first_row}",
                f"{second.source.key}:{cell.second_row}",
                self._columns[cell.place],
                cell.old,
                cell.new,
            )


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
        cells = ChangedCells(cursor, pairs, rows, relation, of_other, ROW_ID)
        names = [own.name for own, _ in pairs]
        keys = () if key is None else key.columns
        keys_of = partial(texts_at, cursor, sides[0].source.files, keys)
        yield _Compared(cells, keys_of, sides, key, names, not_compared, len(rows[0]))


def _side(service: Service, job: JobRecord) -> SharedSource:
    source = open_source(service, job)
    return SharedSource(job, source, design_of(service, job, source))


def _values(
    service: Service, job: JobRecord, request: ChangedValuesRequest
) -> tuple[TableFiles, Statement]:
    """The columns of the table and of the values from outside, and SQL of the sample."""
    stored = open_sample(service, job).files
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
        loc = ("query", "columns")
        return [(first.column(name, loc), second.column(name, loc)) for name in requested], []
    pairs = [(own, others[own.name]) for own in first.columns if own.name in others]
    both = {own.name for own, _ in pairs}
    columns = (*first.columns, *second.columns)
    return pairs, [column.name for column in columns if column.name not in both]
