"""A method as a new module would declare it: one block of consecutive rows, with a random start."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np

from contract.declarations import Help, Initial, Title
from contract.fields import Bounds, Count
from lazy_dataclasses import dataclass
from parquet_tables.progress import ProgressCallback
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method
from sampling_engine.methods.systematic import Grid, SystematicRound
from sampling_engine.results import Floats, RoundRows, RowOutcome
from sampling_engine.selection.order import Int64s, SeededOrder, seed_for


class BlockMethod(Method):
    """Consecutive eligible rows, from a start that the seed draws."""

    block_rows: Annotated[
        int,
        Count(Bounds(1)),
        Title("Rows of the block"),
        Help("Consecutive rows to draw, or all if there are fewer."),
        Initial(20),
    ]

    key: ClassVar = "block"
    title: ClassVar = "One block"
    description: ClassVar = "Consecutive eligible rows, from a start that the seed draws."
    exactly_one_of: ClassVar = (("block_rows",),)
    size_parameter: ClassVar = "block_rows"
    planned_by: ClassVar = None
    has_margin_of_error: ClassVar = False

    @property
    def no_reserves(self) -> str:
        """The rows beside the block have no order."""
        return "A block has no reserves."

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> BlockRound:
        """Draw the start among those at which the block ends inside the table."""
        count = min(self.block_rows, eligible.total)
        seed = seed_for(eligible.round_spec.effective_seed, "start")
        first = int(SeededOrder(eligible.total - count + 1, seed).first(1)[0]) if count else 0
        warnings = [] if count else [NO_ROW]
        prepared = eligible.prepared(np.array([count], dtype=np.int64), warnings)
        return BlockRound(prepared, Grid(first, 1, 1, count))


@dataclass(frozen=True)
class BlockRound(SystematicRound):
    """A round that draws one block."""

    def probabilities_and_weights(self, rows: RoundRows) -> tuple[Floats, Floats]:
        """The block's share of the rows, as if all starts drew as many."""
        count = len(rows.chosen.ordinals)
        share = count / max(int(self.prepared.eligible.sum()), 1)
        return np.full(count, share), np.full(count, 1 / share if share else 0.0)

    def explain_not_drawn(
        self, state: DrawState, rows: RoundRows, ordinals: Int64s, strata: Int64s
    ) -> list[RowOutcome]:
        """They lie outside."""
        return [RowOutcome("off_the_grid", "The row lies outside the drawn block.")] * len(ordinals)
