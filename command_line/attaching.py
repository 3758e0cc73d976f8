"""``jobsvc attach`` and ``connection``: tables whose files stay where they are."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click
from jobsvc_client.arguments import given

from application.administration.overview import size_text
from command_line.connection import ApiClient, Target, connected
from command_line.contract_options import body_of, with_request
from command_line.importing import (
    changes_of,
    into_dataset,
    preview_path,
    print_column_changes,
    requires_columns,
)
from command_line.options import (
    AS_JSON,
    BATCH,
    YES,
    field_option,
    job_body,
    printed,
    with_client,
    with_target,
)
from command_line.output import (
    CommandFailed,
    confirm,
    print_items,
    print_line,
    print_result,
    table_of,
)
from contract.requests.attaching import AttachedTableRequest, AttachRequest
from domain_errors import counted

SHOWN_FILES = 10


@click.command("attach")
@click.argument("uris", metavar="URI...", nargs=-1, required=True)
@click.option("--dataset", required=True, help="Name or id; a new name creates a dataset.")
@click.option(
    "--ref",
    default="main",
    show_default=True,
    help="The ref to update; a new name creates a ref from main.",
)
@with_request(AttachedTableRequest)
@with_request(AttachRequest)
@click.option("--preview", is_flag=True, help="Show files, rows and columns; attach nothing.")
@BATCH
@AS_JSON
@with_target
def attach(
    target: Target,
    uris: tuple[str, ...],
    dataset: str,
    ref: str,
    preview: bool,
    batch: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Attach Parquet files as a table, without a copy.

    The files stay where they are, and the dataset gets a new version.

    A URI is a file, or a folder if it ends with a slash, under the prefix of a connection (see
    jobsvc connection). A file that changes later is refused.

    The footers of the files say how many rows they have, and are believed unless --verify reads the
    files.

    \b
    jobsvc attach s3://audit-lake/2025/ledger/ --dataset ledger --preview
    jobsvc attach s3://audit-lake/2025/ledger/ --dataset ledger
    jobsvc attach file:///data/lake/a.parquet file:///data/lake/b.parquet --dataset ledger
    """
    tables = [{"uri": list(uris), **body_of(AttachedTableRequest, values)}]
    body = job_body(batch=batch, tables=tables, **body_of(AttachRequest, values))
    if preview and "verify" in body:
        raise click.UsageError("--preview reads footers only: leave --verify out.")
    with connected(target) as client:
        if preview:
            path, fields = preview_path(client, "attach/preview", dataset, ref)
            found = client.post(path, {"tables": tables, **fields})
            required = requires_columns(client, dataset, body.get("require_columns", False))
            return print_result(found, as_json, lambda shown: _print_preview(shown, required))
        job = into_dataset(
            client,
            dataset,
            ref,
            lambda dataset_id: _attach(client, dataset_id, ref, body),
            keep_failed=False,
        )
        changes = changes_of(client, job)
    return print_result(job, as_json, lambda done: _print_attached(done, changes))


def _attach(client: ApiClient, dataset_id: int, ref: str, body: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}/attach"
    return client.run_job(path, body, "Attaching")


def _print_attached(job: dict[str, Any], changes: dict[str, Any] | None) -> None:
    summary = job["output_summary"]
    print_line(
        f'Dataset "{job["dataset_name"]}" (id {job["dataset_id"]}), ref {summary["output_ref"]}, '
        f"commit {summary['output_commit_id'][:12]}:"
    )
    columns = {"table": "key", "rows": "rows", "columns": "columns", "files": "files"}
    print_items(summary["tables"], {**columns, "size": lambda one: size_text(one["size_bytes"])})
    for table in summary["tables"]:
        for note in table["notes"]:
            print_line(f"Note on {table['key']}: {note}")
    print_column_changes(changes)


def _print_preview(preview: dict[str, Any], are_required: bool) -> None:
    for table in preview["tables"]:
        print_line(
            f"Table {table['table_key']} through {table['connection']}: "
            f"{counted(table['row_count'], 'row')} in {counted(table['file_count'], 'file')}, "
            f"{size_text(table['size_bytes'])}."
        )
        print_items(table["columns"], {"column": "name", "type": "type"})
        print_line()
        files = table["files"][:SHOWN_FILES]
        print_items(
            files,
            {"file": "uri", "rows": "row_count", "size": lambda one: size_text(one["size_bytes"])},
        )
        if table["file_count"] > len(files):
            print_line(f"and {table['file_count'] - len(files):,} more files")
        for note in table["notes"]:
            print_line(f"Note: {note}")
    print_column_changes(preview.get("column_changes"), are_required=are_required)


PREFIX = "The URI of a folder, bucket or container: s3://, gs://, az:// or file://."
CREDENTIALS = (
    "How the names of variables in the server's environment begin, such as LAKE for "
    "LAKE_AWS_ACCESS_KEY_ID. Never a key."
)
USABLE_BY = "A user or a group that may attach its files; may be repeated."


@click.group()
def connection() -> None:
    """Manage connections to attached files (admins only)."""


_print_connections = table_of(
    {"name": "name", "prefix": "prefix", "credentials": "credentials", "usable by": "usable_by"}
)


@connection.command("list")
@printed(_print_connections)
def list_connections(client: ApiClient) -> Any:
    """List the connections; those that you may use, if you aren't an admin."""
    return client.all_of("/api/connections", "connections")


@connection.command("add")
@click.argument("name")
@click.argument("prefix")
@click.option("--credentials", default="", help=CREDENTIALS)
@field_option("--user", "usable_by", "usable_by", multiple=True, metavar="NAME", help=USABLE_BY)
@with_client
def add_connection(client: ApiClient, **body: Any) -> None:
    """Create a connection under the setting connection_prefixes.

    \b
    jobsvc connection add lake s3://audit-lake/ --credentials LAKE --user Auditors
    jobsvc connection add disk file:///data/lake/ --user everyone
    """
    _print_connections([client.post("/api/connections", body)])


@connection.command("change")
@click.argument("name")
@field_option("--prefix", "prefix", help=PREFIX)
@field_option("--credentials", "credentials", help=CREDENTIALS)
@field_option("--user", "usable_by", "usable_by", multiple=True, metavar="NAME", help=USABLE_BY)
@with_client
def change_connection(
    client: ApiClient, name: str, usable_by: tuple[str, ...], **changes: str | None
) -> None:
    """Change a connection; --user replaces all its users and groups.

    \b
    jobsvc connection change lake --user Auditors --user anna
    """
    body = given(**changes, usable_by=usable_by or None)
    _print_connections([client.patch(f"/api/connections/{_connection_id(client, name)}", body)])


@connection.command("delete")
@click.argument("name")
@YES
@with_client
def delete_connection(client: ApiClient, name: str, yes: bool) -> None:
    """Delete a connection; tables that are attached through it can't be read from then on."""
    connection_id = _connection_id(client, name)
    confirm(f"Delete the connection {name}? Tables that use it can't be read from then on.", yes)
    client.delete(f"/api/connections/{connection_id}")
    print_line(f"Connection {name} was deleted.")


def _connection_id(client: ApiClient, name: str) -> int:
    for found in client.all_of("/api/connections", "connections"):
        if found["name"] == name:
            return int(found["id"])
    raise CommandFailed('Connection "{name}" not found.', name=name)
