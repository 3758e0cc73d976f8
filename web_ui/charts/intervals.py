"""Dots with their confidence intervals, and true values, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from web_ui.charts.pictures import picture, shorten

WIDTH, LABEL, STEP, VALUE = 640, 150, 26, 90
AXIS = 24


@dataclass(frozen=True)
class Interval:
    """One line of the picture, in the numbers and in the words of the page."""

    label: str
    value: float
    low: float
    high: float
    text: str
    truth: float | None = None


def interval_picture(title: str, lines: Sequence[Interval], ticks: Sequence[str]) -> Markup:
    """Draw each estimate as a dot on its interval, and its true value as a bar.

    ``ticks`` are the texts of the axis' ends, smallest and largest value.
    """
    if not lines:
        return Markup("")
    first, last = axis_of(lines)
    scale = (WIDTH - LABEL - VALUE) / (last - first)

    def x(value: float) -> str:
        return f"{LABEL + (value - first) * scale:.1f}"

    height = STEP * len(lines)
    parts = [
        Markup('<line class="axis" x1="{}" x2="{}" y1="0" y2="{}"/>').format(place, place, height)
        for place in (LABEL, WIDTH - VALUE)
    ]
    parts += [
        Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
            place, height + 14, anchor, text
        )
        for place, anchor, text in zip((LABEL, WIDTH - VALUE), ("start", "end"), ticks, strict=True)
    ]
    parts += [_line(each, x, y) for each, y in zip(lines, range(0, height, STEP), strict=True)]
    said = ", ".join(f"{shorten(each.label)} {each.text}" for each in lines)
    return picture(f"{title}: {said}", height + AXIS, parts, WIDTH)


def axis_of(lines: Sequence[Interval]) -> tuple[float, float]:
    """The smallest and the largest value that is drawn."""
    ends = [
        end
        for each in lines
        for end in (each.low, each.high, each.value, each.truth)
        if end is not None
    ]
    first, last = min(ends), max(ends)
    return (first, last) if first < last else (first - 1.0, last + 1.0)


def _line(each: Interval, x: Callable[[float], str], y: int) -> Markup:
    middle = y + STEP / 2
    truth = Markup("")
    if each.truth is not None:
        truth = Markup('<rect class="population" x="{}" y="{}" width="3" height="16"/>').format(
            f"{float(x(each.truth)) - 1.5:.1f}", middle - 8
        )
    return Markup(
        '<text x="0" y="{}">{}<title>{}</title></text>{}'
        '<line class="line" x1="{}" x2="{}" y1="{middle}" y2="{middle}"/>'
        '<circle class="sample" cx="{}" cy="{middle}" r="4.5"><title>{}</title></circle>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(
        middle + 4,
        shorten(each.label, 22),
        each.label,
        truth,
        x(each.low),
        x(each.high),
        x(each.value),
        each.text,
        WIDTH,
        middle + 4,
        each.text,
        middle=middle,
    )
