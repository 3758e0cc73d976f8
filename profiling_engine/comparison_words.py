"""A comparison in words: what a person says of a column, and of all of them.

Owns: the sentences. Called by the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from parquet_tables.tables import Column
from profiling_engine.column_distances import ColumnDistance
from profiling_engine.comparison_parts import shown

Purpose = Literal["sample", "tables"]

WORST_TOLD = 3
SMALL_SHIFT = 0.05
SMALL_SHARE = 0.005
MOST_NOTICEABLE = 0.5
"""Who would notice only what moves half of the rows can't say that two tables are alike."""


def sentence(column: Column, distance: ColumnDistance) -> str:
    """What differs, as a person says it."""
    name = column.name
    shift = distance.standardised_difference
    missing = distance.other_missing - distance.base_missing
    if distance.missing_p_value < min(distance.p_value, 0.05):
        return (
            f"{name} has no value in {distance.other_missing:.1%} of the rows, "
            f"not {distance.base_missing:.1%}."
        )
    means = distance.means
    if shift is not None and means is not None and abs(shift) >= SMALL_SHIFT:
        return (
            f"{name} is {'higher' if shift > 0 else 'lower'} by {abs(shift):.2f} standard "
            f"deviations: its mean is {shown(column, means[1])}, not {shown(column, means[0])}."
        )
    if distance.parts and distance.kind == "chi_square":
        part = max(distance.parts, key=lambda one: abs(one.other - one.base))
        if abs(part.other - part.base) >= SMALL_SHARE:
            return f'{name} is "{part.label}" in {part.other:.1%} of the rows, not {part.base:.1%}.'
    if distance.kind == "kolmogorov_smirnov" and distance.p_value < 0.05:
        return f"{name} is spread otherwise: {distance.distance:.1%} of the rows lie elsewhere."
    if abs(missing) >= SMALL_SHARE:
        return f"{name} has no value in {distance.other_missing:.1%} of the rows."
    return f"{name} is spread alike."


def verdict(
    purpose: Purpose,
    compared: int,
    standing_out: Sequence[tuple[float, str]],
    noticeable: float | None,
) -> str:
    """What is to be said of all columns together.

    Parameters
    ----------
    compared : int
        How many columns there were.
    standing_out : sequence of (float, str)
        The distances and sentences of those that stand out.
    noticeable : float or None
        The share of rows that a difference must touch to be noticed.
    """
    of = f"{compared:,} column{'s' if compared != 1 else ''}"
    if not compared:
        return "There is no column to compare by."
    if not standing_out:
        return _alike(purpose, of, noticeable)
    worst = sorted(standing_out, key=lambda one: -one[0])[:WORST_TOLD]
    told = " ".join(words for _, words in worst)
    out = f"{len(standing_out):,} of {of}"
    if purpose == "sample":
        stand = "stands" if len(standing_out) == 1 else "stand"
        return f"The sample is not like its population: {out} {stand} out. {told}"
    return f"The tables differ: {out} by much. {told}"


def _alike(purpose: Purpose, of: str, noticeable: float | None) -> str:
    if noticeable is None or noticeable > MOST_NOTICEABLE:
        return f"There is too little to tell: in none of {of} is the difference beyond chance."
    if purpose == "tables":
        return f"The tables are alike: none of {of} differs much."
    alike = f"The sample is like its population: none of {of} stands out."
    blind = f" What moves less than {noticeable:.0%} of the rows would go unnoticed."
    return f"{alike}{blind}" if noticeable else alike
