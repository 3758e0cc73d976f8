"""Send the deliveries of the outbox: at least once, with the same message id in each attempt.

One thread finds due deliveries, a few threads send them, one at a time to each webhook and one
e-mail at a time, so that a slow receiver delays its own messages only. A failed attempt is repeated
with growing delays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from application.notifications.outcomes import Outcome
from domain_errors import DomainError
from job_runner.service import Service
from storage.accounts.audit import record_of_service
from storage.accounts.datasets import get_dataset
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.jobs.receivers import (
    DueDelivery,
    Kind,
    disable_receiver,
    due_deliveries,
    end_attempt,
    next_delivery,
)

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("jobsvc.notifications")

THREADS = 4
MIN_PAUSE_S, MAX_PAUSE_S = 0.01, 60.0
"""Bounds of the wait for the next delivery: after a change of the clock it is found in a minute."""
FAULT_PAUSE_S = 5.0
"""Pause after the database couldn't be read or written."""


Result = Literal["delivered", "postponed", "failed"]
"""How an attempt ends: ``failed`` is for good."""
RESULTS: tuple[Result, ...] = get_args(Result)


AttemptListener = Callable[[Kind, Result], None]


class NoRight(Exception):
    """The receiver's user can't read the dataset of the event."""


def ignore_attempt(kind: Kind, result: Result) -> None:
    """Ignore an attempt."""


class MessageSender:
    """The threads that send deliveries.

    Parameters
    ----------
    on_attempt : callable
        Receives the end of each attempt.
    """

    def __init__(self, on_attempt: AttemptListener = ignore_attempt) -> None:
        self._on_attempt = on_attempt
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._dispatcher: threading.Thread | None = None
        self._client: httpx.Client | None = None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="message")

    def start(self, service: Service) -> None:
        """Start sending, first what waits since an earlier run."""
        self._dispatcher = threading.Thread(
            target=self._dispatch, args=(service,), name="message-dispatcher", daemon=True
        )
        self._dispatcher.start()

    def wake(self) -> None:
        """Signal that a delivery may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Wait for the attempts that run; ``service.stopping`` must be set before."""
        self.wake()
        if self._dispatcher is not None:
            self._dispatcher.join()
        self._executor.shutdown(wait=True)

    def _dispatch(self, service: Service) -> None:
        while not service.stopping.is_set():
            try:
                pause_s = self._submit_due(service)
            except Exception:
                logger.exception("reading the outbox failed")
                pause_s = FAULT_PAUSE_S
            self._wake.wait(pause_s)
            self._wake.clear()
        self._executor.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    def _submit_due(self, service: Service) -> float:
        """Give due deliveries to idle threads; return the seconds until the next is due."""
        now = service.clock()
        latest = now + timedelta(seconds=max(service.settings.delivery_delays_s))
        with self._lock:
            busy = set(self._busy)
        idle = THREADS - len(busy)
        if not idle:
            return MAX_PAUSE_S  # a thread that ends wakes the dispatcher
        with service.database.read() as tx:
            found = due_deliveries(tx, now, latest, busy, idle)
            busy |= {due.line for due in found}
            following = next_delivery(tx, busy)
        for due in found:
            client = self._open_client(service)
            with self._lock:
                self._busy.add(due.line)
            self._executor.submit(self._run, service, client, due)
        if following is None:
            return MAX_PAUSE_S
        return min(max((following - now).total_seconds(), MIN_PAUSE_S), MAX_PAUSE_S)

    def _open_client(self, service: Service) -> httpx.Client:
        """The client of all deliveries: a server that sends none loads no certificates for it."""
        if self._client is None:
            import httpx  # 0.15 s

            limit_s = service.settings.delivery_limit_s
            self._client = httpx.Client(timeout=limit_s, follow_redirects=False)
        return self._client

    def _run(self, service: Service, client: httpx.Client, due: DueDelivery) -> None:
        try:
            if not service.stopping.is_set():
                result = _store(service, due, attempt(service, client, due))
                self._on_attempt(due.kind, result)
        except Exception:
            logger.exception("the delivery %s could not be attempted or stored", due.message_id)
            service.stopping.wait(FAULT_PAUSE_S)
        finally:
            with self._lock:
                self._busy.discard(due.line)
            self.wake()


def attempt(service: Service, client: httpx.Client, due: DueDelivery) -> Outcome:
    """Send a delivery once."""
    # Few servers send messages, and the libraries take 0.2 s.
    from application.notifications.mailing import mail
    from application.notifications.posting import post

    try:
        _require_right(service, due)
        if due.kind == "email":
            return mail(service, due)
        return post(service.settings, client, due, service.clock())
    except NoRight:
        problem = "The user can't read the dataset any more."
        return Outcome(None, problem, may_retry=False)
    except DomainError as error:
        return Outcome(None, error.message)


def _require_right(service: Service, due: DueDelivery) -> None:
    """Require that the receiver's user may still see the event's dataset."""
    if due.dataset_id is None:
        return
    try:
        with service.database.read() as tx:
            get_dataset(tx, due.dataset_id, get_user(tx, due.user_id))
    except NotFound:
        raise NoRight from None


def _store(service: Service, due: DueDelivery, outcome: Outcome) -> Result:
    now, delays = service.clock(), service.settings.delivery_delays_s
    next_at = None
    if outcome.problem is not None and outcome.may_retry and due.attempts < len(delays):
        next_at = now + timedelta(seconds=delays[due.attempts])
    with service.database.write() as tx:
        end_attempt(tx, due, now, status=outcome.status, problem=outcome.problem, next_at=next_at)
        if outcome.is_gone and disable_receiver(tx, due.receiver_id, service.clock):
            record_of_service(
                tx,
                service.clock,
                "webhook_disabled",
                ("webhook", due.receiver_id),
                {"url": due.address},
            )
    if outcome.problem is None:
        return "delivered"
    logger.info("%s %d: %s", due.kind, due.receiver_id, outcome.problem)
    return "failed" if next_at is None or outcome.is_gone else "postponed"
