"""Stratified samples: a simple random sample of each stratum."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from contract.requests.estimate import VarianceRequest
from domain_errors import counted
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.designs.code import (
    DesignCode,
    Sizes,
    python_sizes,
    r_sizes,
    sas_sizes,
    stata_sizes,
)
from estimation_engine.designs.design import Design, DrawnRows
from estimation_engine.designs.random import SimpleDesign
from estimation_engine.designs.stages import (
    Layer,
    groups_in,
    simple_factors,
    sums_by,
)
from lazy_dataclasses import dataclass

LONELY = "SAS counts the variance of such strata as 0: its standard errors are too small."
WHOLE = "SAS counts strata that were drawn whole among its degrees of freedom; jobsvc doesn't."


@dataclass(frozen=True, eq=False)
class StratifiedDesign(SimpleDesign):
    """Simple random samples of strata."""

    method: ClassVar = "stratified"
    group_kind: ClassVar = "strata"
    has_one_unit: ClassVar = False

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> StratifiedDesign:
        return stratified_design(drawn.groups, drawn.group_rows)

    @property
    def lonely(self) -> Booleans:
        lonely: Booleans = (self.group_drawn == 1) & (self.group_rows > 1)
        return lonely

    @property
    def listed_groups(self) -> Ints:
        return np.flatnonzero(self.group_rows > 0)

    @property
    def uncovered_rows(self) -> int:
        return int(self.group_rows[self.group_drawn == 0].sum())

    @property
    def layers(self) -> list[Layer]:
        drawn = self.group_drawn.astype(np.float64)
        return [Layer(self.groups, None, drawn, simple_factors(drawn, self.group_rows))]

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        left = self.sampled_strata[self.groups[rows]]
        return self._rows_less_strata(rows[left], domains[left], count)

    def whole_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        whole = ~self.sampled_strata[self.groups[rows]]
        return self._rows_less_strata(rows[whole], domains[whole], count)

    def _rows_less_strata(self, rows: Ints, domains: Ints, count: int) -> Ints:
        return np.bincount(domains, minlength=count) - groups_in(self.groups[rows], domains, count)

    def effective_degrees(self, second: Floats, below: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below > 0, second**2 / below, np.inf)

    def left_to_chance(self, counts: Booleans) -> Self:
        """Strata none of whose rows count are as if they were drawn whole."""
        groups = np.zeros(len(self.group_rows), dtype=np.bool_)
        groups[self.groups[counts]] = True
        return replace(self, group_rows=np.where(groups, self.group_rows, self.group_drawn))

    def variance(
        self, rows: Ints, domains: Ints, t: Floats, count: int, rules: VarianceRequest
    ) -> Floats:
        variances = super().variance(rows, domains, t, count, rules)
        lonely = self.lonely
        if not lonely.any():
            return variances
        if rules.lonely_stratum == "fail":
            self.refuse_lonely()
        if rules.lonely_stratum == "average":
            chance = int(self.sampled_strata.sum())
            others = chance - int(lonely.sum())
            return variances * (chance / others) if others else np.full(count, np.nan)
        means = sums_by(domains, t, count) / self.rows
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = np.where(lonely, 1.0 - self.group_drawn / self.group_rows, 0.0)
        of_rows = factors[self.groups[rows]]
        inside = sums_by(domains, of_rows * (t - means[domains]) ** 2, count)
        outside = factors.sum() - sums_by(domains, of_rows, count)
        adjusted: Floats = variances + inside + np.maximum(outside, 0.0) * means**2
        return adjusted

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        notes = []
        if self.uncovered_rows:
            rows = counted(self.uncovered_rows, "row")
            scope = "other steps may cover them" if chance else "the estimates don't cover them"
            notes.append(f"No row was drawn from strata with {rows}; {scope}.")
        lonely = int((chance or self).lonely.sum())
        if lonely:
            notes.append(
                f"{counted(lonely, 'stratum has', 'strata have')} one drawn row of several; the "
                f"variance is a substitute ({rules.lonely_stratum})."
            )
        return notes

    def code(self, sizes: Sizes) -> DesignCode:
        return DesignCode(
            r=f"""{r_sizes("N_h", sizes)}d$stratum <- s[["_stratum"]]
d$fpc <- N_h[d$stratum]
stopifnot(!anyNA(d$fpc))
d$w <- d$fpc / ave(d$row, d$stratum, FUN = length)
options(survey.lonely.psu = "fail")
design <- svydesign(ids = ~1, strata = ~stratum, weights = ~w, fpc = ~fpc,
  data = d, variables = s)
""",
            stata=f"""{stata_sizes(sizes)}generate double _w = _rows / _drawn
egen _stratum_number = group(_stratum)
""",
            stata_units="_n [pweight = _w], strata(_stratum_number) fpc(_rows)",
            sas=f"""{sas_sizes(sizes)}proc sql;
  create table sizes as select distinct _stratum, _rows as _total_ from d;
  create table d2 as select *, count(*) as _drawn from d group by _stratum;
quit;
data d; set d2; _w = _rows / _drawn; run;
""",
            sas_options=" total=sizes",
            sas_units="strata _stratum; ",
            sas_limits=(
                *([LONELY] if self.lonely.any() else []),
                *([WHOLE] if (self.group_drawn == self.group_rows).any() else []),
            ),
            python=f"""{python_sizes("N_H", sizes)}\
stratum = np.array([row["_stratum"] for row in rows])
drawn = {{h: int((stratum == h).sum()) for h in N_H}}
w = np.array([N_H[h] / drawn[h] for h in stratum])


def degrees(has_value):
    inside = [int((has_value & (stratum == h)).sum()) for h in N_H if drawn[h] < N_H[h]]
    return sum(n - 1 for n in inside if n)


def variance(t):
    return sum(spread(t[stratum == h], N_H[h]) for h in N_H)
""",
        )


def stratified_design(strata: Ints, rows: Ints) -> StratifiedDesign:
    """Simple random samples of strata; ``rows`` are the N_h, and n_h is counted."""
    drawn = np.bincount(strata, minlength=len(rows))
    weights = np.zeros(len(strata))
    if len(strata):
        weights = rows[strata] / drawn[strata]
    return StratifiedDesign(weights, int(rows.sum()), strata, rows, drawn)
