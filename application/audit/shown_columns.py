"""The columns that the findings of a sample show of each row, chosen once for all its people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from application.access import Caller
from application.audit.items import book_column_of
from application.identity.lookup import is_like_a_key, key_column
from contract.declarations import Help
from domain_errors import choices_sentence
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from parquet_tables.tables import Column
from sampling_engine.sample_table import shown_columns as columns_in_sample
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import open_source
from service.tables.row_names import key_of_job
from storage.audit.findings import (
    chosen_columns_of,
    require_open,
    review_of,
    set_chosen_columns,
)
from storage.errors import InvalidValue
from storage.jobs.jobs import JobRecord

DEFAULT_SHOWN = 3
"""Columns beside those of the key, if none were chosen."""


@dataclass(frozen=True)
class ShownColumns:
    """The columns that the findings show of each row."""

    job_id: str
    columns: Annotated[
        Sequence[str], Help("Those that name a row first, then the chosen ones in their order.")
    ]
    is_chosen: Annotated[bool, Help("Whether they were chosen; else they are the default.")]


def names_in_sample(service: Service, job: JobRecord) -> Mapping[str, str]:
    """The names in the sample of the table's columns that it has, by their names in the table."""
    source = open_source(service, job).files
    rounds = recorded_rounds(job.run_parameters, source)
    return {each.column.name: each.name for each in columns_in_sample(source, rounds)}


def shown_columns(service: Service, job: JobRecord) -> list[Column]:
    """Return the columns that the findings show of each row, those that name a row first.

    Without a choice they are the book column, the columns that the draw used, and the first ones, a
    number with decimals among them.
    """
    with service.database.read() as tx:
        chosen = chosen_columns_of(tx, job.id)
    source, names = open_source(service, job).files, names_in_sample(service, job)
    present = {column.name: column for column in source.columns if column.name in names}
    first = [name for name in naming_columns(service, job) if name in present]
    if chosen:
        listed = [*first, *(name for name in chosen if name in present)]
    else:
        others = (name for name in (*_drawn_by(service, job), *present) if name in present)
        rest = [name for name in dict.fromkeys(others) if name not in first]
        amounts = [name for name in rest if present[name].type.startswith(("DECIMAL", "DOUBLE"))]
        default = rest[:DEFAULT_SHOWN]
        if amounts and not set(amounts) & set(default):
            default[-1:] = amounts[:1]
        listed = [*first, *default]
    return [present[name] for name in dict.fromkeys(listed)]


def naming_columns(service: Service, job: JobRecord) -> tuple[str, ...]:
    """The columns by which people name a row: the row key, or else one that looks like an id."""
    if key := key_of_job(service, job):
        return key
    source = open_source(service, job)
    column = source.files.column(key_column(service, job.dataset_id, source))
    return (column.name,) if is_like_a_key(column) else ()


def _drawn_by(service: Service, job: JobRecord) -> Iterator[str]:
    """The columns that the draw used, that of book values first."""
    source = open_source(service, job).files
    if (book := book_column_of(service, job)) is not None:
        yield book
    for spec in recorded_rounds(job.run_parameters, source):
        yield from (source.column(name).name for name in spec.method.named_columns)
        yield from (column.name for column in (spec.filter.columns if spec.filter else ()))


def columns_of_findings(service: Service, job: JobRecord) -> ShownColumns:
    """Return the names of the shown columns, and whether they were chosen."""
    with service.database.read() as tx:
        is_chosen = bool(chosen_columns_of(tx, job.id))
    return ShownColumns(job.id, [each.name for each in shown_columns(service, job)], is_chosen)


def choose_columns(by: Caller, job: JobRecord, names: Sequence[str]) -> ShownColumns:
    """Choose the columns that the findings show of each row; none for the default.

    Raises
    ------
    InvalidValue
        The sample has no such column of its table.
    FindingsLocked
        The findings are signed off.
    """
    by.dataset(job.dataset_id, "write")
    with by.reading():
        known = {folded(name): name for name in names_in_sample(by.service, job)}
    for place, name in enumerate(names):
        if folded(name) not in known:
            raise InvalidValue(
                'The sample has no column "{column}" of the table. {choices}',
                loc=("body", "columns", place),
                column=name,
                choices=choices_sentence(name, list(known.values())),
            )
    chosen = list(dict.fromkeys(known[folded(name)] for name in names))
    with by.writing() as tx:
        if review_of(tx, job.id).sign_off is not None:
            require_open(tx, job.id)
        if tuple(chosen) != chosen_columns_of(tx, job.id):
            set_chosen_columns(tx, job.id, chosen)
            by.audit_of_job(tx, "columns_chosen", job, columns=", ".join(chosen) or "the default")
    with by.reading():
        return columns_of_findings(by.service, job)
