"""Error pages, for a browser; a script or another program gets a problem document."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import Response, g, request

from web_ui.shell import blueprint, local_page, query_text, show

TITLES = {
    401: "Signed out",
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    413: "Too large",
    422: "Invalid request",
    429: "Too many requests",
    503: "Not available now",
}
KINDS = ("application/json", "text/html")
"""Media types of an error; the first is the default outside of the pages."""
NEVER_PAGES = ("host_not_allowed", "origin_not_allowed")


def problem_page(status: int, code: str, detail: str) -> Response | None:
    """Render an error page; None if a page's script or another program sent the request."""
    accepted = request.accept_mimetypes
    if code in NEVER_PAGES:
        return None
    if request.blueprint == blueprint.name:
        is_browser = accepted.best != KINDS[0]
    else:
        is_page = request.url_rule is None and not request.path.startswith("/api/")
        is_link = is_page or status == 401  # a download or a report, after the session's end
        is_get = request.method == "GET"
        is_browser = is_link and is_get and accepted.best_match(KINDS) == "text/html"
    if not is_browser:
        return None
    return show(
        "problem.html",
        status,
        title=TITLES.get(status, "Something went wrong"),
        status=status,
        detail=detail,
        request_id=g.get("request_id", ""),
        sign_in=f"/sign-in?{urlencode({'next': _page_to_return_to()})}",
    )


def _page_to_return_to() -> str:
    """The requested page, or the page whose form was sent, or whose link leads to the API."""
    if request.method == "GET" and request.blueprint == blueprint.name:
        return f"{request.path}?{query_text()}".rstrip("?")
    from_page = urlsplit(request.headers.get("Referer", ""))
    if from_page.netloc != request.host:
        return "/"
    return local_page(f"{from_page.path}?{from_page.query}".rstrip("?"))
