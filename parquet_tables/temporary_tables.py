"""Arrays and frames of Python as tables of one cursor.

Invariant: they are given back at the end of the block, and the error that ends the block is the one
that is raised.
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
        Whatever DuckDB scans by itself: a dict of arrays, an Arrow table, a sheet of fastexcel.
    """
    for name, table in tables.items():
        cursor.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            # One that a result still reads can't be given back; it goes with the cursor.
            with suppress(duckdb.Error):
                cursor.unregister(name)
