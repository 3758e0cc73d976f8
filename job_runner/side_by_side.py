"""The comparison of two tables of a dataset, with its cache.

A comparison is a function of the two tables' files, whatever commits hold them, and of the design
of a sample among them. It is computed once for each pair. Used by reports and the page of versions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from job_runner.kept_results import keep, kept_path, read_kept, table_identity
from job_runner.open_tables import OpenTable, open_table
from job_runner.service import Service
from job_runner.table_sides import DrawnSample, as_population, drawn_sample, side_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report, share_of
from profiling_engine.comparison import compare_tables

COMPARISON_VERSION = "jobsvc-comparison-4"
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


def kept_side_by_side(
    service: Service, dataset_id: int, base: OpenTable, other: OpenTable
) -> dict[str, Any] | None:
    """The cached comparison of two tables; None if there is none."""
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    return read_kept(_kept_path(service, base, other, drawn))


def comparison_of(
    service: Service,
    dataset_id: int,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    report: Report = no_report,
) -> dict[str, Any]:
    """The comparison of two tables from the cache, or computed now, as JSON.

    Returns
    -------
    dict
        The comparison, and ``base`` and ``other`` with ``rows``, ``rows_read`` and ``weighted``.
    """
    drawn = [drawn_sample(service, dataset_id, table) for table in (base, other)]
    path = _kept_path(service, base, other, drawn)
    found = read_kept(path)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        sides = []
        for at, (table, start, end) in enumerate(
            ((base, 0.0, BASE_READ), (other, BASE_READ, OTHER_READ))
        ):
            to, step = Path(folder) / f"{at}.parquet", share_of(report, start, end)
            sides.append(side_of(service, database, table, drawn[at], to, step))
        (one, base_facts), (two, other_facts) = sides
        if one.is_sample != two.is_sample:
            # Beside a sample a table is the population, without a sampling error of its own.
            one, two = (as_population(side) for side in (one, two))
        compared = compare_tables(
            database, one, two, purpose="tables", report=share_of(report, OTHER_READ, 1.0)
        )
    made = {**compared.as_json(), "base": base_facts, "other": other_facts}
    keep(path, made)
    return made


def _kept_path(
    service: Service, base: OpenTable, other: OpenTable, drawn: list[DrawnSample | None]
) -> Path:
    jobs = tuple("" if one is None else one.job.id for one in drawn)
    named = (COMPARISON_VERSION, table_identity(other.files), *jobs)
    return kept_path(service.directory.counts_dir, base.files, *named)
