"""Render a report's JSON as one self-contained HTML page.

The page loads nothing and runs no script. Its content security policy allows only its own style
sheet, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from web_ui.charts.pictures import column_picture, missing_picture, shorten, side_by_side

MEASURES = {
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation of ranks",
    "cramers_v": "Cramér's V, bias corrected",
}
MAX_TEXT_LENGTH = 80
HEAT_STEPS = (0.2, 0.4, 0.6, 0.8)


def render_report(report: dict[str, Any]) -> tuple[str, str]:
    """Return a report as HTML, and the content security policy to send with it."""
    style = Markup(_style())  # noqa: S704 - a file of this package
    page = _environment().get_template("report.html").render(report=report, style=style)
    return page, _content_security_policy()


@cache
def _content_security_policy() -> str:
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
        "shorten": shorten,
        "utc_minute": utc_minute,
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
    """Return a figure as text for a person.

    >>> shown(12345), shown(0.1234567), shown(True)
    ('12,345', '0.123457', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else shorten(value, MAX_TEXT_LENGTH)


def utc_minute(at: str | None) -> str:
    if at is None:
        return "at an unknown time"
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def heat(value: float) -> str:
    """Return the CSS class of a correlation's cell, by its sign and size."""
    step = sum(abs(value) >= limit for limit in HEAT_STEPS)
    return f"{'n' if value < 0 else 'p'}{step}"


def hundredths(value: float) -> str:
    """Return a correlation to two decimals, without a sign if it rounds to 0.

    >>> hundredths(-0.001), hundredths(-0.25)
    ('0.00', '-0.25')
    """
    return f"{round(value, 2) + 0.0:.2f}"
