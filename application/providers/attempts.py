"""A browser's attempt to sign in by OpenID Connect: its cookie, and the session that it ends in.

The pages use it; :mod:`openid` sends requests to the provider.
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
from storage.accounts.audit_trail import Origin

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

SESSION = "provider"
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
