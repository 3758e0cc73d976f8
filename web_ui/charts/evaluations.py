"""Limits against what is tolerable, and the boundary of a sequential evaluation, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from web_ui.charts.pictures import picture

WIDTH, LABEL, VALUE, STEP = 640, 230, 150, 30
BAR = 14
HEIGHT, LEFT, BOTTOM, TOP = 240, 70, 30, 8


@dataclass(frozen=True)
class Bar:
    """A bar of the picture: its length and its words; a mark for the tolerable one."""

    label: str
    value: float
    text: str
    style: str = "sample"


def limit_bars(bars: Sequence[Bar], tolerable: Bar | None) -> Markup:
    """Draw bars, negative ones to the left of 0, and what is tolerable as a line through them."""
    lines = [*bars, *([] if tolerable is None else [tolerable])]
    least = min((each.value for each in lines if each.value < 0), default=0.0)
    largest = max((each.value for each in lines if each.value > 0), default=0.0)
    scale = (WIDTH - LABEL - VALUE) / ((largest - least) or 1.0)
    zero = LABEL - least * scale
    height = STEP * len(lines)
    parts = []
    for at, each in enumerate(lines):
        y = at * STEP + (STEP - BAR) / 2
        parts.append(
            Markup(
                '<text x="0" y="{}">{}</text>'
                '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>'
                '<text x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                *(y + 12, each.label, each.style, zero + min(each.value, 0.0) * scale),
                *(y, abs(each.value) * scale, BAR, WIDTH, y + 12, each.text),
            )
        )
    if tolerable is not None:
        x = f"{zero + tolerable.value * scale:.1f}"
        parts.append(
            Markup('<line class="bound" x1="{}" x2="{}" y1="0" y2="{}"/>').format(x, x, height)
        )
    said = ", ".join(f"{each.label} {each.text}" for each in lines)
    return _wide(f"Errors and limits: {said}", height, parts)


def _wide(label: str, height: float, parts: Sequence[Markup]) -> Markup:
    """A picture whose texts are larger where it is shown small."""
    grouped = Markup('<g class="wide">{}</g>').format(Markup("").join(parts))
    return picture(label, height, [grouped], WIDTH)


@dataclass(frozen=True)
class Curve:
    """A curve of the boundary: values by numbers of examined items; None where there is none."""

    style: str
    points: Sequence[tuple[int, float | None]]


def boundary_picture(
    label: str,
    curves: Sequence[Curve],
    last: int,
    axis: tuple[str, str],
    ticks: Sequence[tuple[float, str]],
) -> Markup:
    """Draw curves over the examined items, from 0 to ``last``.

    ``axis`` names y and x; ``ticks`` are values of y with their texts, the largest the top.
    """
    top = max(value for value, _ in ticks)
    across, up = (WIDTH - LEFT) / max(last, 1), (HEIGHT - BOTTOM - TOP) / (top or 1.0)

    def place(size: int, value: float) -> str:
        return f"{LEFT + size * across:.1f},{HEIGHT - BOTTOM - min(value, top) * up:.1f}"

    floor = HEIGHT - BOTTOM
    parts = [
        Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(*line)
        for line in ((LEFT, WIDTH, floor, floor), (LEFT, LEFT, TOP, floor))
    ]
    for curve in curves:
        drawn = " ".join(place(size, value) for size, value in curve.points if value is not None)
        if drawn:
            parts.append(Markup('<polyline class="{}" points="{}"/>').format(curve.style, drawn))
    texts = [
        *((LEFT - 6, max(floor - value * up + 4, TOP + 8), "end", text) for value, text in ticks),
        (LEFT + 6, TOP + 12, "start", axis[0]),
        (LEFT, HEIGHT - 8, "middle", "0"),
        (WIDTH, HEIGHT - 8, "end", f"{last:,}"),
        ((WIDTH + LEFT) / 2, HEIGHT - 8, "middle", axis[1]),
    ]
    parts += [
        Markup('<text x="{}" y="{:.1f}" text-anchor="{}">{}</text>').format(*text) for text in texts
    ]
    return _wide(label, HEIGHT, parts)
