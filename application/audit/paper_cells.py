"""Cells of the working paper: the key by which people know a row, and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from application.audit.entry_list import item_cell
from application.audit.state import ordinal_of
from application.identity.lookup import key_column
from parquet_tables.rows import read_rows, rows_statement
from parquet_tables.workbooks import Cell
from service.service import Service
from service.tables.open_tables import open_source
from storage.jobs.jobs import Job


def keys_of(service: Service, job: Job, row_ids: Sequence[str]) -> dict[str, Cell]:
    """The value by which people know each row, such as the number of an invoice."""
    if not row_ids:
        return {}
    source = open_source(service, job)
    column = source.files.column(key_column(service, source))
    ordinals = np.array(sorted({ordinal_of(row_id) for row_id in row_ids}), dtype=np.int64)
    with service.parquet.cursor(source.files) as cursor:
        cells = read_rows(cursor, rows_statement(source.files, (column,), ordinals), (column,))
    by_ordinal = dict(zip(ordinals.tolist(), cells, strict=True))
    return {
        row_id: item_cell(by_ordinal[ordinal_of(row_id)][column.name], column) for row_id in row_ids
    }


def moment_of(text: str | None) -> datetime | None:
    """A stored time, to the second."""
    return None if text is None else datetime.fromisoformat(text).replace(microsecond=0)
