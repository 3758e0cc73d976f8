"""Authentication by bearer token or browser session; the caller of the request.

:mod:`application.access` has the checks of role, scope and dataset level.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from functools import update_wrapper, wraps
from itertools import islice
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_type_hints, is_typeddict

from apiflask import APIBlueprint, HTTPTokenAuth, Schema
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, request
from marshmallow import RAISE
from werkzeug.datastructures import Authorization

from application.access import Access, Caller, disconnection_of
from application.providers.proxy_header import header_still_counts
from application.sessions import COOKIE, require_own_page
from contract.declarations import Request
from http_api.schemas.base import MAX_SUGGESTIONS, unknown_field
from http_api.schemas.contract import (
    MakeSchema,
    answer_schema,
    body_schema,
    form_schema,
    query_schema,
)
from http_api.server.problems import of_http_error
from http_api.state import state
from service import log_context
from service.service import Service
from storage.accounts.tokens import TokenHolder
from storage.errors import Forbidden


class BearerOrSession(HTTPTokenAuth):
    """A token in the Authorization header, or else the browser's session cookie."""

    def get_auth(self) -> Authorization | None:
        given: Authorization | None = super().get_auth()
        if given is not None:
            return given
        secret = request.cookies.get(COOKIE)
        if secret is None:
            return None
        require_own_page(request, secret)
        return Authorization("bearer", token=secret)


bearer = BearerOrSession(scheme="Bearer", description="A token of POST /api/users/login.")

View = TypeVar("View", bound=Callable[..., Any])


def without_query(view: View) -> View:
    """Let a view refuse every parameter of a query string."""

    @wraps(view)
    def checked(*args: Any, **values: Any) -> Any:
        if request.args:
            given = islice(request.args, MAX_SUGGESTIONS)
            messages = {name: [unknown_field(name, {})] for name in given}
            raise HTTPError(422, detail={"query": messages})
        return view(*args, **values)

    return cast(View, checked)


def file_response(media_types: Iterable[str]) -> Any:
    """The OpenAPI document of a response that is a file of one of some media types."""
    schema = {"type": "string", "format": "binary"}
    content = {each.partition(";")[0]: {"schema": schema} for each in media_types}
    return {200: {"description": "The file", "content": content}}


class DecoratedLater:
    """A view that is decorated when it is first called or documented.

    The schemas of all views take half a second to make. A fault of a declaration shows in the
    API's document, which decorates every view.
    """

    only_reads = False

    def __init__(self, view: Callable[..., Any], decorate: Callable[[Any], Any]) -> None:
        update_wrapper(self, view)
        self._view, self._decorate = view, decorate
        self._decorating = threading.Lock()
        self._decorated: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **values: Any) -> Any:
        """Call the decorated view."""
        return self._once_decorated()(*args, **values)

    @property
    def _spec(self) -> Any:
        """By which APIFlask documents the view."""
        return self._once_decorated().__dict__["_spec"]

    def _once_decorated(self) -> Callable[..., Any]:
        """The decorated view, which one thread makes."""
        if self._decorated is None:
            with self._decorating:
                self._decorated = self._decorated or self._decorate(self._view)
        return self._decorated


def _input_schema(
    declared: type[Schema] | type[Request], made: Callable[[type[Request]], type[Schema]]
) -> type[Schema]:
    return made(declared) if issubclass(declared, Request) else declared


def _answer_of(hint: Any) -> type[Any] | None:
    """The one answer of the contract that a view's annotation names, beside a file of it."""
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    named = [part for part in parts if is_dataclass(part) or is_typeddict(part)]
    if len(named) > 1:
        raise TypeError(f"A view answers one of {named}: name the `output` of its route.")
    return cast("type[Any]", named[0]) if named else None


def _answer_schema(output: type[Any] | MakeSchema) -> type[Schema]:
    if not isinstance(output, type):
        return output()
    return output if issubclass(output, Schema) else answer_schema(output)


class SignedInBlueprint(APIBlueprint):
    """A blueprint of which every route requires a valid token or session."""

    def __init__(self, name: str, tag: str, url_prefix: str | None = None) -> None:
        super().__init__(name, __name__, tag=tag, url_prefix=url_prefix)

    def route(
        self,
        rule: str,
        *,
        query: type[Schema] | type[Request] | None = None,
        body: type[Schema] | type[Request] | None = None,
        form: type[Schema] | type[Request] | None = None,
        output: type[Any] | MakeSchema | None = None,
        file: str | Iterable[str] = (),
        guard: Callable[[View], View] = lambda view: view,
        only_reads: bool = False,
        **options: Any,
    ) -> Callable[[View], View]:
        """Register a view: authentication, guard, input, output.

        The view gets a query as ``query``, and a body or a form with files as ``given``: an
        instance of a request of the contract, or what a schema loads. It returns an answer, what a
        schema dumps, or a ``file`` of a media type. What the route does not name is of the types
        that the view is annotated with. Without a query every parameter is refused. A form whose
        schema has ``or_json`` may also be sent as JSON of that schema. With ``only_reads`` a read
        token may call it, whatever its method. Its schemas are made when it is first called or
        documented.
        """

        def decorated(view: View) -> View:
            hints = get_type_hints(view)
            answered = output or _answer_of(hints.get("return"))
            sent = body or (None if form else hints.get("given"))
            asked = query or hints.get("query")
            if file:
                types = [file] if isinstance(file, str) else file
                view = self.doc(responses=file_response(types))(view)
            if answered is not None:
                view = self.output(_answer_schema(answered))(view)
            if sent is not None:
                view = self.input(_input_schema(sent, body_schema), arg_name="given")(view)
            if form is not None:
                view = self._form_view(_input_schema(form, form_schema), view)
            if asked is not None:
                read = self.input(
                    _input_schema(asked, query_schema),
                    location="query",
                    unknown=RAISE,
                    arg_name="query",
                )
                view = read(view)
            else:
                view = without_query(view)
            return self.auth_required(bearer)(guard(view))

        def register(view: View) -> View:
            later = DecoratedLater(view, decorated)
            later.only_reads = only_reads
            return cast(View, super(SignedInBlueprint, self).route(rule, **options)(later))

        return register

    def _form_view(self, form: type[Schema], view: View) -> View:
        of_form = self.input(form, location="form_and_files", unknown=RAISE, arg_name="given")(view)
        or_json: type[Schema] | None = getattr(form, "or_json", None)
        if or_json is None:
            return of_form

        def undocumented(*args: Any, **values: Any) -> Any:
            return view(*args, **values)  # a view's documentation holds one body

        of_json = self.input(or_json, arg_name="given")(undocumented)

        @wraps(of_form)
        def chosen(*args: Any, **values: Any) -> Any:
            is_form = request.mimetype == "multipart/form-data" or not request.content_length
            return (of_form if is_form and not request.is_json else of_json)(*args, **values)

        return cast(View, chosen)


def access() -> Access:
    """Return what all requests of this server share."""
    return state().access


def service() -> Service:
    """Return the service that this app serves."""
    return access().service


def browser_link(page: str) -> str:
    """Return the URL of a page for browsers, by ``public_url`` or as the caller knows the server.

    A browser sends it as the origin, which the host check has compared with the host; behind a
    proxy that ends TLS only the origin has the right scheme.
    """
    host = request.host_url.rstrip("/")
    origin = request.headers.get("Origin", "")
    is_own = origin.partition("://")[2] == host.partition("://")[2]
    return service().settings.link(page, origin if is_own else host)


@bearer.verify_token  # type: ignore[untyped-decorator]
def _holder(token: str) -> TokenHolder | None:
    if not token:
        return None
    holder = access().holder_of(token)
    if holder is None and (expiry := access().expiry_of(token)) is not None:
        raise expiry
    if holder is not None and not header_still_counts(service().settings, holder, request):
        return None
    if holder is not None and holder.scope == "read" and not _only_reads():
        raise Forbidden("This token can only read. Use a token with `scope` write.")
    if holder is not None:
        log_context.add(user_id=holder.user.id)
        access().note_use(holder)
    return holder


def _only_reads() -> bool:
    """Whether the request is read-only."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method in ("GET", "HEAD") or getattr(view, "only_reads", False)


@bearer.error_processor
def _not_signed_in(error: HTTPError) -> Response:
    return of_http_error(error)


def caller() -> Caller:
    """Return the user who sends the request, with the checks that it has passed."""
    if "caller" not in g:
        holder = cast(TokenHolder, bearer.current_user)
        g.caller = Caller(
            access(),
            holder,
            request.remote_addr,
            g.get("request_id"),
            disconnection_of(request.environ),
        )
    return cast(Caller, g.caller)
