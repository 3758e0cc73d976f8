"""How many rows a round draws, stratum by stratum.

Owns: the meaning of a method's sizes against the rows that are there. Invariant: no target is above
its stratum's eligible rows, and whatever keeps a target from what was asked for is either an error
or a warning. Called by the draw of a round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sampling_engine.allocation import allocate, share_of_rows
from sampling_engine.errors import MinimumExceedsSample
from sampling_engine.order import Int64s
from sampling_engine.spec import Method, RandomMethod, StratifiedMethod


@dataclass(frozen=True)
class Targets:
    """Rows to draw from each stratum, shape (strata,), and what a reader ought to know of them."""

    sizes: Int64s
    warnings: tuple[str, ...]


def targets_of(method: Method, eligible: Int64s, loc: tuple[str | int, ...] = ()) -> Targets:
    """Settle a round's targets.

    Parameters
    ----------
    eligible : array of int64, shape (strata,)
        Rows of each stratum that no earlier round drew; one stratum for a random round.
    loc : tuple of str or int
        Where the method's parameters stand in the caller's input.

    Raises
    ------
    MinimumExceedsSample
        ``min_per_stratum`` over all strata needs more rows than the sample's size.
    """
    rows = int(eligible.sum())
    if not rows:
        return Targets(np.zeros_like(eligible), ("No row was eligible, so none was drawn.",))
    if isinstance(method, StratifiedMethod) and method.samples_per_stratum is not None:
        return _equal_targets(method.samples_per_stratum, eligible)
    total, warnings = _total(method, rows)
    if isinstance(method, RandomMethod):
        return Targets(np.array([total], dtype=np.int64), tuple(warnings))
    sizes = np.zeros_like(eligible)
    there = eligible > 0
    least = np.minimum(method.min_per_stratum, eligible[there])
    _require_minimum_fits(method, least, total, loc)
    sizes[there] = allocate(eligible[there], total, least, eligible[there])
    warnings += _stratum_warnings(method.min_per_stratum, sizes[there], eligible[there])
    return Targets(sizes, tuple(warnings))


def _total(method: Method, rows: int) -> tuple[int, list[str]]:
    if method.sample_fraction is not None:
        total = share_of_rows(method.sample_fraction, rows)
        if total:
            return total, []
        fraction = method.sample_fraction
        return 0, [f"sample_fraction {fraction} of {rows:,} eligible rows rounds to no row."]
    size = method.sample_size or 0
    if size <= rows:
        return size, []
    return rows, [
        f"sample_size is {size:,}, but only {rows:,} rows were eligible: all of them were drawn."
    ]


def _equal_targets(size: int, eligible: Int64s) -> Targets:
    sizes = np.minimum(size, eligible)
    short = int(((eligible > 0) & (eligible < size)).sum())
    if not short:
        return Targets(sizes, ())
    warning = (
        f"{short:,} of {int((eligible > 0).sum()):,} strata hold fewer than {size:,} eligible rows "
        "and gave all of them."
    )
    return Targets(sizes, (warning,))


def _require_minimum_fits(
    method: StratifiedMethod, least: Int64s, total: int, loc: tuple[str | int, ...]
) -> None:
    needed = int(least.sum())
    if needed > total:
        raise MinimumExceedsSample(
            f"min_per_stratum {method.min_per_stratum:,} needs {needed:,} rows in "
            f"{len(least):,} strata, but the sample has {total:,}: raise the sample's size to "
            f"{needed:,} or more, or lower min_per_stratum.",
            loc=(*loc, "min_per_stratum"),
        )


def _stratum_warnings(minimum: int, sizes: Int64s, eligible: Int64s) -> list[str]:
    warnings: list[str] = []
    strata = f"of {len(sizes):,} strata"
    short = int((eligible < minimum).sum())
    if short:
        warnings.append(
            f"{short:,} {strata} hold fewer than {minimum:,} eligible rows and gave all of them."
        )
    without = int((sizes == 0).sum())
    if without and sizes.any():
        warnings.append(
            f"{without:,} {strata} are so small that their share rounds to no row; "
            "min_per_stratum 1 would draw from each."
        )
    return warnings
