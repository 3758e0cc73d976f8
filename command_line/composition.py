"""What the composition root gives to the command line.

Owns: the types alone, so that commands can start a service without importing the root.
"""

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
    """A service that listens. ``serve`` answers requests until the process is told to stop."""

    service: Service
    url: str
    token: str
    serve: Callable[[], None]


Open = Callable[["Settings", str, bool], AbstractContextManager[Listening]]
"""Takes the settings, the command that opens the service, and whether it may create the data
directory."""


@dataclass(frozen=True)
class Composition:
    """The two ways to open a service: to serve it, or beside a command."""

    listening: Open
    serving_in_background: Open
