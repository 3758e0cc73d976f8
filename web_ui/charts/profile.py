"""Pictures of a profile as SVG, for the pages and for reports that stand alone.

Owns: the drawing. Invariant: pure functions of the profile's JSON; every text is escaped, no style
attribute is used (a strict policy forbids them), and what a picture shows is also in its label, for
whoever can't see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT = 240, 72
BASE = HEIGHT - 14
BAR_HEIGHT, BAR_STEP = 11, 15
BARS_SHOWN = 6


def column_picture(column: dict[str, Any]) -> Markup:
    """A column's histogram, or the bars of its most frequent values; nothing where it has none."""
    if column.get("histogram") and column["histogram"]["bins"]:
        return histogram(column["name"], column["histogram"]["bins"])
    frequent = column.get("most_frequent")
    if frequent and frequent["values"]:
        return bars(column["name"], frequent["values"][:BARS_SHOWN])
    return Markup("")


def histogram(name: str, bins: Sequence[dict[str, Any]]) -> Markup:
    """Bars side by side, from the first bin's start to the last one's end."""
    most = max(one["rows"] for one in bins) or 1
    step = WIDTH / len(bins)
    marks = [
        Markup(
            '<rect class="mark" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
        ).format(
            f"{at * step:.2f}",
            f"{BASE - BASE * one['rows'] / most:.2f}",
            f"{max(step - 1, 0.5):.2f}",
            f"{BASE * one['rows'] / most:.2f}",
            f"{one['start']} to {one['end']}: {one['rows']:,}",
        )
        for at, one in enumerate(bins)
        if one["rows"]
    ]
    axis = Markup('<line class="axis" x1="0" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, BASE, BASE)
    ends = Markup(
        '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(HEIGHT - 2, short(bins[0]["start"]), WIDTH, HEIGHT - 2, short(bins[-1]["end"]))
    label = f"Histogram of {name} from {bins[0]['start']} to {bins[-1]['end']}"
    return picture(label, HEIGHT, [axis, *marks, ends])


def bars(name: str, values: Sequence[dict[str, Any]]) -> Markup:
    """One bar for each value, the most frequent first: its share of the rows with a value."""
    most = max(one["share"] for one in values) or 1
    drawn = [
        Markup(
            '<rect class="ground" y="{}" width="{}" height="{}"/>'
            '<text x="3" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(
            at * BAR_STEP,
            f"{WIDTH * one['share'] / most:.2f}",
            BAR_HEIGHT,
            at * BAR_STEP + 9,
            short(one["value"], 26),
            WIDTH,
            at * BAR_STEP + 9,
            f"{one['share']:.1%}",
        )
        for at, one in enumerate(values)
    ]
    told = ", ".join(f"{short(one['value'])} {one['share']:.1%}" for one in values)
    return picture(
        f"Most frequent values of {name}, as shares of the rows with a value: {told}",
        len(values) * BAR_STEP,
        drawn,
    )


def picture(label: str, height: float, parts: Sequence[Markup], width: float = WIDTH) -> Markup:
    """An SVG with its label."""
    return Markup(
        '<svg class="picture" role="img" aria-label="{}" width="{}" height="{}" '
        'viewBox="0 0 {} {}">{}</svg>'
    ).format(label, width, height, width, height, Markup("").join(parts))


def short(value: Any, most: int = 18) -> str:
    """A value as a picture has room for."""
    text = "NULL" if value is None else str(value)
    if isinstance(value, float):
        text = f"{value:.6g}"
    return text if len(text) <= most else f"{text[: most - 1]}…"
