"""Routes that attach tables: a preview, and a job that publishes a commit."""

from __future__ import annotations

from typing import Any

from application.attaching import TablePreview, preview_attach, submit_attach
from application.identity.column_reports import ColumnChanges, preview_changes
from application.job_submission import required_columns
from contract.requests.attaching import (
    AttachPreviewRequest,
    AttachRequest,
    DatasetAttachPreviewRequest,
)
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.submissions import submission
from http_api.schemas.jobs import JobAccepted, accepted
from lazy_dataclasses import dataclass
from service.tables.attached_files import TableToAttach

blueprint = SignedInBlueprint("attaching", "Attach", "/api/datasets")


@dataclass(frozen=True)
class AttachPreview:
    """What attaching would read."""

    tables: list[TablePreview]


@dataclass(frozen=True)
class DatasetAttachPreview(AttachPreview):
    """What attaching would read, and what it would change in the columns of the ref."""

    column_changes: ColumnChanges | None


@blueprint.post("/<int:dataset_id>/attach/preview")
def preview(dataset_id: int, given: DatasetAttachPreviewRequest) -> DatasetAttachPreview:
    """Describe tables before they are attached.

    Reads the footers of the files: their number, rows, columns and bytes. Nothing is stored.
    `column_changes` compares the columns with those of `base_ref`.
    """
    caller().dataset(dataset_id, "write")
    tables = _preview(given)
    shapes = [table.shape for table in tables]
    changes = preview_changes(caller(), dataset_id, given.base_ref, shapes)
    return DatasetAttachPreview(tables, changes)


@blueprint.post("/attach/preview")
def first_preview(given: AttachPreviewRequest) -> AttachPreview:
    """Describe tables without a dataset.

    For users who can create a dataset.
    """
    caller().require_role("admin", "analyst")
    return AttachPreview(_preview(given))


def _preview(given: AttachPreviewRequest) -> list[TablePreview]:
    with access().work_limits.previews.piece(caller().user.id):
        return preview_attach(service(), caller().user, _tables(given))


@blueprint.post("/<int:dataset_id>/refs/<ref>/attach")
def attach(dataset_id: int, ref: str, given: AttachRequest) -> JobAccepted:
    """Attach tables: their Parquet files stay where they are.

    A job reads the footers of the files, and with `verify` the files; then the ref moves to a
    commit that names each file with its size and its ETag, or its modification time and inode. A
    file that changes later is refused with `source_changed`.
    """
    dataset = caller().dataset(dataset_id, "write")
    tables = _tables(given)
    meaning: dict[str, Any] = {
        "tables": [table.to_json() for table in tables],
        **required_columns(given.require_columns),
        **({"verify": True} if given.verify else {}),
    }
    by = submission(given.priority, given.commit_message or "", body=meaning)
    job = submit_attach(service(), by, dataset, ref, given, tables)
    return accepted(job, "Attach job created")


def _tables(given: AttachPreviewRequest | AttachRequest) -> list[TableToAttach]:
    return [
        TableToAttach(
            table.table_key,
            tuple(table.uri),
            table.connection or "",
            table.format,
            table.version,
        )
        for table in given.tables
    ]
