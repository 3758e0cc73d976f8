"""``jobsvc import``: import a file into a dataset, or preview it."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import click
from jobsvc_client import JobsvcError
from jobsvc_client.errors import JobFailed

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.failures import Unreachable
from command_line.options import BATCH, body_of, printed
from command_line.output import (
    Columns,
    CommandFailed,
    Printed,
    exact_sum,
    print_items,
    print_line,
    print_rows,
    print_table,
    total_name,
)
from command_line.reconciling import print_entry
from contract.declarations import declared
from contract.numbers import number_of
from contract.requests.importing import ReadOptions, UriImportRequest
from contract.requests.submitting import MAIN
from domain_errors import InvalidRequest, with_names

SHOWN_ROWS = 10
OPTIONS = {own.name: own.option for own in declared(ReadOptions)}
READING_OPTIONS = with_request(ReadOptions, within="options")
"""The options that say how to read a file: the fields of ``options``."""


def form_fields(fields: dict[str, Any]) -> dict[str, str]:
    """Return a body's fields as those of a form."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }


def preview_file(
    client: ApiClient,
    source: Path | str,
    reading: dict[str, Any],
    dataset: str | None = None,
    ref: str = MAIN,
) -> dict[str, Any]:
    """Return what the server would read; of a large file of lines, its beginning is sent.

    With an existing dataset, the columns are compared with those of the ref.
    """
    from application.import_preview import BEGINNING_BYTES, MAX_BYTES, is_by_lines  # loads engines

    path, fields = preview_path(client, "preview", dataset, ref)
    if isinstance(source, str):
        return client.post(path, {"uri": source, **reading, **fields})
    fields |= form_fields(reading)
    with tempfile.TemporaryDirectory() as folder:
        if source.stat().st_size > MAX_BYTES:
            if not is_by_lines(source.name):
                raise CommandFailed("The file is too large for a preview. Import it.")
            fields["whole"] = "false"
            part = Path(folder) / source.name
            with source.open("rb") as file:
                part.write_bytes(file.read(BEGINNING_BYTES))
            source = part
        return client.upload_file(path, source, fields)


def preview_path(
    client: ApiClient, name: str, dataset: str | None, ref: str
) -> tuple[str, dict[str, str]]:
    """Return the route of a preview and the ref to compare with, if the dataset exists.

    A new ref begins as ``main``.
    """
    if dataset is None or is_new(client, dataset):
        return f"/api/datasets/{name}", {}
    dataset_id = client.dataset_id(dataset)
    has_ref = client.has(f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}")
    return f"/api/datasets/{dataset_id}/{name}", {"base_ref": ref if has_ref else MAIN}


def requires_columns(client: ApiClient, dataset: str | None, given: bool) -> bool:
    """Whether the request or the dataset, if it exists, requires the same columns."""
    if given or dataset is None or is_new(client, dataset):
        return given
    return bool(client.get(f"/api/datasets/{client.dataset_id(dataset)}")["require_columns"])


def print_column_changes(changes: dict[str, Any] | None, *, are_required: bool = False) -> None:
    """Print what an import changes in the columns of a version; nothing if there was none.

    In a preview, ``are_required`` says that the import will be refused if columns differ.
    """
    if changes is None:
        return
    words = "differ from" if changes["changed"] else "are"
    print_line(f"The columns {words} those of the version before.")
    if are_required and changes["changed"]:
        print_line("The import will be refused, since the same columns are required.")
    for table in changes["tables"]:
        lists = {
            "missing": [column["name"] for column in table["removed"]],
            "another type": [
                f"{each['name']} ({each['type_before']}, now {each['type']})"
                for each in table["retyped"]
            ],
            "new": [column["name"] for column in table["added"]],
        }
        parts = [f"{what}: {', '.join(texts)}" for what, texts in lists.items() if texts]
        if table["reordered"]:
            parts.append("in another order")
        if table["row_count_before"] is not None:
            now = "not counted" if table["row_count"] is None else f"{table['row_count']:,}"
            parts.append(f"rows before: {table['row_count_before']:,}, now: {now}")
        print_line(f"Table {table['table_key']}: {'; '.join(parts)}.")
    for kind in ("schedules", "templates"):
        for each in changes[kind]:
            columns = ", ".join(each["columns"])
            print_line(f"The {kind[:-1]} {each['name']} needs {columns}.")


def print_preview(preview: dict[str, Any], are_required: bool) -> None:
    """Print the tables of a preview, and what the file leaves open."""
    for problem in preview["problems"]:
        print_line(f"Problem: {problem['message']}")
    for table in preview["tables"]:
        detected = ", ".join(f"{name} {value!r}" for name, value in table["detected"].items())
        print_line(f"Table {table['key']} ({detected}):")
        columns = table["columns"]
        print_table(
            ("column", "type", "changes"),
            [
                (column["name"], column["type"] or "", ", ".join(column["changes"]))
                for column in columns
            ],
        )
        print_line()
        print_rows(
            [column["name"] for column in columns],
            table["data"][:SHOWN_ROWS],
            [column["type"] or "" for column in columns],
        )
        if table["row_key"]:
            options = " ".join(f"--row-key {shlex.quote(each)}" for each in table["row_key"])
            print_line(f"Unique in these rows; declare it as the row key: {options}")
        print_totals(table)
        for note in table["notes"]:
            print_line(f"Note: {note}")
        for question in table["questions"]:
            answers = " or ".join(map(_answer, question["choices"]))
            print_line(f"Question: {question['text']} Answer with {answers}.")
    print_column_changes(preview.get("column_changes"), are_required=are_required)


TOTAL_STATES = {"agrees": "Agrees", "differs": "Differs", "counted": "Attention"}


def print_totals(table: dict[str, Any]) -> None:
    """Print how the totals of a file compare with its rows; nothing for tables without totals."""
    for sentence in table.get("totals", {}).get("sentences", ()):
        print_line(f"{TOTAL_STATES.get(sentence['state'], 'Note')}: {sentence['text']}")


def _answer(choice: dict[str, Any]) -> str:
    """Return the command's options that make a choice."""
    words: list[str] = []
    for field, value in choice["options"].items():
        is_pair = isinstance(value, dict)
        values = [f"{name}={each}" for name, each in value.items()] if is_pair else [value]
        words += [f"{OPTIONS[field]} {shlex.quote(str(each))}" for each in values]
    return " ".join(words)


REF_TO_MOVE = click.option(
    "--ref",
    default=MAIN,
    show_default=True,
    help="The ref to update; a new name creates a ref from main.",
)
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
@REF_TO_MOVE
@with_request(UriImportRequest)
@click.option(
    "--gl-balance",
    "balances",
    multiple=True,
    metavar="COLUMN=AMOUNT",
    help="A balance of the general ledger, to compare with the sum of a column; see `reconcile`.",
)
@click.option("--gl-reference", metavar="TEXT", help="What the balance is, for `--gl-balance`.")
@click.option("--preview", is_flag=True, help="Show what would be read; import nothing.")
@BATCH
@printed(creates=True)
def import_command(
    client: ApiClient,
    source: Path | str,
    dataset: str | None,
    ref: str,
    balances: tuple[str, ...],
    gl_reference: str | None,
    preview: bool,
    **chosen: Any,
) -> Printed:
    """Import a file as a new version of a dataset.

    CSV, TSV, JSON, NDJSON, Parquet or XLSX.

    FILE may be a URI (https, s3, gs, az, file) under a prefix that the server's setting
    import_prefixes allows. A URI that ends with a slash is a folder, whose files make one table.

    What isn't given is detected: delimiter, header, decimal comma, thousands signs, currencies and
    dates; --preview shows it and, with --dataset, what changes in the columns.

    \b
    jobsvc import sales.csv --dataset sales
    jobsvc import q3.xlsx --dataset sales --ref quarter3 --purpose "Figures of Q3"
    jobsvc import ledger.csv --preview --date-order dmy
    jobsvc import ledger.csv --dataset ledger --header-row 4 --type Account=text
    jobsvc import ledger.csv --dataset ledger --row-key document
    jobsvc import ledger.csv --dataset ledger --totals leave_out
    jobsvc import ledger.csv --dataset ledger --gl-balance amount=1,234.50 --gl-reference "GL 1600"
    jobsvc import s3://audit/2025/ledger.parquet --dataset ledger
    """
    body = body_of(chosen)
    given = _balances(balances, gl_reference)
    if preview:
        reading = {name: body[name] for name in ("options",) if name in body}
        required = requires_columns(client, dataset, "require_columns" in body)
        shown = preview_file(client, source, reading, dataset, ref)
        return Printed(shown, lambda found: print_preview(found, required))
    if dataset is None:
        raise click.UsageError("Missing option '--dataset'.")
    job = import_file(client, source, dataset, ref, **body)
    changes = changes_of(client, job)
    commit_id = job["output_summary"]["output_commit_id"]
    key = job["output_summary"]["tables"][0]["key"]
    version = {"source_ref": commit_id, "table_key": key, "reference": gl_reference}
    path = f"/api/datasets/{job['dataset_id']}/reconciliations"
    try:
        entries = [client.post(path, {**version, **balance}) for balance in given]
    except JobsvcError as error:
        raise CommandFailed(
            "The file is imported, but a balance wasn't entered. {error} Enter it with `jobsvc "
            "reconcile`.",
            error=client.failure(error).message,
        ) from None

    def show(done: dict[str, Any]) -> None:
        _print_import(done, changes)
        for entry in entries:
            print_entry(entry)

    return Printed(job, show, failure=kept_apart(job))


def _balances(balances: Sequence[str], reference: str | None) -> list[dict[str, str]]:
    """The columns and amounts of ``--gl-balance``, checked before the file is imported."""
    if bool(balances) != bool(reference):
        raise click.UsageError("--gl-balance and --gl-reference need each other.")
    found = []
    for text in balances:
        column, _, amount = text.rpartition("=")
        try:
            number_of(amount)
        except InvalidRequest as error:
            raise click.UsageError(f"--gl-balance: {error.message}") from None
        if not column:
            raise click.UsageError("--gl-balance is COLUMN=AMOUNT.")
        found.append({"column": column, "balance": amount})
    return found


def changes_of(client: ApiClient, job: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a completed import changed in the columns of its ref."""
    found = client.get(f"/api/jobs/{job['id']}/column-changes")["column_changes"]
    return cast(dict[str, Any] | None, found)


def kept_apart(job: dict[str, Any]) -> CommandFailed | None:
    """The failure of a command whose version doesn't meet the data contract."""
    found = job["output_summary"].get("data_contract")
    if found is None or found["state"] == "met":
        return None
    return CommandFailed(
        "The version doesn't meet its data contract and is kept apart as {ref}; {moved} stays:\n"
        "{failures}\nTo accept it: jobsvc data-contract accept {job_id} --reason …",
        ref=job["output_summary"]["output_ref"],
        moved=job["run_parameters"]["ref"],
        failures="\n".join(failure["text"] for failure in found["failures"]),
        job_id=job["id"][:8],
    )


def print_version(job: dict[str, Any], columns: Columns) -> None:
    """Print the version that a job has made, with its tables and their notes."""
    summary = job["output_summary"]
    print_line(
        f'Dataset "{job["dataset_name"]}" (id {job["dataset_id"]}), ref {summary["output_ref"]}, '
        f"commit {summary['output_commit_id'][:12]}:"
    )
    print_items(
        summary["tables"], {"table": "key", "rows": "rows", "columns": "columns", **columns}
    )
    for table in summary["tables"]:
        for note in table["notes"]:
            print_line(f"Note on {table['key']}: {note}")
        if key := table.get("row_key"):
            columns_of_key = ", ".join(key["columns"])
            text = with_names(key["text"], "--{}".format)
            print_line(f"Row key of {table['key']}: {columns_of_key} – {text}")


def _print_import(job: dict[str, Any], changes: dict[str, Any] | None) -> None:
    print_version(job, {})
    for table in job["output_summary"]["tables"]:
        print_totals(table)
        totals = sorted(table["control_totals"], key=lambda total: total["is_identifier"])
        if totals:
            print_line(f"Control totals of {table['key']}:")
            columns: Columns = {"column": total_name, **{each: exact_sum(each) for each in SUMS}}
            print_items(totals, columns)
    print_column_changes(changes)


def import_file(
    client: ApiClient, source: Path | str, dataset: str, ref: str = MAIN, **fields: Any
) -> dict[str, Any]:
    """Upload a file or name a URI, wait for its job, and return the completed job.

    A dataset or ref may be new; see :func:`into_dataset`.
    """

    def run(dataset_id: int) -> dict[str, Any]:
        path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}/import"
        if isinstance(source, str):
            return client.run_job(path, {"uri": source, **fields}, f"Importing {source}")
        accepted = client.upload_file(path, source, form_fields(fields))
        return client.finished_job(accepted["job_id"], f"Importing {source.name}")

    return into_dataset(client, dataset, ref, run, keep_failed=True)


def is_new(client: ApiClient, dataset: str) -> bool:
    """Whether a dataset's name or id is a name that no dataset has."""
    return not (dataset.isdecimal() or client.get("/api/datasets", name=dataset)["datasets"])


def into_dataset(
    client: ApiClient,
    dataset: str,
    ref: str,
    run: Callable[[int], dict[str, Any]],
    *,
    keep_failed: bool,
) -> dict[str, Any]:
    """Run a job that moves a ref of the dataset with an id, and return the completed job.

    A new ref is created from ``main``; it is removed again if the job fails. A new dataset is
    removed if the server refuses the request.

    Parameters
    ----------
    keep_failed : bool
        Whether a new dataset stays with a failed job, which has its file.
    """
    if not is_new(client, dataset):
        dataset_id = client.dataset_id(dataset)
        ref_path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}"
        if ref == MAIN or client.has(ref_path):
            return run(dataset_id)
        client.post(f"/api/datasets/{dataset_id}/refs", {"name": ref, "source_ref": MAIN})
        with _removed_after_failure(client, ref_path, f'The new ref "{ref}"'):
            return run(dataset_id)
    if ref != MAIN:
        raise CommandFailed(
            'The dataset "{name}" is new: its first version goes to {main}. Leave out --ref.',
            name=dataset,
            main=MAIN,
        )
    created = client.post("/api/datasets", {"name": dataset})["id"]
    with _removed_after_failure(client, f"/api/datasets/{created}", "The new dataset"):
        try:
            return run(created)
        except JobFailed as error:
            if not keep_failed:
                raise
            failure = client.failure(error)
    raise CommandFailed(
        '{failure} The new dataset "{name}" is empty: import into it again, or delete it with '
        "`jobsvc rm`.",
        failure=failure.message,
        name=dataset,
    )


@contextmanager
def _removed_after_failure(client: ApiClient, path: str, created: str) -> Iterator[None]:
    """Remove the dataset or ref that was created for a file, if the import fails."""
    try:
        yield
    except JobsvcError as error:
        from service.errors import RETRYABLE_CODES  # loads DuckDB

        failure = client.failure(error)
        is_retryable = isinstance(error, JobFailed) and error.code in RETRYABLE_CODES
        if is_retryable or isinstance(failure, Unreachable):  # the job can go on
            raise
        client.delete(path)
        raise CommandFailed(
            "{error} {created} was removed again.",
            error=failure.message,
            created=created,
        ) from None
