"""``jobsvc attach`` and ``connection``: tables whose files stay where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from application.administration.overview import size_text
from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.importing import (
    REF_TO_MOVE,
    changes_of,
    into_dataset,
    kept_apart,
    preview_path,
    print_column_changes,
    print_version,
    requires_columns,
)
from command_line.options import BATCH, body_of, deleting, field_option, printed
from command_line.output import Printed, print_items, print_line, table_of
from contract.requests.attaching import AttachedTableRequest, AttachRequest
from domain_errors import counted

SHOWN_FILES = 10


@click.command("attach")
@click.argument("uris", metavar="URI...", nargs=-1)
@click.option("--dataset", help="Name or id; a new name creates a dataset.")
@click.option("--delta", metavar="TABLE", help="URI or path of the folder of a Delta table.")
@click.option("--iceberg", metavar="TABLE", help="URI or path of the folder of an Iceberg table.")
@REF_TO_MOVE
@with_request(AttachedTableRequest)
@with_request(AttachRequest)
@click.option("--preview", is_flag=True, help="Show files, rows and columns; attach nothing.")
@BATCH
@printed()
def attach(
    client: ApiClient,
    uris: tuple[str, ...],
    dataset: str | None,
    delta: str | None,
    iceberg: str | None,
    ref: str,
    preview: bool,
    **chosen: Any,
) -> Printed:
    """Attach Parquet files as a table, without a copy.

    The files stay where they are, and the dataset gets a new version.

    A URI is a file, a folder if it ends with a slash, or a pattern, under the prefix of a
    connection (see jobsvc connection). A file that changes later is refused. Folders such as
    year=2024 are columns.

    With --delta or --iceberg it is a table at a version, the newest without --version, and the
    argument is the dataset.

    The footers of the files say how many rows they have, and are believed unless --verify reads the
    files.

    \b
    jobsvc attach s3://audit-lake/2025/ledger/ --dataset ledger --preview
    jobsvc attach s3://audit-lake/2025/ledger/ --dataset ledger
    jobsvc attach file:///data/lake/a.parquet file:///data/lake/b.parquet --dataset ledger
    jobsvc attach 's3://audit-lake/ledger/2024-*/part-*.parquet' --dataset ledger
    jobsvc attach sales --delta s3://audit-lake/sales/ --version 412
    """
    body = body_of(chosen)
    table, dataset = _table(uris, dataset, {"delta": delta, "iceberg": iceberg})
    own = ("table_key", "connection", "version")
    table |= {name: body.pop(name) for name in own if name in body}
    tables = body["tables"] = [table]
    if preview:
        if "verify" in body:
            raise click.UsageError("--preview reads footers only: leave --verify out.")
        path, fields = preview_path(client, "attach/preview", dataset, ref)
        required = requires_columns(client, dataset, "require_columns" in body)
        found = client.post(path, {"tables": tables, **fields})
        return Printed(found, lambda shown: _print_preview(shown, required))

    def run(dataset_id: int) -> dict[str, Any]:
        path = f"/api/datasets/{dataset_id}/refs/{quote(ref, safe='')}/attach"
        return client.run_job(path, body, "Attaching")

    job = into_dataset(client, dataset, ref, run, keep_failed=False)
    changes = changes_of(client, job)
    return Printed(job, lambda done: _print_attached(done, changes), failure=kept_apart(job))


def _table(
    uris: tuple[str, ...], dataset: str | None, tables: dict[str, str | None]
) -> tuple[dict[str, Any], str]:
    """The table to attach, and the name of the dataset.

    A table of a format is an option, and then the only argument may be the dataset.
    """
    named = {format_: place for format_, place in tables.items() if place is not None}
    if not named:
        if not uris:
            raise click.UsageError("Missing argument 'URI...'.")
        if dataset is None:
            raise click.UsageError("Missing option '--dataset'.")
        return {"uri": list(uris)}, dataset
    if len(named) > 1:
        raise click.UsageError("Leave --delta or --iceberg out: a table has one format.")
    if dataset is None and len(uris) == 1:
        dataset, uris = uris[0], ()
    if dataset is None or uris:
        raise click.UsageError("With --delta or --iceberg, name the dataset and no other URI.")
    ((format_, place),) = named.items()
    uri = place if "://" in place else Path(place).absolute().as_uri()
    is_file = uri.endswith(".json")
    return {"uri": uri if is_file else f"{uri.rstrip('/')}/", "format": format_}, dataset


def _size(one: dict[str, Any]) -> str:
    return size_text(one["size_bytes"])


def _print_attached(job: dict[str, Any], changes: dict[str, Any] | None) -> None:
    print_version(job, {"files": "files", "size": _size})
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
        print_items(files, {"file": "uri", "rows": "row_count", "size": _size})
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


USERS = field_option(
    "--user", "usable_by", "usable_by", multiple=True, metavar="NAME", help=USABLE_BY
)


@connection.command("add")
@click.argument("name")
@click.argument("prefix")
@field_option("--credentials", default="", help=CREDENTIALS)
@USERS
@printed(_print_connections)
def add_connection(client: ApiClient, **body: Any) -> Any:
    """Create a connection under the setting connection_prefixes.

    \b
    jobsvc connection add lake s3://audit-lake/ --credentials LAKE --user Auditors
    jobsvc connection add disk file:///data/lake/ --user everyone
    """
    return client.post("/api/connections", body)


@connection.command("change")
@click.argument("name")
@field_option("--prefix", help=PREFIX)
@field_option("--credentials", help=CREDENTIALS)
@USERS
@printed(_print_connections)
def change_connection(client: ApiClient, name: str, **changes: Any) -> Any:
    """Change a connection; --user replaces all its users and groups.

    \b
    jobsvc connection change lake --user Auditors --user anna
    """
    path = f"/api/connections/{client.id_of('connection', name)}"
    return client.patch(path, body_of(changes))


@connection.command("delete")
@click.argument("name")
@deleting(
    "Delete the connection {name}? Tables that use it can't be read from then on.",
    "Connection {name} was deleted.",
)
def delete_connection(client: ApiClient, name: str) -> str:
    """Delete a connection; tables that are attached through it can't be read from then on."""
    return f"/api/connections/{client.id_of('connection', name)}"
