"""The rows that would have been next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import TableFiles
from sampling_engine.spec import Round


def reserves(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    round_number: int,
    limit: int,
    *,
    table_key: str,
    destination: Path,
    report: Report = no_report,
    counts_dir: Path | None = None,
) -> TableFiles:
    """The table's own columns, ``_logical_row_id``, ``_stratum`` and ``_reserve_order``."""
    raise NotImplementedError
