"""``jobsvc datasets``, ``rows``, ``history`` and ``search``: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from jobsvc_client.arguments import given

from command_line.accounts import WORDS
from command_line.connection import ApiClient
from command_line.contract_options import body_of, with_request
from command_line.options import (
    AS_JSON,
    LIMIT,
    OFFSET,
    OUTPUT,
    REF,
    TABLE,
    field_option,
    limit_option,
    printed,
    with_client,
)
from command_line.output import (
    SUFFIXES,
    one_line,
    output_file,
    page_of,
    print_items,
    print_line,
    print_result,
    print_rows,
)
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
            "access": lambda dataset: WORDS[dataset["permission"]],
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
@AS_JSON
@with_client
def rows(
    client: ApiClient,
    dataset: str,
    ref: str | None,
    columns: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Show rows of a dataset, or write them to a file.

    The dataset is given by name or id.

    \b
    jobsvc rows flights --filter "dep_delay > 60" --sort dep_delay --descending
    jobsvc rows flights --ref smpl-q1 --table sample --output q1.xlsx
    """
    query = given(
        table_key=chosen["table"],
        **body_of(RowsRequest, chosen),
        columns=",".join(map(_quoted, columns)) or None,
    )
    with output_file(output) as file:
        version = quote(ref or "main", safe="")
        path = f"/api/datasets/{client.dataset_id(dataset)}/commits/{version}/data"
        if file is None or output is None:
            page = client.get(path, **query, limit=chosen["limit"], offset=chosen["offset"])
            print_result(page, as_json, _print_page)
            return
        client.download(path, file, **query, format=SUFFIXES[output.suffix])
    print_line(f"Rows written to {output}")


@click.command("require-columns")
@click.argument("dataset")
@click.option("--off", is_flag=True, help="Allow other columns again.")
@with_client
def require_columns(client: ApiClient, dataset: str, off: bool) -> None:
    """Refuse imports that change the columns of a dataset.

    An import with a missing or new column, or another type, then fails and publishes nothing; the
    order of the columns may differ. Needs owner access. The dataset is given by name or id.

    \b
    jobsvc require-columns ledger
    jobsvc require-columns ledger --off
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}"
    changed = client.patch(path, {"require_columns": not off})
    verb = "must have" if changed["require_columns"] else "may differ from"
    print_line(f'Imports into "{changed["name"]}" {verb} the columns of the version before.')


def _quoted(column: str) -> str:
    """A column's name in a list with commas."""
    return '"{}"'.format(column.replace('"', '""'))


def _print_page(page: dict[str, Any]) -> None:
    print_rows(page["columns"], page["data"])
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


def _print_hits(found: dict[str, Any]) -> None:
    print_items(
        found["results"],
        {
            "kind": lambda hit: "saved query" if hit["kind"] == "query" else hit["kind"],
            "name": lambda hit: (
                hit["name"] if hit["row"] is None else f"{hit['row']} in {hit['name']}"
            ),
            "purpose": lambda hit: one_line(hit["purpose"] or ""),
            "dataset": "dataset_name",
            "job": lambda hit: (hit["job_id"] or "")[:8],
        },
    )


@click.command()
@click.argument("text")
@limit_option(10, 50, help="Of each kind.")
@printed(_print_hits)
def search(client: ApiClient, text: str, limit: int) -> Any:
    """Find datasets, samples, saved queries, versions and jobs.

    TEXT is part of a name or a purpose, the first 6 or more digits of an id, or a row such as
    primary:17.

    \b
    jobsvc search "first quarter"
    jobsvc search primary:17
    """
    return client.get("/api/search", q=text, limit=limit)
