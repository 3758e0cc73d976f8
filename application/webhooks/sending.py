"""Send the deliveries of the outbox: at least once, with the same message id in each attempt.

One thread finds due deliveries, a few threads send them, one at a time to each webhook, so that a
slow receiver delays its own messages only. A failed attempt is repeated with growing delays.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from application.webhooks.registering import webhook_uri
from application.webhooks.signing import signature
from domain_errors import DomainError
from import_engine.sources.uris import SourceUri, UriNotAllowed, is_link_local
from job_runner.service import Service
from storage.accounts.audit import THIS_PROCESS, record
from storage.accounts.datasets import get_dataset
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.jobs.webhooks import (
    DueDelivery,
    disable_webhook,
    due_deliveries,
    end_attempt,
    next_delivery,
)

logger = logging.getLogger("jobsvc.webhooks")

THREADS = 4
MIN_PAUSE_S, MAX_PAUSE_S = 0.01, 60.0
"""Bounds of the wait for the next delivery: after a change of the clock it is found in a minute."""
FAULT_PAUSE_S = 5.0
"""Pause after the database couldn't be read or written."""


class NoRight(Exception):
    """The webhook's user can't read the dataset of the event."""


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt: delivered if there is no problem."""

    status: int | None
    problem: str | None
    may_retry: bool = True


class WebhookSender:
    """The threads that send deliveries."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._dispatcher: threading.Thread | None = None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")

    def start(self, service: Service) -> None:
        """Start sending, first what waits since an earlier run."""
        self._dispatcher = threading.Thread(
            target=self._dispatch, args=(service,), name="webhook-dispatcher", daemon=True
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
        limit_s = service.settings.webhook_limit_s
        with httpx.Client(timeout=limit_s, follow_redirects=False) as client:
            while not service.stopping.is_set():
                try:
                    pause_s = self._submit_due(service, client)
                except Exception:
                    logger.exception("reading the outbox of webhooks failed")
                    pause_s = FAULT_PAUSE_S
                self._wake.wait(pause_s)
                self._wake.clear()
            self._executor.shutdown(wait=True)

    def _submit_due(self, service: Service, client: httpx.Client) -> float:
        """Give due deliveries to idle threads; return the seconds until the next is due."""
        now = service.clock()
        latest = now + timedelta(seconds=max(service.settings.webhook_delays_s))
        with self._lock:
            busy = set(self._busy)
        idle = THREADS - len(busy)
        if not idle:
            return MAX_PAUSE_S  # a thread that ends wakes the dispatcher
        with service.database.read() as tx:
            found = due_deliveries(tx, now, latest, busy, idle)
            busy |= {due.webhook_id for due in found}
            following = next_delivery(tx, busy)
        for due in found:
            with self._lock:
                self._busy.add(due.webhook_id)
            self._executor.submit(self._run, service, client, due)
        if following is None:
            return MAX_PAUSE_S
        return min(max((following - now).total_seconds(), MIN_PAUSE_S), MAX_PAUSE_S)

    def _run(self, service: Service, client: httpx.Client, due: DueDelivery) -> None:
        try:
            if not service.stopping.is_set():
                _store(service, due, attempt(service, client, due))
        except Exception:
            logger.exception("the delivery %s could not be attempted or stored", due.message_id)
            service.stopping.wait(FAULT_PAUSE_S)
        finally:
            with self._lock:
                self._busy.discard(due.webhook_id)
            self.wake()


def attempt(service: Service, client: httpx.Client, due: DueDelivery) -> Outcome:
    """Send a delivery once."""
    try:
        uri = webhook_uri(due.url, service.settings.allowed_webhooks)
        _require_right(service, due)
        status = _post(client, uri, due, service.clock())
    except NoRight:
        problem = "The user of the webhook can't read the dataset any more."
        return Outcome(None, problem, may_retry=False)
    except DomainError as error:
        return Outcome(None, error.message)
    except httpx.TimeoutException:
        return Outcome(None, "The receiver didn't answer in time.")
    except httpx.HTTPError as error:
        return Outcome(None, f"The connection failed ({type(error).__name__}).")
    if httpx.codes.is_success(status):
        return Outcome(status, None)
    if httpx.codes.is_redirect(status):
        return Outcome(status, "The receiver redirects to another address, which isn't followed.")
    return Outcome(status, f"The receiver answered with status {status}.")


def _require_right(service: Service, due: DueDelivery) -> None:
    """Require that the webhook's user may still see the event's dataset."""
    if due.dataset_id is None:
        return
    try:
        with service.database.read() as tx:
            get_dataset(tx, due.dataset_id, get_user(tx, due.user_id))
    except NotFound:
        raise NoRight from None


def _post(client: httpx.Client, uri: SourceUri, due: DueDelivery, now: datetime) -> int:
    """Send the message and return the answer's status; the answer's body isn't read."""

    def check_peer(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":  # before anything is sent
            connection = info["return_value"]
            if is_link_local(connection.get_extra_info("server_addr")[0]):
                connection.close()
                raise UriNotAllowed("The receiver's host has a link-local address.")

    body, timestamp_s = due.payload.encode(), int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "jobsvc",
        "webhook-id": due.message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(due.secret, due.message_id, timestamp_s, body),
    }
    with client.stream(
        "POST", str(uri), content=body, headers=headers, extensions={"trace": check_peer}
    ) as response:
        return response.status_code


def _store(service: Service, due: DueDelivery, outcome: Outcome) -> None:
    now, delays = service.clock(), service.settings.webhook_delays_s
    next_at = None
    if outcome.problem is not None and outcome.may_retry and due.attempts < len(delays):
        next_at = now + timedelta(seconds=delays[due.attempts])
    with service.database.write() as tx:
        end_attempt(tx, due, now, status=outcome.status, problem=outcome.problem, next_at=next_at)
        if outcome.status == httpx.codes.GONE and disable_webhook(
            tx, due.webhook_id, service.clock
        ):
            record(
                tx,
                service.clock,
                "webhook_disabled",
                user_id=None,
                origin=THIS_PROCESS,
                about=("webhook", due.webhook_id),
                details={"url": due.url},
            )
    if outcome.problem is not None:
        logger.info("webhook %d: %s", due.webhook_id, outcome.problem)
