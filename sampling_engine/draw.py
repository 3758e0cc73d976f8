"""The draw from start to end: check, choose rows round by round, write the sample.

Owns: the order of the steps. Called by job handlers, with rounds whose seeds are settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import TableFiles
from sampling_engine.results import DrawnSample, Strategy
from sampling_engine.spec import Round


def draw_sample(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    table_key: str,
    destination: Path,
    report: Report = no_report,
    strategy: Strategy | None = None,
) -> DrawnSample:
    """Draw the rounds from ``table`` and write the sample to one Parquet file."""
    raise NotImplementedError
