"""How many rows a round draws from each stratum, and the warnings that this takes.

No size is above its stratum's eligible rows. The methods use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sampling_engine.allocation import share_of_rows
from sampling_engine.rounds import Prepared
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import Strata
from sampling_engine.spec import Round

NO_ROW = "No row was eligible, so none was drawn."


@dataclass(frozen=True)
class StratumSizes:
    """Rows to draw from each stratum, shape (strata,), with warnings on them."""

    sizes: Int64s
    warnings: tuple[str, ...] = ()

    @classmethod
    def none_of(cls, eligible: Int64s) -> StratumSizes:
        """The sizes where no row is eligible."""
        return cls(np.zeros_like(eligible), (NO_ROW,))

    def prepared(self, round_spec: Round, strata: Strata, eligible: Int64s) -> Prepared:
        """The round with these sizes."""
        return Prepared(round_spec, strata, eligible, self.sizes, self.warnings)


def total_size(
    sample_size: int | None, sample_fraction: float | None, rows: int
) -> tuple[int, list[str]]:
    """Rows to draw of ``rows`` eligible ones, with warnings; exactly one of the sizes is given."""
    if sample_fraction is None:
        size = sample_size or 0
        return min(size, rows), all_drawn_warning(size, rows)
    total = share_of_rows(sample_fraction, rows)
    if total:
        return total, []
    return 0, [f"sample_fraction {sample_fraction} of {rows:,} eligible rows rounds to no row."]


def all_drawn_warning(size: int, rows: int) -> list[str]:
    """The warning that a size is above the eligible rows, if it is."""
    if size <= rows:
        return []
    return [
        f"sample_size is {size:,}, but only {rows:,} rows were eligible: all of them were drawn."
    ]
