"""An OpenID Connect provider on this machine, and a browser that signs in there."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from werkzeug.serving import make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a deprecated module of Authlib
    import oidc_provider_mock
    from authlib.jose import RSAKey, jwt

FORWARDS = (301, 302, 303)


class Provider:
    """A provider that signs ID tokens, requires PKCE, and can rotate its keys."""

    def __init__(self) -> None:
        self.app = oidc_provider_mock.app()
        self.app.before_request(self._before_request)
        self.app.post("/test/logout-token")(self._logout_token)
        self.app.after_request(_with_an_unknown_key)
        self.changes_key_at: tuple[str, ...] = ()
        self.challenges: set[str] = set()
        self.key_reads = 0
        self.server = make_server("localhost", 0, self.app, threaded=True)
        self.issuer = f"http://localhost:{self.server.server_port}"

    def set_user(self, sub: str, **claims: Any) -> None:
        """Set the claims of a user, which ID tokens have; they replace those of the protocol."""
        given = {"preferred_username": sub, **claims}
        assert httpx.put(f"{self.issuer}/users/{sub}", json=given).status_code == 204

    def sign_out(self, sub: str, address: str, **claims: Any) -> httpx.Response:
        """Send a logout token about a user to a client's address, and return the answer."""
        return httpx.post(address, data={"logout_token": self.logout_token(sub=sub, **claims)})

    def logout_token(self, **claims: Any) -> str:
        """A signed logout token; a claim of None is left out."""
        given = {"iss": self.issuer, **claims}
        return httpx.post(f"{self.issuer}/test/logout-token", json=given).text

    def _logout_token(self) -> str:
        """Sign a logout token with the claims of the request; a claim of null is left out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "aud": "jobsvc",
            "iat": now,
            "exp": now + 120,
            "jti": "1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **flask.request.get_json(),
        }
        key = flask.g.oidc_provider_mock_storage.jwk
        header = {"alg": "RS256", "kid": key.thumbprint(), "typ": "logout+jwt"}
        present = {name: value for name, value in claims.items() if value is not None}
        return str(jwt.encode(header, present, key).decode())

    def _before_request(self) -> None:
        request = flask.request
        self.key_reads += request.path == "/jwks"
        if request.path == "/oauth2/authorize" and request.method == "GET":
            assert request.args["code_challenge_method"] == "S256"
            self.challenges.add(request.args["code_challenge"])
        if request.path == "/oauth2/token":
            challenge = create_s256_code_challenge(request.form["code_verifier"])
            if challenge not in self.challenges:
                flask.abort(400)
        if request.path in self.changes_key_at:
            flask.g.oidc_provider_mock_storage.jwk = RSAKey.generate_key(is_private=True)


def _with_an_unknown_key(response: flask.Response) -> flask.Response:
    """List a key of a kind that no library knows, as providers may some day."""
    if flask.request.path == "/jwks":
        unknown = {"kty": "OKP", "crv": "unknown", "x": "AA", "kid": "unknown"}
        response.set_data(flask.json.dumps({"keys": [unknown, *response.get_json()["keys"]]}))
    return response


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers in a thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # for its http address on this machine
        provider = Provider()
        thread = threading.Thread(target=provider.server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield provider
        finally:
            provider.server.shutdown()
            thread.join()
            provider.server.server_close()


def at_provider(browser: httpx.Client, page: str = "/") -> httpx.Response:
    """The provider's sign-in page, reached from the button of the sign-in page."""
    begun = browser.get("/sign-in/provider", params={"next": page})
    assert begun.status_code == 303, begun.text
    shown = browser.get(begun.headers["Location"])
    assert shown.status_code == 200, shown.text
    return shown


def confirmed(browser: httpx.Client, sub: str, page: str = "/") -> str:
    """The address to which the provider returns after a user has signed in there."""
    shown = at_provider(browser, page)
    answer = browser.post(str(shown.url), data={"sub": sub})
    assert answer.status_code in FORWARDS, answer.text
    return answer.headers["Location"]


def sign_in(browser: httpx.Client, sub: str, page: str = "/") -> httpx.Response:
    """The answer of the server to a sign-in by the provider."""
    return browser.get(confirmed(browser, sub, page))
