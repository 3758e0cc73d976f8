"""Begin a session by OpenID Connect, and end sessions by the provider's logout tokens.

Sessions end only by a token that the provider signed for this server (OpenID Connect Back-Channel
Logout 1.0). Anybody can send one, so failures are throttled by address, but only after the check of
the signature: no number of forged tokens lets a valid one be refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from application.access import Access
from application.credentials import SignInRefused
from application.providers.admission import admit, record_refusal
from application.providers.answers import SignInAttempt
from application.sign_in import SignedIn
from storage.accounts.audit_trail import Origin, record
from storage.accounts.identities import end_sessions, find_known_user

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

SESSION = "provider"
THROTTLE_KEY = "the provider's logout tokens"
ATTEMPT_S = 600
"""Time in which a user must sign in at the provider."""

logger = logging.getLogger("jobsvc.sign_in")


def sign_in_by_provider(
    access: Access,
    provider: OpenidProvider,
    attempt: SignInAttempt | None,
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


def sign_out_by_provider(
    access: Access, provider: OpenidProvider, logout_token: str, origin: Origin
) -> None:
    """End the sessions that a user began by the provider; their named tokens stay.

    Raises
    ------
    SignInRefused, ProviderUnavailable, TooManyAttempts, TooMuchWork
        The token is invalid; the provider doesn't respond; there were too many failures; or too
        many threads wait for the provider.
    """
    try:
        identity = provider.signed_out_identity(logout_token)
    except SignInRefused as refusal:
        with access.throttle.attempt(THROTTLE_KEY, origin.client_address or ""):
            logger.warning("%s", refusal.message)
            access.on_refusal(refusal)
            raise
    with access.service.database.write() as tx:
        known = find_known_user(tx, identity)
        if known is not None and end_sessions(tx, known.user, SESSION):
            record(
                tx,
                access.service.clock,
                "signed_out",
                user_id=known.user.id,
                origin=origin,
                about=("user", known.user.id),
                details={"by": SESSION},
            )
