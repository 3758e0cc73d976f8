"""Rows that a mean or a total needs for an interval of t·SE, by the true skewness of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from estimation_engine.arrays import Floats
from estimation_engine.planning.frame import CellSums

ROWS_BY_SKEWNESS = 25
"""Rows of a random sample by the squared skewness: Cochran 1977, section 2.15."""


@dataclass(frozen=True, eq=False)
class CubeSums:
    """The sums of a variable with those of its cubes, Σu³, in each cell; shape (cells,)."""

    cells: CellSums
    cubes: Floats

    def needed_rows(self, statistic: Literal["mean", "total"]) -> Floats:
        """25·G² of the linearised variable over all rows, shape (domains,); 0 if it is constant.

        It is 0 outside the domain.
        """
        cells, count = self.cells, self.cells.domain_count
        whole = float(cells.group_rows.sum())
        inside, first, second, third = (
            np.bincount(cells.domains, np.asarray(part, dtype=np.float64), count)
            for part in (cells.counts, cells.sums, cells.squares, self.cubes)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = first / inside
            outside = np.zeros(count)
            if statistic == "total":
                mean = (first + inside * cells.offset) / whole
                centre, outside = mean - cells.offset, -mean
            squares = second - 2 * centre * first + inside * centre**2
            cubes = third - 3 * centre * second + 3 * centre**2 * first - inside * centre**3
            variance = (squares + (whole - inside) * outside**2) / whole
            skewness = (cubes + (whole - inside) * outside**3) / whole / variance**1.5
            needed = ROWS_BY_SKEWNESS * skewness**2
        return np.where(np.isfinite(needed), needed, 0.0)
