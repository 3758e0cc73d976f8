"""The rows that a run of a schedule excludes: those of its earlier samples, by a key.

A run excludes them as a draw with the filter ``not_drawn_by`` does; see
:mod:`application.excluding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.excluding import (
    EarlierFilter,
    EarlierRunUnfinished,
    ExcludedRows,
    find_rows,
    requested_draws,
    requested_parts,
    split_filters,
)
from domain_errors import counted
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.digests import RowKey
from service.service import Service
from service.tables.chosen_keys import declared_key_of
from service.tables.open_tables import open_table
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, draws_of

FIELD = "exclude_drawn_by"


class NoRowsLeft(Conflict):
    """The earlier samples have all rows of the table."""

    template = "The earlier samples have all {rows} of the table, so no row is left to draw."


def drawn_rows(
    service: Service, schedule: Schedule, on_progress: ProgressCallback = ignore_progress
) -> ExcludedRows:
    """Find the rows of the newest version that the samples of a schedule have.

    Rows that replaced drawn ones count, too. A deleted sample doesn't count.

    Raises
    ------
    Conflict
        The schedule excludes no rows; or :class:`EarlierRunUnfinished`.
    DomainError
        As of :func:`application.excluding.find_rows`.
    """
    if not schedule.exclude_drawn_by:
        raise Conflict("The schedule doesn't exclude the rows of earlier runs.")
    with service.database.read() as tx:
        draws = draws_of(tx, schedule)
    for job in draws:
        if job.status != "completed":
            raise EarlierRunUnfinished(job_id=job.id)
    return find_drawn(
        service,
        schedule.dataset_id,
        schedule.request,
        schedule.exclude_drawn_by,
        draws,
        on_progress,
    )


def find_drawn(
    service: Service,
    dataset_id: int,
    request: dict[str, Any],
    key: Sequence[str],
    draws: tuple[JobRecord, ...],
    on_progress: ProgressCallback = ignore_progress,
) -> ExcludedRows:
    """Find the rows of completed draws in the version that a request names; as :func:`drawn_rows`.

    The filters of the request exclude rows by the same key. Equal keys are numbered if the row key
    of the table has these columns and numbers them.
    """
    source = open_table(service, dataset_id, request["source_ref"], request["table_key"])
    _, earlier = split_filters(request["rounds"])
    earlier = EarlierFilter() if earlier is None else earlier
    named = requested_draws(service, dataset_id, source.key, earlier)
    parts = requested_parts(service, dataset_id, source.key, earlier)
    with service.database.read() as tx:
        declared = declared_key_of(tx, dataset_id, source)
    parts = {name: some for name, some in parts.items() if name not in {job.id for job in draws}}
    is_row_key = declared is not None and list(key) == declared.columns
    found = find_rows(
        service,
        dataset_id,
        source,
        request["source_ref"],
        earlier,
        RowKey(tuple(key), declared.duplicates if declared and is_row_key else "refuse"),
        tuple({job.id: job for job in (*named, *draws)}.values()),
        (FIELD,),
        on_progress,
        parts,
    )
    return found.with_groups(service, request["rounds"], parts)


def require_rows(found: ExcludedRows) -> None:
    """Raise NoRowsLeft if all rows are excluded."""
    if not found.remaining and len(found.ordinals):
        raise NoRowsLeft(rows=counted(found.source.files.row_count, "row"))
