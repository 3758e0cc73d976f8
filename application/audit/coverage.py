"""The population of a sample, and the part of it that was examined, in rows and in money.

Two tables of the working paper. Sums are of the book column of a sample by monetary units, or of
the amount column that the draw was to cover; a sample with neither has rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from application.audit.items import book_values, drawn_book_column, drawn_facts, examined_items
from application.audit.state import AuditState
from application.samples.facts import filter_text
from parquet_tables.workbooks import Block, Cell, Share
from service.service import Service
from service.tables.open_tables import open_source
from storage.jobs.jobs import Job

SIGNS = {"positive": "Positive amounts", "zero": "Amounts of 0", "negative": "Negative amounts"}
Rows = list[tuple[Cell, ...]]


def amount_column(job: Job) -> str | None:
    """The column whose sums the working paper states; None if the draw named none."""
    return drawn_book_column(job) or job.run_parameters.get("amount_column")


def population_block(service: Service, job: Job) -> Block:
    """The table, the rows that each step could choose from, and their amounts by sign."""
    rows: Rows = [("Table", open_source(service, job).files.row_count, None)]
    given = job.run_parameters["rounds"]
    results = (job.output_summary or {})["rounds"]
    for each, result in zip(given, results, strict=True):
        label = f"Step {each['round_number']}: " if len(given) > 1 else ""
        filters = each.get("filters")
        label += f"Rows that pass {filter_text(filters)}" if filters else "Rows to choose from"
        account = result.get("monetary_unit")
        total = _decimal((result.get("amount") or {}).get("total"))
        if account:
            total = sum((_part(account[sign])[1] for sign in SIGNS), Decimal(0))
        rows.append((label, result["eligible_rows"], total))
        if account:
            rows += [(title, *_part(account[sign])) for sign, title in SIGNS.items()]
            rows.append(("Without an amount", account["missing_rows"], None))
            rows.append(("Population", *_part(account["audited"])))
    return Block("Population", rows, ("Part", "Rows", _sum_title(job)))


def coverage_block(service: Service, job: Job, state: AuditState) -> Block:
    """The examined rows: those that were always drawn, those drawn by chance, and all."""
    items = examined_items(service, job, state)
    column, drawn = amount_column(job), drawn_facts(service, job)
    ids = [item.row_id for item in items]
    books = book_values(service, job, ids, column) if column else {}
    certain = {row_id for row_id in ids if drawn.get(row_id, (1, False))[1]}
    has_signs = drawn_book_column(job) is None
    population, total = _population(service, job)

    def part(label: str, row_ids: Iterable[str]) -> tuple[Cell, ...]:
        found = list(row_ids)
        amounts = [books[row_id] or Decimal(0) for row_id in found] if column else []
        amount = sum((value if has_signs else abs(value) for value in amounts), Decimal(0))
        return (label, len(found), _share(len(found), population), *_money(amount, total))

    rows: Rows = [
        ("Population", population, Share(1.0), *_money(total, total)),
        part("Always drawn", (row_id for row_id in ids if row_id in certain)),
        part("Drawn by chance, or in place of such a row", (i for i in ids if i not in certain)),
        part("All items", ids),
    ]
    header = ("Part", "Rows", "Share of rows", _sum_title(job), "Share of the sum")
    return Block("Coverage", rows, header)


def _population(service: Service, job: Job) -> tuple[int, Decimal | None]:
    """The rows that could be drawn, and their sum; of several steps, the table's rows."""
    results = (job.output_summary or {})["rounds"]
    if len(results) > 1:
        return open_source(service, job).files.row_count, None
    (result,) = results
    if account := result.get("monetary_unit"):
        return _part(account["audited"])
    return result["eligible_rows"], _decimal((result.get("amount") or {}).get("total"))


def _part(found: Mapping[str, Any]) -> tuple[int, Decimal]:
    return found["rows"], Decimal(found["total"])


def _sum_title(job: Job) -> str:
    column = amount_column(job)
    return "Sum" if column is None else f"Sum of {column}"


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _money(amount: Decimal | None, total: Decimal | None) -> tuple[Cell, Cell]:
    if amount is None or total is None:
        return None, None
    return amount, _share(amount, total)


def _share(part: Decimal | int, whole: Decimal | int) -> Share | None:
    return Share(float(part / whole)) if whole else None
