"""``jobsvc service``: run the server as a systemd service of this user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from command_line.options import DATA_DIR
from command_line.output import CommandFailed, print_line

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
