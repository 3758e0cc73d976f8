"""What every page shares: who looks at it, its frame, its policy.

Owns: the blueprint that all pages belong to. Invariants: a page loads nothing from elsewhere and
runs no inline script; a page for users leads whoever isn't signed in to the sign-in and back. Used
by each module of pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

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
from werkzeug.wrappers import Response as AnyResponse

from http_api.access import adopt_session, session
from http_api.sessions import CSRF_FIELD, csrf_token, require_own_page
from web_ui.address_filters import day_of
from web_ui.counted import counted
from web_ui.job_words import lasted, outcome_of, progress_of, state_of
from web_ui.page_files import STATIC, asset, files_digest, script
from web_ui.reader_zone import local_time, zone_told

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
