"""What passes between a browser, the identity provider and this server in a sign-in."""

from __future__ import annotations

import secrets
from dataclasses import fields
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from storage.accounts.identities import Identity

MAX_TARGET = 1500
"""Longest address of a page that a sign-in returns to, as a cookie stores it."""


class ProviderUnavailable(DomainError):
    """The provider doesn't respond, or responds with something else than OpenID Connect."""

    code = "provider_unavailable"
    template = (
        "The identity provider can't be used ({problem}). Try again later, or sign in with a "
        "password."
    )
    retry_after_s = 5


@dataclass(frozen=True)
class SignInAttempt:
    """The contents of a browser's cookie while its user signs in at the provider.

    Parameters
    ----------
    target : str
        The page to return to.
    """

    state: str
    nonce: str
    verifier: str
    target: str

    @classmethod
    def to_page(cls, target: str) -> Self:
        """A new attempt, with random values of 256 bits."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        fits = len(quote(target, safe="")) <= MAX_TARGET
        return cls(state, nonce, verifier, target if fits else "/")

    def text(self) -> str:
        """The value of the cookie."""
        return urlencode(vars(self))

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The attempt of a cookie; None if it is missing or invalid."""
        values = dict(parse_qsl(text[:4096]))
        names = {item.name for item in fields(cls)}
        return cls(**values) if set(values) == names else None


@dataclass(frozen=True)
class ProvedUser:
    """A user as the provider describes them.

    Parameters
    ----------
    name : str
        The user name of a new account.
    groups : tuple of str
        The provider's names of the user's groups.
    """

    identity: Identity
    name: str
    groups: tuple[str, ...]
