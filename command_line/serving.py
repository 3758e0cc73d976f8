"""``jobsvc serve`` and ``service``: the server in the foreground, or as a service of the user."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import click

from application.settings_sources import load_settings, unknown_variables
from command_line.log_output import configure_logging
from command_line.option_types import DATA_DIR, WholeNumber
from command_line.output import CommandFailed, print_line
from command_line.reloading import serve_reloading
from command_line.root import Composition, Listening
from operating_system import stop_signals
from storage.accounts.audit_trail import record_of_service
from storage.accounts.tokens import open_sign_in_link
from storage.accounts.users import anyone_can_sign_in, first_admin

logger = logging.getLogger("jobsvc.server")


@click.command()
@DATA_DIR
@click.option("--host", help="Address to listen on [JOBSVC_HOST; default 127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one [JOBSVC_PORT; 8000].")
@click.option(
    "--workers", type=WholeNumber(), help="Number of concurrent jobs [JOBSVC_WORKERS; 2]."
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@click.option("--reload", is_flag=True, help="For development: restart when a source file changes.")
@click.option("--debug", is_flag=True, help="For development: log everything.")
@click.pass_obj
def serve(
    composition: Composition, /, open_browser: bool, reload: bool, debug: bool, **options: Any
) -> None:
    """Serve the API and the pages.

    The server stops at Ctrl-C, SIGTERM or a closed terminal.

    Running jobs then get some time to end (setting stop_grace_s); the others run again at the next
    start. A second Ctrl-C stops at once.

    The first start creates the admin and prints a one-time link to sign in on this computer. Set
    the admin's password before listening on other addresses.

    \b
    jobsvc serve
    jobsvc serve --host 0.0.0.0 --port 80 --data-dir /srv/jobsvc
    """
    settings = load_settings({**options, "log_level": "debug" if debug else None})
    if reload or debug:
        _require_loopback(settings.host)
    if reload:
        values = [
            f"--{name.replace('_', '-')}={value}"
            for name, value in options.items()
            if value is not None
        ]
        flags = [*(["--debug"] if debug else ()), *(["--open"] if open_browser else ())]
        serve_reloading([*values, *flags])
        return
    configure_logging(settings)
    for ignored in unknown_variables():
        logger.warning("%s", ignored)
    stopping = _Stopping(settings.stop_grace_s + composition.extra_stop_s)
    for number in stop_signals():
        signal.signal(number, stopping)
    with composition.listening(settings, "jobsvc serve", True) as here:
        stopping.started(here.stop)
        # Waitress spools request bodies to temporary files; put them on the data's disk.
        tempfile.tempdir = str(here.service.directory.scratch_dir)
        page = _announce(here)
        if open_browser:
            webbrowser.open(page)
        here.serve()


def _require_loopback(host: str) -> None:
    from application.sign_in import is_loopback  # loads the accounts

    if not is_loopback(host):
        raise click.UsageError("--reload and --debug are for development: listen on 127.0.0.1.")


def _announce(here: Listening) -> str:
    """Print the server's address after a successful start; return the page to open."""
    link = _first_link(here)
    text = f"jobsvc serves {here.url} from {here.service.directory.root}"
    if link is not None:
        hours = here.service.settings.link_hours
        text += (
            "\nNobody has a password yet. To sign in, open this link on this computer, once, "
            f"within {hours} hours:\n  {link}"
        )
    click.echo(text)  # at once, as the reader may leave after the first line
    return link or here.url


def _first_link(here: Listening) -> str | None:
    service = here.service
    with service.database.write() as tx:
        admin = first_admin(tx)
        if admin is None or anyone_can_sign_in(tx):
            return None
        lifetime = timedelta(hours=service.settings.link_hours)
        code, _ = open_sign_in_link(tx, admin.id, lifetime, service.clock)
        record_of_service(
            tx,
            service.clock,
            "sign_in_link_made",
            ("user", admin.id),
            {"soeid": admin.soeid},
        )
    return f"{here.url}/sign-in?later=1&code={code}"


class _Stopping:
    """The handler of signals that stop the server; a second signal or the time limit exits at once.

    Exiting at once is safe: the next start recovers as after a crash.

    Parameters
    ----------
    exit_after_s : float
        Exit so long after the first signal, even if some work can't be interrupted.
    """

    def __init__(self, exit_after_s: float) -> None:
        self._exit_after_s = exit_after_s
        self._stop: Callable[[], None] = sys.exit

    def started(self, stop: Callable[[], None]) -> None:
        """End by ``stop`` from now on.

        SystemExit would leave locked whatever lock the main thread was taking.
        """
        self._stop = stop

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        for number in stop_signals():
            signal.signal(number, lambda second, _: os._exit(128 + second))
        timer = threading.Timer(self._exit_after_s, _force_exit)
        timer.daemon = True
        timer.start()
        with suppress(OSError):  # the terminal is closed
            click.echo(
                "Stopping: running jobs get some time to end. Press Ctrl-C again to stop at once."
            )
        self._stop()


def _force_exit() -> None:
    with suppress(OSError):
        click.echo(
            "Some work doesn't stop. It is abandoned and runs again at the next start.", err=True
        )
    os._exit(1)


NAME = "jobsvc.service"
UNIT = """\
[Unit]
Description=jobsvc, a sampling job service

[Service]
ExecStart={command}
Restart=on-failure
TimeoutStopSec=45
KillMode=mixed
NoNewPrivileges=true
UMask=0077

[Install]
WantedBy=default.target
"""


@click.group()
def service() -> None:
    """Run the server as a service of this user, by systemd."""


@service.command()
@DATA_DIR
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on [default: 8000].")
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and change nothing.")
def install(data_dir: Path | None, port: int | None, only_print: bool) -> None:
    """Start the server now and at each login; replaces the unit that an earlier call wrote.

    \b
    jobsvc service install --data-dir ~/samples
    journalctl --user --unit jobsvc       # its log, with the link of the first sign-in
    loginctl enable-linger                # it also runs while you aren't logged in
    """
    options: list[str] = []
    if data_dir is not None:
        options += ["--data-dir", str(data_dir.absolute())]
    if port is not None:
        options += ["--port", str(port)]
    unit = UNIT.format(command=" ".join(map(_quoted, [*_own_command(), "serve", *options])))
    if only_print:
        click.echo(unit, nl=False)
        return
    path = _unit_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unit, encoding="utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", NAME)
    _systemctl("restart", NAME)
    print_line(f"Wrote {path} and started it. Its log: journalctl --user --unit jobsvc")


@service.command()
def uninstall() -> None:
    """Stop the service and remove its unit; the data directory stays.

    \b
    jobsvc service uninstall
    """
    path = _unit_path()
    if not path.exists():
        raise CommandFailed("There is no service: {path} doesn't exist.", path=str(path))
    _systemctl("disable", "--now", NAME)
    path.unlink()
    _systemctl("daemon-reload")
    print_line(f"Stopped the service and removed {path}.")


def _unit_path() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "systemd" / "user" / NAME


def _own_command() -> list[str]:
    """The command that runs this jobsvc: the script beside the interpreter, or the module."""
    script = Path(sys.executable).with_name("jobsvc")
    return [str(script)] if script.exists() else [sys.executable, "-m", "jobsvc"]


def _quoted(word: str) -> str:
    """A word of ExecStart, as systemd.service(5) reads it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$").replace("%", "%%")
    return f'"{escaped}"'


def _systemctl(*arguments: str) -> None:
    command: Sequence[str] = ["systemctl", "--user", *arguments]
    if shutil.which("systemctl") is None:
        raise CommandFailed(
            "This machine has no systemctl. On other systems start jobsvc serve at login by the "
            "system's own means."
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CommandFailed(
            "{command} failed: {reason}",
            command=" ".join(command),
            reason=done.stderr.strip() or f"exit code {done.returncode}",
        )
