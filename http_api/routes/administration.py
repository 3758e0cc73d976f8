"""Routes for admins: the audit trail, disk use and pruning."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from apiflask import Schema
from flask import Response
from marshmallow import ValidationError, fields, validate, validates_schema

from application.administration.activity import sentence, write_csv
from application.administration.backup import begin_backup
from application.administration.overview import AdminOverview, admin_overview
from application.administration.pruning import MAX_AHEAD_DAYS, Prune, prune
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.row_responses import file_answer, file_response
from http_api.schemas import out
from http_api.schemas.base import PageOut, PageQuery, StrictQuery, StrictSchema, page_of, text
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
from storage.maintenance.disk_use import measure
from storage.maintenance.pruning import KINDS

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


class EntryOut(Schema):
    id = out.integer()
    at = out.string()
    action = out.string()
    user_id = out.integer(null=True)
    user_soeid = out.string("At the time of the entry.")
    dataset_id = out.integer(null=True)
    object_type = out.string(null=True)
    object_id = out.string(null=True)
    client_address = out.string(null=True)
    request_id = out.string(null=True)
    token_id = out.integer(null=True)
    token_kind = out.string(null=True)
    token_name = out.string(null=True)
    details = out.json_object()
    dataset_name = out.string("Its present name.", null=True)
    sentence = fields.Function(
        sentence, metadata={"type": "string", "description": "The entry in plain words."}
    )


class AuditOut(PageOut):
    entries = out.list_of(EntryOut)


@blueprint.get("", query=AuditQuery, output=AuditOut)
def audit_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Who did what, newest first, for admins.

    Filters combine; `total` counts all matching entries. Entries never change.
    """
    caller().require_role("admin")
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    with service().database.read() as tx:
        found, total = list_entries(tx, _filters(query), **page)
    return {"entries": found, "total": total, **page}


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


class KindUseOut(Schema):
    kind = out.string()
    files = out.integer()
    size_bytes = out.integer()


class DatasetUseOut(Schema):
    dataset_id = out.integer()
    name = out.string()
    removed_at = out.string(null=True)
    commits = out.integer()
    files = out.integer()
    size_bytes = out.integer("A file of several datasets counts in each.")


class StorageOut(PageOut):
    size_bytes = out.integer()
    free_bytes = out.integer("Free space on the disk.")
    disk_bytes = out.integer("Size of the disk.")
    kinds = out.list_of(KindUseOut)
    datasets = out.list_of(DatasetUseOut)


class OverviewOut(Schema):
    failed_jobs = out.integer("Failures that nobody has retried or dismissed.")
    free_bytes = out.integer("Free space on the disk.")
    disk_bytes = out.integer("Size of the disk.")
    last_backup_at = out.string(
        "Of the last backup, by the server or by `jobsvc backup`.", null=True
    )


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


class ExampleOut(Schema):
    id = out.string()
    name = out.string()
    dataset_name = out.string(null=True)
    at = out.string()
    size_bytes = out.integer()


class TallyOut(Schema):
    kind = out.string(metadata={"enum": list(KINDS)})
    count = out.integer()
    size_bytes = out.integer("0 for rows.")
    oldest = out.string(null=True)
    newest = out.string(null=True)
    examples = out.list_of(ExampleOut)


class PruneOut(Schema):
    dry_run = out.boolean()
    complete = out.boolean("False if there is more to remove: send the request again.")
    keeps = out.json_object(
        "The retention settings, in days; 0 is forever.",
        keys=fields.String(),
        values=fields.Integer(),
    )
    size_bytes = out.integer(attribute="report.size_bytes")
    kinds = out.list_of(TallyOut, attribute="report.totals")


@storage_blueprint.get("/storage", query=PageQuery, output=StorageOut)
def storage_use(query: dict[str, int]) -> dict[str, Any]:
    """Disk use, for admins.

    By kind of file, and by dataset, the largest first.
    """
    caller().require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
    end = query["offset"] + query["limit"]
    return {
        "size_bytes": use.size_bytes,
        "free_bytes": use.free_bytes,
        "disk_bytes": use.disk_bytes,
        "kinds": use.kinds,
        "datasets": use.datasets[query["offset"] : end],
        "total": len(use.datasets),
        **query,
    }


@storage_blueprint.get("/overview", output=OverviewOut)
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


@storage_blueprint.post("/prune", body=PruneIn, output=PruneOut)
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


class SigningKeyOut(Schema):
    key_id = out.string("The SHA-256 of the public key's 32 bytes.")
    public_key = out.string("The Ed25519 public key, 64 hexadecimal digits.")
    created_at = out.string()
    retired_at = out.string("Null for the current key.", null=True)


class SigningKeysOut(PageOut):
    keys = out.list_of(SigningKeyOut, "The current key first, then the newest.")


@signing_keys_blueprint.get("", query=PageQuery, output=SigningKeysOut)
def signing_keys(query: dict[str, int]) -> dict[str, Any]:
    """The public keys that verify certificates, with all retired ones."""
    with service().database.read() as tx:
        return page_of("keys", list_public_keys(tx), query)


@signing_keys_blueprint.post("/rotate", output=SigningKeyOut)
def rotate_signing_key() -> PublicKey:
    """Replace the key that signs certificates, for admins. The old public key stays listed."""
    caller().require_role("admin")
    with caller().writing() as tx:
        key = service().signing_keys.rotate(tx)
        caller().audit(tx, "signing_key_rotated", about=("signing_key", key.key_id))
    return key
