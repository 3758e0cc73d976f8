"""Requests that compare the sum of a column with a balance of the general ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from contract.declarations import Help, Option, Request, Title
from contract.fields import ColumnName, Exact, Text
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN

MAX_REFERENCE, MAX_EXPLANATION = 200, 2000
BalanceTable = Annotated[
    str, Text(1, 200), Title("Table"), Option("--table"), Help("The key of the table.")
]
BalanceVersion = Annotated[
    str,
    Text(1, 200),
    Title("Version"),
    Option("--ref"),
    Help("A ref or the id of a commit: the version whose column is added up."),
]


class BalanceRequest(Request):
    """Compare the sum of a column with a balance of the general ledger."""

    table_key: BalanceTable = "primary"
    column: Annotated[str, ColumnName(), Option(None), Help("The column that is added up.")]
    balance: Annotated[
        Decimal,
        Exact(),
        Option(None),
        Title("Balance of the general ledger"),
        Help("The balance, as a number or a text such as `1,234.50`."),
    ]
    reference: Annotated[
        str,
        Text(1, MAX_REFERENCE),
        Help("What the balance is, such as `GL account 1600 at 2025-12-31`."),
    ]
    explanation: Annotated[
        str, Text(0, MAX_EXPLANATION), Help("Why the sum differs from the balance.")
    ] = ""
    source_ref: BalanceVersion = MAIN


class BalancesRequest(PageRequest):
    """A page of the balances that were entered for a table of a version."""

    table_key: BalanceTable = "primary"
    source_ref: BalanceVersion = MAIN
