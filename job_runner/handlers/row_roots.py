"""The handler of row proofs: build the row root of a table."""

from __future__ import annotations

import secrets

from job_runner.attempt import JobContext
from parquet_tables.merkle import merkle_root
from parquet_tables.row_hashes import SECRET_BYTES, hash_table
from service.tables.open_tables import open_source
from storage.certificates.row_roots import RowRoot, row_root_of
from storage.jobs.kinds import ROW_PROOFS
from storage.jobs.publishing import Outcome


def build_row_root(context: JobContext) -> Outcome:
    """Hash the rows of the table; a table that has a root keeps it."""
    service, job = context.service, context.job
    source = open_source(service, job)
    with service.database.read() as tx:
        root = row_root_of(tx, job.dataset_id, source.commit_id, source.key)
    built = None
    if root is None:
        secret = secrets.token_bytes(SECRET_BYTES)
        nodes = hash_table(
            context.parquet, source.files, secret, context.scratch.folder, context.on_progress
        )
        root = built = RowRoot(
            source.commit_id,
            source.key,
            source.files.file_rows,
            merkle_root(nodes).hex(),
            secret,
            nodes,
        )
    return Outcome(summary={"rows": root.rows, "row_root": root.root}, row_root=built)


HANDLERS = {ROW_PROOFS: build_row_root}
