"""Limits of concurrent slow work, by kind: per user and in total.

Guarantees that a request beyond a limit is refused at once with ``Retry-After``. The server has a
thread for each slow request in addition to those for quick ones, so slow work blocks no quick one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from domain_errors import DomainError
from job_runner.settings import Settings
from parquet_tables.database import time_limited


class TooMuchWork(DomainError):
    """A limit of concurrent work is reached, for the user or in total."""

    retry_after_s = 2


class TooManyReads(TooMuchWork):
    """Requests that read tables."""

    code = "too_many_reads"


class TooManyDownloads(TooMuchWork):
    """Files with rows."""

    code = "too_many_downloads"


class TooManyQueries(TooMuchWork):
    """SQL queries with their rows in the response."""

    code = "too_many_queries"


class TooManyPreviews(TooMuchWork):
    """Previews of files."""

    code = "too_many_previews"


class TooManyStreams(TooMuchWork):
    """Open event streams."""

    code = "too_many_streams"
    retry_after_s = 5


class TooManyUploads(TooMuchWork):
    """Large uploads."""

    code = "too_many_uploads"
    retry_after_s = 5


class TooManySignIns(TooMuchWork):
    """Password hashes."""

    code = "too_many_sign_ins"
    retry_after_s = 1


class WorkLimit:
    """A limit of concurrent work of one kind. Thread-safe; never waits.

    Parameters
    ----------
    total : int
        Maximum for all users, at least 1.
    error : type
        The error beyond a limit.
    what : str
        The work, in the plural, for the error.
    per_user : int, optional
        Maximum for one user; by default half of the total, rounded up.
    limit_s : float, optional
        Time limit of the statements of one piece of work, in seconds; none by default.
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
        """Work in progress, of all users."""
        with self._lock:
            return self._under_way.total()

    def begin(self, who: Hashable) -> None:
        """Count work of a user or an address in.

        Raises
        ------
        TooMuchWork
            A limit is reached.
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
        """Count work of a user or an address out."""
        with self._lock:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    @contextmanager
    def piece(self, who: Hashable) -> Iterator[None]:
        """Count the block as one piece of work, and limit its time.

        Raises
        ------
        TooMuchWork, TimeLimitExceeded
            A limit is reached; or a statement took too long.
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
    """The limit of each kind of work."""

    reads: WorkLimit
    downloads: WorkLimit
    queries: WorkLimit
    previews: WorkLimit
    uploads: WorkLimit
    streams: WorkLimit
    passwords: WorkLimit
    small_upload_bytes: int
    """An upload up to this size is copied in a tenth of a second, and isn't counted."""

    def kinds(self) -> dict[str, WorkLimit]:
        """The limits by kind."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: limit for name, limit in found.items() if isinstance(limit, WorkLimit)}

    @property
    def total(self) -> int:
        """The number of threads for slow work."""
        return sum(limit.total for limit in self.kinds().values())


def work_limits(settings: Settings) -> WorkLimits:
    """Build the limits from the settings."""
    threads, read_s = settings.http_threads, settings.read_limit_s
    half = max(threads // 2, 2)
    return WorkLimits(
        reads=WorkLimit(threads, TooManyReads, "requests that read tables", limit_s=read_s),
        downloads=WorkLimit(half, TooManyDownloads, "downloads", limit_s=settings.download_limit_s),
        # Queries have their own time limit, in their child process.
        queries=WorkLimit(settings.sql_at_once, TooManyQueries, "SQL queries"),
        previews=WorkLimit(2, TooManyPreviews, "previews of files", limit_s=read_s),
        uploads=WorkLimit(threads, TooManyUploads, "large uploads"),
        streams=WorkLimit(half, TooManyStreams, "event streams"),
        passwords=WorkLimit(half, TooManySignIns, "sign-ins"),
        small_upload_bytes=settings.small_upload_kb * 1024,
    )
