"""Rows that may be equal in some values: those whose hash of the values another row has.

Sorting hashes takes a third of the time of grouping rows by their values, and few rows remain to
be grouped or joined. A hash has 31 bits, so of a billion rows a third remains by chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parquet_tables.database import registered
from parquet_tables.rows import scan_statement
from parquet_tables.tables import TableFiles
from profiling_engine.audit_tests.answers import NotTested
from profiling_engine.audit_tests.tested import Untested, Work
from profiling_engine.audit_tests.values import ColumnValue

HASHES, REPEATED, CANDIDATES = "row_hashes", "repeated_hashes", "rows_of_repeated_hashes"
MANY = 16
"""Shared hashes are many if more than every 16th row has a first one."""
FIRST = 1 << 10
"""The least hash of a tested row; below are the places of the reasons of others."""
SORTED_HASHES = 1 << 22
"""Hashes that are in memory together, about."""


def keep_hashes(
    work: Work,
    table: TableFiles,
    columns: Sequence[ColumnValue],
    hashed: Sequence[str],
    more: Sequence[str] = (),
) -> tuple[int, list[NotTested]]:
    """Keep hashes of every row as the temporary table ``HASHES``, and count the tested rows.

    Parameters
    ----------
    columns : sequence of ColumnValue
        A row that lacks one of their values ``s.k0…`` isn't tested.
    hashed : sequence of str
        Lists of SQL expressions over these values; each list is hashed.
    more : sequence of str
        Further values of ``s``: expressions over ``f`` with their names.

    Returns
    -------
    tuple
        The tested rows, and those that aren't tested.
    """
    untested = Untested.of(columns)
    hashes = [
        f"CAST({untested.place(f'(hash({values}) >> 33) + {FIRST}')} AS UINTEGER) AS h{at}"
        for at, values in enumerate(hashed)
    ]
    scan, params = scan_statement(table, [*Untested.values(columns), *more])
    work.keep((f"SELECT s.ordinal, {', '.join(hashes)} FROM ({scan}) AS s", params), HASHES)
    places = f"SELECT s.h0, count(*) FROM {HASHES} AS s WHERE s.h0 < {FIRST} GROUP BY s.h0"
    return untested.counted(work.read((places, [])), table.row_count)


def keep_candidates(
    work: Work,
    rows: int,
    hashes: int = 1,
    *,
    most: int | None = None,
    sorted_hashes: int = SORTED_HASHES,
) -> bool:
    """Keep the rows that share one of their hashes as the temporary table ``CANDIDATES``.

    Returns
    -------
    bool
        False if more than ``most`` hashes are shared; then no row is kept.
    """
    parts = 1 + rows // sorted_hashes
    repeated = {
        f"{REPEATED}_{at}": {"h": _repeated(work, f"s.h{at}", parts)} for at in range(hashes)
    }
    if most is not None and sum(len(each["h"]) for each in repeated.values()) > most:
        return False
    shared = " OR ".join(
        f"s.h{at} IN (SELECT r.h FROM {name} AS r)" for at, name in enumerate(repeated)
    )
    with registered(work.cursor, repeated):
        work.keep((f"SELECT s.ordinal FROM {HASHES} AS s WHERE {shared}", []), CANDIDATES)
    return True


def _repeated(work: Work, name: str, parts: int) -> NDArray[np.uint32]:
    """The hashes that several tested rows have, found part by part."""
    repeated = []
    for part in range(parts):
        of_part = f" AND {name} % {parts} = {part}" if parts > 1 else ""
        sql = f"SELECT {name} FROM {HASHES} AS s WHERE {name} >= {FIRST}{of_part}"
        hashes = np.sort(work.read_column((sql, []), "reading rows").astype(np.uint32))
        again = hashes[1:][hashes[1:] == hashes[:-1]]
        repeated.append(again[np.append(again[1:] != again[:-1], True)[: len(again)]])
    return np.concatenate(repeated)
