"""Sign-in by OpenID Connect: the authorization code flow with PKCE (RFC 7636).

Guarantees that a user comes only from an ID token that the provider signed for this server and for
this browser's attempt, and that hasn't expired. Authlib checks the claims. A server without a
provider doesn't load this module, whose libraries take 0.3 s.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from application.credentials import SignInRefused
from application.providers.answers import ProvedUser, ProviderUnavailable, SignInAttempt
from application.work_limits import TooMuchWork, WorkLimit
from import_engine.sources.exchange import Exchange, Overdue
from lazy_dataclasses import dataclass
from service.service import LruCache
from service.settings import InvalidSetting, Settings
from storage.accounts.identities import Identity
from storage.sqlite.clock import Clock

try:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
    from joserfc.jwk import KeySet, import_key
except ImportError:  # the extra jobsvc[oidc] isn't installed
    HAS_AUTHLIB = False
else:
    HAS_AUTHLIB = True

LIMIT_S = 5.0
"""Time limit of a whole answer of the provider."""
FAILED_FOR_S = 5.0
"""Time after a failure in which the provider is sent nothing."""
MAX_ANSWER_BYTES = 1024**2
MAX_TOKEN_LENGTH = 16 * 1024
METADATA_FOR_S = 3600
"""Time for which the provider's addresses and keys are used before they are read again."""
KEYS_FOR_S = 10
"""Time in which a logout token, which anybody can send, doesn't let the keys be read again."""
LEEWAY_S = 60
"""Difference of the clocks of this server and the provider that is accepted."""
ALGORITHMS = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "ES256", "ES384")
"""Signatures by public keys: never ``none``, and never the client secret."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_CLAIMS = ("iss", "aud", "iat", "exp", "jti", "sub", "events")
"""Claims of a logout token that are required; the specification lets ``sid`` replace ``sub``."""
_ERROR = re.compile("[a-z_]{1,40}")

JsonObject = Mapping[str, object]

logger = logging.getLogger("jobsvc.sign_in")


@dataclass(frozen=True)
class Metadata:
    """The provider's addresses (OpenID Connect Discovery 1.0) and its public keys."""

    addresses: JsonObject
    keys: Any
    read_at: float


@dataclass(frozen=True)
class ProviderAnswer:
    """A response of the provider."""

    status: int
    body: bytes

    def json_object(self) -> JsonObject:
        """The JSON object of a successful response; raise ProviderUnavailable for any other."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if self.status != 200 or not isinstance(found, dict):
            raise _unavailable(f"status {self.status}")
        return found


class OpenidProvider:
    """The provider of the settings. Nothing is asked of it before the first sign-in.

    One thread at a time reads its metadata. After a failure it is sent nothing for a moment.

    Parameters
    ----------
    reads : WorkLimit
        Limits the threads that read the metadata or wait for them.
    monotonic : callable
        The clock of the metadata's age, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        reads: WorkLimit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not HAS_AUTHLIB:
            raise InvalidSetting("oidc_issuer requires Authlib: pip install 'jobsvc[oidc]'.")
        self._settings, self._clock, self._monotonic = settings, clock, monotonic
        self._reads, self._reading = reads, threading.Lock()
        self._metadata: Metadata | None = None
        self._failure: tuple[float, str] | None = None
        self._id_tokens: LruCache[int, str] = LruCache(5_000, fits=bool)

    @property
    def name(self) -> str:
        """The provider's name for users."""
        return self._settings.oidc_name or str(urlsplit(self._settings.oidc_issuer).hostname)

    def authorization_url(self, attempt: SignInAttempt, return_url: str) -> str:
        """The provider's page on which a user signs in.

        Raises
        ------
        ProviderUnavailable
            Its metadata can't be read.
        """
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": return_url,
            "scope": self._settings.oidc_scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return _with_query(self._address("authorization_endpoint"), query)

    def end_session_url(self, token_id: int, return_url: str) -> str | None:
        """The provider's page that signs a user out; None if it has none or doesn't respond."""
        try:
            address = self._metadata_now().addresses.get("end_session_endpoint")
        except (ProviderUnavailable, TooMuchWork):
            return None
        if not address:
            return None
        query = {"client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": return_url}
        id_token = self._id_tokens.get(token_id, str)
        if id_token:
            query["id_token_hint"] = id_token
        return _with_query(str(address), query)

    def remember(self, token_id: int, id_token: str) -> None:
        """Keep a session's ID token in memory for its sign-out."""
        self._id_tokens.get(token_id, lambda: id_token)

    def exchange(
        self, attempt: SignInAttempt | None, answer: Mapping[str, str], return_url: str
    ) -> JsonObject:
        """Return the tokens for the provider's answer.

        Parameters
        ----------
        attempt : Attempt or None
            That of the browser's cookie.
        answer : mapping
            The query with which the provider redirected the browser.

        Raises
        ------
        SignInRefused, ProviderUnavailable
            The answer isn't one to this attempt, or the provider refuses it.
        """
        if attempt is None or not hmac.compare_digest(
            answer.get("state", "").encode(), attempt.state.encode()
        ):
            raise SignInRefused(
                "The sign-in took too long, or began in another browser. Sign in again."
            )
        if "error" in answer:
            error = answer["error"] if _ERROR.fullmatch(answer["error"]) else "unknown error"
            raise SignInRefused(
                "The identity provider refused the sign-in ({error}). Sign in again, or ask an "
                "administrator.",
                error=error,
            )
        return self._tokens(answer.get("code", ""), attempt, return_url)

    def proved_user(self, tokens: JsonObject, nonce: str) -> ProvedUser:
        """Return the user of an ID token.

        Raises
        ------
        SignInRefused, ProviderUnavailable
            The token is invalid, or isn't for this server or this attempt.
        """
        access_token = tokens.get("access_token")
        claims = self._checked_claims(str(tokens.get("id_token", "")), nonce, access_token)
        return self._user_of(self._with_user_info(claims, access_token))

    def signed_out_identity(self, logout_token: str) -> Identity:
        """Return the user of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).

        Raises
        ------
        SignInRefused, ProviderUnavailable
            The token is invalid, isn't for this server, or names a session alone.
        """
        required: dict[str, Any] = {name: {"essential": True} for name in LOGOUT_CLAIMS}
        required["iss"]["value"] = self._settings.oidc_issuer
        required["aud"]["value"] = self._settings.oidc_client_id
        try:
            if len(logout_token) > MAX_TOKEN_LENGTH:
                raise ValueError("it is too long")
            claims = self._verified(logout_token, KEYS_FOR_S).claims
            registry = jwt.JWTClaimsRegistry(int(self._clock().timestamp()), LEEWAY_S, **required)
            registry.validate(claims)
            if not isinstance(claims["events"].get(LOGOUT_EVENT), dict) or "nonce" in claims:
                raise ValueError("it isn't a logout token")
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise SignInRefused(
                "The logout token is invalid: {problem}.", problem=str(error)[:200].rstrip(".")
            ) from None
        return Identity(self._settings.oidc_issuer, str(claims["sub"]))

    def _tokens(self, code: str, attempt: SignInAttempt, return_url: str) -> JsonObject:
        """Exchange a code for tokens (RFC 6749, section 4.1.3)."""
        settings = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_url,
            "code_verifier": attempt.verifier,
            "client_id": settings.oidc_client_id,
        }
        methods = self._metadata_now().addresses.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        )
        client: tuple[str, str] | None = None
        takes_basic = isinstance(methods, list | str) and "client_secret_basic" in methods
        if settings.provider_secret and takes_basic:
            client = (quote(settings.oidc_client_id, safe=""), quote(settings.provider_secret, ""))
        elif settings.provider_secret:
            form["client_secret"] = settings.provider_secret
        address = self._address("token_endpoint")
        with self._remembered_failure():
            answer = _ask("POST", address, data=form, auth=client)
        if answer.status >= 500:
            raise _unavailable(f"status {answer.status}")
        if answer.status != 200:
            logger.warning("the provider refused a code: %r", answer.body[:500])
            raise SignInRefused(
                "The identity provider didn't confirm the sign-in. Sign in again; if it fails "
                "again, ask an administrator to compare oidc_client_id and oidc_client_secret."
            )
        return answer.json_object()

    def _checked_claims(self, id_token: str, nonce: str, access_token: object) -> JsonObject:
        """Check an ID token (OpenID Connect Core 1.0, section 3.1.3.7) and return its claims."""
        settings = self._settings
        options: dict[str, Any] = {
            "iss": {"essential": True, "value": settings.oidc_issuer},
            "aud": {"essential": True, "value": settings.oidc_client_id},
        }
        params = {
            "nonce": nonce,
            "client_id": settings.oidc_client_id,
            "access_token": access_token,
        }
        try:
            signed = self._verified(id_token)
            claims = CodeIDToken(signed.claims, signed.header, options, params)
            claims.validate(int(self._clock().timestamp()), LEEWAY_S)
        except ExpiredTokenError:
            raise SignInRefused(
                "The identity provider's token has expired. Sign in again; if it fails again, "
                "compare the clocks of this server and of the provider."
            ) from None
        except InvalidClaimError as error:
            raise SignInRefused(
                "The identity provider's token isn't for this sign-in (the claim {claim} is "
                "wrong). Ask an administrator to compare oidc_issuer and oidc_client_id.",
                claim=error.claim,
            ) from None
        except (JoseError, ValueError, TypeError) as error:
            logger.warning("the provider's token is invalid: %s", error)
            raise SignInRefused(
                "The identity provider's token is invalid. Ask an administrator."
            ) from None
        return dict(claims)

    def _verified(self, token: str, keys_for_s: float = 0) -> Any:
        """Check a signature; read the keys again if none of them matches, since keys rotate.

        Parameters
        ----------
        keys_for_s : float
            Minimum age of the keys that are read again.
        """
        known = self._metadata_now()
        try:
            return jwt.decode(token, known.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            if self._monotonic() - known.read_at < keys_for_s:
                raise
        return jwt.decode(token, self._read_again(known).keys, algorithms=list(ALGORITHMS))

    def _with_user_info(self, claims: JsonObject, access_token: object) -> JsonObject:
        """Add claims of the provider's user information that the ID token lacks."""
        wanted = {self._settings.oidc_user_claim, self._settings.oidc_groups_claim}
        address = self._metadata_now().addresses.get("userinfo_endpoint")
        if wanted <= claims.keys() or not address or not access_token:
            return claims
        headers = {"Authorization": f"Bearer {access_token}"}
        with self._remembered_failure():
            answer = _ask("GET", str(address), headers=headers)
        more = answer.json_object() if answer.status == 200 else {}
        return {**more, **claims} if more.get("sub") == claims["sub"] else claims

    def _user_of(self, claims: JsonObject) -> ProvedUser:
        settings = self._settings
        name = claims.get(settings.oidc_user_claim)
        if not isinstance(name, str) or not name.strip():
            raise SignInRefused(
                "The identity provider sent no user name (claim {claim}). Ask an administrator.",
                claim=settings.oidc_user_claim,
            )
        if settings.oidc_user_claim == "email" and claims.get("email_verified") is not True:
            raise SignInRefused("The identity provider hasn't verified your e-mail address.")
        groups = claims.get(settings.oidc_groups_claim, [])
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return ProvedUser(
            Identity(settings.oidc_issuer, str(claims["sub"])),
            name.strip(),
            tuple(group for group in listed if isinstance(group, str)),
        )

    def _address(self, name: str) -> str:
        address = self._metadata_now().addresses.get(name)
        if not isinstance(address, str):
            raise _unavailable(f"it has no {name}")
        return address

    def _metadata_now(self) -> Metadata:
        """The provider's metadata, read again after ``METADATA_FOR_S``."""
        known = self._metadata
        if known is None or self._monotonic() - known.read_at > METADATA_FOR_S:
            return self._read_again(known)
        return known

    def _read_again(self, known: Metadata | None) -> Metadata:
        """Read the metadata, or wait for the thread that reads them.

        Parameters
        ----------
        known : Metadata or None
            Those that are too old.

        Raises
        ------
        ProviderUnavailable, TooMuchWork
            The provider failed a moment ago, or now; or too many threads wait.
        """
        with self._reads.piece(None), self._reading:
            if self._metadata is None or self._metadata is known:
                with self._remembered_failure():
                    self._metadata = self._read_metadata()
            return self._metadata

    @contextmanager
    def _remembered_failure(self) -> Iterator[None]:
        """Remember that the provider fails, and raise it again for ``FAILED_FOR_S``."""
        failure = self._failure
        if failure is not None and self._monotonic() - failure[0] < FAILED_FOR_S:
            raise ProviderUnavailable(problem=failure[1])
        try:
            yield
        except ProviderUnavailable as error:
            self._failure = (self._monotonic(), str(error.parameters["problem"]))
            raise

    def _read_metadata(self) -> Metadata:
        issuer = self._settings.oidc_issuer
        place = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        addresses = _ask("GET", place).json_object()
        if addresses.get("issuer") != issuer:
            raise _unavailable(f"its issuer is {str(addresses.get('issuer'))[:200]}")
        listed = _ask("GET", str(addresses.get("jwks_uri"))).json_object().get("keys")
        keys = [key for each in listed for key in _usable(each)] if isinstance(listed, list) else []
        if not keys:
            raise _unavailable("it has no public keys")
        return Metadata(addresses, KeySet(keys), self._monotonic())


def _usable(listed: Any) -> Iterator[Any]:
    """Yield a listed key, unless its kind is unknown: providers list keys for other uses, too."""
    with suppress(JoseError, ValueError, KeyError, TypeError):
        yield import_key(listed)


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _unavailable(problem: str) -> ProviderUnavailable:
    logger.error("the identity provider can't be used: %s", problem)
    return ProviderUnavailable(problem=problem)


def _ask(method: str, address: str, **options: Any) -> ProviderAnswer:
    """Send a request to the provider and return its whole answer, within ``LIMIT_S``."""
    exchange = Exchange(LIMIT_S)
    try:
        return exchange.run(lambda: _answer(exchange, method, address, options))
    except Overdue:
        raise _unavailable("no answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(f"{type(error).__name__}") from None


def _answer(
    exchange: Exchange, method: str, address: str, options: Mapping[str, Any]
) -> ProviderAnswer:
    body = bytearray()
    with (
        httpx.Client(timeout=LIMIT_S) as client,
        client.stream(method, address, extensions={"trace": exchange.trace}, **options) as response,
    ):
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise _unavailable("its answer is too large")
    return ProviderAnswer(response.status_code, bytes(body))
