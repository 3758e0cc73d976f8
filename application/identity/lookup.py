"""Look up rows of the table that a sample was drawn from: drawn, or which place in line.

Nothing is stored: a draw is a function of its parameters. Recent explanations are cached in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import compress
from typing import Annotated, Any

import numpy as np

from contract.columns import is_identifier_name
from contract.declarations import Help
from contract.requests.rows import LookupRequest
from domain_errors import located
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.written import BOOLEANS, SEPARATORS
from parquet_tables.rows import (
    RowView,
    find_rows,
    read_rows,
    rows_statement,
    unique_in_first_rows,
)
from parquet_tables.tables import Column
from sampling_engine import RowExplanation, explain_rows
from sampling_engine.explain import Verdict
from sampling_engine.filters import parse_conditions
from sampling_engine.filters.tree import NUMBERS, Family, family_of
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.named_rows import row_of, similar_value
from service.tables.open_tables import OpenTable, open_source
from service.tables.row_names import RowNames, columns_of_key, declared_key, names_of_rows
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord

MAX_TRIED = 20
"""Columns of which one may be the key by which people look up rows."""


@dataclass(frozen=True)
class RowVerdicts:
    """Why a row was drawn, or why not, round by round."""

    row_id: str
    name: Annotated[str, Help("By the table's row key; the row id without one.")]
    drawn: bool
    round_number: int | None
    inclusion_probability: float | None
    design_weight: float | None
    rounds: list[Verdict]


@dataclass(frozen=True)
class ExplainedRow(RowVerdicts):
    """The explanation of a row of a sample's source."""

    job_id: str


@dataclass(frozen=True)
class LookedUpRow(RowVerdicts):
    """A row of a sample's source, with its explanation."""

    data: Annotated[
        dict[str, Any] | None,
        Help("The row by column; null if it is left out of the table."),
    ]


@dataclass(frozen=True)
class LookedUpRows:
    """The rows that have a value."""

    job_id: str
    table_key: str
    columns: list[str]
    rows: list[LookedUpRow]
    has_more: Annotated[bool, Help("Whether more rows have the value.")]
    similar_value: Annotated[
        str | None,
        Help("If no row has the value: a text of the column that differs by leading zeros alone."),
    ]


def look_up(service: Service, job: JobRecord, request: LookupRequest) -> LookedUpRows:
    """Find rows by a column's value, or one by its row id or its row key, and explain them.

    Raises
    ------
    UnknownColumn, DomainError
        The table has no such column; the value isn't one of its type; the row id is invalid.
    NotFound
        The table has no row with this number or key.
    """
    source = open_source(service, job)
    column, value, limit = request.column, request.value, request.limit
    if column is None:
        ordinals, has_more, similar = [_looked_up(service, job, source, value)], False, None
    else:
        found = _find(service, source, column, value, limit + 1)
        ordinals, has_more = found[:limit], len(found) > limit
        similar = None
        if not found:
            similar = similar_value(service, source.files, source.files.column(column), value)
    explained = _explain(service, job, source, ordinals)
    names = _names(service, job, source, ordinals)
    verdicts = {row: vars(_verdicts(source, names, explained[row])) for row in ordinals}
    columns = source.files.columns
    numbers = np.array(ordinals, dtype=np.int64)
    present = numbers[~np.isin(numbers, source.files.deletion_vector)]
    with service.parquet.cursor(source.files) as cursor:
        cells = read_rows(cursor, rows_statement(source.files, columns, present), columns)
    data = dict(zip(present.tolist(), cells, strict=True))
    return LookedUpRows(
        job_id=job.id,
        table_key=source.key,
        columns=[each.name for each in columns],
        rows=[LookedUpRow(**verdicts[row], data=data.get(row)) for row in ordinals],
        has_more=has_more,
        similar_value=similar,
    )


def key_column(service: Service, dataset_id: int, source: OpenTable) -> str:
    """The column by which people look up rows: the first of the declared row key.

    Without one: texts or whole numbers, unique in the first rows, named like an id if possible; or
    else the table's first column.
    """
    columns = columns_of_key(
        source.files, declared_key(service, dataset_id, source.key, source.commit_id)
    )
    if columns:
        return columns[0].name
    likely = [one for one in source.files.columns if is_like_a_key(one)]
    likely.sort(key=lambda one: not is_identifier_name(one.name))
    likely = likely[:MAX_TRIED]
    with service.parquet.cursor(source.files) as cursor:
        unique = unique_in_first_rows(cursor, source.files, [(one,) for one in likely])
    return next(compress(likely, unique), source.files.columns[0]).name


def is_like_a_key(column: Column) -> bool:
    """Whether the column's type suits the ids of documents."""
    return column.type == "VARCHAR" or "INT" in column.type


def why_row(service: Service, job: JobRecord, row_id: str) -> ExplainedRow:
    """Why a row was drawn, or why not, round by round.

    Raises
    ------
    InvalidValue, NotFound
        The row id or the key is invalid, or the table has no such row.
    """
    source = open_source(service, job)
    ordinal = row_of(service, job.dataset_id, source, row_id, ("path", "row_id"))
    explained = _explain(service, job, source, [ordinal])[ordinal]
    names = _names(service, job, source, [ordinal])
    return ExplainedRow(**vars(_verdicts(source, names, explained)), job_id=job.id)


def _names(
    service: Service, job: JobRecord, source: OpenTable, ordinals: Sequence[int]
) -> RowNames:
    key = declared_key(service, job.dataset_id, source.key, source.commit_id)
    return names_of_rows(service, source, key, [f"{source.key}:{row}" for row in ordinals])


def _verdicts(source: OpenTable, names: RowNames, explained: RowExplanation) -> RowVerdicts:
    row_id = f"{source.key}:{explained.ordinal}"
    return RowVerdicts(
        row_id,
        names.of(row_id),
        explained.drawn,
        explained.round_number,
        explained.inclusion_probability,
        explained.design_weight,
        list(explained.verdicts),
    )


def _looked_up(service: Service, job: JobRecord, source: OpenTable, value: str) -> int:
    """The number of a row id or a key; without a key, the error names a column to look in."""
    loc = ("query", "value")
    try:
        return row_of(service, job.dataset_id, source, value, loc)
    except InvalidValue as error:
        if columns_of_key(
            source.files, declared_key(service, job.dataset_id, source.key, source.commit_id)
        ):
            raise
        raise InvalidValue(
            '"{value}" isn\'t a row id, which looks like "{key}:17". For a value of a column name '
            'the `column`, such as "{column}".',
            loc=error.loc,
            value=value,
            key=source.key,
            column=key_column(service, job.dataset_id, source),
        ) from None


def _find(service: Service, source: OpenTable, column: str, text: str, limit: int) -> list[int]:
    """The numbers of the first rows with a value."""
    type_ = source.files.column(column, ("query", "column")).type
    with located(("query", "value"), always=True):
        value = typed_value(family_of(type_), text)
        condition = {"column": column, "operator": "=", "value": value}
        parsed = parse_conditions([condition], "AND", source.files)
    with service.parquet.cursor(source.files) as cursor:
        found = find_rows(cursor, source.files, RowView(parsed.condition("f")), 0, limit)
    return sorted(found.tolist())


def typed_value(family: Family | None, text: str) -> Any:
    """The value that a text means in a column; an unsuitable text is refused by the filter."""
    if family is not None and family in NUMBERS:
        with suppress(InvalidOperation):
            return Decimal(SEPARATORS.sub("", text.strip()))
    if family is Family.BOOLEAN:
        return BOOLEANS.get(text.strip().lower(), text)
    return text


def _explain(
    service: Service, job: JobRecord, source: OpenTable, ordinals: Sequence[int]
) -> Mapping[int, RowExplanation]:
    """Explain rows by their numbers; at most one replay for those that aren't cached."""

    @cache
    def computed() -> dict[int, RowExplanation]:
        rounds = recorded_rounds(job.run_parameters, source.files)
        counts_dir = service.directory.counts_dir
        found = explain_rows(service.parquet, source.files, rounds, ordinals, counts_dir=counts_dir)
        return {each.ordinal: each for each in found}

    def explained(ordinal: int) -> RowExplanation:
        return service.results.explained.get((job.id, ordinal), lambda: computed()[ordinal])

    return {ordinal: explained(ordinal) for ordinal in ordinals}
