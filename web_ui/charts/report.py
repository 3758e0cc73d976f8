"""Pictures that only a report has, as SVG: missing values by pattern, two tables side by side.

Owns: their drawing. Invariant: as :mod:`web_ui.charts.profile`: pure, escaped, without style
attributes, and told in full by their label or by a table beside them.

A report as one HTML file that stands alone.

Owns: how a report's JSON becomes a page, and the policy that it is served with. Invariant: a page
is a pure function of the JSON; every text is escaped; nothing is loaded, no script runs and no
style applies but the one inside, which the policy names by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from web_ui.charts.profile import WIDTH, column_picture, picture, short

CELL, GAP = 14, 2
COUNT_WIDTH = 160
MAX_COUNT_LENGTH = 90
PART_STEP = 24
MAX_PARTS = 20


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
        width = MAX_COUNT_LENGTH * one["rows"] / most
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
    shown = parts[:MAX_PARTS]
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


MEASURES = {
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation of ranks",
    "cramers_v": "Cramér's V, bias corrected",
}
MAX_TEXT_LENGTH = 80
HEAT_STEPS = (0.2, 0.4, 0.6, 0.8)


def report_html(report: dict[str, Any]) -> str:
    """The page of a report."""
    template = _environment().get_template("report.html")
    return template.render(report=report, style=Markup(_style()))  # noqa: S704 - our own file


def render_report(report: dict[str, Any]) -> tuple[str, str]:
    """Return a report as a self-contained page, and the content security policy to send with it."""
    return report_html(report), policy()


@cache
def policy() -> str:
    """The content security policy of a report."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return files("web_ui").joinpath("templates", "report.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("web_ui"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "shown": shown,
        "cut": cut,
        "moment": moment,
        "heat": heat,
        "hundredths": hundredths,
        "counted": lambda count, noun: f"{count:,} {noun}{'' if count == 1 else 's'}",
    }
    environment.globals |= {
        "measures": MEASURES,
        "picture": column_picture,
        "missing_picture": missing_picture,
        "side_by_side": side_by_side,
    }
    return environment


def shown(value: Any) -> str:
    """A figure as a person reads it.

    >>> shown(12345), shown(0.1234567), shown(True)
    ('12,345', '0.123457', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else cut(str(value), MAX_TEXT_LENGTH)


def cut(text: str, most: int) -> str:
    """A text of no more than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def moment(at: str | None) -> str:
    """A time in UTC to the minute."""
    if at is None:
        return "at no known time"
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def heat(value: float) -> str:
    """The class of a correlation's cell: how far it is from 0, on which side."""
    step = sum(abs(value) >= least for least in HEAT_STEPS)
    return f"{'n' if value < 0 else 'p'}{step}"


def hundredths(value: float) -> str:
    """A correlation to two places, without a sign where it rounds to 0.

    >>> hundredths(-0.001), hundredths(-0.25)
    ('0.00', '-0.25')
    """
    return f"{round(value, 2) + 0.0:.2f}"
