"""Send the deliveries of the outbox: at least once, with the same message id in each attempt.

One thread finds due deliveries and starts a thread for each attempt, one at a time to each
receiver. Users take turns, and no user or host holds more than a share of the threads. A failed
attempt is repeated with growing delays.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from application.notifications.attempts import AttemptListener, Result, ignore_attempt
from domain_errors import DomainError
from import_engine.sources.exchange import Exchange
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.audit_trail import record_of_service
from storage.accounts.datasets import get_dataset
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.notifications.receivers import (
    KINDS,
    DeliveryOutcome,
    DueDelivery,
    Kind,
    Occupied,
    disable_receiver,
    due_delivery,
    end_attempt,
    next_delivery,
)

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("jobsvc.notifications")


@dataclass(frozen=True)
class AttemptShare:
    """The most attempts at once: in total, of one user, and to one host."""

    total: int
    of_user: int
    of_host: int


SHARES: dict[Kind, AttemptShare] = {
    "webhook": AttemptShare(16, 4, 4),
    "email": AttemptShare(1, 1, 1),
}
"""E-mails have a thread of their own, since one server takes them all."""
MIN_PAUSE_S, MAX_PAUSE_S = 0.01, 60.0
"""Bounds of the wait for the next delivery: after a change of the clock it is found in a minute."""
FAULT_PAUSE_S = 5.0
"""Pause after the database couldn't be read or written."""
STOP_S = 3.0
"""Time that attempts get to end at a stop; the next start sends what was cut off."""


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
        self._changed = threading.Condition()
        self._running: dict[DueDelivery, Exchange] = {}
        self._served: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self._dispatcher: threading.Thread | None = None
        self._client: httpx.Client | None = None

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
        """Let the attempts end, or cut them off; ``service.stopping`` must be set before."""
        self.wake()
        if self._dispatcher is not None:
            self._dispatcher.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._running, STOP_S)
            cut_off = list(self._running.values())
        for exchange in cut_off:
            exchange.cut()
        end = time.monotonic() + 1
        for exchange in cut_off:
            exchange.join(max(end - time.monotonic(), 0))
        if self._client is not None:
            self._client.close()

    def _dispatch(self, service: Service) -> None:
        while not service.stopping.is_set():
            try:
                pause_s = min(self._start_due(service, kind) for kind in KINDS)
            except Exception:
                logger.exception("reading the outbox failed")
                pause_s = FAULT_PAUSE_S
            self._wake.wait(pause_s)
            self._wake.clear()

    def _start_due(self, service: Service, kind: Kind) -> float:
        """Start attempts as the shares allow; return the seconds until the next is due."""
        now = service.clock()
        latest = now + timedelta(seconds=max(service.settings.delivery_delays_s, default=0))
        while True:
            occupied = self._occupied(kind)
            if occupied is None:
                return MAX_PAUSE_S  # an attempt that ends wakes the dispatcher
            with service.database.read() as tx:
                due = due_delivery(tx, kind, now, latest, occupied)
                if due is None:
                    following = next_delivery(tx, kind, occupied)
                    pause_s = (following - now).total_seconds() if following else MAX_PAUSE_S
                    return min(max(pause_s, MIN_PAUSE_S), MAX_PAUSE_S)
            self._start(service, due)

    def _occupied(self, kind: Kind) -> Occupied | None:
        """What the attempts that run hold of the shares; None if they hold all."""
        share = SHARES[kind]
        with self._changed:
            running = [due for due in self._running if due.kind == kind]
        if len(running) >= share.total:
            return None
        users, hosts = (Counter(due.user_id for due in running), Counter(d.host for d in running))
        return Occupied(
            receivers=[due.receiver_id for due in running],
            users=[user for user, count in users.items() if count >= share.of_user],
            hosts=[host for host, count in hosts.items() if count >= share.of_host],
            running=users,
            served=self._served,
            reached=self._reached,
        )

    def _start(self, service: Service, due: DueDelivery) -> None:
        settings = service.settings
        limit_s = settings.smtp_limit_s if due.kind == "email" else settings.delivery_limit_s
        exchange, client = Exchange(limit_s), self._open_client(service)
        self._served[due.user_id] = self._reached[due.receiver_id] = next(self._numbers)
        with self._changed:
            self._running[due] = exchange
        threading.Thread(
            target=self._run, args=(service, client, due, exchange), name="message", daemon=True
        ).start()

    def _open_client(self, service: Service) -> httpx.Client:
        """The client of all deliveries: a server that sends none loads no certificates for it."""
        if self._client is None:
            import httpx  # 0.15 s

            self._client = httpx.Client(
                timeout=service.settings.delivery_limit_s,
                # Each attempt guards its own connection.
                limits=httpx.Limits(max_keepalive_connections=0),
                follow_redirects=False,
            )
        return self._client

    def _run(
        self, service: Service, client: httpx.Client, due: DueDelivery, exchange: Exchange
    ) -> None:
        try:
            outcome = attempt(service, client, due, exchange)
            if outcome.problem is None or not exchange.was_cut:
                self._on_attempt(due.kind, _store(service, due, outcome))
        except Exception:
            logger.exception("the delivery %s could not be attempted or stored", due.message_id)
            service.stopping.wait(FAULT_PAUSE_S)
        finally:
            exchange.join()
            with self._changed:
                del self._running[due]
                self._changed.notify_all()
            self.wake()


def attempt(
    service: Service, client: httpx.Client, due: DueDelivery, exchange: Exchange
) -> DeliveryOutcome:
    """Send a delivery once."""
    # Few servers send messages, and the libraries take 0.2 s.
    from application.notifications.mailing import mail
    from application.notifications.posting import post

    try:
        if due.dataset_id is not None:
            with service.database.read() as tx:
                get_dataset(tx, due.dataset_id, get_user(tx, due.user_id))
    except NotFound:
        problem = "The user can't read the dataset any more."
        return DeliveryOutcome(None, problem, may_retry=False)
    try:
        if due.kind == "email":
            return mail(service, due, exchange)
        return post(service.settings, client, due, service.clock(), exchange)
    except DomainError as error:
        return DeliveryOutcome(None, error.message)


def _store(service: Service, due: DueDelivery, outcome: DeliveryOutcome) -> Result:
    now, delays = service.clock(), service.settings.delivery_delays_s
    next_at = None
    if outcome.problem is not None and outcome.may_retry and due.attempts < len(delays):
        next_at = now + timedelta(seconds=delays[due.attempts])
    with service.database.write() as tx:
        end_attempt(tx, due, outcome, now, next_at)
        if outcome.is_gone and disable_receiver(tx, due.receiver_id, service.clock):
            details = {"url": due.address}
            record_of_service(
                tx, service.clock, "webhook_disabled", ("webhook", due.receiver_id), details
            )
    if outcome.problem is None:
        return "delivered"
    logger.info("%s %d: %s", due.kind, due.receiver_id, outcome.problem)
    return "failed" if next_at is None or outcome.is_gone else "postponed"
