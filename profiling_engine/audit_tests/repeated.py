"""Rows that may be equal in some values: those whose hash of the values another row has.

Sorting hashes takes a third of the time of grouping rows by their values, and few rows remain to
be grouped or joined. A hash has 32 bits, so of a billion rows a fifth remains by chance.
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
SORTED_HASHES = 1 << 22
"""Hashes that are in memory together, about."""


def keep_candidates(
    work: Work,
    table: TableFiles,
    columns: Sequence[ColumnValue],
    hashed: Sequence[str],
    sorted_hashes: int = SORTED_HASHES,
) -> tuple[int, list[NotTested]]:
    """Keep the tested rows that share one of some hashes as the temporary table ``CANDIDATES``.

    Parameters
    ----------
    columns : sequence of ColumnValue
        A row that lacks one of their values ``s.k0…`` isn't tested.
    hashed : sequence of str
        Lists of SQL expressions over these values; each list is hashed.

    Returns
    -------
    tuple
        The tested rows, and those that aren't tested.
    """
    untested = Untested.of(columns)
    hashes = ", ".join(
        f"CAST(hash({values}) >> 32 AS UINTEGER) AS h{at}" for at, values in enumerate(hashed)
    )
    scan, params = scan_statement(table, Untested.values(columns))
    sql = f"SELECT s.ordinal, {untested.place} AS u, {hashes} FROM ({scan}) AS s"
    work.keep((sql, params), HASHES)
    parts = 1 + table.file_rows // sorted_hashes
    repeated = {
        f"{REPEATED}_{at}": {"h": _repeated(work, f"s.h{at}", parts)} for at in range(len(hashed))
    }
    shared = " OR ".join(
        f"s.h{at} IN (SELECT r.h FROM {name} AS r)" for at, name in enumerate(repeated)
    )
    with registered(work.cursor, repeated):
        sql = f"SELECT s.ordinal FROM {HASHES} AS s WHERE s.u IS NULL AND ({shared})"
        work.keep((sql, []), CANDIDATES)
    places = f"SELECT s.u, count(*) FROM {HASHES} AS s WHERE s.u IS NOT NULL GROUP BY s.u"
    return untested.counted(work.read((places, [])), table.row_count)


def _repeated(work: Work, name: str, parts: int) -> NDArray[np.uint32]:
    """The hashes that several tested rows have, found part by part."""
    repeated = []
    for part in range(parts):
        of_part = f" AND {name} % {parts} = {part}" if parts > 1 else ""
        sql = f"SELECT {name} FROM {HASHES} AS s WHERE s.u IS NULL{of_part}"
        hashes = np.sort(work.read_column((sql, []), "reading rows").astype(np.uint32))
        repeated.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate(repeated)
