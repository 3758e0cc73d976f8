"""Routes for admins: the audit trail, disk use and pruning."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from flask import Response
from marshmallow import ValidationError, validate, validates_schema

from application.administration.activity import Activity, write_csv
from application.administration.backup import begin_backup
from application.administration.overview import AdminOverview, admin_overview
from application.administration.pruning import MAX_AHEAD_DAYS, Prune, prune
from contract.declarations import Help
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.row_responses import file_answer, file_response
from http_api.schemas.base import PageQuery, StrictQuery, StrictSchema, text
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from http_api.schemas.fields import (
    Message,
    QueryInteger,
    QueryList,
    StrictBoolean,
    StrictInteger,
    Timestamp,
)
from parquet_tables.exports import MEDIA_TYPES
from storage.accounts.audit_trail import ACTIONS, AuditFilters, list_entries
from storage.certificates.keys import PublicKey, list_public_keys
from storage.maintenance.disk_use import DatasetUse, KindUse, measure

blueprint = SignedInBlueprint(
    "audit", __name__, url_prefix="/api/admin/audit", tag="Administration"
)


class EntryFilters(StrictQuery):
    user_id = QueryInteger()
    user_soeid = text(1, 200)
    action = QueryList(
        validate=validate.ContainsOnly(ACTIONS),
        description="One or more, separated by commas or repeated.",
    )
    dataset_id = QueryInteger()
    object_id = text(1, 200, description="A job, a ref, a table, a token or a user.")
    after = Timestamp(description="At this time or later.")
    before = Timestamp(description="Before this time.")


class AuditQuery(PageQuery, EntryFilters):
    """Filters and the page."""


@blueprint.get("", query=AuditQuery, output=list_schema("entries", Activity))
def audit_entries(query: dict[str, Any]) -> Listing:
    """Who did what, newest first, for admins.

    Filters combine; `total` counts all matching entries. Entries never change.
    """
    caller().require_role("admin")
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    with service().database.read() as tx:
        found, total = list_entries(tx, _filters(query), **page)
    return listed(([Activity(**vars(entry)) for entry in found], total), page)


@blueprint.get("/csv", query=EntryFilters)
@blueprint.doc(responses=file_response("text/csv"))
def audit_csv(query: dict[str, Any]) -> Response:
    """The matching entries as a CSV file, newest first, for admins.

    At most 100,000. A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    caller().require_role("admin")
    with (
        access().work_limits.downloads.piece(caller().user.id),
        tempfile.TemporaryDirectory(dir=service().directory.scratch_dir) as folder,
    ):
        path = Path(folder) / "activity.csv"
        write_csv(service(), _filters(query), path)
        return file_answer(path, "activity.csv", MEDIA_TYPES["csv"])


def _filters(query: dict[str, Any]) -> AuditFilters:
    actions = query.pop("action", None)
    return AuditFilters(actions=None if actions is None else tuple(actions), **query)


storage_blueprint = SignedInBlueprint(
    "storage", __name__, url_prefix="/api/admin", tag="Administration"
)


@dataclass(frozen=True)
class StoragePage:
    """Disk use, and a page of the datasets."""

    total: int
    offset: int
    limit: int
    size_bytes: int
    free_bytes: Annotated[int, Help("Free space on the disk.")]
    disk_bytes: Annotated[int, Help("Size of the disk.")]
    kinds: list[KindUse]
    datasets: list[DatasetUse]


class PruneIn(StrictSchema):
    dry_run = StrictBoolean(
        required=True, description="Report what would be removed, and remove nothing."
    )
    ahead_days = StrictInteger(
        load_default=0,
        validate=validate.Range(0, MAX_AHEAD_DAYS),
        description="With `dry_run`: what could be removed in so many days.",
    )

    @validates_schema
    def ahead_with_dry_run(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse to remove what can only be removed later."""
        if data.get("ahead_days") and not data.get("dry_run"):
            raise ValidationError(Message("`ahead_days` requires `dry_run`."), "ahead_days")


@storage_blueprint.get("/storage", query=PageQuery, output=StoragePage)
def storage_use(query: dict[str, int]) -> StoragePage:
    """Disk use, for admins.

    By kind of file, and by dataset, the largest first.
    """
    caller().require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
    end = query["offset"] + query["limit"]
    return StoragePage(
        len(use.datasets),
        query["offset"],
        query["limit"],
        use.size_bytes,
        use.free_bytes,
        use.disk_bytes,
        use.kinds,
        use.datasets[query["offset"] : end],
    )


@storage_blueprint.get("/overview", output=AdminOverview)
def overview() -> AdminOverview:
    """Failed jobs, free disk space and the last backup, for admins."""
    caller().require_role("admin")
    return admin_overview(service())


@storage_blueprint.get("/backup")
@storage_blueprint.doc(responses=file_response("application/x-tar"))
def backup() -> Response:
    """A backup as a tar file, for admins.

    The database and every data file, for `jobsvc restore`. A response that
    ends early is shorter than its `Content-Length`.
    """
    sent = begin_backup(caller())
    answer = Response(sent.chunks, mimetype="application/x-tar")
    answer.call_on_close(sent.close)
    answer.content_length = sent.size_bytes
    answer.headers["Content-Disposition"] = f'attachment; filename="{sent.name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@storage_blueprint.post("/prune", body=PruneIn, output=Prune)
def prune_storage(given: dict[str, Any]) -> Prune:
    """Remove unreachable and expired data, for admins.

    According to the settings `keep_…_days`. Responds within seconds; repeat the request until
    `complete` is true.
    """
    by = caller().require_role("admin")
    return prune(
        service(), **given, user=by, origin=caller().origin, authority=caller().authority()
    )


signing_keys_blueprint = SignedInBlueprint(
    "signing_keys", __name__, url_prefix="/api/signing-keys", tag="Administration"
)


@signing_keys_blueprint.get(
    "",
    query=PageQuery,
    output=list_schema("keys", PublicKey, "The current key first, then the newest."),
)
def signing_keys(query: dict[str, int]) -> Listing:
    """The public keys that verify certificates, with all retired ones."""
    with service().database.read() as tx:
        return page_of(list_public_keys(tx), query)


@signing_keys_blueprint.post("/rotate", output=PublicKey)
def rotate_signing_key() -> PublicKey:
    """Replace the key that signs certificates, for admins. The old public key stays listed."""
    caller().require_role("admin")
    with caller().writing() as tx:
        key = service().signing_keys.rotate(tx)
        caller().audit(tx, "signing_key_rotated", about=("signing_key", key.key_id))
    return key
