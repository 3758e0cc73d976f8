"""Routes of balances of the general ledger."""

from __future__ import annotations

from application.reconciling import (
    Reconciliation,
    Reconciliations,
    enter_balance,
    reconciliations,
)
from contract.requests.reconciling import BalanceRequest, BalancesRequest
from http_api.access import SignedInBlueprint, caller

blueprint = SignedInBlueprint(
    "reconciling", "Datasets", "/api/datasets/<int:dataset_id>/reconciliations"
)


@blueprint.get("")
def list_entries(dataset_id: int, query: BalancesRequest) -> Reconciliations:
    """The balances of the general ledger that were entered for a table of a version.

    The newest entry about a column counts; the others are its history.
    """
    return reconciliations(caller(), dataset_id, query)


@blueprint.post("")
def enter(dataset_id: int, given: BalanceRequest) -> Reconciliation:
    """Compare the sum of a column with a balance of the general ledger.

    The difference is exact. An entry never changes: a later one about the same column corrects it.
    """
    return enter_balance(caller(), dataset_id, given)
