"""Idempotency keys: a repeated request returns the first request's job.

A key is stored in its job's transaction. Keys belong to a user and expire after a day.
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
    """The key was used for a different request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key and the SHA-256 of its request."""

    key: str
    request_hash: str


def find_job_of_key(
    tx: Transaction, user_id: int, key: IdempotencyKey | None, clock: Clock
) -> str | None:
    """Return the id of the key's job; None for a new key.

    Raises
    ------
    KeyReused
        The key was used for a different request.
    """
    if key is None:
        return None
    since = timestamp(clock() - KEY_LIFETIME)
    row = first(tx, "idempotency_key", user_id=user_id, key=key.key, since=since)
    if row is None:
        return None
    if row["request_hash"] != key.request_hash:
        raise KeyReused(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )
    return str(row["job_id"])


def store_key(
    tx: Transaction, user_id: int, key: IdempotencyKey | None, job_id: str, clock: Clock
) -> None:
    """Store a key with its job, and delete expired keys."""
    if key is None:
        return
    now = clock()
    run(tx, "delete_expired_keys", since=timestamp(now - KEY_LIFETIME))
    run(
        tx,
        "put_idempotency_key",
        user_id=user_id,
        key=key.key,
        request_hash=key.request_hash,
        job_id=job_id,
        created_at=timestamp(now),
    )
