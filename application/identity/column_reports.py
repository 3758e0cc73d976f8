"""What an import changes in the columns of a version, and which requests need a lost column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Annotated, Any

from application.access import Caller
from contract.declarations import Help
from domain_errors import DomainError, InvalidRequest
from lazy_dataclasses import dataclass
from parquet_tables.tables import TableFiles
from service.sampling_parameters import columns_of_request
from service.tables.open_tables import PRIMARY
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import list_schedules
from storage.jobs.templates import list_templates
from storage.sqlite.database import Transaction
from storage.versions.column_changes import (
    TableColumnChanges,
    TableShape,
    column_changes,
    shapes_of_ref,
)
from storage.versions.manifests import get_commit

MAX_TEMPLATES = 500


@dataclass(frozen=True)
class ColumnUser:
    """A schedule or a template that needs a lost or changed column."""

    id: int
    name: str
    columns: Annotated[list[str], Help("The lost or changed columns that it needs.")]


@dataclass(frozen=True)
class ColumnChanges:
    """What an import changes in the columns of a version."""

    changed: Annotated[bool, Help("Whether `require_columns` refuses the import.")]
    tables: Sequence[TableColumnChanges]
    schedules: Annotated[
        list[ColumnUser], Help("Schedules that need a lost or changed column.")
    ] = field(default_factory=list)
    templates: Annotated[list[ColumnUser], Help("Templates of mine that need one.")] = field(
        default_factory=list
    )


def preview_changes(
    by: Caller, dataset_id: int, ref: str, now: Sequence[TableShape]
) -> ColumnChanges | None:
    """What an import of these tables would change in a ref; None if the ref has no version."""
    with by.service.database.read() as tx:
        before = shapes_of_ref(tx, dataset_id, ref)
        return None if before is None else _report(tx, by, dataset_id, ref, before, now)


def job_changes(by: Caller, job: JobRecord) -> ColumnChanges | None:
    """What a completed import changed; None if it replaced no version.

    If a version was pruned, what the job recorded, without requests.

    Raises
    ------
    InvalidRequest
        The job is no import.
    """
    if job.kind.reads_commit:
        raise InvalidRequest("Job {id} is no import.", id=job.id, loc=("path", "job_id"))
    recorded = (job.output_summary or {}).get("column_changes")
    if recorded is None:
        return None
    with suppress(NotFound), by.service.database.read() as tx:
        made = get_commit(tx, job.dataset_id, job.output_commit_id or "").manifest
        parent = get_commit(tx, job.dataset_id, made.parent_id or "").manifest
        before, now = (list(map(TableShape.of, each.tables)) for each in (parent, made))
        return _report(tx, by, job.dataset_id, job.run_parameters["ref"], before, now)
    tables = [TableColumnChanges.of_json(table) for table in recorded]
    return ColumnChanges(any(table.any for table in tables), tables)


def _report(
    tx: Transaction,
    by: Caller,
    dataset_id: int,
    ref: str,
    before: Sequence[TableShape],
    now: Sequence[TableShape],
) -> ColumnChanges:
    """The changes of all tables, and the schedules and the caller's templates that they concern."""
    tables = column_changes(before, now)
    report = ColumnChanges(any(table.any for table in tables), tables)
    if any(table.lost for table in tables):
        for schedule in list_schedules(tx, dataset_id):
            request = {**schedule.request, "key": schedule.exclude_drawn_by}
            if names := _lost_by(request, ref, before, tables):
                report.schedules.append(ColumnUser(schedule.id, schedule.name, names))
        for template in list_templates(tx, by.user.id, 0, MAX_TEMPLATES)[0]:
            if names := _lost_by(template.body, ref, before, tables):
                report.templates.append(ColumnUser(template.id, template.name, names))
    return report


def _lost_by(
    request: Mapping[str, Any],
    ref: str,
    before: Sequence[TableShape],
    changes: Sequence[TableColumnChanges],
) -> list[str]:
    """The lost or changed columns that a request needs; none if it didn't fit the table before."""
    if request.get("source_ref", "main") != ref:
        return []
    key = request.get("table_key") or (before[0].key if len(before) == 1 else PRIMARY)
    table = next((each for each in before if each.key == key), None)
    lost = next((each.lost for each in changes if each.table_key == key), frozenset())
    if table is None or not lost:
        return []
    with suppress(DomainError):
        needed = columns_of_request(request, TableFiles(table.columns, ()))
        return [name for name in needed if name.lower() in lost]
    return []
