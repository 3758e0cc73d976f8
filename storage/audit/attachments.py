"""Files that people attached to rows of a sample, or to the sample, as evidence.

Guarantees that an attachment never changes but once, when it is removed with a reason, and that
nothing is attached or removed while the review is submitted or signed off: the state is read in the
transaction of the entry.
"""

from __future__ import annotations

from typing import Annotated

from contract.answers import Hidden
from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.audit.findings import require_open
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, number, only, statement


class AlreadyAttached(Conflict):
    """The file is attached to the row, or to the sample, already."""

    code = "already_attached"


@dataclass(frozen=True)
class Attachment:
    """A file that was attached to a row of a sample, or to the sample."""

    id: int
    job_id: Hidden[str]
    row_id: Annotated[str | None, Help("Null: the file is attached to the sample.")]
    file_name: str
    media_type: Annotated[
        str,
        Help(
            "By the first bytes: that of PDF, PNG, JPEG and ZIP, with the Office formats that are "
            "ZIP files; else `application/octet-stream`."
        ),
    ]
    note: str
    sha256: Annotated[str, Help("Of the file.")]
    size_bytes: int
    user_id: Hidden[int]
    at: str
    user_soeid: str
    from_job_id: Annotated[
        str | None,
        Help("The sample that the file was carried over from, when this one was drawn."),
    ]
    removed_at: Annotated[str | None, Help("Null: the file is not removed.")]
    removed_by_soeid: str | None
    removal_reason: str | None


_ATTACHMENTS = Records(Attachment)


@dataclass(frozen=True)
class NewAttachment:
    """A file to attach; ``sha256`` is that of a file in the store of data files."""

    row_id: str | None
    file_name: str
    media_type: str
    note: str
    sha256: str
    size_bytes: int


def insert_attachment(
    tx: Transaction, job_id: str, dataset_id: int, user_id: int, new: NewAttachment, clock: Clock
) -> tuple[int, bool]:
    """Attach a file; return its id, and False if the user repeats the request of an attachment.

    Raises
    ------
    FindingsLocked
        The review is submitted or signed off.
    AlreadyAttached
        The row, or the sample, has the file by another name, by another person or with another
        note.
    """
    require_open(tx, job_id)
    same = "attachments.removed_at IS NULL AND row_id IS :row_id AND sha256 = :sha256"
    for each in _selected(tx, job_id, same, row_id=new.row_id, sha256=new.sha256):
        if _is_repeated(each, user_id, new):
            return each.id, False
        raise AlreadyAttached(
            'The file is attached already, as "{name}" by {user}.',
            loc=("body", "file"),
            name=each.file_name,
            user=each.user_soeid,
        )
    sample = {"job_id": job_id, "dataset_id": dataset_id, "user_id": user_id}
    return number(tx, "insert_attachment", **sample, **vars(new), at=timestamp(clock())), True


def _is_repeated(earlier: Attachment, user_id: int, new: NewAttachment) -> bool:
    stored = (earlier.user_id, earlier.file_name, earlier.note)
    return stored == (user_id, new.file_name, new.note)


def remove_attachment(
    tx: Transaction, job_id: str, attachment_id: int, user_id: int, reason: str, clock: Clock
) -> Attachment:
    """Remove an attachment, which stays in the history; its file stays, too.

    Raises
    ------
    FindingsLocked
        The review is submitted or signed off.
    NotFound, Conflict
        The sample has no such attachment; it was removed already.
    """
    require_open(tx, job_id)
    attachment = get_attachment(tx, job_id, attachment_id)
    removal = {"user_id": user_id, "reason": reason, "at": timestamp(clock())}
    if first(tx, "remove_attachment", job_id=job_id, id=attachment_id, **removal) is None:
        raise Conflict(
            'The attachment "{name}" was removed by {user} already.',
            name=attachment.file_name,
            user=attachment.removed_by_soeid,
        )
    return get_attachment(tx, job_id, attachment_id)


def get_attachment(tx: Transaction, job_id: str, attachment_id: int) -> Attachment:
    """Return an attachment of a sample, also a removed one; raise NotFound without one."""
    found = _selected(tx, job_id, "attachments.id = :id", id=attachment_id)
    if not found:
        raise NotFound('The sample has no attachment "{id}".', id=str(attachment_id))
    return found[0]


def attachments_of(tx: Transaction, job_id: str, *, removed: bool = False) -> list[Attachment]:
    """Return the attachments of a sample and its rows, oldest first; ``removed``: these, too."""
    return _selected(tx, job_id, "true" if removed else "attachments.removed_at IS NULL")


def _selected(
    tx: Transaction, job_id: str, condition: str, **params: int | str | None
) -> list[Attachment]:
    sql = statement("list_attachments", rows=condition)
    return [_ATTACHMENTS.of(row) for row in tx.execute(sql, {"job_id": job_id, **params})]


def attached_size(tx: Transaction, job_id: str) -> tuple[int, int]:
    """Return the number of attachments of a sample and the bytes of their files, each file once.

    Removed ones count, too.
    """
    row = only(tx, "size_of_attachments", job_id=job_id)
    return row["attachments"], row["bytes"]
