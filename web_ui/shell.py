"""What all pages share: blueprint, layout, static files, time zone and list filters.

Pages load nothing from other hosts and run no inline scripts. A page for users redirects a visitor
without a session to the sign-in page and back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from functools import cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
)
from markupsafe import Markup
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from http_api.auth.access import adopt_session, session
from http_api.auth.sessions import CSRF_FIELD, csrf_token, require_own_page
from web_ui.job_texts import counted, duration_text, outcome_of, progress_of, state_of


def zone() -> ZoneInfo:
    """The time zone of the browser's cookie, else UTC."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(request.cookies.get("zone", "UTC"))
    return ZoneInfo("UTC")


def zone_name() -> str:
    """The time zone of a page's times, with its current UTC offset."""
    name = zone().key
    offset = datetime.now(zone()).strftime("%z")  # +0530
    return f"{name}, UTC{offset[:3]}:{offset[3:]}" if name != "UTC" else "UTC"


def local_time(text: str) -> str:
    """A stored time in the browser's time zone."""
    return datetime.fromisoformat(text).astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")


STATIC = Path(str(files("web_ui").joinpath("static")))
COMMON_SCRIPT = "shell.js"
IMPORT_LINE = re.compile(r'^import (?:[^"]* from )?"\./([a-z_]+\.js)";$', re.MULTILINE)
SCRIPT = Markup('<script type="module" src="{}"></script>')
ICON = Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>')
PRELOAD = Markup('<link rel="modulepreload" href="{}">')


@cache
def files_digest() -> str:
    """A digest of the content of all static files."""
    content = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()[:12]


def asset(name: str) -> str:
    """The URL of a static file, with the digest, so that browsers can cache it."""
    return f"/pages/{files_digest()}/{name}"


@cache
def has_vendor(name: str) -> bool:
    """Whether the package was built with an asset from npm."""
    return (STATIC / "vendor" / name).exists()


def icon(name: str) -> Markup:
    """An icon of ``browser_assets/icons.txt``; the text next to it says what it means."""
    if not has_vendor("icons.svg"):
        return Markup()
    return ICON.format(asset("vendor/icons.svg"), name)


@cache
def script(name: str) -> Markup:
    """The script element, after elements that preload its imports.

    Imports of the common script are preloaded with that script.
    """
    common = imported_by(COMMON_SCRIPT) if name != COMMON_SCRIPT else frozenset()
    preloads = [PRELOAD.format(asset(one)) for one in sorted(imported_by(name) - common)]
    return Markup("\n").join([*preloads, SCRIPT.format(asset(name))])


@cache
def imported_by(name: str) -> frozenset[str]:
    """All direct and indirect imports of a script."""
    direct = IMPORT_LINE.findall((STATIC / name).read_text(encoding="utf-8"))
    return frozenset(direct).union(*(imported_by(one) for one in direct))


def with_days(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Replace dates by the times at which these days begin in the browser's time zone."""
    times = dict(given)
    for name in names:
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            day = date.fromisoformat(given[name])
            times[name] = datetime.combine(day, time.min, zone()).isoformat()
    return times


def day_of(name: str) -> str:
    """The day of a query parameter, as the value of a date field."""
    with suppress(ValueError):
        return date.fromisoformat(request.args.get(name, "")[:10]).isoformat()
    return ""


def filter_problem(error: ValidationError) -> str:
    """The sentence for filters that are invalid."""
    problems = [
        f"{name.replace('_', ' ')}: {' '.join(_messages(found))}"
        for name, found in error.messages_dict.items()
    ]
    return f"The filters are invalid. No filter is applied. {' '.join(problems)}"


def _messages(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        return [one for nested in found.values() for one in _messages(nested)]
    return [str(one) for one in found] if isinstance(found, list | tuple) else [str(found)]


Page = TypeVar("Page", bound=Callable[..., Any])

blueprint = Blueprint("pages", __name__, template_folder="templates")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
NAVIGATION = (("/datasets", "Datasets", "gd"), ("/jobs", "Jobs", "gj"))
YEAR_S = 31_536_000


@blueprint.get("/pages/<digest>/<path:name>")
def static_file(digest: str, name: str) -> Response:
    """A style sheet, a script or an image."""
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = (
        f"public, max-age={YEAR_S}, immutable" if digest == files_digest() else "no-cache"
    )
    return response


def signed_in(page: Page) -> Page:
    """Require a session, and for a form its CSRF token."""

    @wraps(page)
    def guarded(*args: Any, **given: Any) -> Any:
        found = session()
        if found is None:
            target = request.full_path.rstrip("?") if request.method == "GET" else "/"
            return redirect(f"/sign-in?{urlencode({'next': target})}", 303)
        require_own_page(request, found.secret)
        adopt_session(found)
        return page(*args, **given)

    return cast(Page, guarded)


def show(template: str, http_status: int = 200, **values: object) -> Response:
    """Render a page."""
    found, theme = session(), request.cookies.get("theme")
    response = make_response(
        render_template(
            template,
            viewer=found.holder if found else None,
            csrf=csrf_token(found.secret) if found else "",
            theme=theme if theme in ("dark", "light") else None,
            navigation=NAVIGATION,
            **values,
        ),
        http_status,
    )
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def to(address: str) -> AnyResponse:
    """Redirect after a form was processed."""
    return redirect(address, 303)


def local_page(address: str) -> str:
    """The address if it is a path on this server, else the start page."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if safe and address.isprintable() else "/"


def with_query(**changes: object) -> str:
    """The URL of the page with some query parameters changed; None removes one."""
    values: dict[str, Any] = request.args.to_dict(flat=False)
    values.update(changes)
    present = {name: value for name, value in values.items() if value is not None}
    query = urlencode(present, doseq=True)
    return f"{request.path}?{query}" if query else request.path


def size(size_bytes: int) -> str:
    """A number of bytes with a unit.

    >>> size(1536)
    '1.5 KiB'
    """
    value, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    digits = 0 if value >= 10 or units[0] == "bytes" else 1
    return f"{value:,.{digits}f} {units[0]}"


def csrf_field() -> Markup:
    """The hidden field with the CSRF token."""
    found = session()
    token = csrf_token(found.secret) if found else ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


# Template globals are also visible in imported macros.
for _function in (
    asset,
    counted,
    csrf_field,
    day_of,
    duration_text,
    has_vendor,
    icon,
    local_time,
    outcome_of,
    progress_of,
    script,
    size,
    state_of,
    with_query,
    zone_name,
):
    blueprint.add_app_template_global(_function)
