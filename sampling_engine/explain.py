"""Why a row was drawn, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import TableFiles
from sampling_engine.explanation import RowExplanation
from sampling_engine.spec import Round


def explain_row(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    ordinal: int,
    *,
    report: Report = no_report,
    counts_dir: Path | None = None,
) -> RowExplanation:
    """Replay the rounds and say what each made of the row."""
    raise NotImplementedError
