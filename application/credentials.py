"""SOEIDs and passwords: pattern, hash and check.

A check of a password takes as long for an unknown user as for a wrong password.
"""

from __future__ import annotations

import re

from werkzeug.security import check_password_hash, generate_password_hash

from domain_errors import DomainError
from service.settings import Settings
from storage.accounts.names import UNSAFE_NAME, unsafe_character
from storage.errors import InvalidValue

DECOY = f"scrypt:32768:8:1$jobsvcdecoyhash0${'0' * 128}"
"""Costs as much as a hash of :func:`hash_password` and matches no password."""

RULES = {
    Settings.soeid_pattern: "1 to 64 letters of A to Z, digits and the characters . _ - @",
    "[A-Za-z0-9]{7}": "7 letters of A to Z or digits",
}
"""The rules of the default pattern of user names, and of SOEIDs, in words."""


class BadCredentials(DomainError):
    """Unknown user or wrong password; the error doesn't say which."""

    code = "bad_credentials"
    template = "The user name or the password is wrong."


class SignInRefused(DomainError):
    """A proxy or a provider named a user who can't sign in, or its message is invalid."""

    code = "sign_in_refused"


class WrongPassword(DomainError):
    """The user who changes a password gave a wrong current one."""

    code = "wrong_password"
    template = "That isn't your current password."
    loc = ("body", "current_password")


def hash_password(password: str) -> str:
    """Return the scrypt hash with a new salt."""
    return generate_password_hash(password)


def check_password(known_hash: str | None, password: str) -> None:
    """Compare a password with a hash, or with a decoy if there is none.

    Raises
    ------
    BadCredentials
        The password is wrong, or there is no hash.
    """
    matches = check_password_hash(known_hash or DECOY, password)
    if known_hash is None or not matches:
        raise BadCredentials


def check_soeid(settings: Settings, soeid: str) -> str:
    """Refuse a user name that doesn't match the pattern."""
    if (character := unsafe_character(soeid)) is not None:
        raise InvalidValue(UNSAFE_NAME, loc=("soeid",), character=character)
    if not re.fullmatch(settings.soeid_pattern, soeid):
        raise InvalidValue(
            '"{soeid}" isn\'t a valid user name: it has {rule}.',
            loc=("soeid",),
            soeid=soeid,
            rule=user_name_rule(settings),
        )
    return soeid


def user_name_rule(settings: Settings) -> str:
    """Return the rule for user names in words, or the pattern that the setting gives."""
    pattern = settings.soeid_pattern
    return RULES.get(pattern, f"to match the pattern {pattern}")
