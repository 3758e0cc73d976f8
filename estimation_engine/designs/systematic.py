"""Systematic samples: every k-th row from a random start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import Design, RowsOfPairs
from estimation_engine.designs.random import RandomDesign, equal_rows
from estimation_engine.designs.stages import Neighbours, VarianceStage

OTHER_ERRORS = "Standard errors are those of a random sample: `systematic` random in jobsvc."


@dataclass(frozen=True, eq=False)
class SystematicDesign(RandomDesign):
    """Every k-th row. Weights are N/n: by k the rows would add up to another number than N.

    The layers are those of a random sample.
    """

    method: ClassVar = "systematic"
    joins_rounds: ClassVar = False
    is_simple: ClassVar[bool] = False
    allows_replacements: ClassVar = False
    is_at_distances: ClassVar = True
    is_hypergeometric: ClassVar = False

    def stages(self, rules: VarianceRequest) -> list[VarianceStage]:
        if rules.systematic == "random":
            return [*self.layers]
        n = self.rows
        if n < 2:
            return [Neighbours(n, 0.0)]
        scale = (1.0 - self.fraction) / 2.0
        if rules.systematic == "sd2":
            return [Neighbours(n, scale, is_circle=True)]
        return [Neighbours(n, scale * (n / (n - 1.0)))]

    def inclusion_probabilities(self, rows: RowsOfPairs) -> Floats:
        return rows.probabilities

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        """The starts that draw both rows, of all: the overlap of two arcs on a circle."""
        assert rows.places is not None  # noqa: S101 - a systematic round has places
        assert rows.circle is not None  # noqa: S101
        length, around = rows.circle
        both = np.empty(len(first))
        for at, (place, other) in enumerate(
            zip(rows.places[first], rows.places[second], strict=True)
        ):
            apart = (int(other) - int(place)) * length % around
            overlap = max(length - apart, 0) + max(length - (around - apart), 0)
            both[at] = min(overlap, length) / around
        return both

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        return [
            "The variance is approximate: one systematic sample doesn't show how much another "
            f"start would differ ({rules.systematic})."
        ]

    def code(self, sizes: Sizes) -> DesignCode:
        of_random = super().code(sizes)
        n, whole = self.rows, self.population
        return replace(
            of_random,
            r=f"""{of_random.r}\
# R's standard errors are those of a random sample: systematic random in jobsvc.
# Those of jobsvc (sd1), of a total; for a mean use z = (y - mean) / {whole} in place of y:
error_of_total <- function(y) {{
  y[is.na(y)] <- 0
  sqrt((1 - {n} / {whole}) * {n} / (2 * {n - 1}) * sum(diff(y * d$w)^2))
}}
error_of_total(y[[1]])
""",
            stata=f"{of_random.stata}* {OTHER_ERRORS}\n",
            sas=f"{of_random.sas}/* {OTHER_ERRORS} */\n",
            python=f"""w = np.full(len(rows), {whole} / {n})


def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return (1 - {n} / {whole}) * {n} / (2 * {n - 1}) * (np.diff(t) ** 2).sum()
""",
        )


def systematic_design(drawn: int, population: int) -> SystematicDesign:
    """Every k-th row of a table."""
    return SystematicDesign(*equal_rows(drawn, population))
