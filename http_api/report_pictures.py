"""Pictures that only a report has, as SVG: missing values by pattern, two tables side by side.

Owns: their drawing. Invariant: as :mod:`http_api.profile_pictures`: pure, escaped, without style
attributes, and told in full by their label or by a table beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from http_api.profile_pictures import WIDTH, picture, short

CELL, GAP = 14, 2
COUNT_WIDTH = 160
LONGEST_COUNT = 90
PART_STEP = 24
MOST_PARTS = 20


def missing_picture(missing: dict[str, Any], rows: int) -> Markup:
    """A row for each pattern with a mark for each column without a value, and a bar of its rows."""
    columns, patterns = missing["columns"], missing["most_frequent"]
    most = max((one["rows"] for one in patterns), default=1)
    place = {name: at for at, name in enumerate(columns)}
    left = len(columns) * (CELL + GAP) + 8
    drawn: list[Markup] = []
    for line, one in enumerate(patterns):
        y = line * (CELL + GAP)
        ground = Markup('<rect class="ground" x="0" y="{}" width="{}" height="{}"/>')
        drawn.append(ground.format(y, left - 8 - GAP, CELL))
        mark = Markup(
            '<rect class="mark" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
        )
        drawn += [
            mark.format(place[name] * (CELL + GAP), y, CELL, CELL, name) for name in one["columns"]
        ]
        width = LONGEST_COUNT * one["rows"] / most
        drawn.append(
            Markup(
                '<rect class="mark" x="{}" y="{}" width="{}" height="{}"/>'
                '<text x="{}" y="{}">{}</text>'
            ).format(
                left,
                y + 2,
                f"{width:.2f}",
                CELL - 4,
                f"{left + width + 4:.2f}",
                y + 11,
                f"{one['rows']:,}",
            )
        )
    label = (
        f"The {len(patterns)} most frequent patterns of missing values in {len(columns)} columns, "
        f"of {rows:,} rows; the table below tells them"
    )
    return picture(label, len(patterns) * (CELL + GAP), drawn, left + COUNT_WIDTH)


def side_by_side(name: str, parts: Sequence[dict[str, Any]]) -> Markup:
    """Two bars for each part of a column: above the share here, below the share there."""
    shown = parts[:MOST_PARTS]
    most = max((max(one["base"], one["other"]) for one in shown), default=0) or 1
    drawn: list[Markup] = []
    for line, one in enumerate(shown):
        y = line * PART_STEP
        drawn.append(
            Markup(
                '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
                '<rect class="mark" x="0" y="{}" width="{}" height="4"/>'
                '<rect class="mark other" x="0" y="{}" width="{}" height="4"/>'
            ).format(
                y + 9,
                short(one["label"], 26),
                WIDTH,
                y + 9,
                f"{one['base']:.1%}, {one['other']:.1%}",
                y + 12,
                f"{WIDTH * one['base'] / most:.2f}",
                y + 12 + 5,
                f"{WIDTH * one['other'] / most:.2f}",
            )
        )
    told = ", ".join(
        f"{short(one['label'])} {one['base']:.1%} against {one['other']:.1%}" for one in shown
    )
    return picture(f"Shares of {name}, here against there: {told}", len(shown) * PART_STEP, drawn)
