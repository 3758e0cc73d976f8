"""The types by which the composition root lets commands open a service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from job_runner.service import Service
    from job_runner.settings import Settings


@dataclass(frozen=True)
class Listening:
    """A listening service; ``serve`` answers requests until the process is stopped."""

    service: Service
    url: str
    token: str
    serve: Callable[[], None]


OpenService = Callable[["Settings", str, bool], AbstractContextManager[Listening]]
"""Takes the settings, the command's name, and whether it may create the data directory."""


@dataclass(frozen=True)
class Composition:
    """The two ways to open a service: in the foreground, or in the background of a command."""

    listening: OpenService
    serving_in_background: OpenService
