"""The command that compares the sum of a column with a balance of the general ledger."""

from __future__ import annotations

from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import body_of, printed
from command_line.output import print_line
from contract.requests.reconciling import BalanceRequest


def enter(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Enter a balance, and return the comparison."""
    return client.post(f"/api/datasets/{dataset_id}/reconciliations", body)


def print_entry(entry: dict[str, Any]) -> None:
    """Print the comparison of a column's sum with a balance."""
    verb = "agrees with" if entry["agrees"] else "differs from"
    by = "" if entry["agrees"] else f" by {entry['difference'].removeprefix('-')}"
    print_line(
        f"{entry['column']}: the sum {entry['column_sum']} {verb} the balance {entry['balance']} "
        f"({entry['reference']}){by}. {entry['explanation']}".rstrip()
    )
    print_line(f"Entered by {entry['entered_by']}, {entry['at']}.")


def _print_entries(found: dict[str, Any]) -> None:
    for entry in found["reconciliations"]:
        print_entry(entry)
    if not found["reconciliations"]:
        print_line("No balance was entered.")


@click.command()
@click.argument("dataset")
@click.argument("column", required=False)
@click.argument("balance", required=False)
@with_request(BalanceRequest, without=("reference",))
@click.option("--reference", help="What the balance is, such as `GL account 1600 at 2025-12-31`.")
@printed(_print_entries)
def reconcile(
    client: ApiClient,
    dataset: str,
    column: str | None,
    balance: str | None,
    **chosen: Any,
) -> Any:
    """Compare the sum of a column with a balance of the general ledger.

    The difference is exact. A later balance of the same column corrects an earlier one, and both
    stay in the history. Without COLUMN the entries are listed, the newest first.

    \b
    jobsvc reconcile payables amount 33,789,684.19 --reference "GL account 1600 at 2025-12-31"
    jobsvc reconcile payables
    """
    dataset_id = client.dataset_id(dataset)
    body = body_of(chosen)
    if column is not None:
        if balance is None or "reference" not in body:
            raise click.UsageError("Give COLUMN, BALANCE and --reference.")
        entry = enter(client, dataset_id, {**body, "column": column, "balance": balance})
        return {"reconciliations": [entry]}
    query = {name: body[name] for name in ("table_key", "source_ref") if name in body}
    if body.keys() - query.keys():
        raise click.UsageError("--reference and --explanation need COLUMN and BALANCE.")
    return client.get(f"/api/datasets/{dataset_id}/reconciliations", **query)
