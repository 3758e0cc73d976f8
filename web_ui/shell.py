"""The reader's time zone, which their browser tells by a cookie.

Owns: how a stored time is written on a page, and how the page tells which zone that is. A script
sees to it that no other zone is shown, so both write alike (``static/format.js``).

The files that pages are made with: scripts, a style sheet, a picture.

Owns: their addresses. Invariants: an address holds a digest of all files, so browsers keep it for
good; whatever a script imports is named beside it, so a browser asks for all of it at once rather
than for one after the other. Used by the templates, by way of ``shell``.

The filters of a list, as they stand in the page's address.

Owns: what a day in a filter means to the reader, and how a filter that can't be read is told.

What every page shares: who looks at it, its frame, its policy.

Owns: the blueprint that all pages belong to. Invariants: a page loads nothing from elsewhere and
runs no inline script; a page for users leads whoever isn't signed in to the sign-in and back. Used
by each module of pages.
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
from web_ui.job_words import counted, lasted, outcome_of, progress_of, state_of


def zone() -> ZoneInfo:
    """The reader's zone; UTC as long as the browser has told none."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(request.cookies.get("zone", "UTC"))
    return ZoneInfo("UTC")


def zone_told() -> str:
    """The zone that a page's times are in, with its present distance from UTC."""
    here = zone()
    offset = datetime.now(here).strftime("%z")  # +0530
    return f"{here.key}, UTC{offset[:3]}:{offset[3:]}" if here.key != "UTC" else "UTC"


def local_time(text: str) -> str:
    """A stored time in the reader's zone."""
    return datetime.fromisoformat(text).astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")


STATIC = Path(str(files("web_ui").joinpath("static")))
OF_EVERY_PAGE = "shell.js"
IMPORTED = re.compile(r'^import (?:[^"]* from )?"\./([a-z_]+\.js)";$', re.MULTILINE)
SCRIPT = Markup('<script type="module" src="{}"></script>')
PRELOAD = Markup('<link rel="modulepreload" href="{}">')


@cache
def files_digest() -> str:
    """What stands for the present content of all files."""
    content = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file of the pages."""
    return f"/pages/{files_digest()}/{name}"


@cache
def script(name: str) -> Markup:
    """The element that runs a script, after those that have its imports asked for.

    What every page imports anyhow is left to the script of every page.
    """
    known = imported_by(OF_EVERY_PAGE) if name != OF_EVERY_PAGE else frozenset()
    early, run = sorted(imported_by(name) - known), SCRIPT.format(asset(name))
    return Markup("\n").join([*(PRELOAD.format(asset(one)) for one in early), run])


@cache
def imported_by(name: str) -> frozenset[str]:
    """All scripts that a script imports, also by way of others."""
    direct = IMPORTED.findall((STATIC / name).read_text(encoding="utf-8"))
    return frozenset(direct).union(*(imported_by(one) for one in direct))


def with_days(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The query with each date under these names as a moment: when the reader's own day begins."""
    moments = dict(given)
    for name in names:
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            day = date.fromisoformat(given[name])
            moments[name] = datetime.combine(day, time.min, zone()).isoformat()
    return moments


def day_of(name: str) -> str:
    """The day that stands under this name, for a field that takes nothing else."""
    with suppress(ValueError):
        return date.fromisoformat(request.args.get(name, "")[:10]).isoformat()
    return ""


def what_is_wrong(error: ValidationError) -> str:
    """A query's errors as a sentence."""
    told = [
        f"{name.replace('_', ' ')}: {' '.join(_messages(found))}"
        for name, found in error.messages_dict.items()
    ]
    return f"These filters can't be read, so none is applied. {' '.join(told)}"


def _messages(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        return [one for nested in found.values() for one in _messages(nested)]
    return [str(one) for one in found] if isinstance(found, list | tuple) else [str(found)]


Page = TypeVar("Page", bound=Callable[..., Any])

blueprint = Blueprint("pages", __name__, template_folder="templates")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NAVIGATION = (("/datasets", "Datasets", "gd"), ("/jobs", "Jobs", "gj"))
A_YEAR_S = 31_536_000


@blueprint.get("/pages/<digest>/<path:name>")
def static_file(digest: str, name: str) -> Response:
    """A style sheet, a script or a picture."""
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = (
        f"public, max-age={A_YEAR_S}, immutable" if digest == files_digest() else "no-cache"
    )
    return response


def signed_in(page: Page) -> Page:
    """Show a page only to a signed-in user, and take a form only from a page of ours."""

    @wraps(page)
    def guarded(*args: Any, **given: Any) -> Any:
        found = session()
        if found is None:
            here = request.full_path.rstrip("?") if request.method == "GET" else "/"
            return redirect(f"/sign-in?{urlencode({'next': here})}", 303)
        require_own_page(request, found.secret)
        adopt_session(found)
        return page(*args, **given)

    return cast(Page, guarded)


def show(template: str, http_status: int = 200, **values: object) -> Response:
    """Render a page."""
    found = session()
    response = make_response(
        render_template(
            template,
            viewer=found.holder if found else None,
            csrf=csrf_token(found.secret) if found else "",
            theme=request.cookies.get("theme") if _theme_is_known() else None,
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
    """Lead on to a page after a form was taken."""
    return redirect(address, 303)


def local_page(address: str) -> str:
    """An address of this server to lead on to; the start page for any other."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if safe and address.isprintable() else "/"


def _theme_is_known() -> bool:
    return request.cookies.get("theme") in ("dark", "light")


def _with_query(**changes: object) -> str:
    """The page's own address with some parts of the query changed; None takes one out."""
    values: dict[str, Any] = request.args.to_dict(flat=False)
    values.update(changes)
    kept = {name: value for name, value in values.items() if value is not None}
    query = urlencode(kept, doseq=True)
    return f"{request.path}?{query}" if query else request.path


def _size(size_bytes: int) -> str:
    """A number of bytes as a person reads it.

    >>> _size(1536)
    '1.5 KiB'
    """
    value, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    digits = 0 if value >= 10 or units[0] == "bytes" else 1
    return f"{value:,.{digits}f} {units[0]}"


def _csrf_field() -> Markup:
    found = session()
    token = csrf_token(found.secret) if found else ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


# As globals, so that macros that a template imports know them, too.
blueprint.add_app_template_global(asset, "asset")
blueprint.add_app_template_global(script, "script")
blueprint.add_app_template_global(local_time, "local_time")
blueprint.add_app_template_global(zone_told, "zone_told")
blueprint.add_app_template_global(day_of, "day_of")
blueprint.add_app_template_global(_with_query, "with_query")
blueprint.add_app_template_global(_csrf_field, "csrf_field")
blueprint.add_app_template_global(_size, "size")
blueprint.add_app_template_global(counted, "counted")
blueprint.add_app_template_global(state_of, "state_of")
blueprint.add_app_template_global(outcome_of, "outcome_of")
blueprint.add_app_template_global(progress_of, "progress_of")
blueprint.add_app_template_global(lasted, "lasted")
