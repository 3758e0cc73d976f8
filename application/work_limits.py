"""Limits of concurrent slow work, by kind: per user and in total.

Guarantees that a request beyond a limit is refused at once with ``Retry-After``. The server has a
thread for each slow request in addition to those for quick ones, so slow work blocks no quick one.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from typing import TypeVar

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from operating_system import lower_thread_priority
from parquet_tables.database import time_limited
from service.settings import Settings

NICENESS = 5
"""Of the threads that hash passwords: a third of the processor time of another thread that runs."""
T = TypeVar("T")


class TooMuchWork(DomainError):
    """A limit of concurrent work is reached, for the user or in total."""

    def __init__(self, code: str, retry_after_s: int, work: str, limit: int, whose: str) -> None:
        self.code, self.retry_after_s = code, retry_after_s
        super().__init__(
            "At most {limit} {work} can run at once{whose}. Try again in a moment.",
            limit=limit,
            work=work,
            whose=whose,
        )


class WorkLimit:
    """A limit of concurrent work of one kind. Thread-safe; never waits.

    Parameters
    ----------
    total : int
        Maximum for all users, at least 1.
    code, work : str
        The code of the error beyond the limit, and the work in the plural.
    per_user : int, optional
        Maximum for one user; by default half of the total, rounded up.
    limit_s : float, optional
        Time limit of the statements of one piece of work, in seconds; none by default.
    """

    def __init__(
        self,
        total: int,
        code: str,
        work: str,
        *,
        per_user: int | None = None,
        limit_s: float | None = None,
        retry_after_s: int = 2,
    ) -> None:
        self.total = total
        self.per_user = (total + 1) // 2 if per_user is None else per_user
        self.code, self._work = code, work
        self._limit_s, self._retry_after_s = limit_s, retry_after_s
        self._lock = threading.Lock()
        self._under_way: Counter[Hashable] = Counter()

    @property
    def under_way(self) -> int:
        """Work in progress, of all users."""
        with self._lock:
            return self._under_way.total()

    def begin(self, who: Hashable) -> None:
        """Count work of a user or an address in; TooMuchWork if a limit is reached."""
        with self._lock:
            if self._under_way[who] >= self.per_user:
                raise self._error(self.per_user, " for one user")
            if self._under_way.total() >= self.total:
                raise self._error(self.total, "")
            self._under_way[who] += 1

    def _error(self, limit: int, whose: str) -> TooMuchWork:
        return TooMuchWork(self.code, self._retry_after_s, self._work, limit, whose)

    def end(self, who: Hashable) -> None:
        """Count work of a user or an address out."""
        with self._lock:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    @contextmanager
    def piece(
        self, who: Hashable, is_abandoned: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Count the block as one piece of work, and limit its time.

        Raises
        ------
        TooMuchWork, TimeLimitExceeded, ClientDisconnected
            A limit is reached; a statement took too long; the request was abandoned.
        """
        self.begin(who)
        try:
            if self._limit_s is None:
                yield
            else:
                with time_limited(self._limit_s, is_abandoned):
                    yield
        finally:
            self.end(who)


class Hashing:
    """Hashes passwords, each of which takes 0.1 s of processor time, on few threads.

    Parameters
    ----------
    threads : int
        0 is one for each two cores, so that sign-ins leave cores to other requests.
    """

    def __init__(self, threads: int = 0) -> None:
        self._executor = ThreadPoolExecutor(
            threads or max((os.cpu_count() or 1) // 2, 1),
            "hashing",
            initializer=lower_thread_priority,
            initargs=(NICENESS,),
        )

    def run(self, hashing: Callable[[], T]) -> T:
        """Wait for a free thread and for its result; the limit of passwords bounds the wait."""
        return self._executor.submit(hashing).result()


@dataclass(frozen=True)
class WorkLimits:
    """The limit of each kind of work; ``small_upload_bytes`` or less aren't counted."""

    reads: WorkLimit
    downloads: WorkLimit
    queries: WorkLimit
    previews: WorkLimit
    uploads: WorkLimit
    streams: WorkLimit
    passwords: WorkLimit
    provider_sign_ins: WorkLimit
    provider_reads: WorkLimit
    backups: WorkLimit
    beacons: WorkLimit
    small_upload_bytes: int
    hashing: Hashing

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
    download_s = settings.download_limit_s
    half = max(threads // 2, 2)
    return WorkLimits(
        reads=WorkLimit(threads, "too_many_reads", "requests that read tables", limit_s=read_s),
        downloads=WorkLimit(half, "too_many_downloads", "downloads", limit_s=download_s),
        # Queries have their own time limit, in their child process.
        queries=WorkLimit(settings.sql_at_once, "too_many_queries", "SQL queries"),
        previews=WorkLimit(2, "too_many_previews", "previews of files", limit_s=read_s),
        uploads=WorkLimit(threads, "too_many_uploads", "large uploads", retry_after_s=5),
        streams=WorkLimit(half, "too_many_streams", "event streams", retry_after_s=5),
        passwords=WorkLimit(half, "too_many_sign_ins", "sign-ins", retry_after_s=1),
        provider_sign_ins=WorkLimit(
            half, "too_many_sign_ins", "sign-ins by the identity provider", retry_after_s=1
        ),
        # All count as one user: one reads, and others wait for its result.
        provider_reads=WorkLimit(
            half,
            "too_many_sign_ins",
            "sign-ins that wait for the identity provider",
            retry_after_s=2,
        ),
        backups=WorkLimit(2, "too_many_backups", "backups", retry_after_s=60),
        beacons=WorkLimit(2, "too_many_beacons", "checks of beacon signatures", retry_after_s=1),
        small_upload_bytes=settings.small_upload_kb * 1024,
        hashing=Hashing(settings.hashing_threads),
    )
