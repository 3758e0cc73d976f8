"""Sends requests to one server, with retries that never do a thing twice.

A request that creates a job has an idempotency key, so that a retry gives the same job. Other
changes are sent again only if the server didn't receive or didn't accept them.
"""

from __future__ import annotations

import io
import json
import math
import random
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import httpx

from jobsvc_client.arguments import check_numbers, plain
from jobsvc_client.errors import JobsvcError, MissingField, error_of, foreign

ATTEMPTS = 6
PAGE = 1000
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
REFUSED_FOR_NOW = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Send = Callable[[], httpx.Response]


class Answer(dict[str, Any]):
    """The object of an answer; a field that it lacks is a JobsvcError."""

    def __missing__(self, name: str) -> NoReturn:
        raise MissingField(
            f'The answer of the server has no field "{name}".',
            "missing_field",
            hint="Check the field's name, and that client and server are of one version.",
        )


class Transport:
    """The connections to a server.

    Parameters
    ----------
    url : str
        Its address, such as ``http://127.0.0.1:8000``.
    token : str
        A token of a user.
    timeout_s : float or None
        How long an answer may take; None is without a limit.
    attempts : int
        How often a request is sent at most.
    first_delay_s : float
        The wait before the second attempt; it doubles with each attempt.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float | None,
        attempts: int = ATTEMPTS,
        first_delay_s: float = FIRST_DELAY_S,
    ) -> None:
        self.url = url
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._first_delay_s = first_delay_s
        try:
            self.http = httpx.Client(
                base_url=url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=httpx.Timeout(timeout_s, connect=10),
                # Without TLS there is no certificate; loading the authorities' takes 10 ms or more.
                verify=httpx.URL(url).scheme == "https",
            )
        except httpx.InvalidURL as error:
            raise _invalid_url(url, error) from error

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        creates_job: bool = False,
        repeatable: bool = False,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a request, and return the JSON of its answer.

        Parameters
        ----------
        creates_job : bool
            Send an idempotency key.
        repeatable : bool
            Whether the request changes nothing, so that it may be sent twice. A GET always may.

        Raises
        ------
        JobsvcError
            The server refused the request or can't be reached.
        """
        headers = {"Idempotency-Key": uuid.uuid4().hex} if creates_job else {}
        content = None if body is None else json_text(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        params = _params(query or {})
        response = self.sent(
            lambda: self.http.request(
                method, path, content=content, params=params, headers=headers
            ),
            repeatable=repeatable or creates_job or method == "GET",
        )
        return self.answer(response)

    def json_when_ready(
        self, path: str, query: Mapping[str, Any], *, limit_s: float = math.inf
    ) -> dict[str, Any]:
        """Send a GET request, again while the server answers when to retry, up to the limit."""
        end = time.monotonic() + limit_s
        while True:
            try:
                return self.json("GET", path, query=query)
            except JobsvcError as error:
                wait_s = error.retry_after_s if error.status == httpx.codes.CONFLICT else None
                if wait_s is None or time.monotonic() + wait_s > end:
                    raise
            time.sleep(wait_s)

    def pages(
        self,
        path: str,
        name: str,
        query: Mapping[str, Any] | None = None,
        *,
        most: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return all items of a list, or the first ones, page by page."""
        items: list[dict[str, Any]] = []
        while True:
            limit = PAGE if most is None else min(PAGE, most - len(items))
            bounds = {"offset": len(items), "limit": limit}
            page = self.json("GET", path, query={**(query or {}), **bounds})
            items += page[name]
            if len(items) >= page["total"] or not page[name] or len(items) == most:
                return items

    def upload(
        self,
        path: str,
        file_name: str,
        content: bytes | Path,
        fields: Mapping[str, str],
        on_read: Callable[[float], None] = lambda share: None,
    ) -> dict[str, Any]:
        """Send a file and fields as a form that creates a job, and return the JSON.

        ``content`` is the path of a file on the disk, which is sent in chunks, or its bytes;
        ``on_read`` takes the share of it that was read.
        """
        headers = {"Idempotency-Key": uuid.uuid4().hex}

        def send() -> httpx.Response:
            with _opened(content, on_read) as stream:
                files = {"file": (file_name, stream, "application/octet-stream")}
                return self.http.post(path, data=dict(fields), files=files, headers=headers)

        return self.answer(self.sent(send, repeatable=True))

    def answer(self, response: httpx.Response) -> dict[str, Any]:
        """Return the JSON object of an answer."""
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise foreign(response)
        return Answer(document)

    def content(self, path: str, query: Mapping[str, Any]) -> bytes:
        """Return the body of the answer to a GET request, which is a page only if that is asked."""
        params = _params(query)
        return _expected(
            self.sent(lambda: self.http.get(path, params=params), repeatable=True), params
        ).content

    def download(
        self,
        path: str,
        query: Mapping[str, Any],
        write: Callable[[bytes], object],
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Pass the body of an answer on as it arrives: to a GET request, or to a POST of a body."""
        params = _params(query)
        request = self.http.build_request("GET", path, params=params)
        if body is not None:
            headers = {"Content-Type": "application/json"}
            request = self.http.build_request(
                "POST", path, content=json_text(body), headers=headers
            )

        def send() -> httpx.Response:
            response = self.http.send(request, stream=True)
            if not response.is_success:
                response.read()
            return response

        response = self.sent(send, repeatable=True)
        try:
            for piece in _expected(response, params).iter_bytes():
                write(piece)
        except httpx.RequestError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def sent(self, send: Send, *, repeatable: bool) -> httpx.Response:
        """Send a request until it succeeds, is refused for good, or was tried often enough."""
        if self.http.is_closed:
            raise JobsvcError("The client is closed.", "closed", hint="Call connect() again.")
        for attempt in range(1, self._attempts + 1):
            is_last = attempt == self._attempts
            try:
                response = send()
            except httpx.InvalidURL as error:
                raise _invalid_url(self.url, error) from error
            except httpx.RequestError as error:
                if is_last or not (repeatable or isinstance(error, NOT_SENT)):
                    raise self._unreachable(error) from error
                self._wait(attempt, None)
                continue
            if response.is_success:
                return response
            if is_last or response.status_code not in REFUSED_FOR_NOW:
                raise error_of(response)
            self._wait(attempt, response.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, error: httpx.RequestError) -> JobsvcError:
        if isinstance(error, httpx.ReadTimeout):
            text = f"{self.url} hasn't answered within {self._timeout_s:g} s."
            return JobsvcError(text, "unreachable", hint="Give connect() a longer timeout_s.")
        reason = str(error).rstrip(".") or type(error).__name__
        return JobsvcError(f"{self.url} can't be reached: {reason}.", "unreachable")

    def _wait(self, attempt: int, retry_after: str | None) -> None:
        delay = self._first_delay_s * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311
        if retry_after is not None and retry_after.isdigit():
            delay = max(delay, float(retry_after))
        time.sleep(min(delay, MAX_DELAY_S))


def json_text(value: Any) -> bytes:
    """Write a value as JSON.

    Raises
    ------
    JobsvcError
        It holds something that JSON can't hold, such as NaN.
    """
    try:
        check_numbers(value, "")
        return json.dumps(plain(value), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"The arguments can't be written as JSON: {error}."
        raise JobsvcError(message, "invalid_argument") from None


class _ReadFile(io.FileIO):
    """A file that reports the share of it that was read."""

    def __init__(self, file: Path, on_read: Callable[[float], None]) -> None:
        super().__init__(file)
        self._size = max(file.stat().st_size, 1)
        self._on_read = on_read

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self._on_read(self.tell() / self._size)
        return piece


def _opened(content: bytes | Path, on_read: Callable[[float], None]) -> io.BytesIO | _ReadFile:
    """Open a file, or bytes as one."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return _ReadFile(content, on_read)
    except OSError as error:
        raise JobsvcError(f"{content} can't be read: {error.strerror}.", "no_file") from None


def _expected(response: httpx.Response, params: Mapping[str, Any]) -> httpx.Response:
    """Refuse a page that wasn't requested: it is that of a proxy, unless it is a file."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    is_file = response.headers.get("Content-Disposition", "").startswith("attachment")
    if is_page and not is_file and params.get("format") != "html":
        raise foreign(response)
    return response


def _params(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a query that aren't None."""
    return {name: plain(value) for name, value in query.items() if value is not None}


def _invalid_url(url: str, error: httpx.InvalidURL) -> JobsvcError:
    return JobsvcError(f"{url} is no address of a server: {error}.", "invalid_url")
