"""Data contracts: what each new version of a table must meet, and versions that don't.

The commit of such a version is published with a ref of its own. Accepting it moves the ref of its
import, if that still names the version which the import would have replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from contract.answers import Hidden
from contract.declarations import Help
from contract.words import ApartState, ContractTerm
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, json_text, required, run
from storage.versions.manifests import get_commit
from storage.versions.refs import delete_ref, get_ref, has_ref, move_ref
from storage.versions.row_keys import NewRowKey, set_row_key

APART_PREFIX = "apart-"
"""How the refs of versions that are kept apart begin."""
ID_DIGITS = 8


class ContractFailure(TypedDict):
    """A part of a data contract that a version doesn't meet."""

    table_key: str
    term: ContractTerm
    name: Annotated[str | None, Help("The column, or the condition.")]
    text: Annotated[str, Help("What the contract asks for, and what the version has.")]
    rows: Annotated[int | None, Help("Rows that don't meet it; null for what isn't about rows.")]
    examples: Annotated[list[str], Help("The row ids of the first of them.")]


@dataclass(frozen=True)
class DataContract:
    """The data contract of a table, and who set it.

    Parameters
    ----------
    terms : dict
        The fields of the request that set it, without ``table_key``.
    """

    dataset_id: int
    table_key: str
    terms: dict[str, Any]
    set_at: str
    set_by_soeid: str


@dataclass(frozen=True)
class KeptApartVersion:
    """A version that doesn't meet a data contract."""

    job_id: str
    dataset_id: int
    file_name: Annotated[str, Help("The file that was imported or attached.")]
    ref_name: Annotated[str, Help("The ref that doesn't name it.")]
    apart_ref: Annotated[str, Help("Its own ref, until it is accepted.")]
    commit_id: Annotated[str | None, Help("Null after a prune.")]
    failures: Annotated[list[ContractFailure], Help("What it doesn't meet.")]
    row_keys: Hidden[list[NewRowKey]]
    at: str
    accepted_at: str | None
    accepted_by_soeid: str | None
    reason: Annotated[str | None, Help("Why it was accepted.")]
    has_ref: Hidden[bool]

    @property
    def state(self) -> Annotated[ApartState, Help("`deleted`: a user deleted its ref.")]:
        """Whether it is kept apart."""
        if self.accepted_at is not None:
            return "accepted"
        return "kept_apart" if self.has_ref else "deleted"


def _row_keys(text: str) -> list[NewRowKey]:
    return [NewRowKey(**each) for each in json.loads(text)]


_CONTRACTS = Records(DataContract, terms=json.loads)
_KEPT_APART = Records(KeptApartVersion, failures=json.loads, row_keys=_row_keys, has_ref=bool)


def set_data_contract(
    tx: Transaction,
    dataset_id: int,
    table_key: str,
    terms: Mapping[str, Any],
    user_id: int,
    clock: Clock,
) -> DataContract:
    """Set the data contract of a table, in place of an earlier one."""
    return _CONTRACTS.only(
        tx,
        "set_data_contract",
        dataset_id=dataset_id,
        table_key=table_key,
        terms=json_text(terms),
        set_at=timestamp(clock()),
        set_by=user_id,
    )


def data_contracts(tx: Transaction, dataset_id: int) -> list[DataContract]:
    """The data contracts of a dataset's tables."""
    return _CONTRACTS.all(tx, "data_contracts_of_dataset", dataset_id=dataset_id, table_key=None)


def data_contract_of(tx: Transaction, dataset_id: int, table_key: str) -> DataContract | None:
    """The data contract of a table, by its stored key; None without one."""
    return _CONTRACTS.first(
        tx, "data_contracts_of_dataset", dataset_id=dataset_id, table_key=table_key
    )


def delete_data_contract(tx: Transaction, dataset_id: int, table_key: str) -> bool:
    """Delete the data contract of a table; False if there is none."""
    deleted = first(tx, "delete_data_contract", dataset_id=dataset_id, table_key=table_key)
    return deleted is not None


def apart_ref(tx: Transaction, dataset_id: int, job_id: str) -> str:
    """A free name for the ref of a version that is kept apart, by the id of its job."""
    digits = ID_DIGITS
    while has_ref(tx, dataset_id, name := f"{APART_PREFIX}{job_id[:digits]}"):
        digits += 1
    return name


def keep_apart(
    tx: Transaction,
    dataset_id: int,
    job_id: str,
    refs: tuple[str, str],
    failures: Sequence[ContractFailure],
    row_keys: Sequence[NewRowKey],
    clock: Clock,
) -> None:
    """Note that a job's version is kept apart; ``refs`` are the ref of the import and its own."""
    run(
        tx,
        "keep_apart",
        job_id=job_id,
        dataset_id=dataset_id,
        ref_name=refs[0],
        apart_ref=refs[1],
        failures=json_text(list(failures)),
        row_keys=json_text([{**vars(each), "columns": list(each.columns)} for each in row_keys]),
        at=timestamp(clock()),
    )


def list_kept_apart(
    tx: Transaction, dataset_id: int, offset: int, limit: int
) -> tuple[list[KeptApartVersion], int]:
    """A page of the versions of a dataset that were kept apart, newest first, and their number."""
    return _KEPT_APART.page(
        tx, "list_kept_apart", offset, limit, dataset_id=dataset_id, job_id=None
    )


def find_kept_apart(tx: Transaction, dataset_id: int, job_id: str) -> KeptApartVersion | None:
    """The version of a job that was kept apart; None if it wasn't."""
    return _KEPT_APART.first(tx, "list_kept_apart", dataset_id=dataset_id, job_id=job_id)


def accept_kept_apart(
    tx: Transaction, kept: KeptApartVersion, user_id: int, reason: str, clock: Clock
) -> None:
    """Move the ref of an import to its version, which was kept apart, and delete its own ref.

    Raises
    ------
    Conflict
        It was accepted or deleted before, or the ref names another version by now.
    """
    if kept.state != "kept_apart" or kept.commit_id is None:
        raise Conflict(
            "The version of job {job_id} isn't kept apart any more: it was {state}.",
            job_id=kept.job_id,
            state="deleted" if kept.state == "kept_apart" else kept.state,
        )
    parent = get_commit(tx, kept.dataset_id, kept.commit_id).manifest.parent_id
    if get_ref(tx, kept.dataset_id, kept.ref_name).commit_id != parent:
        raise Conflict(
            'The ref "{ref}" has a newer version than the one that this version would have '
            "replaced. Import or attach the data again.",
            ref=kept.ref_name,
        )
    required(
        tx,
        "accept_kept_apart",
        NotFound("No version of job {job_id} is kept apart.", job_id=kept.job_id),
        job_id=kept.job_id,
        at=timestamp(clock()),
        user_id=user_id,
        reason=reason,
    )
    move_ref(
        tx,
        kept.dataset_id,
        kept.ref_name,
        expected=parent,
        commit_id=kept.commit_id,
        clock=clock,
    )
    delete_ref(tx, kept.dataset_id, kept.apart_ref, clock)
    for each in kept.row_keys:
        set_row_key(tx, kept.dataset_id, **vars(each), user_id=user_id, clock=clock)
