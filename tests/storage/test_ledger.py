"""The ledger: a chain of entries that the database can't change, and canonical JSON."""

from __future__ import annotations

import sqlite3

import pytest

from storage.accounts.datasets import DatasetRecord
from storage.certificates.canonical_json import canonical_json
from storage.certificates.ledger import LedgerEntry, append_entry, chain_faults, whole_ledger
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-5, "0.00001"),
        (1.5e-7, "1.5e-7"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (-1.25e30, "-1.25e+30"),
        (5e-324, "5e-324"),
        (2**53 - 1, "9007199254740991"),
        (2**53, '"9007199254740992"'),
        ({"ü": 1, "a": [True, None]}, '{"a":[true,null],"ü":1}'),
        ('"\\\n\x01é', '"\\"\\\\\\n\\u0001é"'),
    ],
)
def test_values_have_one_text(value: object, text: str) -> None:
    assert canonical_json(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="NaN"):
        canonical_json([value])


@pytest.fixture
def entries(database: Database, dataset: DatasetRecord, clock: Clock) -> list[LedgerEntry]:
    with database.write() as tx:
        for place in range(3):
            append_entry(tx, dataset.id, "draw", "bg54677", {"job_id": f"job-{place}"}, clock)
    with database.read() as tx:
        return whole_ledger(tx, dataset.id)


def test_each_entry_has_the_digest_before(entries: list[LedgerEntry]) -> None:
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.previous_digest for entry in entries] == [
        None,
        entries[0].digest,
        entries[1].digest,
    ]
    assert list(chain_faults(entries)) == []


def test_a_change_or_a_gap_is_a_fault(entries: list[LedgerEntry]) -> None:
    first, second, third = entries
    other = LedgerEntry(**{**vars(second), "actor": "somebody"})
    assert len(list(chain_faults([first, other, third]))) == 1
    assert len(list(chain_faults([first, third]))) == 2
    assert len(list(chain_faults([second, third]))) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entries WHERE number = 3",
        "UPDATE ledger_entries SET actor = 'x'",
        "INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries WHERE number = 2",
        "INSERT INTO ledger_entries SELECT dataset_id, 5, kind, recorded_at, actor, body, digest,"
        " digest FROM ledger_entries WHERE number = 3",
        "INSERT INTO ledger_entries SELECT dataset_id, 4, kind, recorded_at, actor, body,"
        " previous_digest, digest FROM ledger_entries WHERE number = 3",
    ],
)
def test_the_database_refuses_all_but_the_next_entry(
    entries: list[LedgerEntry], database: Database, statement: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.write() as tx:
        tx.execute(statement)
    with database.read() as tx:
        assert whole_ledger(tx, entries[0].dataset_id) == entries


def test_ledgers_of_datasets_are_apart(
    entries: list[LedgerEntry], database: Database, clock: Clock
) -> None:
    with database.write() as tx:
        entry = append_entry(tx, 99, "plan", "bg54677", {"plan_id": "p", "n": 0.5}, clock)
    assert (entry.number, entry.previous_digest) == (1, None)
    with database.read() as tx:
        assert whole_ledger(tx, 99) == [entry]
        assert whole_ledger(tx, entries[0].dataset_id) == entries
