"""How many rows a round draws, stratum by stratum.

Owns: the meaning of a method's sizes against the rows that are there. Invariant: no target is above
its stratum's eligible rows, and whatever keeps a target from what was asked for is either an error
or a warning. Called by the preparation of a round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sampling_engine.allocation import allocate, allocate_by_share, share_of_rows
from sampling_engine.errors import MinimumExceedsSample
from sampling_engine.rounds import Floats
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import ClusterMethod, RandomMethod, StratifiedMethod

NO_ROW = "No row was eligible, so none was drawn."


@dataclass(frozen=True)
class Targets:
    """Rows to draw from each stratum, shape (strata,), and what a reader ought to know of them."""

    sizes: Int64s
    warnings: tuple[str, ...]


def random_targets(method: RandomMethod, rows: int) -> Targets:
    """Of the one stratum of a random round."""
    if not rows:
        return Targets(np.zeros(1, dtype=np.int64), (NO_ROW,))
    total, warnings = _total(method, rows)
    return Targets(np.array([total], dtype=np.int64), tuple(warnings))


def stratified_targets(
    method: StratifiedMethod,
    eligible: Int64s,
    shares: Floats | None = None,
    loc: tuple[str | int, ...] = (),
) -> Targets:
    """Of a stratified round with any size but ``sizes``.

    Parameters
    ----------
    eligible : array of int64, shape (strata,)
        Rows of each stratum that may be drawn.
    shares : array of float64, shape (strata,), optional
        What a size is shared out in proportion to; the eligible rows when left out.
    loc : tuple of str or int
        Where the method's parameters stand in the caller's input.

    Raises
    ------
    MinimumExceedsSample
        ``min_per_stratum`` over all strata needs more rows than the sample's size.
    """
    rows = int(eligible.sum())
    if not rows:
        return Targets(np.zeros_like(eligible), (NO_ROW,))
    if method.samples_per_stratum is not None:
        return _equal_targets(method.samples_per_stratum, eligible)
    total, warnings = _total(method, rows)
    sizes = np.zeros_like(eligible)
    there = eligible > 0
    least = np.minimum(method.min_per_stratum, eligible[there])
    _require_minimum_fits(method, least, total, loc)
    if shares is None:
        sizes[there] = allocate(eligible[there], total, least, eligible[there])
    else:
        sizes[there] = allocate_by_share(shares[there], eligible[there], total, least)
        if not shares[there].any():
            warnings.append("No stratum had a share, so the sample is in proportion to their rows.")
    warnings += _stratum_warnings(method.min_per_stratum, sizes[there], eligible[there])
    return Targets(sizes, tuple(warnings))


def named_targets(sizes: Mapping[int, int], eligible: Int64s) -> Targets:
    """Of a stratified round with ``sizes``, by the strata's numbers."""
    if not eligible.any():
        return Targets(np.zeros_like(eligible), (NO_ROW,))
    wanted = np.zeros_like(eligible)
    wanted[list(sizes)] = list(sizes.values())
    warnings: list[str] = []
    short = int((eligible < wanted).sum())
    if short:
        warnings.append(
            f"{short:,} of {len(sizes):,} named strata hold fewer eligible rows than asked for and "
            "gave all of them."
        )
    without = int(((eligible > 0) & (wanted == 0)).sum())
    if without:
        warnings.append(
            f"{without:,} of {int((eligible > 0).sum()):,} strata have no size and gave no row."
        )
    return Targets(np.minimum(wanted, eligible), tuple(warnings))


def cluster_targets(method: ClusterMethod, eligible: Int64s, drawn: Int64s) -> Targets:
    """Of a cluster round: nothing from clusters that aren't drawn.

    Parameters
    ----------
    drawn : array of int64
        The numbers of the drawn clusters, all of them with eligible rows.
    """
    targets = np.zeros_like(eligible)
    targets[drawn] = eligible[drawn]
    warnings: list[str] = []
    if not len(drawn):
        return Targets(targets, (NO_ROW,))
    if len(drawn) < method.num_clusters:
        warnings.append(
            f"num_clusters is {method.num_clusters:,}, but only {len(drawn):,} clusters had "
            "eligible rows: all of them were drawn."
        )
    if method.samples_per_cluster is not None:
        short = int((eligible[drawn] < method.samples_per_cluster).sum())
        targets[drawn] = np.minimum(eligible[drawn], method.samples_per_cluster)
        if short:
            warnings.append(
                f"{short:,} of {len(drawn):,} drawn clusters hold fewer than "
                f"{method.samples_per_cluster:,} eligible rows and gave all of them."
            )
    elif method.sample_percentage is not None:
        share = Fraction(repr(method.sample_percentage)) / 100
        # Rows times the fraction, a half upwards, in integers of any length.
        up = 2 * share.denominator
        exact = 2 * share.numerator * eligible[drawn].astype(object) + share.denominator
        targets[drawn] = np.maximum(exact // up, 1).astype(np.int64)
    return Targets(targets, tuple(warnings))


def _total(method: RandomMethod | StratifiedMethod, rows: int) -> tuple[int, list[str]]:
    if method.sample_fraction is not None:
        total = share_of_rows(method.sample_fraction, rows)
        if total:
            return total, []
        fraction = method.sample_fraction
        return 0, [f"sample_fraction {fraction} of {rows:,} eligible rows rounds to no row."]
    size = method.sample_size or 0
    return min(size, rows), all_drawn(size, rows)


def all_drawn(size: int, rows: int) -> list[str]:
    """The warning that a size was above the eligible rows, if it was."""
    if size <= rows:
        return []
    return [
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
