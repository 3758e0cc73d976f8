"""Two tables of a dataset side by side: for a report, and for a look at what has drifted.

Owns: what is kept of it. Invariant: a comparison is a function of the two tables' files, whatever
commits hold them: each is read by its reference, and the result says how many rows were read.
Computed once for each pair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job_runner.kept_results import keep, kept_path, read_kept, table_identity
from job_runner.open_tables import OpenTable, open_table
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report, share_of
from profiling_engine.comparison import compare_tables
from profiling_engine.comparison_sides import Side
from sampling_engine import reference_of

COMPARISON_VERSION = "jobsvc-comparison-2"
BASE_READ, OTHER_READ = 0.2, 0.4
"""Of the whole progress."""


def compared_with(service: Service, dataset_id: int, asked: dict[str, Any]) -> OpenTable:
    """The other table, from a job's ``compare_to``.

    Raises
    ------
    NotFound
        It isn't there, or not any more.
    """
    return open_table(service, dataset_id, asked["commit_id"], asked["table_key"])


def kept_side_by_side(service: Service, base: OpenTable, other: OpenTable) -> dict[str, Any] | None:
    """The comparison of two tables, if it is kept."""
    return read_kept(_kept_path(service, base, other))


def comparison_of(
    service: Service,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    report: Report = no_report,
) -> dict[str, Any]:
    """The comparison of two tables, kept or computed now, as JSON.

    Returns
    -------
    dict
        The comparison, and ``base`` and ``other`` with ``rows`` and ``rows_read``.
    """
    found = kept_side_by_side(service, base, other)
    if found is not None:
        return found
    references = [
        reference_of(
            database,
            table.files,
            counts_dir=service.directory.counts_dir,
            report=share_of(report, start, end),
        )
        for table, start, end in ((base, 0.0, BASE_READ), (other, BASE_READ, OTHER_READ))
    ]
    # A table is one of those that could have come about: it counts for its rows, if all are read.
    one, two = (Side(found.table, float(found.table.row_count)) for found in references)
    compared = compare_tables(
        database, one, two, purpose="tables", report=share_of(report, OTHER_READ, 1.0)
    )
    told = [{"rows": one.rows, "rows_read": one.table.row_count} for one in references]
    made = {**compared.as_json(), "base": told[0], "other": told[1]}
    keep(_kept_path(service, base, other), made)
    return made


def _kept_path(service: Service, base: OpenTable, other: OpenTable) -> Path:
    named = (COMPARISON_VERSION, table_identity(other.files))
    return kept_path(service.directory.counts_dir, base.files, *named)
