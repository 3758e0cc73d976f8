"""Routes of the bin: list, restore, delete for good."""

from __future__ import annotations

from typing import Annotated

from application.identity.bin import (
    ShownEntry,
    binned_since,
    expires_at,
    purge,
    restore,
    shown_entry,
)
from contract.declarations import Help
from contract.requests.administration import BinRequest, RestoreRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, listed
from lazy_dataclasses import dataclass
from storage.versions.bin import KINDS_HELP, NAME_HELP, BinEntry, list_bin

blueprint = SignedInBlueprint("bin", "Bin", "/api/bin")


@dataclass(frozen=True)
class Binned:
    """What went to the bin."""

    message: str
    bin_id: Annotated[int, Help("The entry of the bin.")]
    kind: Annotated[str, Help(KINDS_HELP)]
    name: Annotated[str, Help(NAME_HELP)]
    expires_at: Annotated[str, Help("When the entry expires.")]


def binned(message: str, entry: BinEntry) -> Binned:
    """The answer to a deletion."""
    return Binned(message, entry.id, entry.kind, entry.name, expires_at(service(), entry))


@blueprint.get("", output=list_schema("entries", ShownEntry))
def entries(query: BinRequest) -> Listing:
    """What is in the bin, newest first.

    The deleted samples, saved queries and versions of the datasets that I can see, and the deleted
    datasets in which I have the level admin.
    """
    with service().database.read() as tx:
        found, total = list_bin(tx, caller().user, binned_since(service()), **vars(query))
    return listed(([shown_entry(caller(), entry) for entry in found], total), query)


@blueprint.post("/<int:entry_id>/restore", output=MessageOut)
def restore_one(entry_id: int, given: RestoreRequest) -> dict[str, str]:
    """Restore a sample, a saved query, a version or a dataset.

    If the name is in use, the error `name_taken` suggests another one in `parameters`.
    """
    entry = restore(caller(), entry_id, given.name)
    return {"message": f"Restored {given.name or entry.name}"}


@blueprint.delete("/<int:entry_id>", output=MessageOut)
def purge_one(entry_id: int) -> dict[str, str]:
    """Delete a sample, a saved query, a version or a dataset for good.

    The next prune deletes its data.
    """
    return {"message": f"Deleted {purge(caller(), entry_id).name} for good"}
