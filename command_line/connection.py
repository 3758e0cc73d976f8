"""Which server a command talks to.

In this order: the one named by ``--server`` (with ``JOBSVC_TOKEN``), the one that runs on the data
directory, one that is started for this command alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import httpx

from command_line.api_client import ApiClient
from command_line.composition import Composition
from command_line.failures import CommandFailed, told_plainly
from job_runner.settings import Settings
from storage.data_directory import DataDirectory


@dataclass(frozen=True)
class Target:
    """Where a command does its work, as the options say."""

    composition: Composition
    settings: Settings
    server: str | None
    token: str | None


@contextmanager
def connected(target: Target, purpose: str) -> Iterator[ApiClient]:
    """A client, and a server of its own where it takes one."""
    with told_plainly():
        if target.server is not None:
            if target.token is None:
                raise click.UsageError("Set JOBSVC_TOKEN to a token of that server.")
            with _closing(ApiClient(target.server.rstrip("/"), target.token)) as client:
                yield client
            return
        running = _running_server(target.settings)
        if running is not None:
            with _closing(running) as client:
                yield client
            return
        with (
            target.composition.serving_in_background(target.settings, purpose) as here,
            _closing(ApiClient(here.url, here.token)) as client,
        ):
            yield client


def _running_server(settings: Settings) -> ApiClient | None:
    """A client of the server that has the data directory, if one answers."""
    owner = DataDirectory(settings.data_dir).owner()
    if owner is None or owner.url is None or owner.token is None:
        return None
    client = ApiClient(owner.url, owner.token)
    try:
        client.get("/api/users/me")
    except (httpx.TransportError, CommandFailed):  # the note of a server that was killed
        client.close()
        return None
    return client


@contextmanager
def _closing(client: ApiClient) -> Iterator[ApiClient]:
    try:
        yield client
    finally:
        client.close()
