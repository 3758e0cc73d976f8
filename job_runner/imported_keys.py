"""The row key of an imported table: declared by the request, kept from before, or proposed.

A declared key is checked in the new version and compared with the version before. One that doesn't
hold stops no import; the result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal, TypedDict

from contract.declarations import Help
from contract.words import Duplicates
from domain_errors import DomainError
from job_runner.attempt import JobContext
from parquet_tables.progress import ProgressCallback
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.row_keys.digests import KeyMissing, KeyNotUnique, RowKey
from parquet_tables.tables import TableFiles, UnknownColumn
from profiling_engine.comparison.shared_columns import proposed_key
from service.tables.key_checks import change_text, check_key, check_text, fault_of
from service.tables.open_tables import NO_ORDINALS, table_files
from service.tables.row_names import declared_key
from storage.versions.manifests import PRIMARY, StoredTable, get_commit
from storage.versions.refs import get_ref
from storage.versions.row_keys import NewRowKey


class ImportedKey(TypedDict):
    """The row key of an imported table."""

    columns: list[str]
    duplicates: Duplicates
    state: Annotated[
        Literal["declared", "kept", "not_declared", "proposed"],
        Help(
            "`declared` by the import; `kept` from before; `not_declared`, since it doesn't hold; "
            "or `proposed`, since it is unique in the first rows."
        ),
    ]
    holds: Annotated[bool | None, Help("Null for a proposed key, which wasn't checked.")]
    text: Annotated[str, Help("Whether it holds, in a sentence.")]
    new: int | None
    gone: int | None
    kept: int | None


def imported_keys(
    context: JobContext, tables: Sequence[StoredTable], on_progress: ProgressCallback
) -> list[ImportedKey | None]:
    """The row key of each table; None if none is declared and none is likely."""
    requested = context.job.run_parameters.get("row_key")
    keys = [table.key for table in tables]
    targets = [PRIMARY] if PRIMARY in keys else keys
    found: list[ImportedKey | None] = []
    for table in tables:
        files = table.as_files(context.service.data_files, NO_ORDINALS)
        declared = declared_key(context.service, context.job.dataset_id, table.key)
        if requested and table.key in targets:
            of_before = declared.duplicates if declared is not None else "refuse"
            duplicates = context.job.run_parameters.get("duplicates", of_before)
            key = RowKey(tuple(requested), duplicates)
            found.append(_checked(context, table, files, key, on_progress, is_new=True))
        elif declared is not None:
            found.append(_checked(context, table, files, declared, on_progress, is_new=False))
        else:
            found.append(_proposed(context, files))
    return found


def new_row_keys(
    tables: Sequence[StoredTable], keys: Sequence[ImportedKey | None]
) -> list[NewRowKey]:
    """The keys that the import declares."""
    return [
        NewRowKey(table.key, key["columns"], key["duplicates"])
        for table, key in zip(tables, keys, strict=True)
        if key is not None and key["state"] == "declared"
    ]


def _checked(
    context: JobContext,
    table: StoredTable,
    files: TableFiles,
    key: RowKey,
    on_progress: ProgressCallback,
    *,
    is_new: bool,
) -> ImportedKey:
    directory = context.service.directory.counts_dir
    try:
        columns = key.of(files)
        key = RowKey(tuple(column.name for column in columns), key.duplicates)
        before = _before(context, table.key)
        check = check_key(context.parquet, directory, files, key, before, on_progress)
    except (KeyMissing, KeyNotUnique, InvalidKey, UnknownColumn) as error:
        text = f"The row key {key.name} was not declared. {error.message}"
        state: Literal["not_declared", "kept"] = "not_declared" if is_new else "kept"
        return _answer(key, state, text if is_new else error.message, holds=False)
    fault = fault_of(check, key)
    change = change_text(check)
    text = " ".join([check_text(check, key), *([change] if change else [])])
    if is_new and fault is not None:
        text = f"The row key {key.name} was not declared. {text}"
    new_state: Literal["declared", "not_declared"] = "declared" if fault is None else "not_declared"
    found = _answer(key, new_state if is_new else "kept", text, holds=fault is None)
    found["new"], found["gone"], found["kept"] = check["new"], check["gone"], check["kept"]
    return found


def _before(context: JobContext, table_key: str) -> TableFiles | None:
    """The table in the version that the import replaces; None if it can't be read."""
    service, job = context.service, context.job
    with suppress(DomainError):
        with service.database.read() as tx:
            commit_id = get_ref(tx, job.dataset_id, job.run_parameters["ref"]).commit_id
            if commit_id is None:
                return None
            commit = get_commit(tx, job.dataset_id, commit_id)
        return table_files(service, commit.manifest.table(table_key))
    return None


def _proposed(context: JobContext, files: TableFiles) -> ImportedKey | None:
    with context.parquet.cursor(files) as cursor:
        columns = proposed_key(cursor, files)
    if not columns:
        return None
    text = "Unique in the first rows; not declared."
    return _answer(RowKey(columns), "proposed", text, holds=None)


def _answer(
    key: RowKey,
    state: Literal["declared", "kept", "not_declared", "proposed"],
    text: str,
    *,
    holds: bool | None,
) -> ImportedKey:
    return {
        "columns": list(key.columns),
        "duplicates": key.duplicates,
        "state": state,
        "holds": holds,
        "text": text,
        "new": None,
        "gone": None,
        "kept": None,
    }
