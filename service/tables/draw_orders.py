"""The keyed orders of a draw's rounds, settled: key, start and what repeated keys do are stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from contract.requests.draw import OrderJson, RoundJson
from contract.words import Duplicates
from domain_errors import Loc
from parquet_tables.tables import TableFiles, UnknownColumn
from sampling_engine import method_class
from service.service import Service
from service.tables.chosen_keys import NoRowKey, declared_key_of
from service.tables.open_tables import OpenTable
from storage.versions.row_keys import DeclaredKey


def settle_orders(
    service: Service, dataset_id: int, source: OpenTable, rounds: Sequence[RoundJson]
) -> list[RoundJson]:
    """Rounds whose keyed orders state all that they depend on.

    A job records them so; a later declaration of another row key then makes no difference.

    Raises
    ------
    NoRowKey
        An order names no key, and the table has no row key.
    InvalidKey
        The method of a round has no keyed order.
    """
    if not any("order" in given for given in rounds):
        return list(rounds)
    with service.database.read() as tx:
        declared = declared_key_of(tx, dataset_id, source)
    settled: list[RoundJson] = []
    for place, given in enumerate(rounds):
        order = given.get("order")
        if order is None:
            settled.append(given)
            continue
        loc = ("rounds", place, "order")
        method_class(given["method"]).require_keyed_order(loc)
        stated = _settled(order, declared, source, loc)
        settled.append(cast("RoundJson", {**given, "order": stated}))
    return settled


def _settled(
    given: Mapping[str, Any],
    declared: DeclaredKey | None,
    source: OpenTable,
    loc: Loc,
) -> OrderJson:
    if given.get("key"):
        columns = _own_names(source.files, given["key"])
    elif declared is not None:
        columns = list(declared.columns)
    else:
        raise NoRowKey(
            'The table "{table}" has no row key. Name the columns that identify a row as '
            "the `key` of the order, or declare them once, as the row key of the table.",
            table=source.name,
            loc=loc,
        )
    duplicates: Duplicates = "refuse"
    if declared is not None and columns == list(declared.columns):
        duplicates = declared.duplicates
    settled: OrderJson = {
        "key": columns,
        "start": given.get("start", "0"),
        "duplicates": given.get("duplicates") or duplicates,
    }
    if given.get("starts"):
        settled["starts"] = given["starts"]
    return settled


def _own_names(table: TableFiles, names: Sequence[str]) -> list[str]:
    """The columns' names as the table writes them; a check refuses names that it doesn't have."""
    try:
        return [table.column(name).name for name in names]
    except UnknownColumn:
        return list(names)
