"""``jobsvc datasets``, ``rows``, ``history`` and ``search``: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from jobsvc_client.arguments import quoted_list

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import (
    LIMIT,
    OFFSET,
    OUTPUT,
    REF,
    TABLE,
    body_of,
    field_option,
    limit_option,
    printed,
)
from command_line.output import (
    SUFFIXES,
    Printed,
    one_line,
    page_of,
    print_line,
    print_rows,
    table_of,
    written,
)
from contract.requests.datasets import RowKeyRequest
from contract.requests.tables import RowsRequest


@click.command()
@click.option("--search", "q", metavar="TEXT", help="Part of the name or the description.")
@click.option("--tag", help="Only datasets with this tag.")
@LIMIT
@OFFSET
@printed(
    page_of(
        "datasets",
        {
            "id": "id",
            "name": "name",
            "tags": "tags",
            "created by": "created_by",
            "changed": "updated_at",
            "access": "permission",
        },
    )
)
def datasets(client: ApiClient, **query: Any) -> Any:
    """List the datasets that you can access.

    The latest changed is first.

    \b
    jobsvc datasets
    jobsvc datasets --search ledger --tag 2025
    """
    return client.get("/api/datasets", **query)


@click.command()
@click.argument("dataset")
@REF
@TABLE
@with_request(RowsRequest)
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@LIMIT
@OFFSET
@OUTPUT
@printed()
def rows(
    client: ApiClient,
    dataset: str,
    columns: tuple[str, ...],
    output: Path | None,
    **chosen: Any,
) -> Printed:
    """Show rows of a dataset, or write them to a file.

    The dataset is given by name or id.

    \b
    jobsvc rows flights --filter "dep_delay > 60" --order-by dep_delay --desc
    jobsvc rows flights --ref smpl-q1 --output q1.xlsx
    """
    query = body_of(chosen)
    version = quote(query.pop("source_ref", "main"), safe="")
    if columns:
        query["columns"] = quoted_list(columns)
    path = f"/api/datasets/{client.dataset_id(dataset)}/commits/{version}/data"
    if output is None:
        return Printed(client.get(path, **query), _print_page)
    del query["limit"], query["offset"]
    client.save(path, output, **query, format=SUFFIXES[output.suffix])
    return written(output)


@click.command("require-columns")
@click.argument("dataset")
@click.option("--off", is_flag=True, help="Allow other columns again.")
@printed(
    lambda changed: print_line(
        f'Imports into "{changed["name"]}" '
        f"{'must have' if changed['require_columns'] else 'may differ from'} "
        "the columns of the version before."
    )
)
def require_columns(client: ApiClient, dataset: str, off: bool) -> Any:
    """Refuse imports that change the columns of a dataset.

    An import with a missing or new column, or another type, then fails and publishes nothing; the
    order of the columns may differ. Needs the right admin. The dataset is given by name or id.

    \b
    jobsvc require-columns ledger
    jobsvc require-columns ledger --off
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}"
    return client.patch(path, {"require_columns": not off})


def _print_key(found: dict[str, Any]) -> None:
    numbered = ", equal keys numbered" if found["duplicates"] == "number" else ""
    columns = ", ".join(found["columns"])
    print_line(f"Row key of {found['table_key']}: {columns}{numbered}")
    for version in found.get("versions", ()):
        change = f" {version['change']}" if version["change"] else ""
        print_line(f"{version['commit_id'][:12]}  {version['text']}{change}")
    if found.get("total", 0) > len(found.get("versions", ())):
        print_line(f"{len(found['versions'])} of {found['total']:,} versions.", err=True)


@click.command("row-key")
@click.argument("dataset")
@click.argument("columns", nargs=-1)
@with_request(RowKeyRequest)
@click.option("--delete", is_flag=True, help="Delete the row key.")
@limit_option(10, 100, help="Versions that are shown.")
@printed(_print_key)
def row_key(
    client: ApiClient,
    dataset: str,
    columns: tuple[str, ...],
    delete: bool,
    limit: int,
    **chosen: Any,
) -> Any:
    """Declare the row key of a table, or show it.

    COLUMNS identify a row in every version: then rows have names such as "document 0000027589",
    and commands take these for row ids. Without COLUMNS the key is shown, with its state in each
    version. The dataset is given by name or id.

    \b
    jobsvc row-key ledger document
    jobsvc row-key ledger company document --duplicates number
    jobsvc row-key ledger
    jobsvc row-key ledger --delete
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/row-key"
    body = body_of(chosen)
    table = {name: body[name] for name in ("table_key",) if name in body}
    if delete:
        if columns or body.keys() - table.keys():
            raise click.UsageError("--delete takes no columns, and no option but --table.")
        return client.request("DELETE", path, **table)
    if columns:
        client.put(path, {**body, "columns": list(columns)})
    elif "duplicates" in body:
        raise click.UsageError("Give the columns of the key with --duplicates.")
    query = {name: body[name] for name in ("table_key", "source_ref") if name in body}
    return client.get(path, limit=limit, **query)


def _print_page(page: dict[str, Any]) -> None:
    print_rows(page["columns"], page["data"], page["types"])
    shown, total = len(page["data"]), page["total"]
    print_line(f"{shown:,} of {total:,} rows.", err=True)


def _tables_of(commit: dict[str, Any]) -> str:
    tables = commit["tables"]
    return ", ".join(f"{table['table_key']} ({table['row_count']:,} rows)" for table in tables)


@click.command()
@click.argument("dataset")
@field_option("--ref", "source_ref", "source_ref", default="main", show_default=True, help="A ref.")
@LIMIT
@OFFSET
@printed(
    page_of(
        "commits",
        {
            "version": lambda commit: commit["commit_id"][:12],
            "created": "created_at",
            "author": "user_soeid",
            "purpose": lambda commit: one_line(commit["message"]),
            "tables": _tables_of,
        },
        "versions",
    )
)
def history(client: ApiClient, dataset: str, **query: Any) -> Any:
    """List the versions of a dataset.

    The newest is first; the dataset is given by name or id.

    \b
    jobsvc history flights
    jobsvc history flights --ref smpl-q1
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/history"
    return client.get(path, **query)


@click.command()
@click.argument("text")
@limit_option(10, 50, help="Of each kind.")
@printed(
    table_of(
        {
            "kind": lambda hit: "saved query" if hit["kind"] == "query" else hit["kind"],
            "name": lambda hit: (
                hit["name"] if hit["row_id"] is None else f"{hit['row_name']} in {hit['name']}"
            ),
            "purpose": lambda hit: one_line(hit["purpose"] or ""),
            "dataset": "dataset_name",
            "job": lambda hit: (hit["job_id"] or "")[:8],
        },
        "results",
    )
)
def search(client: ApiClient, text: str, limit: int) -> Any:
    """Find datasets, samples, saved queries, versions and jobs.

    TEXT is part of a name or a purpose, the first 6 or more digits of an id, or a row such as
    primary:17.

    \b
    jobsvc search "first quarter"
    jobsvc search primary:17
    """
    return client.get("/api/search", q=text, limit=limit)
