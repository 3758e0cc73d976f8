"""What a draw would give, without drawing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import TableFiles
from sampling_engine.results import RoundPlan
from sampling_engine.spec import Round


def plan_draw(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    report: Report = no_report,
    counts_dir: Path | None = None,
) -> tuple[RoundPlan, ...]:
    """Tell what :func:`draw_sample` would draw; nothing is written but kept counts."""
    raise NotImplementedError
