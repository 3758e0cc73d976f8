"""The results of an attempt to send a message, and its listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from storage.notifications.receivers import Kind

Result = Literal["delivered", "postponed", "failed"]
"""How an attempt ends: ``failed`` is for good."""
RESULTS: tuple[Result, ...] = get_args(Result)


AttemptListener = Callable[[Kind, Result], None]


def ignore_attempt(kind: Kind, result: Result) -> None:
    """Ignore an attempt."""
