"""The rounds of a finished draw as a certificate states them.

The draw is replayed, so the facts are those of the engine. docs/CERTIFICATE.md has the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Int64s, TableFiles
from sampling_engine.errors import DrawWarning, NoReserves
from sampling_engine.methods.method import Method, Reserves
from sampling_engine.rounds import DrawState, FinishedRound, Floats, replay
from sampling_engine.spec import Round


@dataclass(frozen=True)
class CertifiedRound:
    """A drawn round; the arrays have shape (rows,), in the order of selection.

    ``facts`` depend on the method: those of all rows on which the draw depends.
    """

    round_number: int
    effective_seed: str
    eligible_rows: int
    facts: dict[str, Any]
    ordinals: Int64s
    probabilities: Floats
    weights: Floats
    reserves: Reserves | Literal["none"]
    warnings: tuple[DrawWarning, ...]


def certified_rounds(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    counts_dir: Path | None = None,
) -> list[CertifiedRound]:
    """Draw the rounds of a finished draw again, and return what a certificate states of them."""
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        return [_certified(finished) for finished in replay(state, rounds, ignore_progress)]


def _certified(finished: FinishedRound) -> CertifiedRound:
    draw, rows = finished.draw, finished.rows
    spec = draw.prepared.round_spec
    probabilities, weights = draw.probabilities_and_weights(rows)
    return CertifiedRound(
        spec.round_number,
        spec.effective_seed,
        int(draw.prepared.eligible.sum()),
        draw.facts(rows),
        rows.chosen.ordinals,
        probabilities,
        weights,
        _reserves_of(spec.method),
        tuple(draw.prepared.warnings),
    )


def _reserves_of(method: Method) -> Reserves | Literal["none"]:
    try:
        method.check_reserves()
    except NoReserves:
        return "none"
    return method.reserves
