"""A report as one HTML file that stands alone.

Owns: how a report's JSON becomes a page, and the policy that it is served with. Invariant: a page
is a pure function of the JSON; every text is escaped; nothing is loaded, no script runs and no
style applies but the one inside, which the policy names by its hash.
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

from http_api.profile_pictures import column_picture
from http_api.report_pictures import missing_picture, side_by_side

MEASURES = {
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation of ranks",
    "cramers_v": "Cramér's V, bias corrected",
}
LONGEST_TEXT = 80
HEAT_STEPS = (0.2, 0.4, 0.6, 0.8)


def report_html(report: dict[str, Any]) -> str:
    """The page of a report."""
    template = _environment().get_template("report.html")
    return template.render(report=report, style=Markup(_style()))  # noqa: S704 - our own file


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
    return files("http_api").joinpath("templates", "report.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("http_api"), autoescape=True, trim_blocks=True, lstrip_blocks=True
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
    return f"{value:.6g}" if isinstance(value, float) else cut(str(value), LONGEST_TEXT)


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
