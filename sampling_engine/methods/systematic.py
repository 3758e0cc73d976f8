"""Systematic sampling: eligible rows in the table's order, at equal distances."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback
from sampling_engine.errors import InvalidMethod, InvalidSize, NoReserves, draw_warning
from sampling_engine.methods.method import NO_ROW, Method, all_drawn_warning, least_left
from sampling_engine.methods.parameters import SAMPLE_SIZE, SEED, Loc, MethodDeclaration, Parameter
from sampling_engine.rounds import EligibleRows
from sampling_engine.selection.order import Int64s
from sampling_engine.systematic_round import NO_RESERVES, Grid, SystematicRound


@dataclass(frozen=True, kw_only=True)
class SystematicMethod(Method):
    """Eligible rows in the table's order, at equal distances."""

    interval: int | None = None
    sample_size: int | None = None
    start: int | None = None

    declaration: ClassVar = MethodDeclaration(
        name="systematic",
        title="Every k-th row",
        description="Eligible rows in the table's order at equal distances. Give "
        "`interval` or `sample_size`.",
        parameters=(
            Parameter(
                name="interval",
                type="integer",
                label="Interval",
                description="The distance between drawn rows, in eligible rows.",
                minimum=1,
                initial=10,
                option="interval",
            ),
            replace(
                SAMPLE_SIZE,
                description="Rows to draw; the distance is then a fraction.",
            ),
            Parameter(
                name="start",
                type="integer",
                label="First row",
                description="The first eligible row to draw, 1 to `interval`. Default: by "
                "the seed.",
                minimum=1,
                only_with={"interval": ()},
                option="start",
            ),
            SEED,
        ),
        exactly_one_of=(("interval", "sample_size"),),
    )
    draws_from_list: ClassVar = True
    comparison_note: ClassVar = "A systematic sample is treated as a random one."

    def check_combination(self, loc: Loc) -> None:
        """A start needs an interval that it lies in."""
        at = (*loc, "start")
        if self.start is None:
            return
        if self.interval is None:
            raise InvalidMethod(
                "`start` needs `interval`; with `sample_size` the seed determines the start.",
                loc=at,
            )
        if self.start > self.interval:
            raise InvalidSize(
                "`start` must be 1 to {interval}, the interval.", interval=self.interval, loc=at
            )

    def check_reserves(self) -> None:
        """There are none."""
        raise NoReserves(NO_RESERVES)

    def scans(self, *, is_filtered: bool) -> int:
        """Of a filter's rows: all are counted, then by block, and those of some blocks read."""
        return 3 if is_filtered else 0

    def always_draws(self, eligible: EligibleRows, taken: Int64s) -> NDArray[np.bool_]:
        """Unless the first row is beyond those that are left."""
        first = 1 if self.interval is None else self.start or self.interval
        return least_left(eligible.counts, taken) >= first

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> SystematicRound:
        """Lay the grid over the eligible rows."""
        rows = eligible.total
        grid = Grid.of(self, eligible.round_spec.effective_seed, rows)
        warnings = all_drawn_warning(self.sample_size or 0, rows) if rows else [NO_ROW]
        if rows and not grid.count:
            warnings.append(
                draw_warning(
                    "start_beyond_rows",
                    "The start, row {start}, is beyond the {rows} eligible rows, so none was "
                    "drawn.",
                    start=grid.first + 1,
                    rows=rows,
                )
            )
        sizes = np.array([grid.count], dtype=np.int64)
        return SystematicRound(eligible.prepared(sizes, warnings), grid)
