"""Attachments of findings: files that are evidence for a row of a sample, or for the sample.

A file is stored as it is, in the store of data files, and never opened. Its media type follows from
its first bytes, whatever its name and the client say.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated

from application.access import Caller
from application.audit.findings import items_by_key, require_entries
from application.audit.stages import require_reached
from application.audit.state import audit_state, drawn_row_ids, not_in_sample
from application.identity.named_rows import rows_named
from contract.declarations import Help
from contract.requests.findings import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.row_names import names_of_job
from storage.audit.attachments import (
    Attachment,
    NewAttachment,
    attached_size,
    get_attachment,
    insert_attachment,
    remove_attachment,
)
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord
from storage.maintenance.quotas import MIB
from storage.sqlite.database import Transaction
from storage.versions.data_files import StoredFile

UNKNOWN_TYPE = "application/octet-stream"
ZIP_TYPE = "application/zip"
_FIRST_BYTES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"PK\x03\x04": ZIP_TYPE,
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIP_TYPES = {
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}presentationml.presentation",
}
FILE_LOC = ("body", "file")


class InvalidAttachment(DomainError):
    """The file is empty or too large."""

    code = "invalid_attachment"
    loc = FILE_LOC


class AttachmentsFull(Conflict):
    """The files attached to the sample would be too many, or exceed the setting."""

    code = "attachments_full"
    loc = FILE_LOC


@dataclass(frozen=True)
class NamedAttachment(Attachment):
    """An attachment with the name of its row."""

    name: Annotated[
        str | None,
        Help("The row by the table's row key; the row id without one. Null: of the sample."),
    ]


def media_type_of(first_bytes: bytes, file_name: str) -> str:
    """The media type of a file by its first bytes; the name distinguishes the ZIP files of Office.

    >>> media_type_of(b"%PDF-1.7", "a.txt"), media_type_of(b"<script>", "a.pdf")
    ('application/pdf', 'application/octet-stream')
    """
    found = (kind for start, kind in _FIRST_BYTES.items() if first_bytes.startswith(start))
    kind = next(found, UNKNOWN_TYPE)
    return _ZIP_TYPES.get(PurePath(file_name).suffix.lower(), kind) if kind == ZIP_TYPE else kind


def attach(
    by: Caller, job: JobRecord, upload: Path, file_name: str, row: str | None, note: str
) -> NamedAttachment:
    """Attach a file to a row of a sample, or to the sample; moves the file ``upload``.

    ``file_name`` is the user's name of the file, never a path; ``row`` is a row id or a key.

    Raises
    ------
    NotFound
        The row isn't an item of the sample.
    InvalidAttachment
        The file is empty or has more than 32 MiB.
    SampleDeleted, FindingsLocked, StageNotReached, AlreadyAttached
        Nothing can be attached to the sample or the row; or it has the file.
    AttachmentsFull, QuotaExceeded
        The sample's files would exceed ``MAX_ATTACHMENTS`` or ``attachments_max_mb``, or a quota.
    """
    service = by.service
    by.dataset(job.dataset_id, "write")
    with rows_named(service, job):
        row_id = None if row is None else _row_id(service, job, row)
    with upload.open("rb") as file:
        first_bytes = file.read(max(map(len, _FIRST_BYTES)))
    _require_size(upload.stat().st_size)
    with service.hold_files() as adopt:
        stored = adopt(upload, 0)
        service.quotas.measure(service.database, job.dataset_id, by.user.id)
        kind = media_type_of(first_bytes, file_name)
        new = NewAttachment(row_id, file_name, kind, note, stored.sha256, stored.size_bytes)
        with by.writing() as tx:
            require_entries(tx, job)
            made, is_new = insert_attachment(
                tx, job.id, job.dataset_id, by.user.id, new, service.clock
            )
            if is_new:
                _require_room(tx, by, job, stored)
                by.audit_of_job(
                    tx, "file_attached", job, file_name=file_name, sha256=stored.sha256, row=row_id
                )
            attachment = get_attachment(tx, job.id, made)
    return named_attachments(service, job, [attachment])[0]


def _row_id(service: Service, job: JobRecord, row: str) -> str:
    state = audit_state(service, job)
    row_id = items_by_key(service, job, state).row_id(row, ("body", "row_id"))
    drawn = drawn_row_ids(service, job)
    known = drawn.keys() | state.replacing.keys()
    if row_id not in known:
        raise not_in_sample(row_id, known, ("body", "row_id"))
    require_reached(job, list(drawn), state, [row_id])
    return row_id


def _require_size(size_bytes: int) -> None:
    if not size_bytes:
        raise InvalidAttachment("The file is empty.")
    if size_bytes > MAX_ATTACHMENT_BYTES:
        raise InvalidAttachment(
            "The file has {size} bytes. An attachment has at most {most}, 32 MiB.",
            size=size_bytes,
            most=MAX_ATTACHMENT_BYTES,
        )


def _require_room(tx: Transaction, by: Caller, job: JobRecord, stored: StoredFile) -> None:
    """Require in the transaction of the attachment that the sample's files and the quotas fit."""
    count, size_bytes = attached_size(tx, job.id)
    if count > MAX_ATTACHMENTS:
        raise AttachmentsFull(
            "A sample has at most {most} attachments, with those that were removed.",
            most=MAX_ATTACHMENTS,
        )
    most_mb = by.service.settings.attachments_max_mb
    if size_bytes > most_mb * MIB:
        raise AttachmentsFull(
            "The files attached to the sample would exceed {most} MiB. Ask an administrator to "
            "raise `attachments_max_mb`, or attach a smaller file.",
            most=most_mb,
        )
    by.service.quotas.require_room(tx, job.dataset_id, by.user.id, [stored])


def remove(by: Caller, job: JobRecord, attachment_id: int, reason: str) -> NamedAttachment:
    """Remove an attachment with a reason; it stays in the history.

    Raises
    ------
    NotFound, Conflict
        The sample has no such attachment; it was removed already.
    SampleDeleted, FindingsLocked
        Nothing can be removed.
    """
    by.dataset(job.dataset_id, "write")
    with by.writing() as tx:
        require_entries(tx, job)
        removed = remove_attachment(tx, job.id, attachment_id, by.user.id, reason, by.service.clock)
        by.audit_of_job(
            tx,
            "attachment_removed",
            job,
            file_name=removed.file_name,
            sha256=removed.sha256,
            row=removed.row_id,
            reason=reason,
        )
    return named_attachments(by.service, job, [removed])[0]


def audit_downloads(by: Caller, job: JobRecord, attachments: Sequence[Attachment]) -> None:
    """Record that attachments are sent, before they are: an entry for each."""
    with by.writing() as tx:
        for each in attachments:
            by.audit_of_job(
                tx, "attachment_downloaded", job, file_name=each.file_name, sha256=each.sha256
            )


def named_attachments(
    service: Service, job: JobRecord, attachments: Sequence[Attachment]
) -> list[NamedAttachment]:
    """The attachments with the names of their rows."""
    names = names_of_job(service, job, [each.row_id for each in attachments if each.row_id])
    return [
        NamedAttachment(**vars(each), name=each.row_id and names.of(each.row_id))
        for each in attachments
    ]
