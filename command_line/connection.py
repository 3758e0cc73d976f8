"""Which server a command talks to.

In this order: the one named by ``--server`` (with ``JOBSVC_TOKEN``), the one that runs on the data
directory, one that is started for this command alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import httpx

from command_line.api_client import ApiClient
from command_line.composition import Composition
from command_line.failures import CommandFailed
from job_runner.settings import Settings
from storage.maintenance.data_directory import DataDirectory


@dataclass(frozen=True)
class Target:
    """Where a command does its work; ``options`` are those that say so, as they were typed."""

    composition: Composition
    settings: Settings
    server: str | None
    token: str | None
    options: str


@contextmanager
def connected(target: Target, purpose: str, *, create: bool = False) -> Iterator[ApiClient]:
    """A client, and a server of its own where it takes one.

    Parameters
    ----------
    create : bool
        Whether that server may create the data directory.
    """
    if target.server is not None:
        server = ApiClient(target.server.rstrip("/"), _usable_token(target), target.options)
        with _closing(server) as client:
            yield client
        return
    running = _running_server(target)
    if running is not None:
        with _closing(running) as client:
            yield client
        return
    with (
        target.composition.serving_in_background(target.settings, purpose, create) as here,
        _closing(ApiClient(here.url, here.token, target.options)) as client,
    ):
        yield client


def _usable_token(target: Target) -> str:
    """The token without the end of line that a file gives it; it is never shown.

    Raises
    ------
    click.UsageError
        There is none, or what there is can't be one.
    """
    token = (target.token or "").strip()
    if not token:
        raise click.UsageError("Set JOBSVC_TOKEN to a token of that server.")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise click.UsageError("What JOBSVC_TOKEN holds is no token.")
    return token


def _running_server(target: Target) -> ApiClient | None:
    """A client of the server that has the data directory, if one answers."""
    owner = DataDirectory(target.settings.data_dir).owner()
    if owner is None or owner.url is None or owner.token is None:
        return None
    client = ApiClient(owner.url, owner.token, target.options)
    try:
        client.get("/api/users/me")
    except (httpx.RequestError, CommandFailed):  # the note of a server that was killed
        client.close()
        return None
    return client


@contextmanager
def _closing(client: ApiClient) -> Iterator[ApiClient]:
    """Close the client afterwards. After a submission, Ctrl-C says at once how to go on."""
    try:
        yield client
    except KeyboardInterrupt:
        if client.job_id is None:
            raise
        left = client.left_waiting()
        left.show()  # now: to stop a server of the command's own takes a while
        raise SystemExit(left.exit_code) from None
    finally:
        client.close()
