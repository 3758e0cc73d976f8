"""The rows of a sample as a request reads them: its table and source, its design, values."""

from __future__ import annotations

from collections.abc import Sequence

from application.estimation.value_sources import ValueSource, value_source, with_values
from domain_errors import Loc
from estimation_engine import InvalidEstimate
from estimation_engine.arrays import Booleans
from estimation_engine.reading import ReadSample
from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles
from sampling_engine.sample_table import shown_columns
from service.service import Service
from service.tables.open_tables import OpenTable, open_sample, open_source
from service.tables.sample_design import SampleDesign, design_of
from storage.jobs.jobs import JobRecord


@dataclass(frozen=True)
class OpenedSample:
    """A sample's table with columns from outside, SQL of its rows, its source and its design."""

    source: OpenTable
    sample: TableFiles
    relation: Statement
    values_from: ValueSource | None
    design: SampleDesign


@dataclass(frozen=True)
class SampledValues(OpenedSample):
    """The rows of a sample with the values of a request."""

    read: ReadSample
    membership: tuple[Booleans, Booleans] | None


def sample_rows(
    service: Service, job: JobRecord, values: str | int, book_column: str | None = None
) -> OpenedSample:
    """The rows of a completed draw, with the values from outside that a request names."""
    source = open_source(service, job)
    stored = open_sample(service, job).files
    values_from = value_source(service, job, values, book_column)
    sample, relation = with_values(stored, values_from)
    return OpenedSample(source, sample, relation, values_from, design_of(service, job, source))


NamedColumn = tuple[Loc, str | None]
"""The place of a column's name in a request, and the name, if it is given."""


def require_in_every_round(rows: OpenedSample, named: Sequence[NamedColumn]) -> None:
    """Refuse a column that some rounds didn't select: their rows have no value of it."""
    shown = shown_columns(rows.source.files, rows.design.rounds)
    partial = {each.name for each in shown if each.rounds is not None}
    for loc, name in named:
        if name in partial:
            raise InvalidEstimate(
                'Not every step selected the column "{column}", so not all rows have its values.',
                column=name,
                loc=loc,
            )


def is_of_table(table: TableFiles, found: SampleDesign, name: str) -> bool:
    """Whether a column of the sample isn't another one than the table's of this name."""
    if all(column.name != name for column in table.columns):
        return True
    return any(each.column.name == name == each.name for each in shown_columns(table, found.rounds))


def require_of_table(table: TableFiles, found: SampleDesign, name: str, loc: Loc) -> None:
    """Refuse a column that has the name of one of the table, and isn't that."""
    if not is_of_table(table, found, name):
        raise InvalidEstimate(
            'In the sample, "{column}" is a column of the draw or of the upload, and not that of '
            "the table, so its total isn't known.",
            column=name,
            loc=loc,
        )
