"""Routes of data contracts, and of the versions that were kept apart since they don't meet one."""

from __future__ import annotations

from application.data_contracts import (
    ContractOfVersion,
    ContractTerms,
    ShownContract,
    accept_version,
    contract_state,
    propose_contract,
    remove_contract,
    set_contract,
)
from contract.requests.data_contract import (
    AcceptanceRequest,
    DataContractRequest,
    DataContractTableRequest,
    DataContractVersionRequest,
    KeptApartRequest,
)
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.contract import Listing, list_schema, listed
from storage.versions.data_contracts import KeptApartVersion, list_kept_apart

blueprint = SignedInBlueprint("data_contracts", "Datasets", "/api/datasets/<int:dataset_id>")


@blueprint.get("/data-contract")
def state(dataset_id: int, query: DataContractVersionRequest) -> ContractOfVersion:
    """The data contract of a table, and whether the newest version of a ref meets it.

    A large version is checked in the background: ask again. Without a contract the response is
    404.
    """
    return contract_state(caller(), dataset_id, query.table_key, query.source_ref)


@blueprint.get("/data-contract/proposal")
def proposal(dataset_id: int, query: DataContractVersionRequest) -> ContractTerms:
    """Propose a data contract that the newest version of a ref meets.

    The columns and their types are those of the version; its profile, if there is one, gives the
    shares of NULL. Nothing is stored.
    """
    return propose_contract(caller(), dataset_id, query.table_key, query.source_ref)


@blueprint.put("/data-contract")
def put(dataset_id: int, given: DataContractRequest) -> ShownContract:
    """Set the data contract of a table: what each import and each attachment must meet.

    A version that doesn't meet it is kept apart: the ref stays, and the version gets a ref of its
    own.
    """
    return set_contract(caller(), dataset_id, given)


@blueprint.delete("/data-contract")
def remove(dataset_id: int, query: DataContractTableRequest) -> ShownContract:
    """Delete the data contract of a table.

    Versions that were kept apart stay so.
    """
    return remove_contract(caller(), dataset_id, query.table_key)


@blueprint.get("/kept-apart", output=list_schema("versions", KeptApartVersion))
def kept_apart(dataset_id: int, query: KeptApartRequest) -> Listing:
    """The versions that don't meet a data contract, newest first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return listed(list_kept_apart(tx, dataset_id, query.offset, query.limit), query)


@blueprint.post("/kept-apart/<job_id>/accept")
def accept(dataset_id: int, job_id: str, given: AcceptanceRequest) -> KeptApartVersion:
    """Accept a version that doesn't meet the data contract: the ref moves to it.

    The audit trail records the reason. If the ref names a newer version by now, it is a 409.
    """
    return accept_version(caller(), dataset_id, job_id, given.reason)
