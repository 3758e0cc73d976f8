"""The command that compares the sum of a column with a balance of the general ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import body_of, printed
from command_line.output import Printed, print_line
from contract.requests.reconciling import BalanceRequest


def print_entry(entry: dict[str, Any]) -> None:
    """Print the comparison of a column's sum with a balance."""
    verb = "agrees with" if entry["agrees"] else "differs from"
    total, balance, difference = (
        f"{Decimal(entry[name]):,f}" for name in ("column_sum", "balance", "difference")
    )
    by = "" if entry["agrees"] else f" by {difference.removeprefix('-')}"
    print_line(
        f"{entry['column']}: the sum {total} {verb} the balance {balance} "
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
@printed()
def reconcile(
    client: ApiClient,
    dataset: str,
    column: str | None,
    balance: str | None,
    reference: str | None,
    **chosen: Any,
) -> Printed:
    """Compare the sum of a column with a balance of the general ledger.

    The difference is exact. A later balance of the same column corrects an earlier one, and both
    stay in the history. Without COLUMN the entries are listed, the newest first.

    \b
    jobsvc reconcile payables amount 33,789,684.19 --reference "GL account 1600 at 2025-12-31"
    jobsvc reconcile payables
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/reconciliations"
    body = body_of(chosen)
    if column is not None:
        if balance is None or not reference:
            raise click.UsageError("Give COLUMN, BALANCE and --reference.")
        given = {"column": column, "balance": balance, "reference": reference}
        entry = client.post(path, {**body, **given})
        return Printed({"reconciliations": [entry]}, _print_entries)
    query = {name: body[name] for name in ("table_key", "source_ref") if name in body}
    if reference or body.keys() - query.keys():
        raise click.UsageError("--reference and --explanation need COLUMN and BALANCE.")
    return Printed(client.get(path, **query), _print_entries)
