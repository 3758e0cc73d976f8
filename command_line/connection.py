"""Connects a command to its server.

It is the server of ``--server`` (with ``JOBSVC_TOKEN``), else the one that runs on the data
directory, else one that is started for this command.
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
    """The server or data directory of a command; ``options`` are its options, as typed."""

    composition: Composition
    settings: Settings
    server: str | None
    token: str | None
    options: str


@contextmanager
def connected(target: Target, purpose: str, *, create: bool = False) -> Iterator[ApiClient]:
    """Connect a client; start a server for the command if none runs.

    Parameters
    ----------
    create : bool
        Whether a started server may create the data directory.
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
    """Return the token without its line end; messages never show it.

    Raises
    ------
    click.UsageError
        The token is missing or malformed.
    """
    token = (target.token or "").strip()
    if not token:
        raise click.UsageError("Set JOBSVC_TOKEN to a token of that server.")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise click.UsageError("JOBSVC_TOKEN doesn't hold a token.")
    return token


def _running_server(target: Target) -> ApiClient | None:
    """Return a client of the server that runs on the data directory, if one answers."""
    owner = DataDirectory(target.settings.data_dir).owner()
    if owner is None or owner.url is None or owner.token is None:
        return None
    client = ApiClient(owner.url, owner.token, target.options)
    try:
        client.get("/api/users/me")
    except (httpx.RequestError, CommandFailed):  # a killed server left its lock
        client.close()
        return None
    return client


@contextmanager
def _closing(client: ApiClient) -> Iterator[ApiClient]:
    """Close the client; after a submission, Ctrl-C prints the next commands."""
    try:
        yield client
    except KeyboardInterrupt:
        if client.job_id is None:
            raise
        interrupted = client.wait_interrupted()
        interrupted.show()  # at once: stopping the command's server takes a while
        raise SystemExit(interrupted.exit_code) from None
    finally:
        client.close()
