"""The pattern of a new user's SOEID: the setting ``soeid_pattern``."""

from __future__ import annotations

import re

from job_runner.settings import Settings
from storage.errors import InvalidValue


def check_soeid(settings: Settings, soeid: str) -> str:
    """Refuse an SOEID that doesn't match the pattern."""
    if not re.fullmatch(settings.soeid_pattern, soeid):
        raise InvalidValue(
            '"{soeid}" isn\'t a valid SOEID: it must match {pattern}.',
            loc=("soeid",),
            soeid=soeid,
            pattern=settings.soeid_pattern,
        )
    return soeid
