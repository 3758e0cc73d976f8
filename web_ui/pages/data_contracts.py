"""The tab of a table's data contract on the page of a dataset."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from application.data_contracts import contract_state, propose_contract
from contract.requests.data_contract import ContractColumn
from service.tables.open_tables import PRIMARY
from storage.errors import NotFound
from storage.versions.data_contracts import list_kept_apart
from storage.versions.refs import MAIN
from web_ui.shell import ListQuery, caller, service

Values = dict[str, Any]
VERSIONS_SHOWN = 10
CONTRACT_COLUMNS = 300
"""Columns that the form of a data contract has."""
CONTRACT_STATES = {
    "met": ("The newest version meets it", "good"),
    "not_met": ("The newest version doesn’t meet it", "bad"),
    "not_checked": ("Not checked yet", ""),
}
APART_STATES = {
    "kept_apart": ("Kept apart", "warn"),
    "accepted": ("Accepted", "good"),
    "deleted": ("Deleted", ""),
}


def contract_view(context: Values) -> Values:
    """The data contract of the table or a proposal, and the versions that were kept apart."""
    found, commit = context["dataset"], context["commit"]
    query = ListQuery(default_limit=VERSIONS_SHOWN)
    with service().database.read() as tx:
        kept, total = list_kept_apart(tx, found.id, query.offset, query.limit)
    table_key = PRIMARY if commit is None else commit.manifest.table(context["table_key"]).key
    values: Values = {"contract": None, "terms": None, "stored_key": table_key}
    with suppress(NotFound):
        values["contract"] = contract_state(caller(), found.id, table_key, MAIN)
    values["terms"] = values["contract"]
    if values["terms"] is None:
        with suppress(NotFound):
            values["terms"] = propose_contract(caller(), found.id, table_key, MAIN)
    terms = values["terms"]
    declared = {} if terms is None else {column.name: column for column in terms.columns}
    present = () if commit is None else commit.manifest.table(context["table_key"]).columns
    more = [
        ContractColumn(name=column.name, type=column.type)
        for column in present
        if column.name not in declared
    ]
    return {
        **values,
        "columns": [*declared.values(), *more],
        "declared": declared,
        "kept_apart": kept,
        "page": query.page(total),
        "contract_states": CONTRACT_STATES,
        "apart_states": APART_STATES,
        "most_columns": CONTRACT_COLUMNS,
    }
