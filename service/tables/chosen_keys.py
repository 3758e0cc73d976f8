"""The row key of a request: the columns that it names, or the declared key of a table."""

from __future__ import annotations

from collections.abc import Sequence

from contract.words import Duplicates
from parquet_tables.row_keys.canonical import Loc, key_columns
from parquet_tables.row_keys.digests import RowKey
from service.service import Service
from service.tables.draw_orders import NoRowKey, declared_key_of
from service.tables.open_tables import OpenTable


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
