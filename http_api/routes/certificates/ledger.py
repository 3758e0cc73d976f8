"""The route of a dataset's ledger."""

from __future__ import annotations

from flask import Response

from application.certificates.ledger import LedgerPage, ledger_file, ledger_page
from contract.requests.certificates import LedgerRequest
from http_api.access import SignedInBlueprint, caller, service

blueprint = SignedInBlueprint("ledger", "Certificates", "/api/datasets/<int:dataset_id>/ledger")


@blueprint.get("")
def ledger(dataset_id: int, query: LedgerRequest) -> Response | LedgerPage:
    """What was planned, drawn, replaced and deleted in a dataset.

    Each entry has the digest of the one before. A draw at once (`…/sample`) keeps nothing and isn't
    an entry.
    """
    caller().dataset(dataset_id, "read")
    if query.format == "json":
        answer = Response(ledger_file(service(), dataset_id), mimetype="application/json")
        name = f"ledger-{dataset_id}.json"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    return ledger_page(service(), dataset_id, query)
