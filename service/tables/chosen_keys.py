"""The row key of a request: the columns that it names, or the declared key of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from contract.words import Duplicates
from domain_errors import DomainError, Loc
from parquet_tables.names import folded
from parquet_tables.row_keys.canonical import key_columns
from parquet_tables.row_keys.digests import RowKey
from sampling_engine import method_from_json
from service.service import Service
from service.tables.open_tables import RESIDUAL, OpenTable
from storage.jobs.publishing import job_with_output
from storage.sqlite.database import Transaction
from storage.versions.row_keys import DeclaredKey, row_key_of


class NoRowKey(DomainError):
    """A request names no key, and the table has none."""

    code = "no_row_key"


def declared_key_of(tx: Transaction, dataset_id: int, source: OpenTable) -> DeclaredKey | None:
    """The row key of a table; see :func:`declared_key_at`."""
    return declared_key_at(tx, dataset_id, source.key, source.commit_id)


def declared_key_at(
    tx: Transaction, dataset_id: int, key: str, commit_id: str | None
) -> DeclaredKey | None:
    """The row key of a table; a sample and a residual have that of the table they are drawn from.

    None if there is none, also if another table has the name of a part. In a sample a column of the
    key may have another name.
    """
    job = None if commit_id is None else job_with_output(tx, dataset_id, commit_id)
    if job is not None and job.run_type == "sampling" and job.source_commit_id is not None:
        # First: a part of a split may have the name of another table.
        table_key = job.run_parameters["table_key"]
        found = declared_key_at(tx, dataset_id, table_key, job.source_commit_id)
        if found is None or key == RESIDUAL:
            return found
        return _in_sample(found, (job.output_summary or {}).get("renamed_columns", {}))
    return row_key_of(tx, dataset_id, key)


def _in_sample(key: DeclaredKey, renamed: Mapping[str, str]) -> DeclaredKey:
    """A key with the names of its columns in a sample, which renames those of its own names."""
    names = {folded(name): in_sample for name, in_sample in renamed.items()}
    return replace(key, columns=[names.get(folded(name), name) for name in key.columns])


def key_of_order(given: Mapping[str, Any]) -> RowKey | None:
    """The row key in whose order a settled round takes rows; None if it orders clusters alone."""
    order = given.get("order")
    if not order:
        return None
    key = RowKey(tuple(order["key"]), order["duplicates"])
    method = method_from_json(given["method"], given["parameters"])
    return key if method.orders_rows(key) else None


def choose_row_key(
    service: Service,
    dataset_id: int,
    tables: Sequence[OpenTable],
    names: Sequence[str] | None,
    duplicates: Duplicates | None = None,
    loc: Loc = ("keys",),
) -> RowKey:
    """The named key, or the first declared one of some tables.

    Equal keys are treated as requested, otherwise as the declared key says if it is the chosen one.

    Raises
    ------
    NoRowKey
        No key is named, and none is declared.
    InvalidKey, UnknownColumn
        The columns can't be a key, or the first table has no column of a name.
    """
    with service.database.read() as tx:
        declared = [declared_key_of(tx, dataset_id, table) for table in tables]
    known = next((key for key in declared if key is not None), None)
    if names:
        columns = tuple(column.name for column in key_columns(tables[0].files, names, loc))
        is_declared = known is not None and columns == tuple(known.columns)
    elif known is not None:
        columns, is_declared = tuple(known.columns), True
    else:
        raise NoRowKey(
            'The table "{table}" has no row key. Name the columns that identify a row in '
            f"`{loc[-1]}`, or declare them as the table's row key.",
            table=tables[0].name,
            loc=loc,
        )
    if duplicates is None:
        duplicates = known.duplicates if known is not None and is_declared else "refuse"
    return RowKey(columns, duplicates)
