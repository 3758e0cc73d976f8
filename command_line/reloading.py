"""``jobsvc serve --reload``: a server of the source tree that restarts after each change."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
WATCHED = (".py", ".sql", ".html", ".js", ".css", ".svg")
LOOK_S = 0.5


def serve_reloading(arguments: Sequence[str], root: Path = ROOT) -> None:
    """Serve in a process of its own, and start it again when a source file changes.

    A server that ends with an error, such as one of syntax, waits for the next change.
    """
    if not (root / "setup.cfg").is_file():
        raise click.UsageError("--reload needs the sources: this is an installed package.")
    with suppress(KeyboardInterrupt):  # the server gets the signal, too
        while True:
            sources = _modified(root)
            command = [sys.executable, "-m", "jobsvc", "serve", *arguments]
            with subprocess.Popen(command) as server:  # noqa: S603 - this program
                while _modified(root) == sources:
                    if server.poll() == 0:
                        return
                    time.sleep(LOOK_S)
                click.echo("A source file changed: the server restarts.")
                server.terminate()


def _modified(root: Path) -> dict[Path, int]:
    """The time of the last change of each source file."""
    packages = [path.parent for path in root.glob("*/py.typed")]
    times = {}
    for path in (*root.glob("*.*"), *(path for package in packages for path in package.rglob("*"))):
        if path.suffix in WATCHED:
            with suppress(OSError):  # deleted meanwhile
                times[path] = path.stat().st_mtime_ns
    return times
