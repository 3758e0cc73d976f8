"""The handlers of imports and attachments: store a file as a commit on a ref, or name files there.

An imported file was uploaded, or each attempt downloads it from a URI into its scratch directory.
Attached files stay where they are: their footers are read.

The ref moves only to a commit with every row of the file; an unreadable file leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from contract.requests.importing import ReadOptions
from domain_errors import counted
from import_engine.importer import import_file
from import_engine.options import read_options
from import_engine.sources.downloading import DownloadLimits, import_uri
from import_engine.sources.uris import allowed_uri
from import_engine.work import ImportedTable
from job_runner.attempt import JobContext
from job_runner.imported_keys import ImportedKey, imported_keys, new_row_keys
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.rows import write_ordinals
from profiling_engine.tables.control_totals import ControlTotal, control_totals
from service.tables.attached_files import AttachedTable, TableToAttach, attach, notes_on
from service.tables.contract_checks import check_contracts
from storage.accounts.users import get_user
from storage.errors import DamagedData
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import ATTACHMENT, IMPORT
from storage.jobs.publishing import NewCommit, Outcome
from storage.versions.column_changes import TableShape, checked_changes
from storage.versions.data_contracts import ContractFailure
from storage.versions.manifests import StoredTable, get_commit
from storage.versions.refs import get_ref
from storage.versions.row_keys import NewRowKey

READ_SHARE, ADD_SHARE, KEY_SHARE, CONTRACT_SHARE = 0.9, 0.92, 0.94, 0.97
"""Progress after reading, control totals, hashing files and the row key; the rest is for the data
contract."""


def run_import(context: JobContext) -> Outcome:
    """Read the upload, store its tables and move the ref."""
    job = context.job
    reading = progress_part(context.on_progress, 0.0, READ_SHARE)
    source: dict[str, str] = {}
    if "uri" in job.run_parameters:
        tables, size_bytes = _imported_uri(context, job.run_parameters["uri"], reading)
    else:
        size_bytes = job.run_parameters["size_bytes"]
        upload = _whole_upload(context)
        with upload.open("rb") as content:
            source = {"source_sha256": hashlib.file_digest(content, "sha256").hexdigest()}
        tables = import_file(
            context.parquet,
            upload,
            job.run_parameters["file_name"],
            context.scratch.folder,
            on_progress=reading,
            options=_options(job),
        )
    shapes = [TableShape(table.key, table.table.columns, table.table.row_count) for table in tables]
    _check_columns(context, shapes)
    totals = _control_totals(context, tables)
    context.on_progress(ADD_SHARE, "storing data files")
    stored = [
        StoredTable(
            table.key,
            table.table.columns,
            tuple(context.adopt(file.written, file.rows) for file in table.table.files),
        )
        for table in tables
    ]
    checks_keys = progress_part(context.on_progress, KEY_SHARE, CONTRACT_SHARE)
    keys = imported_keys(context, stored, checks_keys)
    new_keys = new_row_keys(stored, keys)
    failures = _contract_failures(context, stored, new_keys)
    return Outcome(
        summary={
            "file_name": job.run_parameters["file_name"],
            "size_bytes": size_bytes,
            **source,
            "tables": list(map(_table_summary, tables, stored, totals, keys)),
            **_contract_summary(failures),
        },
        row_keys=new_keys,
        contract_failures=failures or (),
        commit=NewCommit(
            ref_name=job.run_parameters["ref"],
            message=job.run_parameters["commit_message"],
            tables=stored,
            require_columns=_requires_columns(job),
        ),
    )


def _contract_failures(
    context: JobContext, tables: Sequence[StoredTable], new_keys: Sequence[NewRowKey]
) -> list[ContractFailure] | None:
    """What the tables don't meet of the data contracts; None without a contract."""
    on_progress = progress_part(context.on_progress, CONTRACT_SHARE, 1.0)
    return check_contracts(
        context.service, context.parquet, context.job.dataset_id, tables, new_keys, on_progress
    )


def _contract_summary(failures: Sequence[ContractFailure] | None) -> dict[str, object]:
    """The part of a summary that says whether the version met the data contract."""
    if failures is None:
        return {}
    state = "kept_apart" if failures else "met"
    return {"data_contract": {"state": state, "failures": list(failures)}}


def _requires_columns(job: JobRecord) -> bool:
    return bool(job.run_parameters.get("require_columns"))


def _check_columns(context: JobContext, shapes: Sequence[TableShape]) -> None:
    """Refuse other columns before files are stored; the publication checks again."""
    job, ref = context.job, context.job.run_parameters["ref"]
    with context.service.database.read() as tx:
        checked_changes(tx, job.dataset_id, ref, shapes, require_columns=_requires_columns(job))


def _options(job: JobRecord) -> ReadOptions:
    return read_options(job.run_parameters.get("options", {}))


def _imported_uri(
    context: JobContext, text: str, on_progress: ProgressCallback
) -> tuple[tuple[ImportedTable, ...], int]:
    """Download and import a URI, if it is still allowed."""
    settings, database = context.service.settings, context.parquet
    uri = allowed_uri(text, settings.allowed_prefixes)
    limits = DownloadLimits(settings.upload_max_mb * 1024**2, database.require_free)

    def read_file(
        file: Path, name: str, folder: Path, on_progress: ProgressCallback
    ) -> tuple[ImportedTable, ...]:
        return import_file(
            database, file, name, folder, on_progress=on_progress, options=_options(context.job)
        )

    return import_uri(uri, context.scratch.folder, read_file, limits, on_progress)


def _whole_upload(context: JobContext) -> Path:
    """The uploaded file; DamagedData if it is missing or its size has changed."""
    path = context.service.directory.upload_path(context.job.id)
    try:
        if path.stat().st_size == context.job.run_parameters["size_bytes"]:
            return path
        problem = "damaged"
    except FileNotFoundError:
        problem = "missing"
    raise DamagedData("The uploaded file is {problem}. Import it again.", problem=problem)


def _control_totals(
    context: JobContext, tables: Sequence[ImportedTable]
) -> list[list[ControlTotal]]:
    on_progress = progress_part(context.on_progress, READ_SHARE, ADD_SHARE)
    with context.parquet.cursor() as cursor:
        return [control_totals(cursor, each.table, on_progress) for each in tables]


def _summary(table: StoredTable) -> dict[str, object]:
    return {
        "key": table.key,
        "rows": table.row_count,
        "columns": len(table.columns),
        "size_bytes": table.size_bytes,
    }


def _table_summary(
    table: ImportedTable,
    stored: StoredTable,
    totals: Sequence[ControlTotal],
    key: ImportedKey | None,
) -> dict[str, object]:
    return {
        **_summary(stored),
        "notes": [*table.notes, *(question.text for question in table.questions)],
        "control_totals": [asdict(each) for each in totals],
        "totals": asdict(table.totals),
        "row_key": key,
    }


def run_attachment(context: JobContext) -> Outcome:
    """Read the footers of files that stay where they are, and move the ref to their tables."""
    service, parameters = context.service, context.job.run_parameters
    with service.database.read() as tx:
        user = get_user(tx, context.job.user_id)
        commit_id = get_ref(tx, context.job.dataset_id, parameters["ref"]).commit_id
        before = get_commit(tx, context.job.dataset_id, commit_id).manifest if commit_id else None
    rows_before = {table.key: table.row_count for table in before.tables} if before else {}
    given = [TableToAttach.from_json(table) for table in parameters["attach"]]
    attached = attach(
        service,
        context.parquet,
        user,
        given,
        context.on_progress,
        verifies=parameters.get("verify", False),
    )
    tables = [_stored(context, table) for table in attached]
    failures = _contract_failures(context, tables, ())
    return Outcome(
        summary={
            "file_name": parameters["file_name"],
            "size_bytes": sum(table.size_bytes for table in tables),
            "tables": [
                {
                    **_summary(table),
                    "files": len(table.files),
                    "rows_before": rows_before.get(table.key),
                    **({} if table.source is None else {"source": vars(table.source)}),
                    "notes": [*_rows_note(table, rows_before), *notes_on(table)],
                    "control_totals": [],
                }
                for table in tables
            ],
            **_contract_summary(failures),
        },
        contract_failures=failures or (),
        commit=NewCommit(
            ref_name=parameters["ref"],
            message=parameters["commit_message"],
            tables=tables,
            require_columns=_requires_columns(context.job),
        ),
    )


def _stored(context: JobContext, table: AttachedTable) -> StoredTable:
    """An attached table with a deletion vector of the rows that its version doesn't have."""
    if not len(table.deleted):
        return table.stored
    with context.parquet.cursor() as cursor:
        path = context.scratch.file(f"deleted-{table.stored.key}.parquet")
        written = write_ordinals(cursor, table.deleted, path)
    return replace(table.stored, deletion_vector=context.adopt(written.written, written.rows))


def _rows_note(table: StoredTable, rows_before: Mapping[str, int]) -> list[str]:
    if table.key not in rows_before:
        return []
    rows = counted(rows_before[table.key], "row")
    return [f"The version before had {rows} in this table; this one has {table.row_count:,}."]


HANDLERS = {IMPORT: run_import, ATTACHMENT: run_attachment}
