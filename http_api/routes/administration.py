"""Routes for admins: the audit trail, disk use and pruning."""

from __future__ import annotations

from flask import Response

from application.administration.activity import Activity, write_csv
from application.administration.backup import begin_backup
from application.administration.overview import AdminOverview, admin_overview
from application.administration.pruning import Prune, prune
from contract.requests.administration import AuditRequest, EntriesRequest, PruneRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES
from storage.accounts.audit_trail import list_entries
from storage.certificates.keys import PublicKey, list_public_keys
from storage.maintenance.disk_use import StorageUse, measure

blueprint = SignedInBlueprint("audit", "Administration", "/api/admin/audit")


@blueprint.get("", output=list_schema("entries", Activity))
def audit_entries(query: AuditRequest) -> Listing:
    """Who did what, newest first, for admins.

    Filters combine; `total` counts all matching entries. Entries never change.
    """
    caller().require_role("admin")
    with service().database.read() as tx:
        entries, total = list_entries(tx, query, query.offset, query.limit)
    return listed(([Activity(**vars(entry)) for entry in entries], total), query)


@blueprint.get("/csv", file="text/csv")
def audit_csv(query: EntriesRequest) -> Response:
    """The matching entries as a CSV file, newest first, for admins.

    At most 100,000. A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    caller().require_role("admin")
    with downloaded_file("activity.csv") as path:
        write_csv(service(), query, path)
        return file_answer(path, "activity.csv", MEDIA_TYPES["csv"])


storage_blueprint = SignedInBlueprint("storage", "Administration", "/api/admin")


@dataclass(frozen=True)
class StoragePage(StorageUse):
    """Disk use, and a page of the datasets."""

    total: int
    offset: int
    limit: int


@storage_blueprint.get("/storage")
def storage_use(query: PageRequest) -> StoragePage:
    """Disk use, for admins.

    By kind of file, and by dataset, the largest first.
    """
    caller().require_role("admin")
    with service().database.read() as tx:
        use = measure(tx, service().directory)
    page = page_of(use.datasets, query)
    listing = {"total": page.total, "offset": page.offset, "limit": page.limit}
    return StoragePage(use.kinds, list(page.items), use.free_bytes, use.disk_bytes, **listing)


@storage_blueprint.get("/overview")
def overview() -> AdminOverview:
    """Failed jobs, free disk space and the last backup, for admins."""
    caller().require_role("admin")
    return admin_overview(service())


@storage_blueprint.get("/backup", file="application/x-tar")
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


@storage_blueprint.post("/prune")
def prune_storage(given: PruneRequest) -> Prune:
    """Remove unreachable and expired data, for admins.

    According to the settings `keep_…_days`. Responds within seconds; repeat the request until
    `complete` is true.
    """
    by = caller().require_role("admin")
    return prune(
        service(), **vars(given), user=by, origin=caller().origin, authority=caller().authority()
    )


signing_keys_blueprint = SignedInBlueprint("signing_keys", "Administration", "/api/signing-keys")


@signing_keys_blueprint.get(
    "", output=list_schema("keys", PublicKey, "The current key first, then the newest.")
)
def signing_keys(query: PageRequest) -> Listing:
    """The public keys that verify certificates, with all retired ones."""
    with service().database.read() as tx:
        return page_of(list_public_keys(tx), query)


@signing_keys_blueprint.post("/rotate")
def rotate_signing_key() -> PublicKey:
    """Replace the key that signs certificates, for admins. The old public key stays listed."""
    caller().require_role("admin")
    with caller().writing() as tx:
        key = service().signing_keys.rotate(tx)
        caller().audit(tx, "signing_key_rotated", about=("signing_key", key.key_id))
    return key
