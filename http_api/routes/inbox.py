"""Routes of what waits for the caller, and of the samples with how far they are examined."""

from __future__ import annotations

from application.audit.examinations import ListedSample, list_samples
from application.audit.inbox import Inbox, inbox
from contract.requests.jobs import SamplesRequest
from http_api.access import SignedInBlueprint, caller
from http_api.schemas.contract import Listing, list_schema, listed

blueprint = SignedInBlueprint("inbox", "Audit", "/api/inbox")
samples_blueprint = SignedInBlueprint("samples", "Audit", "/api/samples")


@blueprint.get("")
def waiting() -> Inbox:
    """What waits for the caller: rows to examine, findings to review, failed jobs."""
    return inbox(caller())


@samples_blueprint.get("", output=list_schema("samples", ListedSample))
def samples(query: SamplesRequest) -> Listing:
    """Samples with how far they are examined and reviewed, newest first.

    Deleted samples are listed, too, until they are pruned.
    """
    return listed(list_samples(caller(), query), query)
