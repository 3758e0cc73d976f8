"""SVG pictures of profiles, comparisons and missing values, for pages and reports.

Pure functions of JSON. Every text is escaped; there are no style attributes, which the content
security policy forbids; the label of a picture states what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from contract.columns import cell_text
from domain_errors import percent_text
from presentation.charts import picture, shorten
from web_ui.numbers import rounded_text

WIDTH, HEIGHT = 240, 76
BASE = HEIGHT - 18
BAR_HEIGHT, BAR_STEP = 14, 17
BARS_WIDTH = 190
"""Of a share of 100 %; the rest is for the numbers."""
MAX_BARS = 5
LEAST_SHARE = 0.01
"""Of the most frequent value; below it a chart of values says nothing."""
SMALL_WIDTH, SMALL_HEIGHT = 150, 36
LABELLED_PARTS = 3
CELL, GAP = 14, 2


def column_picture(column: dict[str, Any]) -> Markup:
    """Draw a column's histogram or its most frequent values; empty if neither says anything."""
    if column.get("histogram") and column["histogram"]["bins"]:
        return histogram(column, column["histogram"])
    frequent = column.get("most_frequent")
    if frequent and frequent["values"]:
        return bars(column, frequent["values"][:MAX_BARS])
    return Markup("")


def histogram(column: dict[str, Any], found: dict[str, Any]) -> Markup:
    """Draw a histogram from zero; bins that reach to the ends of a long tail are pale."""
    bins, is_clipped = found["bins"], found["scale"] == "clipped"
    largest = max(one["rows"] for one in bins) or 1
    step = WIDTH / len(bins)
    shown = [(edge_text(one["start"], column), edge_text(one["end"], column)) for one in bins]
    marks = [
        Markup(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
        ).format(
            "ground" if is_clipped and at in (0, len(bins) - 1) else "mark",
            f"{at * step:.2f}",
            f"{BASE - height:.2f}",
            f"{max(step - 1, 0.5):.2f}",
            f"{height:.2f}",
            f"{shown[at][0]} to {shown[at][1]}: {one['rows']:,} rows",
        )
        for at, one in enumerate(bins)
        if one["rows"] and (height := max(BASE * one["rows"] / largest, 1))
    ]
    axis = Markup('<line class="axis" x1="0" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, BASE, BASE)
    first, last = shown[0][0], shown[-1][1]
    if is_clipped:
        first, last = f"below {shown[0][1]}", f"from {shown[-1][0]}"
    ends = Markup(
        '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(HEIGHT - 3, shorten(first, 20), WIDTH, HEIGHT - 3, shorten(last, 20))
    label = f"Histogram of {column['name']} from {shown[0][0]} to {shown[-1][1]}"
    return picture(label, HEIGHT, [axis, *marks, ends], WIDTH)


def bars(column: dict[str, Any], values: Sequence[dict[str, Any]]) -> Markup:
    """Draw values by their shares of all rows; empty if no value is frequent."""
    shares = [share_of_rows(column, one) for one in values]
    if max(shares) < LEAST_SHARE:
        return Markup("")
    texts = [shorten(cell_text(one["value"], column["name"], column["type"]), 26) for one in values]
    marks = [
        Markup(
            '<rect class="ground" y="{}" width="{}" height="{}"/>'
            '<text x="3" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(
            at * BAR_STEP,
            f"{BARS_WIDTH * share:.2f}",
            BAR_HEIGHT,
            at * BAR_STEP + 11,
            text,
            WIDTH,
            at * BAR_STEP + 11,
            percent_text(share),
        )
        for at, (text, share) in enumerate(zip(texts, shares, strict=True))
    ]
    listed = ", ".join(
        f"{text} {percent_text(share)}" for text, share in zip(texts, shares, strict=True)
    )
    label = f"Most frequent values of {column['name']}, as shares of all rows: {listed}"
    return picture(label, len(values) * BAR_STEP, marks, WIDTH)


def share_of_rows(column: dict[str, Any], value: dict[str, Any]) -> float:
    """The share of a frequent value, whose own share is of the rows that have a value."""
    missing = column["nulls"]["value"] / column["rows"] if column["rows"] else 0
    return float(value["share"]) * (1 - missing)


def edge_text(value: Any, column: dict[str, Any]) -> str:
    """An edge of a bin. Edges are round, so that few digits say all."""
    if isinstance(value, float):
        return rounded_text(value)
    return cell_text(value, column["name"], column["type"])


def small_picture(column: dict[str, Any], base: str, other: str) -> Markup:
    """Draw a compared column in one table line: wide bars of the base, slim ones of the other."""
    parts = column["parts"]
    if not parts:
        return Markup("")
    largest = max(max(part["base"], part["other"]) for part in parts) or 1
    step, end = SMALL_WIDTH / len(parts), SMALL_HEIGHT - 1
    marks = [
        Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
            kind,
            f"{(at + left) * step:.2f}",
            f"{end - end * share / largest:.2f}",
            f"{step * width:.2f}",
            f"{end * share / largest:.2f}",
        )
        for at, part in enumerate(parts)
        for kind, share, left, width in (
            ("ground", part["base"], 0.04, 0.92),
            ("mark", part["other"], 0.28, 0.44),
        )
    ]
    axis = Markup('<line class="axis" x2="{}" y1="{}" y2="{}"/>').format(SMALL_WIDTH, end, end)
    differing = sorted(parts, key=lambda part: -abs(part["other"] - part["base"]))
    shares = ", ".join(
        f"{shorten(part['label'], 30)} {percent_text(part['base'])} and "
        f"{percent_text(part['other'])}"
        for part in differing[:LABELLED_PARTS]
    )
    label = (
        f"Shares of {column['name']} in {base} and in {other}, the most different first: {shares}"
    )
    return picture(label, SMALL_HEIGHT, [*marks, axis], SMALL_WIDTH)


def group_bars(group: Any, largest: float) -> Markup:
    """Draw a group's share of the population above its share of the sample, in any width."""
    scale = 100 / (largest or 1)
    return Markup(
        '<svg class="picture" width="100%" height="22" aria-hidden="true">'
        '<rect class="population" y="1" width="{:.2f}%" height="9"/>'
        '<rect class="sample" y="12" width="{:.2f}%" height="9"/></svg>'
    ).format(group.population * scale, group.sample * scale)


def part_bars(rows: Sequence[int]) -> Markup:
    """Draw the shares of parts side by side, each paler than the one before, in any width."""
    total, start = sum(rows) or 1, 0.0
    bar = Markup('<rect class="sample" x="{:.2f}%" width="{:.2f}%" height="14" opacity="{:.2f}"/>')
    bars = []
    for place, count in enumerate(rows):
        width = 100 * count / total
        bars.append(bar.format(start, width, 1 - 0.75 * place / max(len(rows) - 1, 1)))
        start += width
    return Markup(
        '<svg class="picture" width="100%" height="14" aria-hidden="true">{}</svg>'
    ).format(Markup("").join(bars))


def pattern_picture(missing: Sequence[str], columns: Sequence[str]) -> Markup:
    """Draw a pattern of missing values: a mark in the place of each missing column."""
    width = len(columns) * (CELL + GAP) - GAP
    ground = Markup('<rect class="ground" width="{}" height="{}"/>').format(width, CELL)
    mark = Markup('<rect class="mark" x="{}" width="{}" height="{}"><title>{}</title></rect>')
    marks = [
        mark.format(at * (CELL + GAP), CELL, CELL, name)
        for at, name in enumerate(columns)
        if name in missing
    ]
    label = f"Missing in {len(missing)} of {len(columns)} columns"
    return picture(label, CELL, [ground, *marks], width)
