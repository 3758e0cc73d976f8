"""Everything about a draw that can be refused before it starts.

Owns: the rules for rounds against a table's columns. Called by whoever takes a request, before a
job exists, and again by the draw itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import TableFiles
from sampling_engine.spec import Round


def check_rounds(table: TableFiles, rounds: Sequence[Round]) -> None:
    """Refuse rounds that this table can't be sampled by."""
