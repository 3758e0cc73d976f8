"""The request id: the client's own or a new one."""

from __future__ import annotations

import re
import uuid

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id(given: str | None) -> str:
    """Return the id that the client sent if it is valid, else a new one."""
    return given if given is not None and _GIVEN.fullmatch(given) else str(uuid.uuid4())
