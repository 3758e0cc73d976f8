"""The demo data: a made-up ledger of accounts payable, the same on every machine.

It has what auditors meet: skewed amounts, credit notes, missing approvals, invoices paid twice, and
amounts just below an approval limit.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

DATASET = "payables"
DESCRIPTION = "A made-up ledger of accounts payable of 2025, by company and account."
MESSAGE = "Accounts payable of 2025"
FILE_NAME = "payables.csv"
ROWS = 80_000
COLUMNS = (
    *("document", "company", "type", "posted", "due", "paid", "vendor_no", "vendor", "account"),
    *("cost_centre", "amount", "currency", "entered_by", "approved_by", "text"),
)
SEED = 2025
VENDORS = 600
APPROVAL_LIMIT = 10_000
COMPANIES = ("DE01", "DE01", "DE01", "DE01", "DE01", "DE01", "AT01", "AT01", "AT01", "CH01")
ACCOUNTS = {
    "4400": "Office supplies",
    "4830": "Travel expenses",
    "6300": "Consulting fees",
    "6520": "Vehicle costs",
    "6805": "Telephone and internet",
    "6815": "Printing",
    "0650": "Machinery",
}
CLERKS = ("becker", "çelik", "dvořák", "fischer", "gruber", "keller", "moser", "weiß")
MANAGERS = ("huber", "lang", "schäfer")
NAMES = ("Alpen", "Bauer", "Donau", "Ebner", "Fuchs", "Grün", "Hofer", "König", "Müller", "Seiler")
TRADES = ("Bürobedarf", "Consulting", "Druck", "Energie", "IT-Service", "Logistik", "Reisen")
FORMS = ("GmbH", "AG", "& Co. KG", "OG", "e. U.")


Value = TypeVar("Value")


def write_demo_file(target: Path) -> None:
    """Write the ledger as CSV."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_entries(Random(SEED)))  # noqa: S311 - no secret


def _entries(random: Random) -> Iterator[Sequence[object]]:
    """The rows: every 400th document is entered a second time with the next number."""
    repeated: list[object] | None = None
    for place in range(ROWS):
        number = f"{5_100_000_001 + place:012}"
        if repeated is not None:
            yield [number, *repeated]
            repeated = None
            continue
        entry = _entry(random)
        if place % 400 == 123:
            repeated = entry
        yield [number, *entry]


def _entry(random: Random) -> list[object]:
    """A document without its number."""
    company = _one(random, COMPANIES)
    account = _one(random, tuple(ACCOUNTS))
    vendor = int(VENDORS * random.random() ** 2)  # a few vendors have most documents
    posted = date(2025, 1, 1) + timedelta(days=int(365 * random.random()))
    due = posted + timedelta(days=_one(random, (14, 30, 30, 60)))
    amount = _amount(random, 6.0 if account != "0650" else 8.5)
    is_credit = random.random() < 0.04
    clerk = _one(random, CLERKS)
    needs_approval = amount >= 1_000
    is_approved = needs_approval and random.random() < 0.985
    is_paid = due < date(2025, 12, 1) or random.random() < 0.2
    return [
        company,
        "credit note" if is_credit else "invoice",
        posted,
        due,
        due + timedelta(days=int(9 * random.random()) - 4) if is_paid else None,
        f"{100_000 + vendor:010}",
        _vendor_name(vendor),
        account,
        f"{int(40 * random.random()) + 100}" if random.random() < 0.9 else None,
        f"{-amount if is_credit else amount:.2f}",
        "CHF" if company == "CH01" else "EUR",
        clerk,
        _one(random, MANAGERS) if is_approved else None,
        f'{ACCOUNTS[account]}, "{posted:%B}"' if random.random() < 0.3 else ACCOUNTS[account],
    ]


def _amount(random: Random, log_median: float) -> float:
    """A skewed amount; one in fifty is just below the approval limit, one in ten is round."""
    kind = random.random()
    if kind < 0.02:
        return APPROVAL_LIMIT - 1 - int(300 * random.random())
    normal = math.sqrt(-2 * math.log(1 - random.random())) * math.cos(math.tau * random.random())
    amount = math.exp(log_median + 1.4 * normal)
    return max(float(round(amount, -2)), 100.0) if kind > 0.9 else max(round(amount, 2), 1.0)


def _vendor_name(vendor: int) -> str:
    name = NAMES[vendor % len(NAMES)]
    trade = TRADES[vendor // len(NAMES) % len(TRADES)]
    return f"{name} {trade} {FORMS[vendor // 70 % len(FORMS)]}"


def _one(random: Random, values: Sequence[Value]) -> Value:
    return values[int(len(values) * random.random())]
