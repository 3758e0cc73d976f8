"""What a draw would give, without drawing it.

Owns: the plan. Invariant: its figures are those of the draw: earlier rounds are chosen in full, for
what a later round finds depends on their rows; of the last one no row is chosen. Nothing is written
but kept counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, growing, no_report, share_of
from parquet_tables.tables import TableFiles
from sampling_engine.checks import check_rounds
from sampling_engine.draw_state import DrawState
from sampling_engine.precision import margin_of_error
from sampling_engine.prepare import prepare_round
from sampling_engine.replay import groups_of, replay
from sampling_engine.results import RoundPlan
from sampling_engine.rounds import Prepared
from sampling_engine.spec import Round


def plan_draw(
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    *,
    report: Report = no_report,
    counts_dir: Path | None = None,
) -> tuple[RoundPlan, ...]:
    """Tell what :func:`draw_sample` would draw.

    Parameters
    ----------
    rounds : sequence of Round
        1 to 20; their seeds count, for a later round depends on the rows of the earlier ones.

    Returns
    -------
    tuple of RoundPlan
        One a round.

    Raises
    ------
    DomainError
        As :func:`draw_sample`.
    """
    check_rounds(table, rounds)
    report = growing(report)
    *earlier, last = rounds
    with database.cursor(table) as cursor:
        state = DrawState(cursor, table, counts_dir=counts_dir)
        replayed = replay(state, earlier, share_of(report, 0.0, 0.5))
        plans = [_plan_of(finished.prepared) for finished in replayed]
        prepared = prepare_round(state, last, share_of(report, 0.5, 1.0)).prepared
        return (*plans, _plan_of(prepared))


def _plan_of(prepared: Prepared) -> RoundPlan:
    nothing = np.zeros_like(prepared.eligible)
    strata, strata_count, clusters, clusters_count = groups_of(prepared, nothing)
    return RoundPlan(
        round_number=prepared.one.round_number,
        method=prepared.one.method.name,
        eligible_rows=prepared.eligible_rows,
        rows_planned=int(prepared.allocated.sum()),
        seed=prepared.one.seed,
        effective_seed=prepared.one.effective_seed,
        strata=strata,
        strata_count=strata_count,
        clusters=clusters,
        clusters_count=clusters_count,
        warnings=prepared.warnings,
        margin_of_error=margin_of_error(
            prepared.one.method.name, prepared.allocated, prepared.eligible
        ),
    )
