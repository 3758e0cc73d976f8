"""``jobsvc import``: import a file into a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from command_line.connection import ApiClient, JobFailed, Target, connected
from command_line.failures import Unreachable
from command_line.import_options import (
    READING_OPTIONS,
    form_fields,
    preview_file,
    print_preview,
)
from command_line.options import AS_JSON, BATCH, with_target
from command_line.output import (
    Columns,
    CommandFailed,
    print_items,
    print_line,
    print_result,
    progress_bar,
)
from job_runner.errors import RETRYABLE_CODES

MAIN = "main"
SUMS = ("sum", "positive", "negative")


class FileOrUri(click.Path):
    """An existing file, or a URI as it is typed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a path; the server checks a URI."""
        return value if "://" in value else super().convert(value, param, ctx)


@click.command("import")
@click.argument(
    "source", metavar="FILE", type=FileOrUri(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--dataset", help="Name or id; a new name creates a dataset.")
@click.option(
    "--ref",
    default="main",
    show_default=True,
    help="The ref to update; a new name creates a ref from main.",
)
@click.option("--message", help="Commit message [default: Import and the file's name].")
@READING_OPTIONS
@click.option("--preview", is_flag=True, help="Show what would be read; import nothing.")
@BATCH
@AS_JSON
@with_target
def import_command(
    target: Target,
    source: Path | str,
    dataset: str | None,
    ref: str,
    message: str | None,
    options: dict[str, Any],
    preview: bool,
    batch: bool,
    as_json: bool,
) -> None:
    """Import a CSV, TSV, JSON, NDJSON, Parquet or XLSX file as a new commit.

    FILE may be a URI (https, s3, gs, az, file) under a prefix that the server's setting
    import_prefixes allows. A URI that ends with a slash is a folder, whose files make one table.

    What isn't given is detected: delimiter, header, decimal comma, thousands signs, currencies and
    dates; --preview shows it.

    \b
    jobsvc import sales.csv --dataset sales
    jobsvc import q3.xlsx --dataset sales --ref quarter3 --message "Figures of Q3"
    jobsvc import ledger.csv --preview --date-order dmy
    jobsvc import ledger.csv --dataset ledger --header-row 4 --type Account=text
    jobsvc import s3://audit/2025/ledger.parquet --dataset ledger
    """
    with connected(target, create=not target.names_directory) as client:
        if preview:
            shown = preview_file(client, source, options)
            return print_result(shown, as_json, print_preview)
        if dataset is None:
            raise click.UsageError("Missing option '--dataset'.")
        job = import_file(client, source, dataset, ref, message, options, batch=batch)
    return print_result(job, as_json, _print_import)


def _print_import(job: dict[str, Any]) -> None:
    summary = job["output_summary"]
    print_line(
        f'Dataset "{job["dataset_name"]}" (id {job["dataset_id"]}), ref {summary["output_ref"]}, '
        f"commit {summary['output_commit_id'][:12]}:"
    )
    print_items(summary["tables"], {"table": "key", "rows": "rows", "columns": "columns"})
    for table in summary["tables"]:
        for note in table["notes"]:
            print_line(f"Note on {table['key']}: {note}")
        totals = table["control_totals"]
        if totals:
            print_line(f"Control totals of {table['key']}:")
            columns: Columns = {"column": "column", **{each: _grouped(each) for each in SUMS}}
            print_items(totals, columns)


def _grouped(field: str) -> Callable[[dict[str, Any]], str]:
    """Return a column of sums with thousands separators, ``~`` before one that isn't exact."""

    def text(total: dict[str, Any]) -> str:
        return ("" if total["is_exact"] else "~") + f"{Decimal(total[field]):,f}"

    return text


def import_file(
    client: ApiClient,
    source: Path | str,
    dataset: str,
    ref: str = "main",
    message: str | None = None,
    options: dict[str, Any] | None = None,
    *,
    batch: bool = False,
) -> dict[str, Any]:
    """Upload a file or name a URI, wait for its job, and return the completed job.

    A new ref is created from ``main``. A dataset or a ref that was created for the file is removed
    again if the import fails.
    """
    fields: dict[str, Any] = {"commit_message": message, "options": options or None}
    if batch:
        fields["priority"] = "batch"
    fields = {name: value for name, value in fields.items() if value is not None}
    found = client.get("/api/datasets", name=dataset)["datasets"]
    if found or dataset.isdecimal():
        dataset_id = client.dataset_id(dataset)
        ref_path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}"
        if ref == MAIN or client.has(ref_path):
            return _import_into(client, dataset_id, source, ref, fields)
        client.post(f"/api/datasets/{dataset_id}/refs", {"name": ref, "from_ref": MAIN})
        with _removed_after_failure(client, ref_path, f'The new ref "{ref}"'):
            return _import_into(client, dataset_id, source, ref, fields)
    if ref != MAIN:
        raise CommandFailed(
            'The dataset "{name}" is new: import its first file without --ref, into {main}.',
            name=dataset,
            main=MAIN,
        )
    created = client.post("/api/datasets", {"name": dataset})["id"]
    with _removed_after_failure(client, f"/api/datasets/{created}", "The new dataset"):
        return _import_into(client, created, source, ref, fields)


@contextmanager
def _removed_after_failure(client: ApiClient, path: str, created: str) -> Iterator[None]:
    """Remove the dataset or ref that was created for a file, if the import fails."""
    try:
        yield
    except Unreachable:
        raise  # the job continues
    except CommandFailed as error:
        if isinstance(error, JobFailed) and error.job["error_code"] in RETRYABLE_CODES:
            raise
        client.delete(path)
        raise CommandFailed(
            "{error} {created} was removed again.", error=error, created=created
        ) from None


def _import_into(
    client: ApiClient,
    dataset_id: int,
    source: Path | str,
    ref: str,
    fields: dict[str, Any],
) -> dict[str, Any]:
    path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}/import"
    if isinstance(source, str):
        return client.run_job(path, {"uri": source, **fields}, f"Importing {source}")
    with progress_bar(f"Sending {source.name}") as on_progress:
        accepted = client.upload(path, source, form_fields(fields), on_progress)
    return client.finished_job(accepted["job_id"], f"Importing {source.name}")
