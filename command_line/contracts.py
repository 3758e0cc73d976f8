"""``jobsvc data-contract``: what each new version of a table must meet."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import LIMIT, OFFSET, body_of, printed
from command_line.output import Columns, print_items, print_line
from contract.requests.data_contract import (
    AcceptanceRequest,
    DataContractRequest,
    DataContractTableRequest,
    DataContractVersionRequest,
)
from domain_errors import counted

DATASET = click.argument("dataset")
STATES = {
    "met": "The newest version meets it.",
    "not_met": "The newest version doesn't meet it:",
    "not_checked": "The newest version isn't checked yet. Run the command again.",
}
_FAILURES: Columns = {
    "term": "term",
    "failure": "text",
    "examples": lambda failure: ", ".join(failure["examples"]),
}


@click.group("data-contract")
def data_contract() -> None:
    """State what each new version of a table must meet.

    An import or an attachment that doesn't meet it is kept apart: the ref stays, and the version
    gets a ref of its own until somebody accepts it. A dataset is given by name or id.
    """


def _path(client: ApiClient, dataset: str) -> str:
    return f"/api/datasets/{client.dataset_id(dataset)}"


def _print_terms(terms: dict[str, Any]) -> None:
    columns: Columns = {
        "column": "name",
        "type": "type",
        "largest share of NULL": lambda column: f"{column['max_null_share']:.2%}",
    }
    print_items(terms["columns"], columns)
    if terms["columns"]:
        more = "may" if terms["more_columns"] else "may not"
        print_line(f"The table {more} have more columns.")
    bounds = [
        f"{word} {counted(rows, 'row')}"
        for word, rows in (("at least", terms["min_rows"]), ("at most", terms["max_rows"]))
        if rows is not None
    ]
    if bounds:
        print_line(f"The table has {' and '.join(bounds)}.")
    if terms["row_key"]:
        print_line("The row key holds, if the table has one.")
    for condition in terms["conditions"]:
        print_line(f"No row is against: {condition}")


def _print_state(found: dict[str, Any]) -> None:
    _print_terms(found)
    print_line(STATES[found["state"]] if found["commit_id"] else "There is no version yet.")
    if found["failures"]:
        print_items(found["failures"], _FAILURES)


@data_contract.command()
@DATASET
@with_request(DataContractVersionRequest)
@printed(_print_state)
def show(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Show the data contract of a table, and whether the newest version meets it.

    \b
    jobsvc data-contract show ledger
    """
    return client.get(f"{_path(client, dataset)}/data-contract", **body_of(chosen))


@data_contract.command()
@DATASET
@with_request(DataContractVersionRequest)
@printed(_print_terms)
def propose(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Propose a data contract that the newest version meets; with --json a file to change.

    \b
    jobsvc data-contract propose ledger --json > contract.json
    """
    return client.get(f"{_path(client, dataset)}/data-contract/proposal", **body_of(chosen))


@data_contract.command("set")
@DATASET
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@with_request(DataContractRequest, without=("row_key",))
@printed(_print_terms)
def set_contract(client: ApiClient, dataset: str, file: TextIO | None, **chosen: Any) -> Any:
    """Set the data contract of a table, by a JSON file or by options.

    FILE is of the form that propose writes; - reads the standard input. Options go before it.

    \b
    jobsvc data-contract set ledger contract.json
    jobsvc data-contract set ledger --min-rows 1000 --condition "amount >= 0"
    """
    terms: dict[str, Any] = {}
    if file is not None:
        try:
            terms = json.load(file)
        except ValueError as error:
            raise click.UsageError(f"{file.name} isn't JSON: {error}") from None
        if not isinstance(terms, dict):
            raise click.UsageError(f"{file.name} isn't a JSON object.")
    body = {**terms, **body_of(chosen)}
    if not body:
        raise click.UsageError("Give a file or an option.")
    return client.put(f"{_path(client, dataset)}/data-contract", body)


@data_contract.command()
@DATASET
@with_request(DataContractTableRequest)
@printed("The data contract of the table {table_key} was deleted.")
def remove(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Delete the data contract of a table; versions that were kept apart stay so."""
    return client.request("DELETE", f"{_path(client, dataset)}/data-contract", **body_of(chosen))


@data_contract.command("kept-apart")
@DATASET
@LIMIT
@OFFSET
@printed(
    {
        "job": lambda one: one["job_id"][:8],
        "file": "file_name",
        "ref": "apart_ref",
        "state": "state",
        "failures": lambda one: " ".join(failure["text"] for failure in one["failures"]),
    }
)
def list_kept_apart(client: ApiClient, dataset: str, **page: Any) -> Any:
    """List the versions that don't meet a data contract, newest first."""
    return client.get(f"{_path(client, dataset)}/kept-apart", **body_of(page))["versions"]


@data_contract.command()
@click.argument("job_id", metavar="JOB")
@with_request(AcceptanceRequest)
@printed("The ref {ref_name} names the version {commit_id} now.")
def accept(client: ApiClient, job_id: str, **chosen: Any) -> Any:
    """Accept the version of an import or an attachment that was kept apart.

    \b
    jobsvc data-contract accept 917f045a --reason "A holiday: there are few postings."
    """
    job = client.get(f"/api/jobs/{job_id}")
    path = f"/api/datasets/{job['dataset_id']}/kept-apart/{job['id']}/accept"
    return client.post(path, body_of(chosen))
