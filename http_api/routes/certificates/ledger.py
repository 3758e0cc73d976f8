"""The route of a dataset's ledger."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from flask import Response, jsonify
from marshmallow import fields, validate

from application.certificates.ledger import ledger_file, ledger_page, sentence_of
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas import out
from http_api.schemas.base import PageOut, PageQuery
from http_api.schemas.fields import StrictString
from storage.certificates.ledger import KINDS

blueprint = SignedInBlueprint(
    "ledger", __name__, url_prefix="/api/datasets/<int:dataset_id>/ledger", tag="Certificates"
)


class LedgerQuery(PageQuery):
    format = StrictString(
        validate=validate.OneOf(("json",)),
        description="`json`: the whole ledger as a file with a signed head.",
    )


class LedgerEntryOut(Schema):
    dataset_id = out.integer()
    number = out.integer("From 1, without gaps.")
    kind = out.string(validate=validate.OneOf(KINDS))
    recorded_at = out.string()
    actor = out.string()
    body = out.json_object()
    previous_digest = out.string("Of the entry before.", null=True)
    digest = out.string("The SHA-256 of the canonical JSON of the entry without its digest.")
    sentence = out.string()
    sample = out.string("The name of the sample, if there is one.", null=True)


class LedgerOut(PageOut):
    entries = out.list_of(LedgerEntryOut, "The newest first.")
    is_intact = out.boolean("Whether every entry has its digest and follows the one before.")
    faults = out.list_of(fields.String(), "A sentence for each break of the chain.")
    records_since = out.string("The time of the first entry.", null=True)
    unrecorded_draws = out.integer("Draws that are older than the ledger.")


@blueprint.get("", query=LedgerQuery, output=LedgerOut)
def ledger(dataset_id: int, query: dict[str, Any]) -> Response:
    """What was planned, drawn, replaced and deleted in a dataset.

    Each entry has the digest of the one before. A draw at once (`…/sample`) keeps nothing and isn't
    an entry.
    """
    caller().dataset(dataset_id, "read")
    if query.get("format") == "json":
        answer = Response(ledger_file(service(), dataset_id), mimetype="application/json")
        name = f"ledger-{dataset_id}.json"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    page = ledger_page(service(), dataset_id, query["offset"], query["limit"])
    return jsonify(
        {
            "entries": [
                {
                    **vars(each),
                    "sentence": sentence_of(each),
                    "sample": page.names.get(each.body.get("job_id", "")),
                }
                for each in page.entries
            ],
            "total": page.total,
            "offset": query["offset"],
            "limit": query["limit"],
            "is_intact": not page.faults,
            "faults": page.faults,
            "records_since": page.records_since,
            "unrecorded_draws": page.unrecorded_draws,
        }
    )
