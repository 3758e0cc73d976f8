"""``jobsvc storage``, ``prune``, ``check``, ``backup`` and ``restore``.

The last three work on the data directory itself, also while a server runs: they only read it, but
for the time of a backup, and a restore creates a new one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from jobsvc_client import JobsvcError

from application.administration.overview import size_text
from application.settings_sources import load_settings
from command_line.connection import ApiClient, Target, connected
from command_line.options import (
    AS_JSON,
    DATA_DIR,
    EXISTING_FILE,
    LIMIT,
    NEW_FILE,
    printed,
    with_target,
)
from command_line.output import (
    CommandFailed,
    ProgressCallback,
    print_items,
    print_json,
    print_line,
    progress_bar,
    utc_text,
)
from domain_errors import counted
from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.clock import system_clock, timestamp

if TYPE_CHECKING:
    from storage.maintenance.checking import Findings

CONFIRMATION = "prune"
PATH = "/api/admin/prune"
MAX_ID_LENGTH = 36
"""Length of a job id; hashes are longer and are shortened."""
KINDS = {
    "data_files": "data files",
    "log_entries": "entries of logs",
    "counts": "counts and profiles",
    "sign_in_links": "sign-in links",
    "idempotency_keys": "idempotency keys",
}
SETTINGS = {
    "keep_jobs_days": "ended jobs",
    "keep_logs_days": "entries of logs",
    "keep_unreachable_days": "unreachable commits and files",
    "keep_uploads_days": "files of failed imports",
    "keep_counts_days": "unused counts and profiles",
    "bin_days": "deleted samples, versions and datasets in the bin",
}


def _print_use(use: dict[str, Any]) -> None:
    print_items(use["kinds"], {"kind": _name, "files": "files", "size": _size})
    used, free, disk = (size_text(use[f"{name}_bytes"]) for name in ("size", "free", "disk"))
    print_line(f"{used} used; {free} of {disk} are free on the disk.\n")
    print_items(
        use["datasets"],
        {
            "dataset": lambda dataset: str(dataset["dataset_id"]),
            "name": "name",
            "removed": lambda dataset: (dataset["removed_at"] or "")[:10],
            "commits": "commits",
            "files": "files",
            "size": _size,
        },
    )
    print_line(f"{len(use['datasets']):,} of {use['total']:,} datasets.")


@click.command()
@LIMIT
@printed(_print_use)
def storage(client: ApiClient, limit: int) -> Any:
    """Show the disk use by kind, and the largest datasets.

    \b
    jobsvc storage
    """
    return client.get("/api/admin/storage", limit=limit)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Remove without confirmation.")
@AS_JSON
@with_target
def prune(target: Target, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove data that nothing refers to.

    Shows a preview and asks first.

    The server's settings keep_…_days apply. Data that a ref reaches always stays, and so does every
    job of a stored sample.

    \b
    jobsvc prune --dry-run
    jobsvc prune
    jobsvc prune --yes
    """
    if as_json and not dry_run and not yes:
        raise click.UsageError("With --json, give --dry-run or --yes.")
    with connected(target) as client:
        _prune(client, dry_run=dry_run, yes=yes, as_json=as_json)


def _prune(client: ApiClient, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    found = client.post(PATH, {"dry_run": True})
    expected = _count(found)
    if not as_json:
        _print_preview(found)
    elif dry_run:
        print_json(found)
    if dry_run or not (expected or as_json):
        return
    if not yes:
        print_line()
        question = f'This can\'t be undone. Type "{CONFIRMATION}" to remove it'
        if click.prompt(question, default="", show_default=False).strip() != CONFIRMATION:
            raise CommandFailed("Nothing was removed.")
    with progress_bar("Pruning") as on_progress:
        removed = _remove(client, expected, on_progress)
    if as_json:
        print_json(removed)
    else:
        print_line(f"Removed: {_in_words(removed)}.")


def _remove(client: ApiClient, expected: int, on_progress: ProgressCallback) -> dict[str, Any]:
    """Send prune requests until the prune is complete; return the total."""
    removed: dict[str, Any] | None = None
    while removed is None or not removed["complete"]:
        try:
            part = client.post(PATH, {"dry_run": False})
        except JobsvcError as error:
            if removed is None:
                raise
            raise CommandFailed(
                "{failure} Removed before the failure: {removed}.",
                failure=client.failure(error).message,
                removed=_in_words(removed),
            ) from None
        removed = part if removed is None else _add_answers(removed, part)
        on_progress(min(_count(removed) / max(expected, 1), 1), _in_words(removed))
    return removed


def _add_answers(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Add up the answers of two requests."""
    kinds = [
        {
            "kind": before["kind"],
            "count": before["count"] + after["count"],
            "size_bytes": before["size_bytes"] + after["size_bytes"],
            "oldest": min(filter(None, (before["oldest"], after["oldest"])), default=None),
            "newest": max(filter(None, (before["newest"], after["newest"])), default=None),
            "examples": before["examples"] or after["examples"],
        }
        for before, after in zip(first["kinds"], second["kinds"], strict=True)
    ]
    return {**second, "kinds": kinds, "size_bytes": first["size_bytes"] + second["size_bytes"]}


def _print_preview(found: dict[str, Any]) -> None:
    for name, kind in SETTINGS.items():
        days = found["keeps"][name]
        print_line(f"Retention of {kind}: " + (f"{days:,} days." if days else "unlimited."))
    print_line()
    removable = [kind for kind in found["kinds"] if kind["count"]]
    if not removable:
        print_line("Nothing to remove.")
        return
    print_items(
        removable,
        {
            "to remove": _name,
            "count": "count",
            "size": _size,
            "oldest": lambda kind: utc_text(kind["oldest"]),
            "newest": lambda kind: utc_text(kind["newest"]),
        },
    )
    for kind in removable:
        for example in kind["examples"]:
            print_line(f"  {_name(kind)}: {_example_text(example)}")
        more = kind["count"] - len(kind["examples"])
        if kind["examples"] and more:
            print_line(f"  … and {more:,} more {_name(kind)}")


def _example_text(example: dict[str, Any]) -> str:
    identity = example["id"][:12] if len(example["id"]) > MAX_ID_LENGTH else example["id"]
    parts = [identity, example["at"][:10]]
    if not example["name"].startswith(example["id"]):
        parts.append(f'"{example["name"]}"')
    if example["dataset_name"] not in (None, example["name"]):
        parts.append(f'dataset "{example["dataset_name"]}"')
    if example["size_bytes"]:
        parts.append(size_text(example["size_bytes"]))
    return ", ".join(parts)


def _count(answer: dict[str, Any]) -> int:
    return sum(kind["count"] for kind in answer["kinds"])


def _in_words(answer: dict[str, Any]) -> str:
    counts = [f"{_name(kind)} {kind['count']:,}" for kind in answer["kinds"] if kind["count"]]
    return f"{', '.join(counts) or 'nothing'}; {size_text(answer['size_bytes'])} of files"


def _size(item: dict[str, Any]) -> str:
    return size_text(item["size_bytes"])


def _name(kind: dict[str, Any]) -> str:
    name = str(kind["kind"])
    return KINDS.get(name, name)


@click.command("check")
@DATA_DIR
@AS_JSON
def check_command(data_dir: Path | None, as_json: bool) -> None:
    """Recompute all hashes, manifests and ledgers.

    Reports the differences.

    Of attached files, the version is compared. Those that the settings and variables of this shell
    don't allow to read are named as not checked: give it those of the server.
    The exit code is 1 if there is a fault.

    \b
    jobsvc check --data-dir /srv/jobsvc
    """
    from application.attaching import problem_finder  # loads engines
    from storage.maintenance.checking import check

    settings = load_settings({"data_dir": data_dir})
    with progress_bar("Checking") as on_progress:
        findings = check(DataDirectory(settings.data_dir), on_progress, problem_finder(settings))
    if as_json:
        print_json(asdict(findings))
    else:
        for fault in findings.faults:
            print_line(f"{fault.what}: {fault.problem}")
        for reason, files in Counter(one.reason for one in findings.not_checked).items():
            print_line(f"{counted(files, 'attached file')} not checked: {reason}")
        print_line(
            f"{counted(findings.commits, 'commit')}, {counted(findings.files, 'file')} "
            f"({counted(findings.attachments, 'attachment')} of samples), "
            f"{counted(findings.ledger_entries, 'ledger entry', 'ledger entries')}, "
            f"{counted(findings.attached_files, 'attached file')}, "
            f"{size_text(findings.size_bytes)} checked; "
            f"{counted(len(findings.faults), 'fault')}{_not_checked(findings)}."
        )
    if findings.faults:
        raise SystemExit(CommandFailed.exit_code)


def _not_checked(findings: Findings) -> str:
    files = len(findings.not_checked)
    if not files:
        return ""
    return f"; {counted(files, 'attached file')} not checked: run it with the server's environment"


@click.command("backup")
@click.argument("file", type=NEW_FILE)
@DATA_DIR
@AS_JSON
def backup_command(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Write the database and all data files to one archive.

    The server may run meanwhile.

    \b
    jobsvc backup /backups/jobsvc-monday.tar
    """
    from storage.maintenance.backup import back_up

    directory, began = _directory(data_dir), timestamp(system_clock())
    with progress_bar("Backing up") as on_progress:
        done = back_up(directory, file, on_progress)
    directory.note_backup(began)
    if as_json:
        print_json({"file": str(file), **asdict(done)})
    else:
        print_line(f"Wrote {file}: {done.files:,} data files, {size_text(done.size_bytes)}.")


@click.command("restore")
@click.argument("file", type=EXISTING_FILE)
@DATA_DIR
@AS_JSON
def restore_command(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Create a data directory from a backup, and check it.

    \b
    jobsvc restore /backups/jobsvc-monday.tar --data-dir /srv/jobsvc-again
    """
    from storage.maintenance.backup import restore

    directory = _directory(data_dir)
    with progress_bar("Checking") as on_progress:
        findings = restore(file, directory, on_progress)
    if as_json:
        print_json({"data_dir": str(directory.root), **asdict(findings)})
    else:
        print_line(
            f"Restored {findings.commits:,} commits and {findings.files:,} files into "
            f"{directory.root}; no fault was found."
        )


def _directory(data_dir: Path | None) -> DataDirectory:
    return DataDirectory(load_settings({"data_dir": data_dir}).data_dir)
