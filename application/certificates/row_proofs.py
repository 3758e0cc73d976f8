"""Row proofs: the job that builds a table's row root, and proofs of rows of a sample's source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.job_submission import Submission, submit
from contract.declarations import Help
from contract.requests.certificates import RowRootRequest
from domain_errors import DomainError
from estimation_engine.reading import ROW_ID
from lazy_dataclasses import dataclass
from parquet_tables.row_hashes import prove_rows
from parquet_tables.rows import page_statement
from service.service import Service
from service.tables.open_tables import open_requested, open_sample, open_source
from storage.accounts.datasets import DatasetRecord
from storage.audit.findings import list_replacements
from storage.certificates.row_roots import row_root_of
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import ROW_PROOFS, values_read

FORMAT = "jobsvc-row-proofs-1"


class NoRowRoot(DomainError):
    """The table has no row root."""

    code = "no_row_root"


@dataclass(frozen=True)
class WrittenProof:
    """The proof that a row belongs to a table."""

    ordinal: int
    salt: str
    row: Annotated[str, Help("The row's text, `jobsvc-row-1`.")]
    leaf: Annotated[list[str], Help("The hashes of the rows of its leaf.")]
    path: Annotated[list[str], Help("The siblings from the leaf to the root.")]


@dataclass(frozen=True)
class RowProofs:
    """Proofs of rows of a table, as docs/CERTIFICATE.md has them."""

    format: Annotated[str, Help(f"`{FORMAT}`.")]
    commit_id: str
    table_key: str
    rows: int
    root: str
    proofs: list[WrittenProof]


def submit_row_root(
    service: Service, by: Submission, dataset: DatasetRecord, request: RowRootRequest
) -> JobRecord:
    """Submit the job that builds the row root of a table; done at once where there is one."""
    source = open_requested(service, dataset.id, request.source_ref, request.table_key)
    parameters = {"source_ref": request.source_ref, "table_key": source.key, "row_root": True}
    size = values_read(source.files.file_rows, len(source.files.columns))
    new = by.new_job(service, ROW_PROOFS, dataset, source.commit_id, parameters, size)
    return submit(service, by, new)


def sampled_ordinals(service: Service, job: JobRecord, offset: int, limit: int) -> list[int]:
    """The ordinals, in the source, of a page of a sample's rows.

    The rows stand in the sample's order; those that replaced a row follow.
    """
    sample = open_sample(service, job).files
    statement, bound = page_statement(sample, (sample.column(ROW_ID),), offset, limit)
    with service.parquet.cursor(sample) as cursor:
        ids = [row_id for (row_id,) in cursor.execute(statement, bound).fetchall()]
    with service.database.read() as tx:
        came_in = [each.replacement_id for each in list_replacements(tx, job.id)]
    first = max(offset - sample.row_count, 0)
    ids += came_in[first : first + limit - len(ids)]
    return [int(row_id.rpartition(":")[2]) for row_id in ids]


def row_proofs(service: Service, job: JobRecord, ordinals: Sequence[int]) -> RowProofs:
    """The proofs of rows of the table that a sample was drawn from.

    Raises
    ------
    NoRowRoot
        Nobody built the table's row root.
    """
    source = open_source(service, job)
    with service.database.read() as tx:
        root = row_root_of(tx, job.dataset_id, source.commit_id, source.key)
    if root is None:
        raise NoRowRoot(
            "Table {table_key} of version {commit_id} has no row root yet. Build it: "
            "jobsvc row-root {dataset_id} --ref {commit_id}, or POST "
            "/api/datasets/{dataset_id}/row-roots.",
            table_key=source.key,
            commit_id=source.commit_id,
            dataset_id=job.dataset_id,
        )
    with service.parquet.cursor(source.files) as cursor:
        proofs = [
            WrittenProof(
                proof.ordinal,
                proof.salt.hex(),
                proof.row,
                [digest.hex() for digest in proof.leaf],
                [digest.hex() for digest in proof.path],
            )
            for proof in prove_rows(cursor, source.files, root.secret, root.nodes, ordinals)
        ]
    return RowProofs(FORMAT, root.commit_id, root.table_key, root.rows, root.root, proofs)
