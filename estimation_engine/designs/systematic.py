"""Systematic samples: every k-th row from a random start."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import Design, DrawnRows, RowsOfPairs
from estimation_engine.designs.random import RandomDesign, equal_rows
from estimation_engine.designs.stages import Neighbours, VarianceStage
from lazy_dataclasses import dataclass

OTHER_ERRORS = "Standard errors are those of a random sample: `systematic` random in jobsvc."


@dataclass(frozen=True, eq=False)
class SystematicDesign(RandomDesign):
    """Every k-th row. Weights are N/n: by k the rows would add up to another number than N.

    The layers are those of a random sample. ``line`` are the rows in the order in which they were
    taken, and ``sorted_by`` says by which columns, if not in the table's order.
    """

    line: Ints
    sorted_by: str | None = None

    method: ClassVar = "systematic"
    joins_rounds: ClassVar = False
    is_simple: ClassVar[bool] = False
    allows_replacements: ClassVar = False
    is_at_distances: ClassVar = True
    is_hypergeometric: ClassVar = False

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> Self:
        fields = equal_rows(len(drawn.groups), int(drawn.group_rows.sum()))
        assert drawn.selected is not None  # noqa: S101 - rows were taken at distances
        return cls(*fields, np.argsort(drawn.selected), drawn.sorted_by)

    def stages(self, rules: VarianceRequest) -> list[VarianceStage]:
        if rules.systematic == "random":
            return [*self.layers]
        n = self.rows
        if n < 2:
            return [Neighbours(self.line, 0.0)]
        scale = (1.0 - self.fraction) / 2.0
        if rules.systematic == "sd2":
            return [Neighbours(self.line, scale, is_circle=True)]
        return [Neighbours(self.line, scale * (n / (n - 1.0)))]

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
        found = [
            "The variance is approximate: one systematic sample doesn't show how much another "
            f"start would differ ({rules.systematic})."
        ]
        return found if self.sorted_by is None else [*found, order_note(self.sorted_by, rules)]

    def code(self, sizes: Sizes) -> DesignCode:
        of_random = super().code(sizes)
        n, whole = self.rows, self.population
        r_line, python_line, in_r, in_python = "", "", "y * d$w", "t"
        if self.sorted_by is not None:
            r_line = 'line <- order(s[["_selection_order"]])\n'
            python_line = 'line = np.argsort([int(row["_selection_order"]) for row in rows])\n'
            in_r, in_python = f"({in_r})[line]", "t[line]"
        return replace(
            of_random,
            r=f"""{of_random.r}\
# R's standard errors are those of a random sample: systematic random in jobsvc.
# Those of jobsvc (sd1), of a total; of a mean take in place of y
#   z <- (y - mean) / sum(d$w[!is.na(y)])
{r_line}error_of_total <- function(y) {{
  y[is.na(y)] <- 0
  sqrt((1 - {n} / {whole}) * {n} / (2 * {n - 1}) * sum(diff({in_r})^2))
}}
error_of_total(y[[1]])
""",
            stata=f"{of_random.stata}* {OTHER_ERRORS}\n",
            sas=f"{of_random.sas}/* {OTHER_ERRORS} */\n",
            python=f"""w = np.full(len(rows), {whole} / {n})
{python_line}

def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return (1 - {n} / {whole}) * {n} / (2 * {n - 1}) * (np.diff({in_python}) ** 2).sum()
""",
        )


def systematic_design(drawn: int, population: int) -> SystematicDesign:
    """Every k-th row of a table."""
    return SystematicDesign(*equal_rows(drawn, population), np.arange(drawn))


def order_note(line: str, rules: VarianceRequest) -> str:
    """What the variance of rows along a sorted line assumes."""
    if rules.systematic == "random":
        return (
            f"It is that of a random sample, as if {line} had nothing to do with the values: "
            "where values follow that order it is too large."
        )
    return (
        f"It is that of successive differences in {line}. It assumes that the values follow that "
        "order smoothly or not at all, without a period near the interval."
    )
