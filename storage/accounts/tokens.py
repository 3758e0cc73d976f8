"""Bearer tokens and one-time sign-in links.

A secret is returned once, at its creation; only its SHA-256 is stored. Tokens have 256 random
bits, so a fast hash is sufficient; passwords use scrypt.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Annotated, Literal

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.accounts.users import USERS, User
from storage.errors import NotFound
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, first, required, run

Scope = Literal["read", "write"]
Kind = Literal["session", "named", "operator"]
KEEP_EXPIRED = timedelta(days=30)
"""Time that an expired named token is kept, so that its user learns why a script stopped."""


@dataclass(frozen=True)
class Token:
    """A stored token, without its secret; ``last_used_at`` is of a named one."""

    id: int
    name: str
    scope: Scope
    created_at: str
    expires_at: str | None
    last_used_at: Annotated[str | None, Help("Within a minute; null if it was never used.")]
    user_id: int
    user_soeid: str

    def ends_within(self, span: timedelta, clock: Clock) -> bool:
        """Return whether the token expires within a time, or has expired."""
        return self.expires_at is not None and self.expires_at <= timestamp(clock() + span)


_TOKENS = Records(Token)


@dataclass(frozen=True)
class TokenHolder:
    """The user of a request, with the token and its scope."""

    user: User
    token_id: int
    scope: Scope
    kind: Kind
    token_name: str
    expires_at: str | None

    def has_ended(self, clock: Clock) -> bool:
        """Return whether the token has expired."""
        return self.expires_at is not None and self.expires_at <= timestamp(clock())


def issue_token(
    tx: Transaction,
    user_id: int,
    *,
    kind: Kind,
    name: str,
    scope: Scope,
    lifetime: timedelta | None,
    clock: Clock,
) -> tuple[str, Token]:
    """Create a token; return its secret, which is not stored, and the token."""
    secret = secrets.token_urlsafe(32)
    now = clock()
    token = _TOKENS.only(
        tx,
        "insert_token",
        token_hash=hash_secret(secret),
        user_id=user_id,
        kind=kind,
        name=name,
        scope=scope,
        created_at=timestamp(now),
        expires_at=None if lifetime is None else timestamp(now + lifetime),
    )
    return secret, token


def find_token_holder(tx: Transaction, secret: str) -> TokenHolder | None:
    """Return a token's holder by its secret, also after the token has expired."""
    row = first(tx, "token_holder", token_hash=hash_secret(secret))
    if row is None:
        return None
    return TokenHolder(
        USERS.of(row),
        row["token_id"],
        row["scope"],
        row["kind"],
        row["token_name"],
        row["expires_at"],
    )


def find_token_user(tx: Transaction, token_id: int, clock: Clock) -> User | None:
    """Return a token's user by its id; None if it has expired or its user was removed."""
    return USERS.first(tx, "token_user", id=token_id, now=timestamp(clock()))


def list_tokens(
    tx: Transaction, user_id: int | None, offset: int, limit: int, q: str | None = None
) -> tuple[list[Token], int]:
    """Return a page of the named tokens of a user, or of all users, and their number.

    ``q`` is a part of the name of a token or of its user.
    """
    return _TOKENS.page(tx, "list_named_tokens", offset, limit, user_id=user_id, q=q)


def note_token_use(tx: Transaction, token_id: int, at: str) -> None:
    """Record when a token was last used."""
    run(tx, "note_token_use", id=token_id, now=at)


def revoke_named_token(tx: Transaction, user_id: int | None, token_id: int) -> Token:
    """Delete and return a named token of a user, or of any user."""
    missing = NotFound(
        "There is no token {token}." if user_id is None else "You have no token {token}.",
        token=str(token_id),
    )
    return _TOKENS.get(tx, "delete_named_token", missing, id=token_id, user_id=user_id)


def revoke_token(tx: Transaction, token_id: int) -> None:
    """Delete a request's token."""
    run(tx, "delete_token", id=token_id)


def delete_expired_tokens(tx: Transaction, clock: Clock) -> None:
    """Delete expired tokens and operator tokens of earlier servers."""
    now = clock()
    run(tx, "delete_obsolete_tokens", now=timestamp(now), named=timestamp(now - KEEP_EXPIRED))


def open_sign_in_link(
    tx: Transaction, user_id: int, lifetime: timedelta, clock: Clock
) -> tuple[str, str]:
    """Create a one-time link, which replaces the user's earlier one; return its code and end."""
    code = secrets.token_urlsafe(32)
    expires_at = timestamp(clock() + lifetime)
    link = {"user_id": user_id, "code_hash": hash_secret(code), "expires_at": expires_at}
    run(tx, "put_sign_in_link", **link)
    return code, expires_at


def sign_in_link_user(tx: Transaction, code: str, clock: Clock) -> User | None:
    """Return the user of an unexpired link, without using the link."""
    return USERS.first(tx, "sign_in_link_user", code_hash=hash_secret(code), now=timestamp(clock()))


def use_sign_in_link(tx: Transaction, code: str, clock: Clock) -> int:
    """Delete a link and return its user's id; raise NotFound if there is no such link."""
    missing = NotFound("This sign-in link was used already or has ended.")
    link = {"code_hash": hash_secret(code), "now": timestamp(clock())}
    return int(required(tx, "use_sign_in_link", missing, **link)["user_id"])


def hash_secret(secret: str) -> str:
    """Return the stored hash of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
