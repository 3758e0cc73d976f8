"""Idempotency keys: the same request twice makes one job.

Invariant: a key is kept in the transaction that accepts its job, so of two equal requests that
arrive at once the second finds the first one's job, and a crash leaves both or none. Keys are a
user's own and are kept for a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from storage.clock import Clock, timestamp
from storage.database import Transaction
from storage.errors import Conflict
from storage.rows import first, run

KEY_LIFETIME = timedelta(days=1)


class KeyReused(Conflict):
    """The key stood for another request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key, and the SHA-256 of the request that it came with."""

    key: str
    request_hash: str


def find_job_of_key(
    tx: Transaction, user_id: int, given: IdempotencyKey | None, clock: Clock
) -> str | None:
    """The id of the job that the key stands for; None when it is new.

    Raises
    ------
    KeyReused
        It came with another request before.
    """
    if given is None:
        return None
    since = timestamp(clock() - KEY_LIFETIME)
    row = first(tx, "idempotency_key", user_id=user_id, key=given.key, since=since)
    if row is None:
        return None
    if row["request_hash"] != given.request_hash:
        raise KeyReused(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )
    return str(row["job_id"])


def store_key(
    tx: Transaction, user_id: int, given: IdempotencyKey | None, job_id: str, clock: Clock
) -> None:
    """Keep a key with the job that was accepted for it, and drop those that have ended."""
    if given is None:
        return
    now = clock()
    run(tx, "delete_expired_keys", since=timestamp(now - KEY_LIFETIME))
    run(
        tx,
        "put_idempotency_key",
        user_id=user_id,
        key=given.key,
        request_hash=given.request_hash,
        job_id=job_id,
        created_at=timestamp(now),
    )
