"""The handlers of jobs, one for each kind; each module of this folder names its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from job_runner.attempt import Handler
from storage.jobs.kinds import JobKind


def _of_modules() -> dict[JobKind, Handler]:
    handlers: dict[JobKind, Handler] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        handlers |= import_module(module.name).HANDLERS
    return handlers


HANDLERS: Mapping[JobKind, Handler] = _of_modules()
