"""Routes of the row key of a table."""

from __future__ import annotations

from application.identity.row_keys import (
    TableKey,
    TableKeyState,
    declare_row_key,
    remove_row_key,
    row_key_state,
)
from contract.requests.datasets import RowKeyRequest, RowKeyStateRequest, RowKeyTableRequest
from http_api.access import SignedInBlueprint, caller

blueprint = SignedInBlueprint("row_keys", "Datasets", "/api/datasets/<int:dataset_id>/row-key")


@blueprint.get("")
def state(dataset_id: int, query: RowKeyStateRequest) -> TableKeyState:
    """The row key of a table, and its state in each version.

    A version that wasn't checked yet has the state `not_checked`, and is checked in the background:
    ask again. Without a row key the response is 404.
    """
    return row_key_state(
        caller(), dataset_id, query.table_key, query.source_ref, query.offset, query.limit
    )


@blueprint.put("")
def declare(dataset_id: int, given: RowKeyRequest) -> TableKey:
    """Declare the row key of a table: the columns that identify a row in every version.

    Names of rows, draws in keyed order and comparisons use it. One that doesn't hold in the newest
    version is refused with `key_missing` or `key_not_unique`; of a large table it is declared
    before the check ends, and the state says whether it holds.
    """
    return declare_row_key(caller(), dataset_id, given)


@blueprint.delete("")
def remove(dataset_id: int, query: RowKeyTableRequest) -> TableKey:
    """Delete the row key of a table.

    Draws that used it stay as they are.
    """
    return remove_row_key(caller(), dataset_id, query.table_key)
