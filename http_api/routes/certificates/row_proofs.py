"""Routes of row proofs: build a table's row root, and prove rows of a sample's source."""

from __future__ import annotations

from application.access import RowSource
from application.certificates.row_proofs import (
    RowProofs,
    row_proofs,
    sampled_ordinals,
    submit_row_root,
)
from contract.requests.certificates import RowRootRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed_sample, submission
from http_api.schemas.jobs import JobAccepted, accepted
from service.tables.named_rows import row_of
from service.tables.open_tables import open_source
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("row_proofs", "Certificates", "/api")


@blueprint.post("/datasets/<int:dataset_id>/row-roots")
def build(dataset_id: int, given: RowRootRequest) -> JobAccepted:
    """Build the row root of a table.

    A job of run type `profiling` hashes every row to one root, which the ledger records. With it a
    row can be proved to belong to the table. A table that has a root is done at once.
    """
    dataset = caller().dataset(dataset_id, "write")
    body = given.given()
    by = submission(body.pop("priority"), body=body)
    return accepted(submit_row_root(service(), by, dataset, given), "Row root job created")


@blueprint.get("/sampling/jobs/<job_id>/row-proofs")
def of_sample(job_id: str, query: PageRequest) -> RowProofs:
    """The proofs that rows of a sample belong to the table that it was drawn from.

    In the sample's order; rows that replaced others follow. A 409 `no_row_root` means: build the
    table's row root first.
    """
    job = completed_sample(job_id)
    with caller().reading():
        ordinals = sampled_ordinals(service(), job, query.offset, query.limit)
        return _proofs(job, ordinals)


@blueprint.get("/sampling/jobs/<job_id>/rows/<row_id>/proof")
def of_row(job_id: str, row_id: str) -> RowProofs:
    """The proof that a row belongs to the table that a sample was drawn from."""
    job = completed_sample(job_id)
    with caller().reading():
        source = open_source(service(), job)
        return _proofs(job, [row_of(service(), job.dataset_id, source, row_id, ("path", "row_id"))])


def _proofs(job: JobRecord, ordinals: list[int]) -> RowProofs:
    found = row_proofs(service(), job, ordinals)
    caller().audit_view(RowSource(job.dataset_id, found.commit_id, found.table_key, job.id))
    return found
