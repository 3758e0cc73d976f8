"""How much slow work requests may do at the same time: per user, and in all.

Owns: the limits of each kind of work. Invariants: a request never waits for its turn: beyond a
limit it is refused at once, with a time to come back; the server has a thread for each piece of
work that the limits allow, beside those for quick requests. So slow requests, however many, hold no
thread that a quick one needs, and no user holds more than half of a kind.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request

from domain_errors import DomainError
from http_api.auth.access import user
from http_api.state import state
from job_runner.settings import Settings
from parquet_tables.time_limit import time_limited

SMALL_UPLOAD_BYTES = 8 * 1024**2
"""Copied in a tenth of a second."""

View = TypeVar("View", bound=Callable[..., Any])


class TooMuchWork(DomainError):
    """As much work of a kind is under way as may be, for the user or in all."""

    retry_after_s = 2


class TooManyReads(TooMuchWork):
    """Requests that read tables."""

    code = "too_many_reads"


class TooManyDownloads(TooMuchWork):
    """Files with rows that are being written."""

    code = "too_many_downloads"


class TooManyQueries(TooMuchWork):
    """SQL queries whose rows come at once."""

    code = "too_many_queries"


class TooManyPreviews(TooMuchWork):
    """Files that are read for a preview."""

    code = "too_many_previews"


class TooManyStreams(TooMuchWork):
    """Event streams that are open."""

    code = "too_many_streams"
    retry_after_s = 5


class TooManyUploads(TooMuchWork):
    """Large files that are being read from their requests."""

    code = "too_many_uploads"
    retry_after_s = 5


class TooManySignIns(TooMuchWork):
    """Passwords that are being hashed."""

    code = "too_many_sign_ins"
    retry_after_s = 1


class WorkLimit:
    """At most so many pieces of work at once. Safe across threads; never waits.

    Parameters
    ----------
    total : int
        Pieces of all users, 1 or more.
    error : type
        What is raised beyond a limit.
    what : str
        The pieces, in the plural, for the error's sentence.
    per_user : int, optional
        Pieces of one user; half of the total, rounded up, unless it is given.
    limit_s : float, optional
        How long the statements of a piece may run, in seconds; without end when left out.
    """

    def __init__(
        self,
        total: int,
        error: type[TooMuchWork],
        what: str,
        *,
        per_user: int | None = None,
        limit_s: float | None = None,
    ) -> None:
        self.total = total
        self.per_user = (total + 1) // 2 if per_user is None else per_user
        self._error, self._what, self._limit_s = error, what, limit_s
        self._lock = threading.Lock()
        self._under_way: Counter[Hashable] = Counter()

    @property
    def under_way(self) -> int:
        """Pieces of work of all users."""
        with self._lock:
            return self._under_way.total()

    def begin(self, who: Hashable) -> None:
        """Count a piece of work of a user or an address.

        Raises
        ------
        TooMuchWork
            As many are under way as may be.
        """
        with self._lock:
            own = self._under_way[who]
            if own >= self.per_user or self._under_way.total() >= self.total:
                is_own = own >= self.per_user
                raise self._error(
                    "At most {limit} {work} can run at once{whose}. Try again in a moment.",
                    limit=self.per_user if is_own else self.total,
                    work=self._what,
                    whose=" for one user" if is_own else "",
                )
            self._under_way[who] = own + 1

    def end(self, who: Hashable) -> None:
        """Count a piece of work off."""
        with self._lock:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    @contextmanager
    def piece(self, who: Hashable) -> Iterator[None]:
        """Do one piece of work inside the block, within its time.

        Raises
        ------
        TooMuchWork, TimeLimitExceeded
            As many are under way as may be; or a statement took too long.
        """
        self.begin(who)
        try:
            if self._limit_s is None:
                yield
            else:
                with time_limited(self._limit_s):
                    yield
        finally:
            self.end(who)


@dataclass(frozen=True)
class WorkLimits:
    """The limit of each kind of work; kept in the app's extensions."""

    reads: WorkLimit
    downloads: WorkLimit
    queries: WorkLimit
    previews: WorkLimit
    uploads: WorkLimit
    streams: WorkLimit
    passwords: WorkLimit

    @property
    def total(self) -> int:
        """Pieces of work of all kinds: so many threads are for them."""
        return sum(cast(WorkLimit, getattr(self, one.name)).total for one in fields(self))


def work_limits(settings: Settings) -> WorkLimits:
    """The limits that the settings give."""
    threads, read_s = settings.http_threads, settings.read_limit_s
    few = max(threads // 2, 2)
    return WorkLimits(
        reads=WorkLimit(threads, TooManyReads, "requests that read tables", limit_s=read_s),
        downloads=WorkLimit(few, TooManyDownloads, "downloads", limit_s=settings.download_limit_s),
        # The child process of a query or of a preview keeps their own limits of time.
        queries=WorkLimit(settings.sql_at_once, TooManyQueries, "SQL queries"),
        previews=WorkLimit(2, TooManyPreviews, "previews of files", limit_s=read_s),
        uploads=WorkLimit(threads, TooManyUploads, "large uploads"),
        streams=WorkLimit(few, TooManyStreams, "event streams"),
        passwords=WorkLimit(few, TooManySignIns, "sign-ins"),
    )


def limits() -> WorkLimits:
    """The limits of this app."""
    return state().work_limits


@contextmanager
def reading() -> Iterator[None]:
    """Read tables for the user of the present request inside the block.

    Raises
    ------
    TooManyReads, TimeLimitExceeded
        As :meth:`WorkLimit.piece`.
    """
    with limits().reads.piece(user().id):
        yield


def large_uploads(view: View) -> View:
    """Count a request with a large file as slow work: its parts are copied while a thread waits.

    Stands between the view's authentication and its input.
    """

    @wraps(view)
    def counted(*args: Any, **values: Any) -> Any:
        size_bytes = request.content_length
        if size_bytes is not None and size_bytes <= SMALL_UPLOAD_BYTES:
            return view(*args, **values)
        with limits().uploads.piece(user().id):
            return view(*args, **values)

    return cast(View, counted)


@contextmanager
def hashing(who: Hashable = None) -> Iterator[None]:
    """Hash a password inside the block, for a user or, by default, for the client's address.

    Raises
    ------
    TooManySignIns
        As :meth:`WorkLimit.piece`.
    """
    with limits().passwords.piece(request.remote_addr if who is None else who):
        yield
