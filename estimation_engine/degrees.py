"""Degrees of freedom of domains: the units with a value less the strata that they are in.

They are at most those of the design. Korn and Graubard 1999, *Analysis of Health Surveys*, section
5.2; R's ``degf(subset(design))``. Units and strata that were drawn whole don't count.
"""

from __future__ import annotations

import numpy as np

from estimation_engine.design import Design, Floats, Ints
from estimation_engine.variance import MAX_EMPTY_CELLS, samples_of

ROUNDING = 1e-9


def degrees_of_freedom(
    design: Design, rows: Ints, domains: Ints, count: int, of_rounds: Floats
) -> Ints:
    """The degrees of freedom of each domain, shape (count,).

    Over rounds they are Satterthwaite's (1946), V²/Σ(V_r²/df_r), at most the sum of the rounds'.

    Parameters
    ----------
    rows, domains : arrays, shape (cells,)
        The rows with a value, and their domains.
    of_rounds : array, shape (rounds, count)
        The variance of each round.
    """
    degrees = [
        _of_sample(sample, at, domains[own], count)
        for sample, at, own, _ in samples_of(design, rows)
    ]
    if not design.parts:
        return degrees[0]
    most = np.array(degrees, dtype=np.int64).reshape(len(degrees), count)
    below = (of_rounds**2 / np.maximum(most, 1)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(below > 0, of_rounds.sum(axis=0) ** 2 / below, np.inf)
    whole = most.sum(axis=0)
    satterthwaite: Ints = np.minimum(np.nan_to_num(found) + ROUNDING, whole).astype(np.int64)
    return satterthwaite


def _of_sample(design: Design, rows: Ints, domains: Ints, count: int) -> Ints:
    match design.method:
        case "stratified":
            left = design.sampled_strata[design.groups[rows]]
            rows, domains = rows[left], domains[left]
            units = np.bincount(domains, minlength=count)
            return units - groups_in(design.groups[rows], domains, count)
        case "cluster":
            units = groups_in(design.groups[rows], domains, count)
        case "weighted":
            units = np.bincount(domains, design.units_left[rows], count).astype(np.int64)
        case _:
            units = np.bincount(domains, minlength=count)
    found: Ints = np.maximum(units - 1, 0)
    return found


def groups_in(groups: Ints, domains: Ints, count: int) -> Ints:
    """The different groups of each domain's rows, shape (count,)."""
    width = int(groups.max(initial=0)) + 1
    numbers = domains * width + groups
    if count * width <= MAX_EMPTY_CELLS + len(numbers):
        present = np.zeros(count * width, dtype=np.bool_)
        present[numbers] = True
        found: Ints = present.reshape(count, width).sum(axis=1)
        return found
    return np.bincount(np.unique(numbers) // width, minlength=count)
