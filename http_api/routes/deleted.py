"""Routes of the bin: list, restore, delete for good."""

from __future__ import annotations

from typing import Any

from apiflask import Schema

from application.identity.bin import binned_since, expires_at, purge, restore, shown_entry
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas import out
from http_api.schemas.base import MessageOut, PageOut, PageQuery, StrictSchema, name_text
from http_api.schemas.fields import QueryInteger
from storage.versions.bin import BinEntry, list_bin

blueprint = SignedInBlueprint("bin", __name__, url_prefix="/api/bin", tag="Bin")


class BinnedOut(MessageOut):
    bin_id = out.integer("The entry of the bin.")
    kind = out.string("`dataset`, `sample`, `query` or `version`.")
    name = out.string("The name of the sample, the saved query, the version or the dataset.")
    expires_at = out.string("When the entry expires.")


def binned(entry: BinEntry) -> dict[str, Any]:
    """Return the fields of :class:`BinnedOut` besides the message."""
    return {
        "bin_id": entry.id,
        "kind": entry.kind,
        "name": entry.name,
        "expires_at": expires_at(service(), entry),
    }


class BinQuery(PageQuery):
    dataset_id = QueryInteger()


class BinEntryOut(Schema):
    id = out.integer()
    kind = out.string("`dataset`, `sample`, `query` or `version`.")
    name = out.string("The name of the sample, the saved query, the version or the dataset.")
    dataset_id = out.integer()
    dataset_name = out.string()
    ref_name = out.string(null=True)
    commit_id = out.string(null=True)
    purpose = out.string("The commit's message.", null=True)
    job_id = out.string("The job that made the commit.", null=True)
    deleted_by = out.string()
    deleted_at = out.string()
    expires_at = out.string()
    may_restore = out.boolean()
    may_delete = out.boolean("Whether I may delete it for good.")


class BinOut(PageOut):
    entries = out.list_of(BinEntryOut)


class RestoreIn(StrictSchema):
    name = name_text(200, description="Another name; by default the name that it had.")


@blueprint.get("", query=BinQuery, output=BinOut)
def entries(query: dict[str, Any]) -> dict[str, Any]:
    """What is in the bin, newest first.

    The deleted samples, saved queries and versions of the datasets that I can see, and the deleted
    datasets in which I have the level admin.
    """
    with service().database.read() as tx:
        found, total = list_bin(tx, caller().user, binned_since(service()), **query)
    return {
        "entries": [shown_entry(caller(), entry) for entry in found],
        "total": total,
        "offset": query["offset"],
        "limit": query["limit"],
    }


@blueprint.post("/<int:entry_id>/restore", body=RestoreIn, output=MessageOut)
def restore_one(entry_id: int, given: dict[str, Any]) -> dict[str, str]:
    """Restore a sample, a saved query, a version or a dataset.

    If the name is in use, the error `name_taken` suggests another one in `parameters`.
    """
    entry = restore(caller(), entry_id, given.get("name"))
    return {"message": f"Restored {given.get('name') or entry.name}"}


@blueprint.delete("/<int:entry_id>", output=MessageOut)
def purge_one(entry_id: int) -> dict[str, str]:
    """Delete a sample, a saved query, a version or a dataset for good.

    The next prune deletes its data.
    """
    return {"message": f"Deleted {purge(caller(), entry_id).name} for good"}
