"""Sign-out by the provider (OpenID Connect Back-Channel Logout 1.0).

Guarantees that sessions end only by a token that the provider signed for this server as a logout
token. Anybody can send one, so failures are throttled by address, but only after the check of the
signature: no number of forged tokens lets a valid one be refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from application.access import Access
from application.credentials import SignInRefused
from application.providers.attempts import SESSION
from storage.accounts.audit_trail import Origin, record
from storage.accounts.identities import end_sessions, find_known_user

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

logger = logging.getLogger("jobsvc.sign_in")

THROTTLE_KEY = "the provider's logout tokens"


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
