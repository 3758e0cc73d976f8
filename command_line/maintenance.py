"""``jobsvc check``, ``jobsvc backup`` and ``jobsvc restore``.

They work on the data directory itself, also while a server runs on it, since they only read it (a
restore makes a new one).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from application.settings_sources import load_settings
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, DATA_DIR
from command_line.output import print_json, progress_bar, say
from storage.maintenance.backup import back_up, restore
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory


@click.command("check")
@DATA_DIR
@AS_JSON
def check_command(data_dir: Path | None, as_json: bool) -> None:
    """Recompute every hash and manifest, and say what isn't as it was written.

    The exit code is 1 when something is wrong.

    \b
    jobsvc check --data-dir /srv/jobsvc
    """
    with progress_bar("Checking") as told:
        findings = check(_directory(data_dir), lambda done, what: told(100 * done, what))
    if as_json:
        print_json(asdict(findings))
    else:
        for fault in findings.faults:
            say(f"{fault.what}: {fault.problem}")
        say(
            f"{findings.commits:,} commits, {findings.files:,} files, {findings.size_bytes:,} "
            f"bytes checked; {len(findings.faults):,} fault{'s' * (len(findings.faults) != 1)}."
        )
    if findings.faults:
        raise SystemExit(CommandFailed.exit_code)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@DATA_DIR
@AS_JSON
def backup_command(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Write the database and every data file to one archive, also while a server runs.

    \b
    jobsvc backup /backups/jobsvc-monday.tar
    """
    with progress_bar("Backing up") as told:
        done = back_up(_directory(data_dir), file, lambda part, what: told(100 * part, what))
    if as_json:
        print_json({"file": str(file), **asdict(done)})
    else:
        say(f"Wrote {file}: {done.files:,} data files, {done.size_bytes:,} bytes.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA_DIR
@AS_JSON
def restore_command(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Make a new data directory of a backup, and check it.

    \b
    jobsvc restore /backups/jobsvc-monday.tar --data-dir /srv/jobsvc-again
    """
    directory = _directory(data_dir)
    with progress_bar("Checking") as told:
        findings = restore(file, directory, lambda part, what: told(100 * part, what))
    if as_json:
        print_json({"data_dir": str(directory.root), **asdict(findings)})
    else:
        say(
            f"Restored {findings.commits:,} commits and {findings.files:,} files into "
            f"{directory.root}; all are as they were written."
        )


def _directory(data_dir: Path | None) -> DataDirectory:
    return DataDirectory(load_settings({"data_dir": data_dir}).data_dir)
