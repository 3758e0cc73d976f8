"""A plot of estimates with their intervals; matplotlib is imported when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobsvc_client.errors import JobsvcError
from jobsvc_client.frames import imported

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from jobsvc_client.results import Estimate

INCHES_OF_WIDTH, INCHES_OF_FIGURE, INCHES_OF_EDGES = 6.4, 0.35, 1.2
PERCENT = 100


def draw_estimates(figures: Sequence[Estimate], ax: Axes | None) -> Axes:
    """Draw a line for each figure: its estimate, and its interval if it has one."""
    titles = list(dict.fromkeys(each.title for each in figures))
    is_share = {each.statistic == "proportion" for each in figures}
    has_units = {(each.statistic, each.column, each.data.get("denominator")) for each in figures}
    is_mixed = len(has_units) > 1 and is_share != {True}
    if not figures or is_mixed:
        listed = ", ".join(titles) or "none"
        text = f"Only figures of one kind can be drawn in one plot; these are {listed}."
        raise JobsvcError(text, "invalid_argument", hint="Estimate one figure, by its groups.")
    if ax is None:
        height = INCHES_OF_EDGES + INCHES_OF_FIGURE * len(figures)
        pyplot = imported("matplotlib.pyplot")
        _, ax = pyplot.subplots(figsize=(INCHES_OF_WIDTH, height), layout="constrained")
    scale = PERCENT if is_share == {True} else 1
    names = [_label(each, with_title=len(titles) > 1) for each in figures]
    for line, each in enumerate(figures):
        if each.ci_low is not None and each.ci_high is not None:
            ends = [scale * each.ci_low, scale * each.ci_high]
            ax.plot(ends, [line, line], color="C0", linewidth=2, solid_capstyle="butt")
        if each.estimate is not None:
            ax.plot([scale * each.estimate], [line], "o", color="C0")
    ax.set_yticks(range(len(figures)), labels=names)
    ax.set_ylim(len(figures) - 0.5, -0.5)  # the first on top
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel("Percent" if scale == PERCENT else titles[0])
    confidence = f"{PERCENT * figures[0].confidence:g} % confidence intervals"
    ax.set_title(f"{titles[0]}, {confidence}" if len(titles) == 1 else confidence)
    return ax


def _label(each: Estimate, *, with_title: bool) -> str:
    values = ("missing" if value is None else str(value) for value in each.group.values())
    group = ", ".join(values)
    title = each.title if with_title or not group else ""
    return ", ".join(part for part in (title, group) if part)
