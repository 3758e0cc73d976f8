"""Data contracts of tables, and the versions that were kept apart since they don't meet one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from application.access import Caller
from contract.declarations import Help
from contract.requests.data_contract import ContractColumn, DataContractRequest
from contract.words import ContractState
from domain_errors import InvalidRequest
from lazy_dataclasses import dataclass
from parquet_tables.cached_files import cache_path, read_cached, write_cached
from parquet_tables.columns import Column, type_name
from parquet_tables.progress import ProgressCallback
from parquet_tables.tables import TableFiles
from sampling_engine.filters import parse_expression
from service.service import Service
from service.tables.contract_checks import check_table, terms_of
from service.tables.open_tables import choose_key, table_files
from service.tables.reports import CachedProfile, cached_profile
from service.tables.row_names import declared_key
from storage.errors import NotFound
from storage.sqlite.database import Transaction
from storage.versions.data_contracts import (
    ContractFailure,
    DataContract,
    KeptApartVersion,
    accept_kept_apart,
    data_contract_of,
    delete_data_contract,
    find_kept_apart,
    set_data_contract,
)
from storage.versions.manifests import Commit, StoredTable, get_commit
from storage.versions.refs import get_ref

WAIT_S = 3.0
"""How long a request waits for the check of a version."""
CACHE_NAME = "jobsvc-data-contract-1"
GROWTH = 2
"""By what factor a proposal lets the number of rows grow, or fall."""


@dataclass(frozen=True)
class ContractTerms:
    """What each new version of a table must meet."""

    table_key: str
    columns: Annotated[list[ContractColumn], Help("Columns that each version must have.")]
    more_columns: Annotated[bool, Help("Whether it may have other columns.")]
    min_rows: int | None
    max_rows: int | None
    row_key: Annotated[bool, Help("Whether the table's row key must hold.")]
    conditions: Annotated[list[str], Help("Filters that are false for no row.")]

    @classmethod
    def of(cls, asked: DataContractRequest) -> ContractTerms:
        """The terms of a request."""
        lists = {"columns": list(asked.columns), "conditions": list(asked.conditions)}
        return cls(**{**vars(asked), **lists})


@dataclass(frozen=True)
class ShownContract(ContractTerms):
    """The data contract of a table."""

    dataset_id: int
    set_at: str
    set_by: Annotated[str, Help("The SOEID of the user who set it.")]

    @classmethod
    def stored(cls, contract: DataContract) -> ShownContract:
        """A stored contract."""
        terms = ContractTerms.of(terms_of({**contract.terms, "table_key": contract.table_key}))
        return cls(
            **vars(terms),
            dataset_id=contract.dataset_id,
            set_at=contract.set_at,
            set_by=contract.set_by_soeid,
        )


@dataclass(frozen=True)
class ContractOfVersion(ShownContract):
    """The data contract of a table, and whether the newest version of a ref meets it."""

    source_ref: str
    commit_id: Annotated[str | None, Help("The version; null if the ref has none.")]
    state: Annotated[
        ContractState,
        Help("`not_checked` while the version is read in the background; ask again."),
    ]
    failures: Annotated[list[ContractFailure], Help("What the version doesn't meet.")]


def set_contract(caller: Caller, dataset_id: int, asked: DataContractRequest) -> ShownContract:
    """Set the data contract of a table, in place of an earlier one.

    The present version needn't meet it.

    Raises
    ------
    InvalidFilter, UnknownColumn
        A condition doesn't fit the columns: those of the contract, and of the newest version.
    InvalidRequest
        A column is declared twice, or with a type that tables don't have.
    """
    service = caller.service
    caller.dataset(dataset_id, "write")
    asked = replace(asked, columns=_declared_columns(asked.columns))
    with service.database.read() as tx:
        commit = _newest(tx, dataset_id, "main")
    table = None if commit is None else _table(commit, asked.table_key)
    key = asked.table_key if table is None else table.key
    _check_conditions(asked, () if table is None else table.columns, service)
    terms = {name: value for name, value in asked.given().items() if name != "table_key"}
    with caller.writing() as tx:
        contract = set_data_contract(tx, dataset_id, key, terms, caller.user.id, service.clock)
        caller.audit(
            tx, "data_contract_set", dataset_id=dataset_id, table_key=key, terms=contract.terms
        )
    return ShownContract.stored(contract)


def _declared_columns(columns: Sequence[ContractColumn]) -> list[ContractColumn]:
    """The columns, with types as schemas name them."""
    names: set[str] = set()
    declared = []
    for at, column in enumerate(columns):
        if column.name.lower() in names:
            raise InvalidRequest(
                'The column "{name}" is declared twice.',
                loc=("body", "columns", at, "name"),
                name=column.name,
            )
        names.add(column.name.lower())
        stored = None if column.type is None else type_name(column.type)
        if stored is None and column.type is not None:
            raise InvalidRequest(
                "Tables have no type {type}. Types are those of a table's schema, such as VARCHAR, "
                "BIGINT, DOUBLE, DECIMAL(12,2), DATE or TIMESTAMP.",
                loc=("body", "columns", at, "type"),
                type=column.type,
            )
        declared.append(replace(column, type=stored))
    return declared


def _check_conditions(
    asked: DataContractRequest, present: tuple[Column, ...], service: Service
) -> None:
    columns = {column.name: column for column in present}
    columns |= {
        each.name: Column(each.name, each.type) for each in asked.columns if each.type is not None
    }
    table = TableFiles(tuple(columns.values()), ())
    for at, text in enumerate(asked.conditions):
        parse_expression(text, table, loc=("body", "conditions", at), now=service.clock())


def remove_contract(caller: Caller, dataset_id: int, table_key: str) -> ShownContract:
    """Delete the data contract of a table; NotFound if it has none."""
    caller.dataset(dataset_id, "write")
    with caller.writing() as tx:
        contract = _contract(tx, dataset_id, table_key)
        delete_data_contract(tx, dataset_id, contract.table_key)
        caller.audit(
            tx, "data_contract_deleted", dataset_id=dataset_id, table_key=contract.table_key
        )
    return ShownContract.stored(contract)


def contract_state(
    caller: Caller, dataset_id: int, table_key: str, source_ref: str
) -> ContractOfVersion:
    """The data contract of a table, and whether the newest version of a ref meets it.

    Raises
    ------
    NotFound
        The table has no data contract, or the dataset no such ref.
    """
    service = caller.service
    caller.dataset(dataset_id, "read")
    with service.database.read() as tx:
        contract = _contract(tx, dataset_id, table_key)
        commit = _newest(tx, dataset_id, source_ref)
    state: ContractState = "not_checked"
    failures: list[ContractFailure] | None = None
    if commit is not None:
        with caller.reading():
            failures = _checked(service, dataset_id, commit, contract)
        if failures is not None:
            state = "not_met" if failures else "met"
    return ContractOfVersion(
        **vars(ShownContract.stored(contract)),
        source_ref=source_ref,
        commit_id=None if commit is None else commit.id,
        state=state,
        failures=failures or [],
    )


def _checked(
    service: Service, dataset_id: int, commit: Commit, contract: DataContract
) -> list[ContractFailure] | None:
    """What a version doesn't meet; None if the check takes long."""
    stored = _table(commit, contract.table_key)
    if stored is None:
        text = "The version has no such table."
        return [
            {
                "table_key": contract.table_key,
                "term": "table",
                "name": None,
                "text": text,
                "rows": None,
                "examples": [],
            }
        ]
    table: StoredTable = stored
    key, terms = declared_key(service, dataset_id, table.key), terms_of(contract.terms)
    files = table_files(service, table)
    # Conditions may have relative dates.
    named = (CACHE_NAME, contract.terms, None if key is None else key.name, service.clock().date())
    path = cache_path(service.directory.counts_dir, files, *map(str, named))
    cached = read_cached(path)
    if cached is not None:
        known: list[ContractFailure] = cached["failures"]
        return known

    def check(on_progress: ProgressCallback) -> list[ContractFailure]:
        parquet = service.parquet_of("long")
        failures = check_table(service, parquet, table, terms, key, on_progress)
        write_cached(path, {"failures": failures})
        return failures

    found: list[ContractFailure] | None = service.background.result(
        ("data_contract", path), check, WAIT_S
    )
    return found


def propose_contract(
    caller: Caller, dataset_id: int, table_key: str, source_ref: str
) -> ContractTerms:
    """Propose a data contract that the newest version of a ref meets.

    The columns are those of the version. Its profile, if it was computed, says which have no NULL
    and how large the share of NULL may be; the number of rows may halve or double.

    Raises
    ------
    NotFound
        The dataset has no such ref, or the version no such table.
    """
    service = caller.service
    caller.dataset(dataset_id, "read")
    with service.database.read() as tx:
        commit = _newest(tx, dataset_id, source_ref)
    if commit is None:
        raise NotFound(
            'The ref "{name}" has no commit yet. Import a file into it first.', name=source_ref
        )
    table = commit.manifest.table(table_key)
    with caller.reading():
        files = table_files(service, table)
        profile = cached_profile(service, files)
    missing = {} if profile is None else _missing(profile, table.row_count)
    return ContractTerms(
        table_key=table.key,
        columns=[
            ContractColumn(
                name=column.name, type=column.type, max_null_share=missing.get(column.name, 1)
            )
            for column in table.columns
        ],
        more_columns=False,
        min_rows=table.row_count // GROWTH,
        max_rows=table.row_count * GROWTH,
        row_key=True,
        conditions=[],
    )


def _missing(profile: CachedProfile, rows: int) -> dict[str, float]:
    """The largest share of NULL to propose for each profiled column: twice the present one."""
    shares = {}
    for column in profile["profile"]["columns"]:
        share = float(column["nulls"]["value"]) / max(rows, 1)
        shares[str(column["name"])] = min(1.0, math.ceil(200 * share) / 100)
    return shares


def accept_version(caller: Caller, dataset_id: int, job_id: str, reason: str) -> KeptApartVersion:
    """Move the ref of an import to its version, although it doesn't meet the data contract.

    Raises
    ------
    NotFound
        The job's version wasn't kept apart.
    Conflict
        It was accepted or deleted before, or the ref names another version by now.
    """
    service = caller.service
    caller.dataset(dataset_id, "write")
    job = caller.job(job_id)
    with caller.writing() as tx:
        kept = _kept_apart(tx, dataset_id, job.id)
        accept_kept_apart(tx, kept, caller.user.id, reason, service.clock)
        caller.audit(
            tx,
            "version_accepted",
            dataset_id=dataset_id,
            about=("job", job.id),
            ref=kept.ref_name,
            commit_id=kept.commit_id,
            failures=[failure["text"] for failure in kept.failures],
            reason=reason,
        )
        for key in kept.row_keys:
            columns = list(key.columns)
            caller.audit(
                tx, "row_key_set", dataset_id=dataset_id, **{**vars(key), "columns": columns}
            )
        accepted = _kept_apart(tx, dataset_id, job.id)
    service.wake_scheduler()  # a run may wait for it
    return accepted


def _kept_apart(tx: Transaction, dataset_id: int, job_id: str) -> KeptApartVersion:
    kept = find_kept_apart(tx, dataset_id, job_id)
    if kept is None:
        raise NotFound("No version of job {job_id} was kept apart.", job_id=job_id)
    return kept


def _contract(tx: Transaction, dataset_id: int, table_key: str) -> DataContract:
    contract = data_contract_of(tx, dataset_id, table_key)
    if contract is None:
        commit = _newest(tx, dataset_id, "main")
        table = None if commit is None else _table(commit, table_key)
        contract = None if table is None else data_contract_of(tx, dataset_id, table.key)
    if contract is None:
        raise NotFound('Table "{table_key}" has no data contract.', table_key=table_key)
    return contract


def _newest(tx: Transaction, dataset_id: int, ref: str) -> Commit | None:
    commit_id = get_ref(tx, dataset_id, ref).commit_id
    return None if commit_id is None else get_commit(tx, dataset_id, commit_id)


def _table(commit: Commit, table_key: str) -> StoredTable | None:
    try:
        return commit.manifest.table(choose_key(commit, table_key))
    except NotFound:
        return None
