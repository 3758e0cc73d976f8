"""``jobsvc serve``: the server in the foreground."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import webbrowser
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from application.settings_sources import load_settings
from command_line.composition import Composition, Listening
from command_line.log_output import configure_logging
from command_line.options import DATA_DIR
from storage.accounts.audit import THIS_PROCESS, record
from storage.accounts.tokens import open_sign_in_link
from storage.accounts.users import anyone_can_sign_in, first_admin

LEAVING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that end a server; the last is that of a terminal that was closed."""
ENDS_WITHIN_S = 20.0
"""So long after the grace period the process ends in any case: a step of the work may be one that
can't be interrupted. Requests take up to five seconds of it."""


@click.command()
@DATA_DIR
@click.option("--host", help="Address to listen on [JOBSVC_HOST; default 127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one [JOBSVC_PORT; 8000].")
@click.option("--workers", type=int, help="Jobs at the same time [JOBSVC_WORKERS; 2].")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@click.pass_obj
def serve(
    composition: Composition,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    open_browser: bool,
) -> None:
    """Serve the API and the pages until told to stop (Ctrl-C, SIGTERM, a closed terminal).

    Running jobs then get a little time to end (setting stop_grace_s); the others run again at the
    next start. A second Ctrl-C stops at once.

    The first start makes the admin and prints a one-time link with which to set a password.

    \b
    jobsvc serve
    jobsvc serve --host 0.0.0.0 --port 80 --data-dir /srv/jobsvc
    """
    settings = load_settings({"data_dir": data_dir, "host": host, "port": port, "workers": workers})
    configure_logging(settings)
    for number in LEAVING:
        signal.signal(number, partial(_leave, settings.stop_grace_s + ENDS_WITHIN_S))
    with composition.listening(settings, "jobsvc serve", True) as here:
        # Waitress spools request bodies to temporary files: keep them on the data's disk.
        tempfile.tempdir = str(here.service.directory.scratch_dir)
        page = _announce(here)
        if open_browser:
            webbrowser.open(page)
        here.serve()


def _announce(here: Listening) -> str:
    """Say where the server is, once nothing of its start can fail; returns the page to open."""
    link = _first_link(here)
    click.echo(f"jobsvc serves {here.url} from {here.service.directory.root}")
    if link is None:
        return here.url
    hours = here.service.settings.link_hours
    click.echo(
        f"Nobody can sign in yet. Open this link once, within {hours} hours, to set the admin's "
        f"password:\n  {link}"
    )
    return link


def _first_link(here: Listening) -> str | None:
    service = here.service
    with service.database.write() as tx:
        admin = first_admin(tx)
        if admin is None or anyone_can_sign_in(tx):
            return None
        lifetime = timedelta(hours=service.settings.link_hours)
        code = open_sign_in_link(tx, admin.id, lifetime, service.clock)
        record(
            tx,
            service.clock,
            "sign_in_link_made",
            user_id=None,
            origin=THIS_PROCESS,
            about=("user", admin.id),
            details={"soeid": admin.soeid},
        )
    return f"{here.url}/sign-in?code={code}"


def _leave(within_s: float, _number: int, _frame: FrameType | None) -> NoReturn:
    """End in good order; a second signal ends at once, and so does the end of the time for it.

    SystemExit lets waitress finish the requests in flight. Ending at once is safe: the next start
    finds what a crash would have left.
    """
    for again in LEAVING:
        signal.signal(again, lambda second, _: os._exit(128 + second))
    latest = threading.Timer(within_s, _end_in_any_case)
    latest.daemon = True
    latest.start()
    with suppress(OSError):  # nobody reads it any more
        click.echo("Stopping: running jobs get a little time. Once more (Ctrl-C) stops at once.")
    raise SystemExit(0)


def _end_in_any_case() -> None:
    with suppress(OSError):
        click.echo(
            "Some work doesn't stop. It is left, and runs again at the next start.", err=True
        )
    os._exit(1)
