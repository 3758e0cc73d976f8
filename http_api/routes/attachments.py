"""Routes of the attachments of a sample's findings: list, attach, download, remove."""

from __future__ import annotations

from flask import Response

from application.audit.attachments import (
    NamedAttachment,
    attach,
    audit_downloads,
    named_attachments,
    remove,
)
from application.audit.findings import items_by_key
from application.audit.state import audit_state
from contract.requests.findings import AttachmentRequest, AttachmentsListRequest, RemovalRequest
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.imports import large_uploads, plain_name
from http_api.routes.row_responses import file_answer
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import Listing, list_schema, page_of
from http_api.server.uploads import written_path
from storage.audit.attachments import attachments_of, get_attachment

blueprint = SignedInBlueprint("attachments", "Audit", "/api/sampling/jobs/<job_id>/attachments")


@blueprint.get("", output=list_schema("attachments", NamedAttachment, "Oldest first.", of_job=True))
def attachments(job_id: str, query: AttachmentsListRequest) -> Listing:
    """List the files attached to a sample and its rows."""
    job = completed_sample(job_id)
    row_id = query.row_id
    with caller().reading():
        if row_id is not None:
            items = items_by_key(service(), job, audit_state(service(), job))
            row_id = items.row_id(row_id, ("query", "row_id"))
        with service().database.read() as tx:
            found = attachments_of(tx, job.id, removed=query.removed)
        chosen = [each for each in found if row_id in (None, each.row_id)]
        return page_of(named_attachments(service(), job, chosen), query, job.id)


@blueprint.post("", form=AttachmentRequest, guard=large_uploads)
def attach_one(job_id: str, given: AttachmentRequest) -> NamedAttachment:
    """Attach a file to a row of the sample, or to the sample.

    PDF, images, e-mails, Office files or any other, at most 32 MiB each. While the findings are
    submitted or signed off, nothing can be attached or removed.
    """
    job = completed_sample(job_id)
    name = plain_name(given.file.filename or "")
    path = written_path(given.file.stream)
    return attach(caller(), job, path, name, given.row_id, given.note)


@blueprint.get("/<int:attachment_id>", file="application/octet-stream")
def download(job_id: str, attachment_id: int) -> Response:
    """Download an attachment, also a removed one.

    Browsers store the file and never show it.
    """
    job = completed_sample(job_id)
    with access().work_limits.downloads.piece(caller().user.id):
        with service().database.read() as tx:
            found = get_attachment(tx, job.id, attachment_id)
        path = service().data_files.whole(found.sha256, found.size_bytes)
        audit_downloads(caller(), job, [found])
        return file_answer(path, found.file_name, found.media_type)


@blueprint.delete("/<int:attachment_id>")
def remove_one(job_id: str, attachment_id: int, given: RemovalRequest) -> NamedAttachment:
    """Remove an attachment, with a reason.

    It stays in the history, with its file.
    """
    return remove(caller(), completed_sample(job_id), attachment_id, given.reason)
