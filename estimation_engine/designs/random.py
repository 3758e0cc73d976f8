"""Simple random samples without replacement, of the table or of groups of it."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, Self

import numpy as np

from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import (
    Design,
    DrawnRows,
    RowsOfPairs,
    WholeTable,
    whole_table,
)
from estimation_engine.designs.stages import Layer, simple_layer
from lazy_dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class SimpleDesign(Design, ABC):
    """Simple random samples of groups: several rounds of one frame are one sample."""

    joins_rounds: ClassVar = True
    is_simple: ClassVar[bool] = True
    allows_replacements: ClassVar = True

    def inclusion_probabilities(self, rows: RowsOfPairs) -> Floats:
        shares = self.group_drawn / np.maximum(self.group_rows, 1)
        return np.where(rows.groups >= 0, shares[rows.groups], 0.0)

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        inside = both_of(self.group_drawn, self.group_rows)[rows.groups[first]]
        same_group = rows.groups[first] == rows.groups[second]
        return np.where(same_group, inside, p[first] * p[second])


def both_of(drawn: Ints, rows: Ints) -> Floats:
    """n(n - 1)/(N(N - 1)), the probability that two certain rows of N are among n."""
    pairs = np.maximum(rows * (rows - 1.0), 1.0)
    both: Floats = np.where(rows > 1, drawn * (drawn - 1.0) / pairs, 0.0)
    return both


@dataclass(frozen=True, eq=False)
class RandomDesign(SimpleDesign):
    """A simple random sample."""

    method: ClassVar = "random"
    has_equal_chances: ClassVar = True
    is_hypergeometric: ClassVar = True

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> Self:
        return cls(*equal_rows(len(drawn.groups), int(drawn.group_rows.sum())))

    @property
    def layers(self) -> list[Layer]:
        return [simple_layer(float(self.rows), self.fraction, self.groups)]

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        return np.maximum(np.bincount(domains, minlength=count) - 1, 0)

    def code(self, sizes: Sizes) -> DesignCode:
        n, whole = self.rows, self.population
        return DesignCode(
            r=f"""d$fpc <- {whole}
d$w <- {whole} / {n}
design <- svydesign(ids = ~1, weights = ~w, fpc = ~fpc, data = d, variables = s)
""",
            stata=f"""generate double _w = {whole} / {n}
generate double _rows = {whole}
""",
            stata_units="_n [pweight = _w], fpc(_rows)",
            sas=f"data d; set s; _w = {whole} / {n}; run;\n",
            sas_options=f" total={whole}",
            sas_units="",
            python=f"""w = np.full(len(rows), {whole} / {n})


def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return spread(t, {whole})
""",
        )


def equal_rows(drawn: int, population: int) -> WholeTable:
    """Rows of the weight N/n."""
    weight = population / drawn if drawn else 0.0
    return whole_table(np.full(drawn, weight), population)


def random_design(drawn: int, population: int) -> RandomDesign:
    """A simple random sample without replacement."""
    return RandomDesign(*equal_rows(drawn, population))
