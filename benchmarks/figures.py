"""How the benchmarks of load put figures: percentiles, and goals with a verdict."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all values doesn't exceed.

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def in_ms(seconds: Sequence[float]) -> str:
    """Median, 99th percentile and the longest, in milliseconds."""
    if not seconds:
        return "none"
    figures = (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))
    p50, p99, longest = (f"{1_000 * figure:.1f}" for figure in figures)
    return f"p50 {p50} ms, p99 {p99} ms, longest {longest} ms ({len(seconds)})"


def print_goal(what: str, value: float, unit: str, *, least: float = 0, most: float = 0) -> None:
    """One goal and whether it is met; give either ``least`` or ``most``."""
    met = value >= least if least else value <= most
    goal = f"at least {least:g}" if least else f"at most {most:g}"
    print(f"  {what}: {value:.2f} {unit} (goal: {goal}) {'met' if met else 'MISSED'}", flush=True)
