"""Independent samples of disjoint populations, as strata of one population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from estimation_engine.designs.design import Design, SamplePart, whole_table
from estimation_engine.designs.rounds import RoundsDesign


def pooled_design(designs: Sequence[Design], scales: Sequence[float] = ()) -> RoundsDesign:
    """The design of independent samples whose populations have no row in common.

    Each population is a stratum: totals and their variances add up (Cochran 1977, section 5.3).
    The degrees of freedom are Satterthwaite's over the samples.

    Parameters
    ----------
    designs : sequence of Design
        The designs of the samples; the rows of the pooled one are theirs, in this order.
    scales : sequence of float, optional
        What the weights of each sample are multiplied by, such as 1/N for samples that count alike.
    """
    parts: list[SamplePart] = []
    start = 0
    for design in designs:
        parts += [SamplePart(part.design, start + part.rows, part.factors) for part in design.parts]
        start += design.rows
    factors = scales or [1.0] * len(designs)
    weights = np.concatenate(
        [design.weights * factor for design, factor in zip(designs, factors, strict=True)]
    )
    population = sum(design.covered_rows for design in designs)
    uncovered = sum(design.uncovered_rows for design in designs)
    return RoundsDesign(*whole_table(weights, population), tuple(parts), uncovered)
