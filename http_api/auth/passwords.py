"""Passwords: their least length, their hash, and checking one.

Invariant: checking takes as long for an unknown user as for a wrong password.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError
from werkzeug.security import check_password_hash, generate_password_hash

from domain_errors import DomainError
from http_api.schemas.fields import StrictString

MIN_LENGTH = 8
MAX_LENGTH = 1000
DECOY = f"scrypt:32768:8:1$jobsvcdecoyhash0${'0' * 128}"
"""Costs what a hash of :func:`hash_password` costs, and no password fits it."""


class BadCredentials(DomainError):
    """Unknown user or wrong password; which of them isn't told."""

    code = "bad_credentials"

    def __init__(self) -> None:
        super().__init__("The SOEID or the password is wrong.")


class WrongPassword(DomainError):
    """Not the present password of the user who wants another."""

    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("That is not your present password.", loc=("body", "current_password"))


class PasswordText(StrictString):
    """A new password."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        password = super()._deserialize(value, attr, data, **kwargs)
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise ValidationError(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
        return password


def hash_password(password: str) -> str:
    """Werkzeug's scrypt with a salt of its own."""
    return generate_password_hash(password)


def check_password(known_hash: str | None, password: str) -> None:
    """Hold a password against a hash, or against a decoy when there is none.

    Raises
    ------
    BadCredentials
        It doesn't fit, or there is no hash.
    """
    fits = check_password_hash(known_hash or DECOY, password)
    if known_hash is None or not fits:
        raise BadCredentials
