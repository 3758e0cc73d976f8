"""A column of two tables as a picture that fits into a line of a table.

Owns: its drawing. Invariant: as :mod:`web_ui.charts.profile`: pure, escaped, without style
attributes, and told by its label.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from web_ui.charts.profile import picture, short

WIDTH, HEIGHT = 150, 36
TOLD = 3


def small_picture(column: dict[str, Any], base: str, other: str) -> Markup:
    """For each part a wide bar of the base and a slim one of the other before it.

    Parameters
    ----------
    column : dict
        A column of a comparison's JSON.
    base, other : str
        What the two tables are called, as in "the population".
    """
    parts = column["parts"]
    if not parts:
        return Markup("")
    most = max(max(one["base"], one["other"]) for one in parts) or 1
    step = WIDTH / len(parts)
    drawn = []
    for at, one in enumerate(parts):
        for kind, share, left, width in (
            ("ground", one["base"], 0.04, 0.92),
            ("mark", one["other"], 0.28, 0.44),
        ):
            height = (HEIGHT - 1) * share / most
            drawn.append(
                Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    kind,
                    f"{(at + left) * step:.2f}",
                    f"{HEIGHT - 1 - height:.2f}",
                    f"{step * width:.2f}",
                    f"{height:.2f}",
                )
            )
    end = HEIGHT - 1
    drawn.append(Markup('<line class="axis" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, end, end))
    return picture(_label(column, base, other), HEIGHT, drawn, WIDTH)


def _label(column: dict[str, Any], base: str, other: str) -> str:
    parts = column["parts"]
    apart = sorted(parts, key=lambda one: -abs(one["other"] - one["base"]))[:TOLD]
    told = ", ".join(
        f"{short(one['label'], 30)} {one['base']:.1%} and {one['other']:.1%}" for one in apart
    )
    return f"Shares of {column['name']} in {base} and in {other}, the most different first: {told}"
