"""Figures of benchmarks: percentiles, and goals with a verdict."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all values doesn't exceed.

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def peak_mib() -> float:
    """The most memory that this process has held since it began its program.

    Linux counts ``ru_maxrss`` from before: a small child of a large process starts with the
    parent's peak. The counter of /proc begins anew.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1_024


def in_ms(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and the longest, in milliseconds."""
    if not seconds:
        return "none"
    figures = (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))
    p50, p99, longest = (f"{1_000 * figure:.1f}" for figure in figures)
    return f"p50 {p50} ms, p99 {p99} ms, longest {longest} ms ({len(seconds)})"


def print_goal(what: str, value: float, unit: str, *, least: float = 0, most: float = 0) -> None:
    """One goal and whether it is met, or by how much not; give either ``least`` or ``most``."""
    wanted, met = (least, value >= least) if least else (most, value <= most)
    missed = f"MISSED by {abs(value - wanted) / wanted:.0%}" if wanted else "MISSED"
    goal = f"at {'least' if least else 'most'} {wanted:g}"
    print(f"  {what}: {value:.2f} {unit} (goal: {goal}) {'met' if met else missed}", flush=True)
