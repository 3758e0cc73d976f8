"""``jobsvc check``, ``jobsvc backup`` and ``jobsvc restore``.

They work on the data directory itself, also while a server runs: they only read it, and a restore
creates a new one.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from application.settings_sources import load_settings
from command_line.failures import CommandFailed
from command_line.options import AS_JSON, DATA_DIR
from command_line.output import print_json, print_line, progress_bar
from storage.maintenance.backup import back_up, restore
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory


@click.command("check")
@DATA_DIR
@AS_JSON
def check_command(data_dir: Path | None, as_json: bool) -> None:
    """Recompute every hash and manifest, and report differences.

    The exit code is 1 if there is a fault.

    \b
    jobsvc check --data-dir /srv/jobsvc
    """
    with progress_bar("Checking") as on_progress:
        findings = check(
            _directory(data_dir), lambda fraction, message: on_progress(100 * fraction, message)
        )
    if as_json:
        print_json(asdict(findings))
    else:
        for fault in findings.faults:
            print_line(f"{fault.what}: {fault.problem}")
        print_line(
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
    with progress_bar("Backing up") as on_progress:
        done = back_up(
            _directory(data_dir),
            file,
            lambda fraction, message: on_progress(100 * fraction, message),
        )
    if as_json:
        print_json({"file": str(file), **asdict(done)})
    else:
        print_line(f"Wrote {file}: {done.files:,} data files, {done.size_bytes:,} bytes.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA_DIR
@AS_JSON
def restore_command(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Create a data directory from a backup, and check it.

    \b
    jobsvc restore /backups/jobsvc-monday.tar --data-dir /srv/jobsvc-again
    """
    directory = _directory(data_dir)
    with progress_bar("Checking") as on_progress:
        findings = restore(
            file, directory, lambda fraction, message: on_progress(100 * fraction, message)
        )
    if as_json:
        print_json({"data_dir": str(directory.root), **asdict(findings)})
    else:
        print_line(
            f"Restored {findings.commits:,} commits and {findings.files:,} files into "
            f"{directory.root}; no fault was found."
        )


def _directory(data_dir: Path | None) -> DataDirectory:
    return DataDirectory(load_settings({"data_dir": data_dir}).data_dir)
