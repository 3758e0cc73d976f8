"""What a new user's SOEID must look like: the setting ``soeid_pattern``."""

from __future__ import annotations

import re

from job_runner.settings import Settings
from storage.errors import InvalidValue


def check_soeid(settings: Settings, soeid: str) -> str:
    """Refuse an SOEID that doesn't match the pattern, and say the pattern."""
    if not re.fullmatch(settings.soeid_pattern, soeid):
        raise InvalidValue(
            f'"{soeid}" is no SOEID here: it must match {settings.soeid_pattern}.', loc=("soeid",)
        )
    return soeid
