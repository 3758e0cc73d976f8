"""Routes of row proofs: build a table's row root, and prove rows of a sample's source."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields

from application.access import RowSource
from application.certificates.row_proofs import (
    FORMAT,
    row_proofs,
    sampled_ordinals,
    submit_row_root,
)
from application.identity.lookup import ordinal_of
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed, submission
from http_api.schemas import out
from http_api.schemas.base import PageQuery, StrictSchema, text
from http_api.schemas.jobs import JobAccepted, accepted, priority_field
from service.tables.open_tables import open_source
from storage.jobs.jobs import Job

blueprint = SignedInBlueprint("row_proofs", __name__, url_prefix="/api", tag="Certificates")


class RowRootIn(StrictSchema):
    """A table whose rows shall be proved."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    priority = priority_field()


class RowProofOut(Schema):
    ordinal = out.integer()
    salt = out.string()
    row = out.string("The row's text, `jobsvc-row-1`.")
    leaf = out.list_of(fields.String(), "The hashes of the rows of its leaf.")
    path = out.list_of(fields.String(), "The siblings from the leaf to the root.")


class RowProofsOut(Schema):
    format = out.string(f"`{FORMAT}`.")
    commit_id = out.string()
    table_key = out.string()
    rows = out.integer()
    root = out.string()
    proofs = out.list_of(RowProofOut)


@blueprint.post("/datasets/<int:dataset_id>/row-roots", body=RowRootIn, output=JobAccepted)
def build(dataset_id: int, given: dict[str, Any]) -> JobAccepted:
    """Build the row root of a table.

    A job of run type `profiling` hashes every row to one root, which the ledger records. With it a
    row can be proved to belong to the table. A table that has a root is done at once.
    """
    dataset = caller().dataset(dataset_id, "write")
    by = submission(given.pop("priority"), body=given)
    return accepted(submit_row_root(service(), by, dataset, **given), "Row root job created")


@blueprint.get("/sampling/jobs/<job_id>/row-proofs", query=PageQuery, output=RowProofsOut)
def of_sample(job_id: str, query: dict[str, int]) -> dict[str, Any]:
    """The proofs that rows of a sample belong to the table that it was drawn from.

    In the sample's order; rows that replaced others follow. A 409 `no_row_root` means: build the
    table's row root first.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        ordinals = sampled_ordinals(service(), job, query["offset"], query["limit"])
        return _proofs(job, ordinals)


@blueprint.get("/sampling/jobs/<job_id>/rows/<row_id>/proof", output=RowProofsOut)
def of_row(job_id: str, row_id: str) -> dict[str, Any]:
    """The proof that a row belongs to the table that a sample was drawn from."""
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        return _proofs(job, [ordinal_of(open_source(service(), job), row_id)])


def _proofs(job: Job, ordinals: list[int]) -> dict[str, Any]:
    found = row_proofs(service(), job, ordinals)
    caller().audit_view(RowSource(job.dataset_id, found["commit_id"], found["table_key"], job.id))
    return found
