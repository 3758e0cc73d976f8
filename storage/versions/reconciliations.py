"""Balances of the general ledger that users compared with the sums of columns; none ever changes."""

from __future__ import annotations

from lazy_dataclasses import dataclass
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records


@dataclass(frozen=True)
class NewBalance:
    """A balance to enter; amounts are decimal digits, ``difference`` is the sum less the balance."""

    dataset_id: int
    commit_id: str
    table_key: str
    column_name: str
    column_sum: str
    balance: str
    difference: str
    reference: str
    explanation: str


@dataclass(frozen=True)
class BalanceRecord(NewBalance):
    """An entered balance: who entered it, and when."""

    id: int
    user_id: int
    at: str


_BALANCES = Records(BalanceRecord)


def add_balance(tx: Transaction, new: NewBalance, user_id: int, clock: Clock) -> BalanceRecord:
    """Enter a balance; an earlier one of the column stays in the history."""
    return _BALANCES.only(
        tx, "add_reconciliation", **vars(new), user_id=user_id, at=timestamp(clock())
    )


def list_balances(
    tx: Transaction, dataset_id: int, commit_id: str, table_key: str, offset: int, limit: int
) -> tuple[list[BalanceRecord], int]:
    """Return a page of all entries about a table of a version, newest first, and their number."""
    return _BALANCES.page(
        tx,
        "list_reconciliations",
        offset,
        limit,
        dataset_id=dataset_id,
        commit_id=commit_id,
        table_key=table_key,
    )


def newest_balances(
    tx: Transaction, dataset_id: int, commit_id: str, table_key: str
) -> list[BalanceRecord]:
    """Return the newest entry about each column of a table of a version."""
    return _BALANCES.all(
        tx,
        "newest_reconciliations",
        dataset_id=dataset_id,
        commit_id=commit_id,
        table_key=table_key,
    )
