"""A browser's attempt to sign in by OpenID Connect: its cookie, and the session that it ends in.

The pages use it; :mod:`openid` sends requests to the provider.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, quote, urlencode

from application.access import Access
from application.credentials import SignInRefused
from application.providers.admission import admit, record_refusal
from application.sign_in import SignedIn
from domain_errors import DomainError
from storage.accounts.audit_trail import Origin

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

SESSION = "provider"
ATTEMPT_S = 600
"""Time in which a user must sign in at the provider."""
MAX_TARGET = 1500
"""Longest address of a page that a sign-in returns to, as a cookie stores it."""

logger = logging.getLogger("jobsvc.sign_in")


class ProviderUnavailable(DomainError):
    """The provider doesn't respond, or responds with something else than OpenID Connect."""

    code = "provider_unavailable"
    retry_after_s = 5

    def __init__(self, problem: str) -> None:
        super().__init__(
            "The identity provider can't be used ({problem}). Try again later, or sign in with a "
            "password.",
            problem=problem,
        )


@dataclass(frozen=True)
class Attempt:
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


def sign_in_by_provider(
    access: Access,
    provider: OpenidProvider,
    attempt: Attempt | None,
    answer: Mapping[str, str],
    return_url: str,
    origin: Origin,
) -> SignedIn:
    """Begin a session of the user whom the provider has authenticated.

    Raises
    ------
    SignInRefused, ProviderUnavailable, TooMuchWork
        The answer is invalid, or the user has no role; the provider doesn't respond; or too many
        sign-ins run at once.
    """
    with access.work_limits.provider_sign_ins.piece(origin.client_address):
        try:
            tokens = provider.exchange(attempt, answer, return_url)
        except SignInRefused as refusal:  # anybody can cause these, so the audit trail has none
            logger.warning("%s", refusal.message)
            access.on_refusal(refusal)
            raise
        try:
            proved = provider.proved_user(tokens, attempt.nonce if attempt else "")
        except SignInRefused as refusal:
            record_refusal(access, "", "provider", origin, refusal)
            raise
    found = admit(access, proved, "provider", origin)
    provider.remember(found.token_id, str(tokens["id_token"]))
    return found
