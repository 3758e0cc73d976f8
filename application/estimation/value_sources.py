"""The sources of an estimate's values: the table, an upload, or the sample's findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from application.audit.finding_values import finding_values
from application.estimation.uploaded_values import upload_notes, upload_of
from estimation_engine.reading import ROW_ID, relation_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from service.service import Service
from service.tables.open_tables import SAMPLE, open_table, output_of
from storage.audit.sample_values import SampleValues
from storage.jobs.jobs import Job

TABLE, LATEST, FINDINGS = "table", "latest", "findings"
"""The named sources of values; any other source is the number of an upload."""


@dataclass(frozen=True)
class ValueSource:
    """Columns of sampled rows that the table doesn't have, and SQL of their rows."""

    columns: Sequence[Column]
    relation: Statement
    notes: Sequence[str]
    upload: SampleValues | None = None


def value_source(
    service: Service, job: Job, values: str | int, book_column: str | None = None
) -> ValueSource | None:
    """The source that a request reads; None for the table's own values.

    Raises
    ------
    NotFound, InvalidFindings
        The sample has no such upload; or no findings that values can be made of.
    """
    if values == TABLE:
        return None
    if values == FINDINGS:
        found = finding_values(service, job, book_column)
        return ValueSource(found.columns, found.relation, found.notes)
    upload = upload_of(service, job, None if isinstance(values, str) else values)
    service.data_files.require_whole(upload.file)
    relation: Statement = "read_parquet(?)", [str(service.data_files.path(upload.file.sha256))]
    drawn = open_table(service, job.dataset_id, output_of(job), SAMPLE).files.row_count
    return ValueSource(upload.columns, relation, upload_notes(upload, drawn), upload)


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
