"""The sources of an estimate's values: the table, an upload, the sample's findings or answers.

Also the columns that they have, and values of them as people write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from application.audit.finding_values import finding_values
from application.audit.state import audit_state
from application.estimation.uploaded_values import upload_notes, upload_of
from application.identity.lookup import typed_value
from domain_errors import Loc
from estimation_engine import is_number, is_summable
from estimation_engine.reading import ROW_ID, relation_of
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import parse_conditions
from sampling_engine.filters.tree import family_of
from service.service import Service
from service.tables.open_tables import open_sample
from storage.audit.sample_values import SampleValues
from storage.jobs.jobs import JobRecord

TABLE, LATEST, FINDINGS, ANSWERS = "table", "latest", "findings", "answers"
FROM_ENTRIES = (FINDINGS, ANSWERS)
"""Of a sample with questions of its own both are the answers, of an audit the findings."""
"""The named sources of values; any other source is the number of an upload."""


def source_named(text: str) -> str | int:
    """The source that a form names: findings, answers, or an upload's number; else the table."""
    if text in FROM_ENTRIES:
        return text
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else TABLE


def entries_source(service: Service, job: JobRecord) -> str | None:
    """The source of a sample's entries, findings or answers; None without an entry."""
    state = audit_state(service, job)
    if not state.findings:
        return None
    return ANSWERS if state.questions.questions else FINDINGS


@dataclass(frozen=True)
class ValueSource:
    """Columns of sampled rows that the table doesn't have, and SQL of their rows.

    Of an upload ``sampled_rows`` are those of the sample; ``notes`` are of findings or answers.
    """

    columns: Sequence[Column]
    relation: Statement
    notes: Sequence[str] = ()
    upload: SampleValues | None = None
    sampled_rows: int = 0

    def notes_of(self, *, made_up: bool) -> list[str]:
        """Notes on the values; ``made_up`` is whether weights make up for lacking ones."""
        if self.upload is None:
            return list(self.notes)
        return upload_notes(self.upload, self.sampled_rows, made_up=made_up)


def value_source(
    service: Service, job: JobRecord, values: str | int, book_column: str | None = None
) -> ValueSource | None:
    """The source that a request reads; None for the table's own values.

    Raises
    ------
    NotFound, InvalidFindings
        The sample has no such upload; or no findings that values can be made of.
    """
    if values == TABLE:
        return None
    if values in FROM_ENTRIES:
        found = finding_values(service, job, book_column)
        return ValueSource(found.columns, found.relation, found.notes)
    upload = upload_of(service, job, None if isinstance(values, str) else values)
    service.data_files.require_whole(upload.file)
    relation: Statement = "read_parquet(?)", [str(service.data_files.path(upload.file.sha256))]
    drawn = open_sample(service, job).files.row_count
    return ValueSource(upload.columns, relation, upload=upload, sampled_rows=drawn)


def with_values(sample: TableFiles, source: ValueSource | None) -> tuple[TableFiles, Statement]:
    """A sample's columns with those of a source, and SQL of its table."""
    relation, params = relation_of(sample)
    if source is None:
        return sample, (relation, params)
    values = "".join(f", v.{quote_identifier(each.name)}" for each in source.columns)
    row_id = quote_identifier(ROW_ID)
    joined = (
        f"(SELECT s.*{values} FROM {relation} AS s "
        f"LEFT JOIN {source.relation[0]} AS v ON v.{row_id} = s.{row_id})"
    )
    table = replace(sample, columns=(*sample.columns, *source.columns))
    return table, (joined, [*params, *source.relation[1]])


class EstimatedColumn(NamedTuple):
    """A column that can be estimated."""

    name: str
    is_number: bool
    is_summable: bool
    has_decimals: bool


def estimated_columns(
    service: Service, job: JobRecord, values: ValueSource | None = None
) -> list[EstimatedColumn]:
    """The columns of a sample that can be estimated: those from outside, and the table's own."""
    found = open_sample(service, job).files.columns
    of_draw = [column.name for column in found].index(ROW_ID)
    columns = [*found[:of_draw], *(each for each in found[of_draw:] if each.name == "_stratum")]
    if values is not None:
        columns = [*values.columns, *columns]
    return [
        EstimatedColumn(
            column.name,
            is_number(column),
            is_summable(column),
            is_number(column) and "INT" not in column.type,
        )
        for column in columns
    ]


def value_condition(table: TableFiles, column: Column, value: Any, loc: Loc) -> Statement:
    """SQL over ``f`` of the rows that have a value; of those without one if it is None.

    A text is read by the type of the column, so "1" is a number in a column of numbers alone.
    """
    if isinstance(value, str):
        value = typed_value(family_of(column.type), value)
    condition = {"column": column.name, "operator": "=", "value": value}
    if value is None:
        condition = {"column": column.name, "operator": "is_null"}
    return parse_conditions([condition], "AND", table, loc=loc).condition("f")
