"""Render a report's JSON as one self-contained HTML page, with the components of the pages.

The page loads nothing and runs no script. Its content security policy allows only its own style
sheet, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from flask import current_app
from markupsafe import Markup

from service.tables.reports import JobReport
from web_ui.profile_pictures import column_picture, pattern_picture, small_picture

MEASURES = {
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation of ranks",
    "cramers_v": "Cramér's V, bias corrected",
}
HEAT_STEPS = (0.2, 0.4, 0.6, 0.8)


def render_report(report: JobReport) -> tuple[str, str]:
    """Return a report as HTML, and the content security policy to send with it."""
    page = current_app.jinja_env.get_template("report.html").render(
        report=report,
        style=Markup(_style()),  # noqa: S704 - files of this package
        measures=MEASURES,
        column_picture=column_picture,
        pattern_picture=pattern_picture,
        small_picture=small_picture,
        heat=heat,
        utc_minute=utc_minute,
    )
    return page.lstrip(), _content_security_policy()


@cache
def _content_security_policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    folder = files("web_ui")
    sheets = (folder / "static" / "style.css", folder / "templates" / "report.css")
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def utc_minute(at: str | None) -> str:
    if at is None:
        return "at an unknown time"
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def heat(value: float) -> str:
    """Return the CSS class of a correlation's cell, by its sign and size."""
    step = sum(abs(value) >= limit for limit in HEAT_STEPS)
    return f"{'n' if value < 0 else 'p'}{step}"
