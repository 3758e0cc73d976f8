"""Whether the table that a job read has a newer version by now."""

from __future__ import annotations

from lazy_dataclasses import dataclass
from service.service import Service
from service.tables.open_tables import version_of
from storage.jobs.jobs import JobRecord
from storage.versions.manifests import get_commit, is_ancestor
from storage.versions.refs import MAIN, find_ref


@dataclass(frozen=True)
class NewerVersion:
    """The version of the table that a ref names now."""

    source_ref: str
    commit_id: str
    created_at: str
    message: str
    row_count: int


def newer_version(service: Service, job: JobRecord) -> NewerVersion | None:
    """Return the newer version of a job's table; None if the job read the newest.

    It is that of the ref that the request named, or of main if the request named a commit. A later
    commit with the same rows of this table is not a newer version.

    Raises
    ------
    Pruned
        The job's source was pruned.
    """
    commit_id, key = version_of(job), job.run_parameters["table_key"]
    with service.database.read() as tx:
        ref = find_ref(tx, job.dataset_id, job.run_parameters["source_ref"])
        ref = ref or find_ref(tx, job.dataset_id, MAIN)
        if ref is None or ref.commit_id is None:
            return None
        if not is_ancestor(tx, job.dataset_id, commit_id, ref.commit_id):
            return None
        manifest = get_commit(tx, job.dataset_id, ref.commit_id).manifest
        source = get_commit(tx, job.dataset_id, commit_id).manifest
    newest = next((table for table in manifest.tables if table.key == key), None)
    if newest is None or newest == source.table(key):
        return None
    return NewerVersion(
        ref.name, ref.commit_id, manifest.created_at, manifest.message, newest.row_count
    )
