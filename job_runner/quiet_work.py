"""Work that may wait: one thread for it, which lets jobs pass.

Owns: the thread and its queue. Invariants: one piece at a time. What is only offered begins and
goes on, from one report to the next, once no short job has run for ``SETTLE_S``: who has one job
done after the other isn't slowed down in between. It waits for them no longer than
``PATIENCE_S`` in all, so that a busy server gets on with it, too. What somebody waits for goes
first and waits for no job. Both queues are bounded: what doesn't fit is dropped, and so is
everything when the service stops. Whoever offers work must be able to do without it, and whoever
asks for it must be able to ask again.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from domain_errors import DomainError
from parquet_tables.progress import ProgressCallback

logger = logging.getLogger("jobsvc.quiet")

MAX_WAITING = 1_000
MAX_ASKED = 100
"""So many pieces that were asked for wait. The newest is dropped: were it the oldest, who asked
again and again for ever other pieces would take their turn from all who came before."""
MAX_WATCHED = 3
"""So many threads of the HTTP server may wait for a result; it has 8 by default."""
PATIENCE_S = 10.0
SETTLE_S = 0.2
NICENESS = 10

Work = Callable[[ProgressCallback], Any]
"""Does a piece of work; what its report raises must end it."""


class Dropped(Exception):
    """The service stops: the work is not wanted any more."""


@dataclass
class _Piece:
    key: Hashable
    work: Work
    patience_s: float
    is_asked: bool = False
    future: Future[Any] = field(default_factory=Future)


class LowPriorityExecutor:
    """The queue and its thread, which starts with the first piece.

    Parameters
    ----------
    most_waiting : int
        Offered pieces that wait at the most.
    most_asked : int
        Pieces asked for that wait at the most.
    most_watched : int
        Threads that wait for a result at the most.
    patience_s : float
        How long a piece that nobody waits for lets jobs pass.
    settle_s : float
        How long no short job must have run before it goes on.
    """

    def __init__(
        self,
        most_waiting: int = MAX_WAITING,
        most_asked: int = MAX_ASKED,
        most_watched: int = MAX_WATCHED,
        patience_s: float = PATIENCE_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._most_waiting, self._most_asked = most_waiting, most_asked
        self._most_watched = most_watched
        self._patience_s, self._settle_s = patience_s, settle_s
        self._changed = threading.Condition()
        self._asked: OrderedDict[Hashable, _Piece] = OrderedDict()
        self._offered: OrderedDict[Hashable, _Piece] = OrderedDict()
        self._running: _Piece | None = None
        self._running_jobs = 0
        self._settled_at = 0.0
        self._watched = 0
        self._stopped = False
        self._thread: threading.Thread | None = None

    def offer(self, key: Hashable, work: Work) -> None:
        """Do this when there is time; nothing happens if the key is there, or the queue is full."""
        with self._changed:
            if len(self._offered) < self._most_waiting and self._piece(key) is None:
                self._add(self._offered, _Piece(key, work, self._patience_s))

    def ask(self, key: Hashable, work: Work, within_s: float) -> Any | None:
        """Do this next and wait for it; None when it isn't done in time.

        It goes on nevertheless, unless too many pieces that were asked for wait already: ask again.
        No more than a few threads wait; others get None at once.

        Raises
        ------
        Exception
            What the work raised.
        """
        with self._changed:
            piece = self._piece(key) or _Piece(key, work, self._patience_s)
            if piece is self._running:
                piece.is_asked = True
            elif not piece.is_asked:
                if len(self._asked) >= self._most_asked:
                    return None
                piece.is_asked = True
                self._offered.pop(key, None)
                self._add(self._asked, piece)
            self._changed.notify_all()
            may_wait = self._watched < self._most_watched
            self._watched += may_wait
        try:
            return piece.future.result(within_s if may_wait else 0)
        except (TimeoutError, CancelledError):
            if piece.future.done() and not piece.future.cancelled():
                raise  # the work's own
            return None
        finally:
            with self._changed:
                self._watched -= may_wait

    def job_began(self) -> None:
        """A short job has a thread from now on; called once for each, before its thread begins."""
        with self._changed:
            self._running_jobs += 1

    def job_left(self) -> None:
        """A short job's thread is free again, however that came."""
        with self._changed:
            self._running_jobs -= 1
            if not self._running_jobs:
                self._settled_at = time.monotonic() + self._settle_s
                self._changed.notify_all()

    def stop(self) -> None:
        """Drop everything and wait for the present step to end."""
        with self._changed:
            self._stopped = True
            dropped = [*self._asked.values(), *self._offered.values()]
            self._asked.clear()
            self._offered.clear()
            self._changed.notify_all()
            thread = self._thread
        for piece in dropped:
            piece.future.cancel()
        if thread is not None:
            thread.join()

    def _piece(self, key: Hashable) -> _Piece | None:
        if self._running is not None and self._running.key == key:
            return self._running
        return self._asked.get(key) or self._offered.get(key)

    def _add(self, queue: OrderedDict[Hashable, _Piece], piece: _Piece) -> None:
        if self._stopped:
            piece.future.cancel()
            return
        queue[piece.key] = piece
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="quiet-work", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        if sys.platform == "linux":  # where a thread has a niceness of its own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._asked or self._offered)
                if self._stopped:
                    return
                _, piece = (self._asked or self._offered).popitem(last=False)
                self._running = piece
            _finish(piece, partial(self._let_jobs_pass, piece))
            with self._changed:
                self._running = None

    def _let_jobs_pass(self, piece: _Piece, fraction: float, message: str) -> None:
        """A piece's report: wait for short jobs, and leave when the service stops."""
        began = now = time.monotonic()
        until = began + max(piece.patience_s, 0)
        with self._changed:
            while not (self._stopped or piece.is_asked or self._asked):
                goes_on_at = until if self._running_jobs else min(self._settled_at, until)
                if now >= goes_on_at:
                    break
                self._changed.wait(goes_on_at - now)
                now = time.monotonic()
            piece.patience_s -= now - began
            if self._stopped:
                raise Dropped


def _finish(piece: _Piece, on_progress: ProgressCallback) -> None:
    try:
        on_progress(0.0, "")
        result = piece.work(on_progress)
    except Dropped:
        piece.future.cancel()
    except Exception as error:
        if not isinstance(error, DomainError):
            logger.warning("%s failed", piece.key, exc_info=error)
        piece.future.set_exception(error)
    else:
        piece.future.set_result(result)
