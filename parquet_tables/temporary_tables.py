"""Python arrays and frames as temporary tables of one cursor.

They are released at the end of the block; an error of the block passes through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import duckdb


@contextmanager
def registered(cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, object]) -> Iterator[None]:
    """Let statements of the block read ``tables``, each by its name.

    Parameters
    ----------
    tables : mapping of str to object
        Objects that DuckDB scans: a dict of arrays, an Arrow table, a sheet of fastexcel.
    """
    for name, table in tables.items():
        cursor.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            # A table that a result still reads is released with the cursor.
            with suppress(duckdb.Error):
                cursor.unregister(name)
