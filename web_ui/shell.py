"""Parts of all pages: session, layout, static files, time zone and list filters.

Pages load nothing from other hosts and run no inline scripts. A page for users redirects a visitor
without a session to the sign-in page and back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
)
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from application.access import Access, Caller, disconnection_of, origin_of, sample_source
from application.administration.overview import size_text
from application.audit.inbox import waiting_count
from application.comparing import verdict_label
from application.job_submission import Submission, idempotency_key
from application.providers.proxy_header import header_still_counts
from application.samples.facts import favoured_rows, method_title, screen_text
from application.sessions import COOKIE, CSRF_FIELD, SignedOut, csrf_token, require_own_page
from contract.column_lists import text_of_names
from contract.columns import cell_text, decimal_text
from contract.jobs import Priority
from contract.numbers import percent_digits
from contract.words import LISTED_REVIEW_STATES, ListedReviewState
from domain_errors import DomainError, counted, percent_text
from presentation.html import block_html
from service.service import Service
from storage.accounts.audit_trail import Origin
from storage.audit.reviewing import has_queue
from storage.jobs.jobs import JobRecord
from storage.sqlite.clock import timestamp
from web_ui.job_texts import (
    duration_text,
    failure_of,
    grouped_refs,
    in_line,
    noun_of,
    outcome_of,
    progress_of,
    ref_label,
    state_of,
    stored_text,
    title_of,
)
from web_ui.numbers import (
    holds_numbers,
    range_text,
    rounded_text,
    type_words,
)


class Pages(Blueprint):
    """A blueprint whose pages require a session, unless they are open."""

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        *,
        is_open: bool = False,
        **options: Any,
    ) -> None:
        """Register a page."""
        page = view_func if is_open or view_func is None else signed_in(view_func)
        super().add_url_rule(rule, endpoint, page, provide_automatic_options, **options)


@cache
def signed_in(page: Callable[..., Any]) -> Callable[..., Any]:
    """Require a session, and for a form its CSRF token.

    Cached, since Flask refuses another function for a page that is registered for two paths.
    """

    @wraps(page)
    def guarded(*args: Any, **given: Any) -> Any:
        if visitor() is None:
            if request.method != "GET":
                raise SignedOut
            target = f"{request.path}?{query_text()}".rstrip("?")
            return redirect(f"/sign-in?{urlencode({'next': target})}", 303)
        require_own_page(request, _secret())
        return page(*args, **given)

    return guarded


blueprint = Pages("pages", __name__, template_folder="templates")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
MAX_OFFSET = 2**62
NAVIGATION = (
    ("/datasets", "Datasets", "gd"),
    ("/jobs", "Jobs", "gj"),
    ("/engagements", "Engagements", "ge"),
)
REVIEWS = ("/review", "Review", "gr")
YEAR_S = 31_536_000
DAY_S = 86_400


@blueprint.get("/pages/<digest>/<path:name>", is_open=True)
def static_file(digest: str, name: str) -> Response:
    """A style sheet, a script or an image."""
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = (
        f"public, max-age={YEAR_S}, immutable" if digest == files_digest() else "no-cache"
    )
    return response


def register(app: Flask, access: Access) -> None:
    """Serve the pages with the app's access."""
    app.extensions[blueprint.name] = access
    app.register_blueprint(blueprint)


def access() -> Access:
    """What all requests of this server share."""
    return cast(Access, current_app.extensions[blueprint.name])


def service() -> Service:
    """The service that this app serves."""
    return access().service


def origin() -> Origin:
    """The origin of a request without a session."""
    return origin_of(request.remote_addr, g.get("request_id"), None)


def visitor() -> Caller | None:
    """The user of the browser's valid session, or None. A script's token can't open pages."""
    if "visitor" not in g:
        holder = access().holder_of(_secret())
        g.visitor = None
        if (
            holder is not None
            and holder.kind == "session"
            and header_still_counts(service().settings, holder, request)
        ):
            g.visitor = Caller(
                access(),
                holder,
                request.remote_addr,
                g.get("request_id"),
                disconnection_of(request.environ),
            )
    return cast(Caller | None, g.visitor)


def caller() -> Caller:
    """The user of a page that requires a session."""
    return cast(Caller, visitor())


def submission(priority: Priority, path: str) -> Submission:
    """A submission by the caller, with the request's idempotency key for this path."""
    key = idempotency_key(request.headers.get("Idempotency-Key"), path, priority)
    return caller().submission(priority, key)


def audit_sample(job: JobRecord, what: str) -> None:
    """Record that the caller has seen something of a sample."""
    caller().audit_view(sample_source(job), what)


def _secret() -> str:
    return request.cookies.get(COOKIE, "")


def show(template: str, http_status: int = 200, **values: object) -> Response:
    """Render a page.

    With a value ``nonce``, style elements that have it apply: a library's script creates them.
    """
    viewer, theme = visitor(), request.cookies.get("theme")
    response = make_response(
        render_template(
            template,
            viewer=viewer,
            csrf=own_csrf_token(),
            theme=theme if theme in ("dark", "light") else None,
            navigation=_navigation(viewer),
            waits=_waiting(viewer),
            **values,
        ),
        http_status,
    )
    nonce = values.get("nonce")
    styles = f"style-src 'self' 'nonce-{nonce}'" if nonce else "style-src 'self'"
    response.headers["Content-Security-Policy"] = POLICY.replace("style-src 'self'", styles)
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _navigation(viewer: Caller | None) -> tuple[tuple[str, str, str], ...]:
    """The main pages; that of reviews for a user with a queue."""
    if viewer is None:
        return NAVIGATION
    with service().database.read() as tx:
        return (*NAVIGATION, REVIEWS) if has_queue(tx, viewer.user) else NAVIGATION


def _waiting(viewer: Caller | None) -> int:
    """How much waits for the user; 0 if it can't be counted, which hides no page."""
    try:
        return 0 if viewer is None else waiting_count(viewer)
    except DomainError:
        return 0


Choice = TypeVar("Choice", bound=str)


class ListQuery:
    """The query of a list in the URL; with an invalid filter none applies."""

    def __init__(self, default_limit: int = 50) -> None:
        self.problem: str | None = None
        self.offset = number_between("offset", 0, MAX_OFFSET, 0)
        self.limit = number_between("limit", 1, 1000, default_limit)

    def page(self, total: int) -> dict[str, int]:
        """The shown part of the list, for the template's links."""
        return {"offset": self.offset, "limit": self.limit, "total": total}

    def text(self, name: str) -> str | None:
        """A text without surrounding spaces."""
        return request.args.get(name, "").strip() or None

    def number(self, name: str) -> int | None:
        """An id."""
        text = self.text(name)
        if text is None:
            return None
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return int(text)
        self._refuse(name, "Must be a whole number.")
        return None

    def choices(self, name: str, allowed: Sequence[Choice]) -> tuple[Choice, ...] | None:
        """Some of the allowed values, repeated or separated by commas."""
        typed = {part for part in ",".join(request.args.getlist(name)).split(",") if part}
        if typed <= set(allowed):
            return tuple(value for value in allowed if value in typed) or None
        self._refuse(name, f"Must be one of: {', '.join(allowed)}.")
        return None

    def choice(self, name: str, allowed: Sequence[Choice]) -> Choice | None:
        """One of the allowed values."""
        text = self.text(name)
        found = next((value for value in allowed if value == text), None)
        if text is not None and found is None:
            self._refuse(name, f"Must be one of: {', '.join(allowed)}.")
        return found

    def time(self, name: str, *, is_end: bool = False) -> str | None:
        """A time in UTC; a date is the begin or the end of the day in the browser's zone."""
        text = self.text(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            if is_end and "T" not in text:
                found += timedelta(days=1)
            return timestamp(found if found.tzinfo else found.replace(tzinfo=zone()))
        except (ValueError, OverflowError):
            self._refuse(name, "Must be a time such as 2025-07-07T02:45:47+00:00.")
            return None

    def _refuse(self, name: str, why: str) -> None:
        start = self.problem or "The filters are invalid. No filter is applied."
        self.problem = f"{start} {name.replace('_', ' ')}: {why}"


def number_between(name: str, minimum: int, maximum: int, default: int) -> int:
    """A number of the URL, moved between two bounds; the default if it is none."""
    text = request.args.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else default
    return number if number == default else min(max(number, minimum), maximum)


def day_of(name: str) -> str:
    """The day of a query parameter, as the value of a date field."""
    with suppress(ValueError):
        return date.fromisoformat(request.args.get(name, "")[:10]).isoformat()
    return ""


def zone() -> ZoneInfo:
    """The time zone of the browser's cookie, else UTC."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(request.cookies.get("zone", "UTC"))
    return ZoneInfo("UTC")


def local_time(text: str) -> str:
    """A stored time in the browser's time zone."""
    return f"{_local(text):%Y-%m-%d %H:%M:%S}"


def exact_time(text: str) -> str:
    """A stored time in the browser's time zone, with the zone and its UTC offset."""
    offset = f"{_local(text):%z}"  # +0530
    name = f"{zone().key}, UTC{offset[:3]}:{offset[3:]}" if zone().key != "UTC" else "UTC"
    return f"{local_time(text)} {name}"


def relative_time(text: str, now: datetime | None = None) -> str:
    """A stored time as its distance from now; its day if it is a month or more away."""
    past_s = ((now or datetime.now(UTC)) - datetime.fromisoformat(text)).total_seconds()
    if abs(past_s) < 45:
        return "just now"
    for unit, unit_s, limit_s in (
        ("minute", 60, 3600),
        ("hour", 3600, DAY_S),
        ("day", DAY_S, 30 * DAY_S),
    ):
        if abs(past_s) < limit_s:
            distance = counted(max(int(abs(past_s) / unit_s), 1), unit)
            return f"{distance} ago" if past_s > 0 else f"in {distance}"
    return f"{_local(text):%Y-%m-%d}"


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(zone())


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


def to(address: str) -> AnyResponse:
    """Redirect after a form was processed."""
    return redirect(address, 303)


def local_page(address: str) -> str:
    """The address if it is a path on this server, else the start page."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if safe and address.isprintable() else "/"


def query_text() -> str:
    """The query of the URL as it was sent; bytes that are not UTF-8 are replaced."""
    return request.query_string.decode(errors="replace")


def with_query(**changes: object) -> str:
    """The URL of the page with some query parameters changed; None removes one."""
    values: dict[str, Any] = request.args.to_dict(flat=False)
    values.update(changes)
    present = {name: value for name, value in values.items() if value is not None}
    query = urlencode(present, doseq=True)
    return f"{request.path}?{query}" if query else request.path


def own_csrf_token() -> str:
    """The CSRF token of the visitor's session; empty without one."""
    return csrf_token(_secret()) if visitor() else ""


def csrf_field() -> Markup:
    """The hidden field with the CSRF token."""
    token = own_csrf_token()
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


def own_address() -> str:
    """The server's address for programs: ``public_url``, or that of the request."""
    return service().settings.link("", request.host_url)


# Template globals are also visible in imported macros.
for _function in (
    asset,
    block_html,
    cell_text,
    counted,
    csrf_field,
    day_of,
    decimal_text,
    percent_digits,
    duration_text,
    exact_time,
    favoured_rows,
    has_vendor,
    holds_numbers,
    type_words,
    icon,
    in_line,
    local_time,
    method_title,
    noun_of,
    failure_of,
    outcome_of,
    own_address,
    percent_text,
    progress_of,
    query_text,
    range_text,
    grouped_refs,
    ref_label,
    relative_time,
    rounded_text,
    screen_text,
    text_of_names,
    script,
    verdict_label,
    state_of,
    stored_text,
    title_of,
    with_query,
):
    blueprint.add_app_template_global(_function)
blueprint.add_app_template_global(size_text, "size")


@blueprint.app_template_global()
def review_states() -> Mapping[ListedReviewState, str]:
    """The states of a review in lists of samples."""
    return LISTED_REVIEW_STATES
