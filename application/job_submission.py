"""Submitting jobs: from a checked request to a job that waits in the queue.

One transaction writes the job, its audit entry and its idempotency key; the job's files are on disk
before it commits. Draws and explorations have modules of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from contract.jobs import Priority
from contract.requests.importing import ImportRequest, UriImportRequest
from domain_errors import InvalidRequest
from import_engine.options import read_options
from import_engine.sources import uris
from lazy_dataclasses import dataclass
from operating_system import sync_file, sync_folder
from service.service import Service
from storage.accounts.audit_trail import THIS_PROCESS, Origin
from storage.accounts.authority import Authority, write_as
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord, get_job, job_with_output_ref
from storage.jobs.kinds import IMPORT, JobKind, kind_of
from storage.jobs.submission import IdempotencyKey, NewJob, find_job_of_key, insert_job, store_key
from storage.sqlite.database import Transaction
from storage.versions.refs import get_ref, has_ref, parse_ref_name, require_movable

MAX_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True)
class Submission:
    """The user and the options of a submission.

    Parameters
    ----------
    priority : {"interactive", "batch"}
        Batch jobs wait until no interactive job does.
    key : IdempotencyKey or None
        The client's key for this request; a repeated key returns the same job.
    authority : Authority or None
        The permission that the user must still have at the transaction; None for the service.
    record : callable
        Writes more in the transaction of the job, of which it gets the id.
    """

    user: User
    priority: Priority = "interactive"
    key: IdempotencyKey | None = None
    origin: Origin = THIS_PROCESS
    authority: Authority | None = None
    record: Callable[[Transaction, str], None] = lambda tx, job_id: None

    def new_job(
        self,
        service: Service,
        kind: JobKind,
        dataset: DatasetRecord,
        source_commit_id: str | None,
        parameters: dict[str, Any],
        size: float,
    ) -> NewJob:
        """A job of this user with this priority and origin; its size determines its lane."""
        return NewJob(
            id=service.new_id(),
            run_type=kind.run_type,
            dataset_id=dataset.id,
            user_id=self.user.id,
            source_commit_id=source_commit_id,
            run_parameters=parameters,
            lane=kind.lane(size),
            priority=self.priority,
            origin=self.origin,
        )


def idempotency_key(
    key: str | None, path: str, *parts: str, file: Path | None = None
) -> IdempotencyKey | None:
    """Return a client's key with the digest of its request, or None without a key.

    Raises
    ------
    InvalidRequest
        The key is empty, too long or not printable ASCII.
    """
    if key is None:
        return None
    if not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            "{header} must have 1 to {maximum} printable ASCII characters.",
            loc=("header", "Idempotency-Key"),
            header="Idempotency-Key",
            maximum=MAX_IDEMPOTENCY_KEY,
        )
    digest = hashlib.sha256()
    for part in (path.rstrip("/"), *parts):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if file is not None:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return IdempotencyKey(key, digest.hexdigest())


Settle = Callable[[Transaction, NewJob], NewJob | JobRecord]
"""Repeats checks that may be outdated; returns the job to insert, or an earlier equal job."""


def submit(
    service: Service,
    by: Submission,
    new: NewJob,
    settle: Settle = lambda _, new: new,
    put_files: Callable[[], None] = lambda: None,
) -> JobRecord:
    """Put a job in the queue, unless its idempotency key was used before.

    Parameters
    ----------
    put_files : callable
        Puts the job's files on disk.

    Returns
    -------
    Job
        The new job, or the earlier job of the same key; without its position in the queue.

    Raises
    ------
    KeyReused, TooManyWaiting
        The key was used for another request; the user has the maximum number of waiting jobs.
    QuotaExceeded
        The quota of the user or of the dataset is full.
    TokenEnded, Forbidden, NotFound
        The user's token, role or permission was removed since the request arrived.
    DomainError
        Raised by ``settle`` or ``put_files``.
    """
    if kind_of(new.run_type, new.run_parameters).stores_rows:
        service.quotas.measure(service.database, new.dataset_id, new.user_id)
    with write_as(service.database, by.authority, service.clock) as tx:
        earlier_id = find_job_of_key(tx, by.user.id, by.key, service.clock)
        if earlier_id is not None:
            return get_job(tx, earlier_id, with_position=False)
        settled = settle(tx, new)
        if isinstance(settled, NewJob):
            if kind_of(settled.run_type, settled.run_parameters).stores_rows:
                service.quotas.require_room(tx, settled.dataset_id, settled.user_id)
            insert_job(tx, settled, service.clock, service.settings.waiting_jobs_max)
        store_key(tx, by.user.id, by.key, settled.id, service.clock)
        by.record(tx, settled.id)
        if isinstance(settled, JobRecord):
            return settled
        put_files()
        job = get_job(tx, settled.id, with_position=False)
    service.wake_runner()
    return job


def request_digest(parameters: Mapping[str, Any]) -> str:
    """The digest of a request's parameters and source commit; equal requests have the same."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def named_ref(prefix: str, output_name: str | None) -> str | None:
    """The ref of an ``output_name``, if there is one; InvalidValue if it can't be a ref.

    White space becomes ``-``: "Q1 review" is saved as ``smpl-Q1-review``.
    """
    if output_name is None:
        return None
    return parse_ref_name(f"{prefix}{'-'.join(output_name.split())}", loc=("output_name",))


def earlier_job(tx: Transaction, dataset_id: int, name: str, digest: str) -> JobRecord | None:
    """The earlier job of an equal request with this ref name; Conflict if another has the name."""
    taken = has_ref(tx, dataset_id, name)
    earlier = job_with_output_ref(tx, dataset_id, name)
    if earlier is not None and earlier.status == "completed" and not taken:
        earlier = None  # its ref was deleted since
    if earlier is not None and earlier.run_parameters["request_digest"] == digest:
        return earlier
    if earlier is not None or taken:
        raise Conflict(
            'There is a ref "{name}" already. Choose another `output_name`.',
            loc=("output_name",),
            name=name,
        )
    return None


def reserve_output(tx: Transaction, new: NewJob) -> NewJob | JobRecord:
    """Reserve the ``output_ref`` of a job, or return the earlier job of an equal request."""
    name, digest = new.run_parameters["output_ref"], new.run_parameters["request_digest"]
    return (earlier_job(tx, new.dataset_id, name, digest) if name is not None else None) or new


def require_unreserved(tx: Transaction, dataset_id: int, name: str) -> None:
    """Refuse a name that is reserved for a waiting or running job; Conflict names the job."""
    job = job_with_output_ref(tx, dataset_id, name)
    if job is not None and job.status in ("pending", "running"):
        raise Conflict(
            'The result of job {job_id} will be named "{name}". Choose another name.',
            job_id=job.id,
            name=name,
        )


def submit_import(
    service: Service,
    by: Submission,
    dataset: DatasetRecord,
    ref: str,
    request: ImportRequest,
    upload: Path,
    file_name: str,
) -> JobRecord:
    """Submit an import to a ref; moves the file ``upload``, unless it was submitted before.

    ``file_name`` is the user's name of the file, never a path. The recorded options are those of a
    retry, too.

    Raises
    ------
    InvalidOption
        An import option isn't valid.
    """
    recorded = _recorded(request, f"Import {file_name}")
    size_bytes = upload.stat().st_size
    sync_file(upload)
    parameters = {"ref": ref, "file_name": file_name, "size_bytes": size_bytes, **recorded}
    new = by.new_job(service, IMPORT, dataset, None, parameters, size_bytes)

    def move_upload() -> None:
        target = service.directory.upload_path(new.id)
        upload.replace(target)
        sync_folder(target.parent)

    return submit(service, by, new, partial(require_ref_to_move, ref), move_upload)


def submit_uri_import(
    service: Service, by: Submission, dataset: DatasetRecord, ref: str, request: UriImportRequest
) -> JobRecord:
    """Submit an import of a URI to a ref; the job downloads it.

    Raises
    ------
    InvalidUri, UriNotAllowed
        It isn't a URI, or the setting ``import_prefixes`` doesn't allow it.
    InvalidOption
        An import option isn't valid.
    """
    checked = uris.allowed_uri(request.uri, service.settings.allowed_prefixes, loc=("body", "uri"))
    parameters = {
        "ref": ref,
        "uri": str(checked),
        "file_name": checked.name,
        **_recorded(request, f"Import {checked.name}"),
    }
    new = by.new_job(service, IMPORT, dataset, None, parameters, math.inf)
    return submit(service, by, new, partial(require_ref_to_move, ref))


def required_columns(require_columns: bool) -> Mapping[str, bool]:
    """The run parameter that requires the columns of the replaced version, if it is given."""
    return {"require_columns": True} if require_columns else {}


def row_key_of_import(request: ImportRequest | UriImportRequest) -> Mapping[str, Any]:
    """The run parameters that declare a row key, if it is given."""
    if not request.row_key:
        return {}
    rule = {} if request.duplicates is None else {"duplicates": request.duplicates}
    return {"row_key": list(request.row_key), **rule}


def _recorded(request: ImportRequest | UriImportRequest, message: str) -> dict[str, Any]:
    """Check an import's options; the run parameters record those that are given."""
    options = read_options(request.options).given()
    return {
        "commit_message": request.commit_message or message,
        **({"options": options} if options else {}),
        **required_columns(request.require_columns),
        **row_key_of_import(request),
    }


def require_ref_to_move(ref: str, tx: Transaction, new: NewJob) -> NewJob:
    """Require that a ref exists and that imports may move it."""
    get_ref(tx, new.dataset_id, ref)
    require_movable(ref)
    return new
